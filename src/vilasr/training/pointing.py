"""An auxiliary loss for a model that learns to see from nothing: while it says where a mark is, it should look there.

Left to itself, a small model spends thousands of samples on coordinates that are right on average before one attention
head happens to look at the visual token it speaks of. The token is known, so one head of one layer is told: for each
"[x, y]" in the first thought, the positions that predict x and y should attend to the visual token that holds (x, y).
A pretrained model does not need this; its weight is zero by default.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from vilasr.policies.transformers.chat import ChatTokens
    from vilasr.training.batch import Batch


@dataclass(kw_only=True)
class AttentionTap:
    """Reads, from the attention of layer `layer`, how much of the first `num_heads` heads goes where it should.

    Attributes:
        rows, queries, keys: int64 [N]: in batch row `rows[i]`, `queries[i]` should attend to `keys[i]`.
        log_mass: float32 [N, num_heads], filled by the forward pass: log of the attention that does.
    """

    layer: int
    num_heads: int
    rows: torch.Tensor
    queries: torch.Tensor
    keys: torch.Tensor
    log_mass: torch.Tensor | None = field(default=None, init=False)

    def read(self, scores: torch.Tensor) -> None:
        """scores: [batch, heads, queries, keys] after masking, before the softmax."""
        rows, queries, keys = (ids.to(scores.device) for ids in (self.rows, self.queries, self.keys))
        chosen = scores[rows, : self.num_heads, queries].float().log_softmax(-1)
        self.log_mass = chosen.gather(-1, keys[:, None, None].expand(-1, self.num_heads, 1)).squeeze(-1)

    def loss(self) -> torch.Tensor:
        """Mean of -log_mass; zero where there was nothing to look at."""
        if self.log_mass is None or not self.log_mass.numel():
            return torch.zeros(())
        return -self.log_mass.mean()


class PointReader:
    """Finds the points in token ids. Works for tokenizers in which a number up to 999 is one token."""

    def __init__(self, chat: ChatTokens, *, vocab_size: int, token_px: int) -> None:
        self._token_px = token_px
        self._image_id = chat.image_id
        self._number = torch.full((vocab_size,), -1)
        for number in range(1000):
            ids = chat.encode(str(number))
            if len(ids) == 1:
                self._number[ids[0]] = number
        texts = [chat.text([token]) for token in range(min(vocab_size, chat.num_tokens))]
        self._opens = torch.zeros(vocab_size, dtype=torch.bool)
        self._opens[: len(texts)] = torch.tensor([text.endswith(" [") and '"' not in text for text in texts])
        self._comma = torch.zeros(vocab_size, dtype=torch.bool)
        self._comma[: len(texts)] = torch.tensor([text == ", " for text in texts])

    def tap(self, batch: Batch, *, layer: int, num_heads: int) -> AttentionTap:
        """The tap for a batch whose images are in pixel coordinates of the model's size."""
        rows, queries, keys = [], [], []
        first_grids = _first_grids(batch, self._image_id)
        ids, loss_mask = batch.ids.cpu(), batch.loss_mask.cpu()
        number, opens, comma = self._number[ids], self._opens[ids], self._comma[ids]
        for row in range(len(ids)):
            pads = (ids[row] == self._image_id).nonzero().squeeze(-1)
            height, width = first_grids[row]
            first, end = int(pads[0]), _second_image(pads, height * width, ids.shape[1])
            found = opens[row, :-3] & (number[row, 1:-2] >= 0) & comma[row, 2:-1] & (number[row, 3:] >= 0)
            for start in (found & loss_mask[row, 1:-2]).nonzero().squeeze(-1).tolist():
                if start >= end:
                    break
                column = min(int(number[row, start + 1]) // self._token_px, width - 1)
                line = min(int(number[row, start + 3]) // self._token_px, height - 1)
                rows += [row, row]
                queries += [start, start + 2]
                keys += [first + line * width + column] * 2
        as_ids = [torch.tensor(values, dtype=torch.long) for values in (rows, queries, keys)]
        return AttentionTap(layer=layer, num_heads=num_heads, rows=as_ids[0], queries=as_ids[1], keys=as_ids[2])


def _first_grids(batch: Batch, image_id: int) -> list[tuple[int, int]]:
    """(rows, columns) of visual tokens of the first image of each sample; patches are merged two by two."""
    result, at = [], 0
    for row in batch.ids:
        pads = int((row == image_id).sum())
        result.append((int(batch.grids[at, 1]) // 2, int(batch.grids[at, 2]) // 2))
        while pads > 0:
            pads -= int(batch.grids[at, 1] * batch.grids[at, 2]) // 4
            at += 1
    return result


def _second_image(pads: torch.Tensor, first_size: int, length: int) -> int:
    return int(pads[first_size]) if len(pads) > first_size else length
