"""Batches of training samples, and the forward pass over one: log-probabilities of the tokens the policy said."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch.nn.utils.rnn import pad_sequence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence, Sized

    from torch import Tensor

    from vilasr.training.samples import TrainingSample

SizedT = TypeVar("SizedT", bound="Sized")
"""A training sample, or what holds one and is as long."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """B samples, padded on the right to L tokens.

    Attributes:
        ids: int64 [B, L].
        positions: int64 [3, B, L]: temporal, height and width positions (M-RoPE).
        loss_mask: bool [B, L]: True where the token is trained; never at position 0.
        patches: float32 [all patches, patch values].
        grids: int64 [images, 3].
    """

    ids: Tensor
    positions: Tensor
    loss_mask: Tensor
    patches: Tensor
    grids: Tensor


def make_batch(samples: Sequence[TrainingSample], model: Any, *, pad_id: int) -> Batch:
    """Pad and join `samples`, on the device of `model`, which is asked for nothing else but its position rule."""
    ids = pad_sequence([sample.ids for sample in samples], batch_first=True, padding_value=pad_id)
    lengths = torch.tensor([len(sample) for sample in samples])
    present = torch.arange(ids.shape[1])[None] < lengths[:, None]
    grids = torch.tensor([grid for sample in samples for grid in sample.grids])
    positions, _ = model.model.get_rope_index(
        ids,
        mm_token_type_ids=(ids == model.config.image_token_id).int(),
        image_grid_thw=grids,
        attention_mask=present.long(),
    )
    return Batch(
        ids=ids.to(model.device),
        positions=positions.to(model.device),
        loss_mask=pad_sequence([sample.loss_mask for sample in samples], batch_first=True).to(model.device),
        patches=torch.cat([sample.patches for sample in samples]).to(model.device),
        grids=grids.to(model.device),
    )


def token_logprobs(model: Any, batch: Batch) -> Tensor:
    """Log-probabilities of the tokens under the mask, float32 [number of True in loss_mask], in row-major order.

    The head runs on those positions alone. Padding is on the right, so causality hides it without a mask.
    """
    hidden = model.model(
        input_ids=batch.ids,
        position_ids=batch.positions,
        pixel_values=batch.patches,
        image_grid_thw=batch.grids,
        use_cache=False,
    ).last_hidden_state
    predicts = torch.zeros_like(batch.loss_mask)
    predicts[:, :-1] = batch.loss_mask[:, 1:]
    logits = model.lm_head(hidden[predicts]).float()
    return logits.log_softmax(-1).gather(-1, batch.ids[batch.loss_mask][:, None]).squeeze(-1)


def bucketed(
    load: Callable[[int], TrainingSample],
    *,
    batch_size: int,
    window: int,
    seed: int,
    first_batch: int = 0,
    lane: int = 0,
    num_lanes: int = 1,
) -> Iterator[list[TrainingSample]]:
    """Endless batches over an endless stream, samples of like length together.

    `window` batches are loaded, sorted by length, cut, and handed out in random order. Which samples make batch number
    k follows from the arguments alone, so a resumed run passes `first_batch` and sees what it would have seen.

    Of `num_lanes` processes, each with its `lane`, every one loads and gets its share of each batch, and samples of
    like length are still together. `batch_size` is a multiple of `num_lanes`.
    """
    start, skip = divmod(first_batch, window)
    number = start
    share = batch_size // num_lanes
    while True:
        base = number * window * batch_size
        own = range(base + lane, base + window * batch_size, num_lanes)
        samples = sorted((load(index) for index in own), key=len)
        batches = [samples[cut : cut + share] for cut in range(0, len(samples), share)]
        random.Random(f"{seed}/{number}").shuffle(batches)
        yield from batches[skip:]
        number, skip = number + 1, 0


def cut_up(samples: Sequence[SizedT], *, max_tokens: int | None, at_least: int = 1) -> list[list[SizedT]]:
    """Cut samples, in order of length, into parts of at most `max_tokens`, padding included; None: no limit.

    A sample that is longer stands alone. There are at least `at_least` parts, which is at most the number of samples.
    """
    parts: list[list[SizedT]] = [[]]
    for sample in sorted(samples, key=len):
        if parts[-1] and max_tokens is not None and (len(parts[-1]) + 1) * len(sample) > max_tokens:
            parts.append([])
        parts[-1].append(sample)
    while len(parts) < at_least:
        largest = max(parts, key=len)
        place, half = parts.index(largest), len(largest) // 2
        parts[place : place + 1] = [largest[:half], largest[half:]]
    return parts
