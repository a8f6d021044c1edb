"""Learning rates over a run, and optimizers that leave frozen parts alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from vilasr.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from vilasr.training.config import OptimSection, Part


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


def warmup_steps(optim: OptimSection, steps: int) -> int:
    """How many of a run's `steps` the rate rises over."""
    return optim.warmup or round(optim.warmup_share * steps)


def part_of(name: str) -> Part:
    """The part of the model that a weight or layer called `name` belongs to.

    >>> part_of("model.visual.merger.mlp.0.weight")
    'projector'
    """
    if ".visual." not in name:
        return "text"
    return "projector" if "merger" in name else "vision"


def freeze(model: Any, parts: Collection[Part]) -> None:
    """Leave these parts of `model` as they are from now on."""
    for name, parameter in model.named_parameters():
        if part_of(name) in parts:
            parameter.requires_grad_(False)


def make_optimizer(model: Any, optim: OptimSection) -> torch.optim.AdamW:
    """AdamW over what `freeze` has left; weight decay only on matrices; the vision tower at its own peak rate.

    Raises:
        InputError: every part is frozen.
    """
    groups = []
    for matrices in (True, False):
        for vision in (False, True):
            chosen = [
                parameter
                for name, parameter in model.named_parameters()
                if parameter.requires_grad
                and (parameter.ndim >= 2) == matrices
                and (part_of(name) == "vision") == vision
            ]
            if chosen:
                peak = optim.lr * (optim.vision_scale if vision else 1.0)
                decay = optim.weight_decay if matrices else 0.0
                groups.append({"params": chosen, "initial_lr": peak, "weight_decay": decay})
    if not groups:
        raise InputError(
            "optim.freeze", expected="something left to train", got="every part frozen", remedy="Leave one out of it."
        )
    return torch.optim.AdamW(groups, lr=optim.lr, betas=optim.betas, fused=True)


def set_rate(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Give every group `factor` times its peak rate, its "initial_lr"."""
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * factor
