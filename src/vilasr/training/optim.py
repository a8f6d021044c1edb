"""Learning rates over a run, and optimizers that leave frozen parts alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from vilasr.errors import InputError
from vilasr.training.muon import WITH_MUON, MuonWithAdamW, is_inner

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


def make_optimizer(model: Any, optim: OptimSection) -> torch.optim.Optimizer:
    """AdamW over what `freeze` has left, Muon for inner matrices if they have a rate of their own; weight decay only on
    matrices; the vision tower at its own peak rate.

    Raises:
        InputError: every part is frozen.
    """
    groups: dict[tuple[bool, bool, bool], dict[str, Any]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        is_matrix, in_vision = parameter.ndim >= 2, part_of(name) == "vision"
        hidden_lr = optim.hidden_lr if is_inner(name, parameter) else None
        peak = optim.lr if hidden_lr is None else hidden_lr
        with_muon = hidden_lr is not None
        group = {
            "params": [],
            "initial_lr": peak * (optim.vision_scale if in_vision else 1.0),
            "weight_decay": optim.weight_decay if is_matrix else 0.0,
            WITH_MUON: with_muon,
        }
        groups.setdefault((not is_matrix, in_vision, with_muon), group)["params"].append(parameter)
    if not groups:
        raise InputError(
            "optim.freeze", expected="something left to train", got="every part frozen", remedy="Leave one out of it."
        )
    in_order = [groups[key] for key in sorted(groups)]  # moments are saved by their number
    if optim.hidden_lr is None:
        return torch.optim.AdamW(in_order, lr=optim.lr, betas=optim.betas, fused=True)
    return MuonWithAdamW(in_order, betas=optim.betas)


def set_rate(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Give every group `factor` times its peak rate, its "initial_lr"."""
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * factor
