"""Muon for the matrices between layers, AdamW for all else, as one optimizer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

WITH_MUON = "with_muon"


def is_inner(name: str, weight: Tensor) -> bool:
    """Whether the weight called `name` is a matrix between layers: of those that read or write tokens Muon is no help.

    >>> is_inner("layers.0.mlp.up_proj.weight", torch.zeros(2, 2)), is_inner("lm_head.weight", torch.zeros(2, 2))
    (True, False)
    """
    return weight.ndim == 2 and "embed" not in name and "lm_head" not in name


class MuonWithAdamW(torch.optim.Optimizer):
    """torch's Muon for the groups that have WITH_MUON set, its AdamW for the others.

    Muon (Jordan et al. 2024) steps along the nearest semi-orthogonal matrix to its momentum, here at the size that
    AdamW's steps have, so that rates and weight decay mean the same for both.
    """

    def __init__(self, groups: list[dict[str, Any]], *, betas: tuple[float, float]) -> None:
        super().__init__(groups, {WITH_MUON: False, "betas": betas})
        self._share()

    def _share(self) -> None:
        """Let both work on the groups and moments of this optimizer, which are what is saved and restored."""
        self._halves: list[torch.optim.Optimizer] = []
        if adamw := [group for group in self.param_groups if not group[WITH_MUON]]:
            self._halves.append(torch.optim.AdamW(adamw, fused=True))
        if muon := [group for group in self.param_groups if group[WITH_MUON]]:
            self._halves.append(torch.optim.Muon(muon, adjust_lr_fn="match_rms_adamw"))
        for half in self._halves:
            half.state = self.state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._share()

    def step(self, closure: None = None) -> None:
        """One step of both."""
        for half in self._halves:
            half.step(closure)
