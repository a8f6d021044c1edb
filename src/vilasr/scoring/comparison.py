"""What changes when the same rollouts are scored in another metric mode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vilasr.scoring.score import Score, score_answer

if TYPE_CHECKING:
    from vilasr.types import Rollout


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A rollout that two modes score differently: `score` in the one, `other` in the other."""

    sample_id: str
    sibling: int
    answer: str
    score: Score
    other: Score

    @property
    def is_higher(self) -> bool:
        """Whether the first mode gives more than the other. What is unscored is so in every mode."""
        return (self.score.value or 0) > (self.other.value or 0)


def change_between(rollout: Rollout, mode: str, other: str) -> Change | None:
    """What changes from mode `other` to `mode`; None when both score the rollout alike."""
    sample, answer = rollout.sample, rollout.answer
    score, other_score = score_answer(sample, answer, mode=mode), score_answer(sample, answer, mode=other)
    if answer is None or score.value == other_score.value:
        return None
    return Change(sample_id=sample.id, sibling=rollout.sibling, answer=answer, score=score, other=other_score)
