"""The paper's reward."""

from __future__ import annotations

from dataclasses import dataclass

from vilasr.errors import DataError
from vilasr.scoring.score import score_answer
from vilasr.types import ErrorKind, Rollout, Status


@dataclass(frozen=True, kw_only=True, slots=True)
class Reward:
    """A reward and its parts.

    Attributes:
        total: 0 or more; what training sees.
        correct: S_correct, 0..1: exact option, or mean relative accuracy.
        format: S_format, 0 or 1: 1 when every action was executable.
        reason: why `total` is 0 although `correct` may not be; else "".
    """

    total: float
    correct: float
    format: float
    reason: str = ""


def paper_reward(rollout: Rollout, *, beta: float = 0.0, max_images: int = 42, must_draw: bool = False) -> Reward:
    """S = 1[S_correct > beta] * (S_correct + S_format).

    0 for no answer, truncation, an action that repeats an earlier one, and more than `max_images` images. Source: the
    paper's reward for reinforcement learning. `must_draw`, which is ours and off by default, gives 0 to a
    rollout without a drawing. A policy error counts as no answer: whoever trains drops such rollouts by their status.

    Raises:
        DataError: the sample has no gold answer, so there is no reward, not even 0.
    """
    score = score_answer(rollout.sample, rollout.answer)
    if score.value is None:
        raise DataError(f"{rollout.sample.id}: no reward, {score.explanation}")
    executable = float(all(turn.error is None for turn in rollout.turns))
    reason = _why_nothing(rollout, max_images=max_images, must_draw=must_draw)
    if not reason and score.value <= beta:
        reason = score.explanation
    total = 0.0 if reason else score.value + executable
    return Reward(total=total, correct=score.value, format=executable, reason=reason)


def _why_nothing(rollout: Rollout, *, max_images: int, must_draw: bool) -> str:
    if rollout.status is not Status.ANSWERED:
        return f"no answer: {rollout.status.value}"
    if len(rollout.images) > max_images:
        return f"{len(rollout.images)} images, at most {max_images} are rewarded"
    if any(turn.error and turn.error.kind is ErrorKind.DUPLICATE_ACTION for turn in rollout.turns):
        return "an action repeats an earlier one"
    if must_draw and not rollout.actions:
        return "nothing was drawn"
    return ""
