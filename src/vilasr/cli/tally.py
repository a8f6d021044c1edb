"""What stands beside the progress bar while samples are run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container
    from pathlib import Path

    from vilasr.types import Rollout, RolloutKey


@dataclass(slots=True)
class Tally:
    """Running counts for the progress bar. Not the result: that is computed from the whole file."""

    metric_mode: str = "default"
    num_rollouts: int = 0
    num_answered: int = 0
    num_scored: int = 0
    total_score: float = 0.0
    total_square: float = 0.0

    def add(self, rollout: Rollout) -> None:
        from vilasr.scoring import score_answer

        self.num_rollouts += 1
        self.num_answered += rollout.answer is not None
        score = score_answer(rollout.sample, rollout.answer, mode=self.metric_mode).value
        if score is not None:
            self.num_scored += 1
            self.total_score += score
            self.total_square += score * score

    def add_all(self, path: Path, done: Container[RolloutKey]) -> None:
        """Every rollout of a file that is gone on with, of those that do not run again."""
        from vilasr.rollout import read_rollouts

        for rollout in read_rollouts(path, on_bad_line=lambda error: None, tokens=False)[1]:
            if rollout.key in done:
                self.add(rollout)

    def values(self) -> dict[str, str]:
        """{"score": "85.2 +- 2.1", "answered": "97%"}: the mean over items and its 95 % interval, where known; that of
        equal scores is not alike on both sides: "100.0 (72.2 to 100.0)"."""
        from vilasr.scoring import NORMAL_95, wilson_interval

        score = {}
        if self.num_scored:
            mean = self.total_score / self.num_scored
            score["score"] = f"{100 * mean:.1f}"
        if self.num_scored > 1:
            spread = self.total_square / self.num_scored - mean * mean
            if spread > 1e-12:
                score["score"] += f" +- {100 * NORMAL_95 * math.sqrt(spread / (self.num_scored - 1)):.1f}"
            else:
                low, high = wilson_interval(mean, self.num_scored)
                score["score"] += f" ({100 * low:.1f} to {100 * high:.1f})"
        return score | {"answered": f"{self.num_answered / self.num_rollouts:.0%}"}
