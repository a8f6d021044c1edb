"""Two runs over the same samples, matched sample by sample: what differs between them is then not the luck of the
samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vilasr.scoring.summary import scores_by_sample

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vilasr.scoring.summary import RolloutFacts

DIFFERENCE_BOUNDS = (-1.0, 1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairing:
    """A second run against a first.

    Attributes:
        differences: sample id -> score in the second run minus that in the first, of the samples that both have scored;
            siblings averaged first.
        num_unscored: samples that both have, and at least one has not scored.
        num_only_first: samples that only the first run has; `num_only_second`: only the second.
    """

    differences: dict[str, float]
    num_unscored: int
    num_only_first: int
    num_only_second: int

    @property
    def num_shared(self) -> int:
        return len(self.differences) + self.num_unscored


def pair_samples(first: Iterable[RolloutFacts], second: Iterable[RolloutFacts]) -> Pairing:
    """Match two runs by sample id."""
    first_rows, second_rows = list(first), list(second)
    first_ids, second_ids = ({row.sample_id for row in rows} for rows in (first_rows, second_rows))
    first_scores, second_scores = scores_by_sample(first_rows), scores_by_sample(second_rows)
    shared = first_ids & second_ids
    differences = {
        sample_id: score - first_scores[sample_id]
        for sample_id, score in second_scores.items()
        if sample_id in first_scores
    }
    return Pairing(
        differences=differences,
        num_unscored=len(shared) - len(differences),
        num_only_first=len(first_ids - shared),
        num_only_second=len(second_ids - shared),
    )
