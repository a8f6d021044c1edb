"""One forward pass over some slots: new tokens and new images in, logits of each row's last token out."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vilasr.policies.transformers.cache import CacheView, SlotCache

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vilasr.policies.transformers.model import LoadedModel
    from vilasr.policies.transformers.vision import Grid, ImageFeatures


@dataclass(slots=True)
class SlotState:
    """Where one conversation stands.

    Attributes:
        slot: its row of the cache.
        length: its valid tokens in the cache.
        next_position: rope position of the next text token (below `length`: an image takes fewer positions than pads).
        pending: the last sampled token, which is not in the cache yet.
    """

    slot: int
    length: int = 0
    next_position: int = 0
    pending: list[int] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class NewTokens:
    """What one row adds: `token_ids` with the pads of its new images, their grids and features in order."""

    state: SlotState
    token_ids: Sequence[int]
    grids: Sequence[Grid] = ()
    features: Sequence[ImageFeatures] = ()


class ModelRunner:
    """The model and the slots, without any notion of turns. Call it under `torch.inference_mode`."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._model = loaded.model
        self._image_id = loaded.chat.image_id
        self._device = loaded.model.device
        text = loaded.model.config.text_config
        self.cache = SlotCache(
            num_layers=text.num_hidden_layers,
            num_kv_heads=text.num_key_value_heads,
            head_dim=getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads,
            dtype=loaded.model.dtype,
            device=self._device,
        )

    def prefill(self, rows: Sequence[NewTokens]) -> Tensor:
        """Add each row's tokens to its slot and advance its state -> logits [rows, vocab] after its last token."""
        longest = max(len(row.token_ids) for row in rows)
        visible = max(row.state.length for row in rows) + longest
        self.cache.reserve(max(row.state.slot for row in rows) + 1, visible)
        ids = torch.zeros((len(rows), longest), dtype=torch.long)
        positions = torch.zeros((3, len(rows), longest), dtype=torch.long)
        for index, row in enumerate(rows):
            count = len(row.token_ids)
            ids[index, :count] = torch.tensor(list(row.token_ids))
            positions[:, index, :count] = self._positions(ids[index, :count], row)
        last = torch.tensor([len(row.token_ids) - 1 for row in rows], device=self._device)
        view = self.cache.view(
            torch.tensor([row.state.slot for row in rows], device=self._device),
            torch.tensor([row.state.length for row in rows], device=self._device),
            longest,
            visible,
        )
        features = [image for row in rows for image in row.features]
        hidden = self._hidden(ids.to(self._device), positions.to(self._device), view, features)
        for index, row in enumerate(rows):
            count = len(row.token_ids)
            row.state.length += count
            row.state.next_position = int(positions[:, index, :count].max()) + 1
        return self._logits(hidden[torch.arange(len(rows), device=self._device), last])

    def decode(self, states: Sequence[SlotState]) -> Tensor:
        """Add each row's pending token to its slot and advance its state -> logits [rows, vocab].

        Over the slots 0..n without copying the cache, idle rows computed along: they write to the scratch position.
        When most of those rows are idle, the active ones are gathered instead.
        """
        visible = max(state.length for state in states) + 1
        num_rows = max(state.slot for state in states) + 1
        self.cache.reserve(num_rows, visible)
        if 2 * len(states) < num_rows:
            rows = [state.slot for state in states]
            which: Tensor | int = torch.tensor(rows, device=self._device)
        else:
            rows, which = list(range(num_rows)), num_rows
        index_of = {slot: index for index, slot in enumerate(rows)}
        order = [index_of[state.slot] for state in states]
        table = [[0, 0, self.cache.scratch]] * len(rows)  # token, rope position, where it is written
        for index, state in zip(order, states, strict=True):
            table[index] = [state.pending[0], state.next_position, state.length]
        ids, positions, starts = torch.tensor(table, device=self._device).unbind(1)
        view = self.cache.view(which, starts, 1, visible)
        hidden = self._hidden(ids[:, None], positions.expand(3, -1)[:, :, None], view, ())
        for state in states:
            state.length += 1
            state.next_position += 1
            state.pending = []
        return self._logits(hidden[torch.tensor(order, device=self._device), 0])

    def _positions(self, ids: Tensor, row: NewTokens) -> Tensor:
        """Rope positions [3, new]. Those of a chunk are those of the whole conversation shifted to where it begins."""
        grids = torch.tensor([list(grid) for grid in row.grids]) if row.grids else None
        positions, _ = self._model.model.get_rope_index(
            ids[None], mm_token_type_ids=(ids == self._image_id).int()[None], image_grid_thw=grids
        )
        shifted: Tensor = positions[:, 0] + row.state.next_position
        return shifted

    def _hidden(self, ids: Tensor, positions: Tensor, view: CacheView, features: Sequence[ImageFeatures]) -> Tensor:
        """The text model's last hidden states [batch, new, hidden]."""
        text = self._model.model.language_model
        embeds = text.embed_tokens(ids)
        extra = {}
        if features:
            at_pads = ids == self._image_id
            embeds[at_pads] = torch.cat([image.embeds for image in features]).to(embeds.dtype)
            if features[0].deepstack:
                levels = zip(*(image.deepstack for image in features), strict=True)
                extra = {
                    "visual_pos_masks": at_pads,
                    "deepstack_visual_embeds": [torch.cat(level) for level in levels],
                }
        with _masked_attention(text.config):
            output = text(
                inputs_embeds=embeds,
                position_ids=positions,
                attention_mask=view.attention_mask(),
                past_key_values=view,
                **extra,
            )
        hidden: Tensor = output.last_hidden_state
        return hidden

    def _logits(self, hidden: Tensor) -> Tensor:
        logits: Tensor = self._model.lm_head(hidden)
        return logits


_users = Counter[int]()
_chosen: dict[int, str] = {}
_users_lock = threading.Lock()


@contextmanager
def _masked_attention(config: Any) -> Iterator[None]:
    """Attention that obeys our mask, also where a trainer gave the shared model one that assumes plain causal order.

    Several threads may be inside at once: the first one changes the setting, the last one changes it back.
    """
    key = id(config)
    with _users_lock:
        if not _users[key]:
            _chosen[key] = config._attn_implementation
            config._attn_implementation = "sdpa"
        _users[key] += 1
    try:
        yield
    finally:
        with _users_lock:
            _users[key] -= 1
            if not _users[key]:
                config._attn_implementation = _chosen.pop(key)
