"""Scores of a benchmark from the scores of its groups: means of means, as each benchmark defines them.

VSI-Bench, for example, is the mean over eight tasks, one of which is the mean over three levels, whatever the number of
questions in each. A group that no item is in has no score and does not count; it is told (`missing_groups`), because a
part of a benchmark is not comparable with all of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from vilasr.scoring import Estimate, bootstrap_means, estimate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import numpy as np


@dataclass(frozen=True, slots=True)
class MeanOf:
    """The unweighted mean of its parts: groups of items, by name, or further means."""

    name: str
    parts: tuple[str | MeanOf, ...]

    @property
    def groups(self) -> Iterator[str]:
        """Names of the groups of items under it."""
        for part in self.parts:
            if isinstance(part, MeanOf):
                yield from part.groups
            else:
                yield part


@dataclass(frozen=True, kw_only=True, slots=True)
class Aggregation:
    """How a benchmark turns groups into scores.

    Attributes:
        overall: the score of the benchmark.
        others: further means that are reported with it.
    """

    overall: MeanOf
    others: tuple[MeanOf, ...] = ()

    @property
    def means(self) -> tuple[MeanOf, ...]:
        """All of them, those inside others too; each after its parts, `overall` last."""
        return tuple(mean for root in (*self.others, self.overall) for mean in _inner(root))


def mean_scores(aggregation: Aggregation, rows: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Scores by name, from (group, score of an item): of every group, and of every mean that has a part.

    >>> levels = MeanOf("direction", ("easy", "hard"))
    >>> both = Aggregation(overall=MeanOf("overall", ("count", levels)))
    >>> mean_scores(both, [("count", 1.0), ("easy", 1.0), ("easy", 0.0), ("easy", 0.5), ("hard", 0.0)])
    {'count': 1.0, 'easy': 0.5, 'hard': 0.0, 'direction': 0.25, 'overall': 0.625}
    """
    scores: dict[str, list[float]] = {}
    for group, score in rows:
        scores.setdefault(group, []).append(score)
    known = {group: fmean(values) for group, values in scores.items()}
    for mean in aggregation.means:
        parts = [known[name] for name in _names(mean) if name in known]
        if parts:
            known[mean.name] = fmean(parts)
    return known


def estimate_means(
    aggregation: Aggregation,
    scores: Mapping[str, Sequence[float]],
    *,
    seed: int = 0,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> dict[str, Estimate]:
    """An estimate for every mean of an aggregation; `scores` are the items' by group, one each, within `bounds`.

    Groups are independent: the variance of a mean over k of them is the sum of theirs over k squared, and the bootstrap
    draws within each group. A group of one item says nothing about its spread; then the interval is the whole range.
    Where the scores of every group are equal, the distances from mean to bound of their Wilson intervals add up as
    standard errors do (Zou and Donner 2008).
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    known = {
        group: estimate(scores[group], num_resamples=1, bounds=bounds) for group in sorted(scores) if scores[group]
    }
    draws: dict[str, np.ndarray] = {group: bootstrap_means(scores[group], rng) for group in known}
    found = {}
    for mean in aggregation.means:
        names = [name for name in _names(mean) if name in known]
        if not names:
            known_mean = Estimate(mean=None, stderr=None, ci95=bounds, interval="range", num=0)
        else:
            drawn = np.mean([draws[name] for name in names], axis=0)
            known_mean = _mean_of([known[name] for name in names], drawn, bounds)
            known[mean.name], draws[mean.name] = known_mean, drawn
        found[mean.name] = known_mean
    return found


def missing_groups(aggregation: Aggregation, groups: Iterable[str]) -> list[str]:
    """Groups that the score of the whole benchmark needs, and that are not among `groups`."""
    there = set(groups)
    return [group for group in aggregation.overall.groups if group not in there]


def _mean_of(parts: Sequence[Estimate], drawn: np.ndarray, bounds: tuple[float, float]) -> Estimate:
    import numpy as np

    num = sum(part.num for part in parts)
    means = [part.mean for part in parts if part.mean is not None]
    errors = [part.stderr for part in parts if part.stderr is not None]
    mean = fmean(means)
    if len(errors) < len(parts):
        return Estimate(mean=mean, stderr=None, ci95=bounds, interval="range", num=num)
    stderr = math.hypot(*errors) / len(parts)
    if all(part.interval == "wilson" for part in parts):
        below, above = (
            math.hypot(*(value - part.ci95[end] for value, part in zip(means, parts, strict=True))) / len(parts)
            for end in (0, 1)
        )
        ci95 = (mean - below, mean + above)
        return Estimate(mean=mean, stderr=stderr, ci95=ci95, interval="wilson", num=num)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Estimate(mean=mean, stderr=stderr, ci95=(float(low), float(high)), interval="bootstrap", num=num)


def _inner(mean: MeanOf) -> Iterator[MeanOf]:
    for part in mean.parts:
        if isinstance(part, MeanOf):
            yield from _inner(part)
    yield mean


def _names(mean: MeanOf) -> Iterator[str]:
    return (part.name if isinstance(part, MeanOf) else part for part in mean.parts)
