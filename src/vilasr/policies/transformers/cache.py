"""Keys and values of many conversations, each in a slot of its own at its own length, kept over turns."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

GROWTH = 256
"""Tokens by which the slots are lengthened, so that growing stays rare."""


class SlotCache:
    """For each layer, keys and values [slots, kv_heads, capacity, head_dim]; grown on demand in both directions.

    A row is valid up to the length that the engine keeps for it. What lies beyond is garbage, which no mask lets a
    query see and which the next write covers.
    """

    def __init__(self, *, num_layers: int, num_kv_heads: int, head_dim: int, dtype: torch.dtype, device: Any) -> None:
        empty = torch.empty((0, num_kv_heads, 0, head_dim), dtype=dtype, device=device)
        self.keys = [empty] * num_layers
        self.values = [empty] * num_layers

    @property
    def num_slots(self) -> int:
        return int(self.keys[0].shape[0])

    @property
    def capacity(self) -> int:
        """Tokens that every slot can hold at present."""
        return max(int(self.keys[0].shape[2]) - 1, 0)

    @property
    def scratch(self) -> int:
        """A position behind every slot's tokens, for rows that are computed along without anything to say."""
        return self.capacity

    def reserve(self, num_slots: int, length: int) -> None:
        """Have at least `num_slots` slots of at least `length` tokens, and the scratch position behind them."""
        if num_slots <= self.num_slots and length <= self.capacity:
            return
        num_slots = max(num_slots, self.num_slots)
        length = max(-(-(length + 1) // GROWTH) * GROWTH, self.keys[0].shape[2])
        for tensors in (self.keys, self.values):
            for layer, old in enumerate(tensors):
                # Zeros, not empty memory: a NaN there would survive its mask (0 * NaN is NaN).
                new = old.new_zeros((num_slots, old.shape[1], length, old.shape[3]))
                new[: old.shape[0], :, : old.shape[2]] = old
                tensors[layer] = new

    def view(self, rows: Tensor | int, starts: Tensor, num_new: int, visible: int) -> CacheView:
        """The cache as one forward pass sees it.

        Args:
            rows: [batch] slot of each row of the batch; or the number n of slots, for slots 0 to n-1 in order
                (nothing is copied then).
            starts: [batch] valid length of each row; the new tokens go behind it.
            num_new: new tokens a row, padding included.
            visible: the positions 0..visible-1 take part; at least max(starts) + num_new over the rows that matter.
        """
        return CacheView(self, rows, starts, num_new, visible)


class CacheView:
    """What a transformers text model needs of a cache: `update`, once a layer. Also knows the attention mask."""

    def __init__(self, cache: SlotCache, rows: Tensor | int, starts: Tensor, num_new: int, visible: int) -> None:
        self._cache = cache
        self._rows = rows
        self._visible = visible
        index = torch.arange(rows, device=starts.device) if isinstance(rows, int) else rows
        self._write_rows = index[:, None]
        self._positions = starts[:, None] + torch.arange(num_new, device=starts.device)  # [batch, new]

    def attention_mask(self) -> Tensor:
        """bool [batch, 1, new, visible]: each new token sees its own row up to and including itself."""
        keys = torch.arange(self._visible, device=self._positions.device)
        return (keys <= self._positions[:, :, None])[:, None]

    def update(self, keys: Tensor, values: Tensor, layer: int, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Write the new keys and values [batch, kv_heads, new, head_dim] -> all visible ones of the batch's rows."""
        return self._write(self._cache.keys[layer], keys), self._write(self._cache.values[layer], values)

    def _write(self, stored: Tensor, new: Tensor) -> Tensor:
        stored[self._write_rows, :, self._positions] = new.transpose(1, 2)
        if isinstance(self._rows, int):
            return stored[: self._rows, :, : self._visible]
        return stored[:, :, : self._visible].index_select(0, self._rows)
