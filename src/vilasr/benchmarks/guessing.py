"""What guessing scores on a benchmark, group by group, to stand beside the scores of a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vilasr.benchmarks.aggregate import mean_scores
from vilasr.scoring import guessing_score, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vilasr.benchmarks.aggregate import Aggregation
    from vilasr.scoring import Guess, RolloutFacts

    Guesses = dict[str, dict[str, Guess | None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Guessing:
    """Scores of guessing, 0..1.

    Attributes:
        overall: None where guessing is not defined for one of the samples.
        groups: of groups and of means over groups; without those that it is not defined for.
        answers: `kind_of` every group.
    """

    overall: float | None
    groups: dict[str, float]
    answers: dict[str, str]


def guessing_at(rows: Iterable[RolloutFacts], aggregation: Aggregation | None) -> Guessing:
    """Over the scored samples of `rows`. Every group has one constant for its numbers; overall, without an aggregation,
    those that are of the same first group share one."""
    of_groups: Guesses = {}
    of_first: Guesses = {}
    for row in rows:
        if row.score is not None:
            for group in row.groups:
                of_groups.setdefault(group, {})[row.sample_id] = row.guess
            of_first.setdefault("".join(row.groups[:1]), {})[row.sample_id] = row.guess
    groups = _known_scores(of_groups)
    if aggregation is None:
        overall = _pooled(of_first)
    else:
        means = mean_scores(aggregation, groups.items())
        defined = [mean.name for mean in aggregation.means if of_groups.keys() & {*mean.groups} <= groups.keys()]
        groups |= {name: means[name] for name in defined if name in means}
        overall = groups.pop(aggregation.overall.name, None)
    answers = {group: kind_of([*members.values()]) for group, members in of_groups.items()}
    return Guessing(overall=overall, groups=groups, answers=answers)


def _known_scores(guesses: Guesses) -> dict[str, float]:
    scores = {group: guessing_score([*members.values()]) for group, members in guesses.items()}
    return {group: score for group, score in scores.items() if score is not None}


def _pooled(guesses: Guesses) -> float | None:
    """The mean over samples."""
    scores = _known_scores(guesses)
    if not guesses or len(scores) < len(guesses):
        return None
    total = sum(len(guesses[group]) * score for group, score in scores.items())
    return total / sum(map(len, guesses.values()))
