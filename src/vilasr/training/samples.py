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
from vilasr.types import FinishReason, Rollout, TextPart, Turn, TurnTokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from PIL.Image import Image
    from torch import Tensor

    from vilasr.policies.transformers.chat import ChatTokens


class DroppedError(DataError):
    """A rollout that cannot be trained on. `reason` is a word for counting: here too_long, image_pads, other_tokens; of
    recorded rollouts policy_error, other_size; of scored ones policy_error, no_gold_answer, reward_not_finite.
    """

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
        cut_turns: how many of the rollout's last turns did not fit.
    """

    ids: Tensor
    loss_mask: Tensor
    logprobs: Tensor
    patches: Tensor
    grids: tuple[Grid, ...]
    dropped: str = ""
    cut_turns: int = 0

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
        DroppedError: nothing is left to train on, image pads and grids disagree, or the recorded tokens are those of
            another tokenizer.
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
        cut_turns=len(turns) - len(kept),
    )


def count_dropped(samples: Iterable[TrainingSample]) -> dict[str, float]:
    """What a batch reports of rollouts that were not trained on, or not to their ends; nothing where there are none.

    >>> count_dropped([])
    {}

    Two that were too long give {"dropped": 2.0, "dropped_too_long": 2.0}, and one whose last turns did not fit
    {"cut": 1.0}.
    """
    samples = list(samples)
    num_cut = sum(sample.cut_turns > 0 for sample in samples)
    cut = {"cut": float(num_cut)} if num_cut else {}
    reasons = Counter(sample.dropped for sample in samples if sample.dropped)
    by_reason = {f"dropped_{reason}": float(num) for reason, num in sorted(reasons.items())}
    return cut | ({"dropped": float(reasons.total()), **by_reason} if reasons else {})


def turn_tokens(
    rollout: Rollout, grids: Sequence[Grid], *, chat: ChatTokens, settings: ImageSettings
) -> tuple[TurnTokens, ...]:
    """The recorded tokens of each turn, or, for a demonstration, those of its text.

    Raises:
        DroppedError: recorded tokens say something else than the turn does.
    """
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
        elif not _says(turn, tokens, chat):
            raise DroppedError("other_tokens", f"{rollout.sample.id}: its tokens are not of this model's tokenizer.")
        result.append(tokens)
        unclosed = turn.finish is not FinishReason.STOP
    return tuple(result)


def _says(turn: Turn, tokens: TurnTokens, chat: ChatTokens) -> bool:
    """Whether recorded ids say in this tokenizer what the turn says, and show every text that it was told.

    Control tokens are left aside: a server may have a template, and a second stop token, of its own. So are characters
    cut in two by a limit of tokens, which it may leave out.
    """
    broken = "\ufffd"
    if chat.plain(tokens.token_ids).rstrip(broken) != turn.text.rstrip(broken):
        return False
    told = chat.plain(tokens.context_ids)
    texts = [part.text for message in turn.context for part in message.parts if isinstance(part, TextPart)]
    return all(chat.plain(chat.encode(text)) in told for text in texts)


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
