"""Learning rates over a run, and optimizers that leave frozen parts alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from vilasr.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from vilasr.training.config import OptimSection


def warmup_then_cosine(steps: int, *, warmup: int, final: float) -> Callable[[int], float]:
    """Factor on the peak rate at each step: a straight rise over `warmup` steps, then half a cosine down to `final`.

    >>> rate = warmup_then_cosine(110, warmup=10, final=0.1)
    >>> [round(rate(step), 3) for step in (0, 9, 10, 60, 110)]
    [0.1, 1.0, 1.0, 0.55, 0.1]
    """

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        progress = min(1.0, (step - warmup) / max(1, steps - warmup))
        return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress))

    return factor


def make_optimizer(model: Any, optim: OptimSection) -> torch.optim.AdamW:
    """AdamW over what is not frozen; weight decay only on matrices; the vision tower at its own peak rate.

    Raises:
        InputError: every part is frozen.
    """
    visual = dict(model.model.visual.named_parameters())
    parts = {
        "vision": [weight for name, weight in visual.items() if "merger" not in name],
        "projector": [weight for name, weight in visual.items() if "merger" in name],
        "text": [*model.model.language_model.parameters(), *model.lm_head.parameters()],
    }
    for name in optim.freeze:
        for parameter in parts[name]:
            parameter.requires_grad_(False)
    in_vision = {id(parameter) for parameter in parts["vision"]}
    groups = []
    for matrices in (True, False):
        for vision in (False, True):
            chosen = [
                parameter
                for parameter in model.parameters()
                if parameter.requires_grad
                and (parameter.ndim >= 2) == matrices
                and (id(parameter) in in_vision) == vision
            ]
            if chosen:
                peak = optim.lr * (optim.vision_scale if vision else 1.0)
                decay = optim.weight_decay if matrices else 0.0
                groups.append({"params": chosen, "initial_lr": peak, "weight_decay": decay})
    if not groups:
        raise InputError("optim.freeze", expected="something left to train", got="every part frozen")
    return torch.optim.AdamW(groups, lr=optim.lr, betas=optim.betas, fused=True)


def set_rate(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Give every group `factor` times its peak rate, its "initial_lr"."""
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * factor
