"""pass@k: how often at least one of k attempts at a question is right."""

from __future__ import annotations

from collections import defaultdict
from math import comb
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vilasr.scoring.summary import RolloutFacts


def pass_at(k: int, *, num: int, num_right: int) -> float:
    """Unbiased estimate of pass@k from `num` attempts, `num_right` of them right; k from 1 to `num`.

    The share of the subsets of k attempts that hold a right one: 1 - C(num - num_right, k) / C(num, k) (Chen et al.
    2021, equation 1).

    >>> pass_at(1, num=4, num_right=1), pass_at(2, num=4, num_right=1), pass_at(4, num=4, num_right=1)
    (0.25, 0.5, 1.0)
    """
    return 1 - comb(num - num_right, k) / comb(num, k)


def sample_passes(rows: Iterable[RolloutFacts], k: int) -> list[float]:
    """pass@k of each sample with at least k scored rollouts; right is a score of 1."""
    by_sample: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if row.score is not None:
            by_sample[row.sample_id].append(row.score)
    return [
        pass_at(k, num=len(scores), num_right=scores.count(1.0)) for scores in by_sample.values() if len(scores) >= k
    ]
