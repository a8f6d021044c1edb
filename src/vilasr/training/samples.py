"""The one sample builder: a rollout becomes token ids, a loss mask and images.

A rollout that a policy sampled carries its tokens and they are taken as they are. A demonstration carries only text and
is tokenised here, once, exactly as the engine would have: every context, every turn, the stop token after each turn.
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import torch

from vilasr.errors import DataError
from vilasr.policies.transformers.vision import Grid, ImageSettings, patchify
from vilasr.types import FinishReason, Rollout, TurnTokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from PIL.Image import Image
    from torch import Tensor

    from vilasr.policies.transformers.chat import ChatTokens


class DroppedError(DataError):
    """A rollout that cannot be trained on. `reason` is one of a few words, for counting: too_long, image_pads."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingSample:
    """One rollout, ready for a forward pass; L tokens.

    Attributes:
        ids: int64 [L], the whole conversation.
        loss_mask: bool [L], True where `ids[i]` was said by the policy and may be trained.
        logprobs: float32 [L], the sampling policy's log-probabilities where known, else NaN.
        patches: float32 [sum of t*h*w, patch values] of all images in order.
        grids: (t, h, w) of each image.
        dropped: why the rollout whose turn it was could not be trained on, where this one takes its place; else "".
    """

    ids: Tensor
    loss_mask: Tensor
    logprobs: Tensor
    patches: Tensor
    grids: tuple[Grid, ...]
    dropped: str = ""

    def __len__(self) -> int:
        return len(self.ids)


def build_sample(
    rollout: Rollout, views: Sequence[Image], *, chat: ChatTokens, settings: ImageSettings, max_tokens: int
) -> TrainingSample:
    """Build the training sample of a rollout.

    Args:
        rollout: whole; images that no turn saw any more (drawn by the last turn) are left out.
        views: every image of the rollout at the model's size, in order.
        max_tokens: longer conversations are cut after the last turn that fits.

    Raises:
        DroppedError: nothing is left to train on, or image pads and grids disagree.
    """
    grids = [settings.grid(view.size) for view in views]
    turns = turn_tokens(rollout, grids, chat=chat, settings=settings)
    kept = _fitting_turns(turns, max_tokens)
    ids = [token for turn in kept for token in (*turn.context_ids, *turn.token_ids)]
    mask = [bit for turn in kept for bit in (*[0] * len(turn.context_ids), *turn.loss_mask)]
    nothing = float("nan")
    logprobs = [
        value
        for turn in kept
        for value in (*[nothing] * len(turn.context_ids), *(turn.logprobs or [nothing] * len(turn.token_ids)))
    ]
    if not any(mask):
        raise DroppedError("too_long", f"{rollout.sample.id}: no trainable token within {max_tokens} tokens.")
    seen = _num_images_seen(ids, grids, chat, settings, rollout.sample.id)
    return TrainingSample(
        ids=torch.tensor(ids),
        loss_mask=torch.tensor(mask, dtype=torch.bool),
        logprobs=torch.tensor(logprobs, dtype=torch.float32),
        patches=torch.cat([patchify(view, settings) for view in views[:seen]]),
        grids=tuple(grids[:seen]),
    )


def count_dropped(samples: Iterable[TrainingSample]) -> dict[str, float]:
    """What a batch reports of rollouts that could not be trained on; nothing where there are none.

    >>> count_dropped([])
    {}

    Two that were too long give {"dropped": 2.0, "dropped_too_long": 2.0}.
    """
    reasons = Counter(sample.dropped for sample in samples if sample.dropped)
    by_reason = {f"dropped_{reason}": float(num) for reason, num in sorted(reasons.items())}
    return {"dropped": float(reasons.total()), **by_reason} if reasons else {}


def turn_tokens(
    rollout: Rollout, grids: Sequence[Grid], *, chat: ChatTokens, settings: ImageSettings
) -> tuple[TurnTokens, ...]:
    """The recorded tokens of each turn, or, for a demonstration, those of its text."""
    pads = {index: settings.num_tokens(grid) for index, grid in enumerate(grids, start=1)}
    result: list[TurnTokens] = []
    unclosed = False
    for turn in rollout.turns:
        tokens = turn.tokens
        if tokens is None:
            context = chat.context(turn.context, pads, first=not result, unclosed=unclosed)
            # A turn that was cut off has no stop token of its own: the next context closes it.
            said = chat.completion(turn.text) if turn.finish is FinishReason.STOP else chat.encode(turn.text)
            tokens = TurnTokens(
                context_ids=array("i", context),
                token_ids=array("i", said),
                logprobs=array("f"),
                loss_mask=array("b", [int(turn.learn)] * len(said)),
            )
        result.append(tokens)
        unclosed = turn.finish is not FinishReason.STOP
    return tuple(result)


def _fitting_turns(turns: Sequence[TurnTokens], max_tokens: int) -> Sequence[TurnTokens]:
    lengths = np.cumsum([len(turn.context_ids) + len(turn.token_ids) for turn in turns])
    return turns[: int((lengths <= max_tokens).sum())]


def _num_images_seen(
    ids: Sequence[int], grids: Sequence[Grid], chat: ChatTokens, settings: ImageSettings, name: str
) -> int:
    """How many images the runs of pads in `ids` stand for; each must be as long as its image has tokens."""
    pads = [len(list(run)) for is_pad, run in groupby(token == chat.image_id for token in ids) if is_pad]
    needed = [settings.num_tokens(grid) for grid in grids]
    if not pads or pads != needed[: len(pads)]:
        raise DroppedError("image_pads", f"{name}: runs of {pads} image pads, for images of {needed} tokens.")
    return len(pads)
