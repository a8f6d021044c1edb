"""What each rollout of a step earns, and which rollouts cannot be learned from."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vilasr.errors import DataError
from vilasr.scoring import paper_reward
from vilasr.training.advantages import advantages
from vilasr.training.samples import DroppedError
from vilasr.training.selection import drawing_score
from vilasr.types import Rollout, Status

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Sequence

    from vilasr.training.advantages import Scale
    from vilasr.training.grpo_config import RewardSection

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Earned:
    """The reward of one rollout, in parts.

    Attributes:
        total: what training sees.
        correct: 0..1, exact option or mean relative accuracy; `format`: 1 when every action was executable.
        drawing: the task's grade of the drawing, unweighted; None when it is not asked for, or unknown.
        penalty: taken away for length.
    """

    total: float
    correct: float
    format: float
    drawing: float | None = None
    penalty: float = 0.0


RewardFunction = Callable[[Rollout], Earned]
"""May raise DataError for a rollout that has no reward, not even 0."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """A rollout, what it earned, and what that is worth compared to its siblings (0 until that is known)."""

    rollout: Rollout
    earned: Earned
    advantage: float = 0.0


def reward_function(section: RewardSection) -> RewardFunction:
    """The paper's reward, with the options of `section`."""

    def reward(rollout: Rollout) -> Earned:
        paper = paper_reward(rollout, beta=section.beta, must_draw=section.must_draw)
        drawing = None
        if section.drawing and rollout.status is Status.ANSWERED:
            drawing = drawing_score(rollout)
        penalty = 0.0
        if section.length_penalty:
            beyond = num_said(rollout) - section.free_length
            share = beyond / (section.max_length - section.free_length)
            penalty = section.length_penalty * min(1.0, max(0.0, share))
        return Earned(
            total=paper.total + section.drawing * (drawing or 0.0) - penalty,
            correct=paper.correct,
            format=paper.format,
            drawing=drawing,
            penalty=penalty,
        )

    return reward


def num_said(rollout: Rollout) -> int:
    """Tokens that the policy said."""
    return sum(len(turn.tokens.token_ids) for turn in rollout.turns if turn.tokens)


def score_groups(
    groups: Iterable[Sequence[Rollout]], reward: RewardFunction, *, scale: Scale, dropped: Counter[str]
) -> list[list[Attempt]]:
    """Rewards and advantages, group by group.

    What cannot be learned from is left out, named in the log and counted in `dropped`: `policy_error` (the machine
    failed, not the policy), `no_gold_answer`, `reward_not_finite`. A group may lose all its rollouts.
    """
    scored = []
    for group in groups:
        attempts = []
        for rollout in group:
            try:
                attempts.append(Attempt(rollout=rollout, earned=_earned(rollout, reward)))
            except DroppedError as error:
                dropped[error.reason] += 1
                logger.warning("left out: %s, sibling %d: %s", rollout.sample.id, rollout.sibling, error)
        worth = advantages([attempt.earned.total for attempt in attempts], scale=scale)
        scored.append([replace(attempt, advantage=value) for attempt, value in zip(attempts, worth, strict=True)])
    return scored


def _earned(rollout: Rollout, reward: RewardFunction) -> Earned:
    if rollout.status is Status.POLICY_ERROR:
        raise DroppedError("policy_error", rollout.reason)
    try:
        earned = reward(rollout)
    except DataError as error:
        raise DroppedError("no_gold_answer", str(error)) from error
    if not math.isfinite(earned.total):
        raise DroppedError("reward_not_finite", f"its reward is {earned.total}")
    return earned
