"""Reading attention while a model runs, so that a loss can say where it should go."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch


@dataclass(kw_only=True)
class SpanTap:
    """Reads how much of the attention of some heads of a layer falls on a set of keys.

    Attributes:
        heads: the heads that are told.
        rows, queries: int64 [N].
        targets: bool [N, L]: where query i should look.
        log_mass: float32 [N, heads], filled by the forward pass: log of the attention that does.
    """

    layer: int
    heads: slice
    rows: torch.Tensor
    queries: torch.Tensor
    targets: torch.Tensor
    log_mass: torch.Tensor | None = field(default=None, init=False)

    def read(self, scores: torch.Tensor) -> None:
        """scores: [batch, heads, queries, keys] after masking, before the softmax."""
        rows, queries, targets = (tensor.to(scores.device) for tensor in (self.rows, self.queries, self.targets))
        logs = scores[rows, self.heads, queries].float().log_softmax(-1)
        self.log_mass = logs.masked_fill(~targets[:, None], float("-inf")).logsumexp(-1)

    def loss(self) -> torch.Tensor:
        """Mean of -log_mass; zero where there was nothing to look at."""
        if self.log_mass is None or not self.log_mass.numel():
            return torch.zeros(())
        return -self.log_mass.mean()
