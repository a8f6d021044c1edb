"""Statistics over many rollouts. What is kept of a rollout is a few numbers, so any run fits in memory."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Literal

from vilasr.scoring.guessing import Guess, guess_of
from vilasr.scoring.reflection import is_reflective
from vilasr.scoring.score import gold_of, score_answer
from vilasr.types import Rollout, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np

    from vilasr.tasks import DrawingGrade


@dataclass(frozen=True, kw_only=True, slots=True)
class RolloutFacts:
    """What statistics need of one rollout.

    Attributes:
        score: 0..1; None when unscored.
        groups: names of the groups it belongs to: "size=4".
        num_drawings: executed drawing actions.
        num_drawn_images: images that drawing appended.
        errors: kinds of the model mistakes, one a mistake.
        drawing_score: 0..1, the drawing against the truth; None when nobody graded it.
        num_graded: marks on the last image whose truth is known; `num_valid`: those of them that are true of the world.
        agrees: whether the answer is the one that the drawing shows; None when unknown.
        guess: what guessing would score; None where that is not defined.
    """

    sample_id: str
    sibling: int
    status: Status
    score: float | None
    groups: tuple[str, ...] = ()
    num_turns: int
    num_drawings: int
    num_drawn_images: int
    is_reflective: bool
    errors: tuple[str, ...] = ()
    drawing_score: float | None = None
    num_graded: int = 0
    num_valid: int = 0
    agrees: bool | None = None
    guess: Guess | None = None
    seconds: float = 0.0


SCORE_BOUNDS = (0.0, 1.0)
NORMAL_95 = 1.96
"""Standard errors on each side of a mean that hold 95 % of a normal distribution."""
IntervalKind = Literal["bootstrap", "wilson", "range"]
"""How a 95 % interval was found: drawing the samples again; where their scores are all equal, by Wilson's formula; and
where there are too few of them, it is the whole range."""
OUTCOMES = ("right", "partly", "wrong", "truncated", "error", "unscored")
"""What came of a rollout: each is exactly one of these."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A mean with its uncertainty over `num` samples.

    Attributes:
        mean: None over nothing.
        stderr: standard error of the mean; None below two samples.
        ci95: 95 % interval: seeded bootstrap; of equal scores, which it gives no width, Wilson's; below two samples,
            which say nothing about the spread, the whole range, 0..1 for scores.
        interval: which of these it is.
    """

    mean: float | None
    stderr: float | None
    ci95: tuple[float, float]
    interval: IntervalKind
    num: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """All statistics of one run. Rates are shares of all rollouts and `answered + truncated + error` is 1.

    Attributes:
        valid_marks: share of the graded marks that are true of the world; None without any.
        drawing_agreement: share of rollouts, of those in which it is known.
        outcomes: rollouts of each of OUTCOMES.
        turn_counts: rollouts by their number of turns; `drawing_counts`: by that of executed drawing actions.
    """

    num_samples: int
    num_rollouts: int
    score: Estimate
    num_unscored: int
    answered_rate: float
    truncated_rate: float
    error_rate: float
    mean_turns: float
    mean_drawings: float
    mean_drawn_images: float
    reflection_rate: float
    drawing_score: float | None
    valid_marks: float | None
    drawing_agreement: float | None
    seconds: float
    statuses: dict[str, int]
    errors: dict[str, int]
    outcomes: dict[str, int]
    turn_counts: dict[int, int]
    drawing_counts: dict[int, int]
    groups: dict[str, Estimate]


def facts_of(
    rollout: Rollout,
    *,
    groups: tuple[str, ...] = (),
    grade: DrawingGrade | None = None,
    agrees: bool | None = None,
) -> RolloutFacts:
    """Score one rollout and keep what statistics need of it."""
    return RolloutFacts(
        sample_id=rollout.sample.id,
        sibling=rollout.sibling,
        status=rollout.status,
        score=score_answer(rollout.sample, rollout.answer).value,
        groups=groups,
        num_turns=len(rollout.turns),
        num_drawings=len(rollout.actions),
        num_drawn_images=sum(image.parent is not None for image in rollout.images),
        is_reflective=is_reflective(rollout),
        errors=tuple(turn.error.kind.value for turn in rollout.turns if turn.error),
        drawing_score=grade.score if grade else None,
        num_graded=grade.num_graded if grade else 0,
        num_valid=grade.num_valid if grade else 0,
        agrees=agrees,
        guess=guess_of(rollout.sample, gold_of(rollout.sample)),
        seconds=rollout.seconds,
    )


def summarise(facts: Iterable[RolloutFacts], *, seed: int = 0) -> Summary:
    """Statistics of one run; `seed` is the bootstrap's.

    Siblings of a sample are not independent, so scores are averaged within each sample first and the uncertainty is
    that over samples. A rollout without an answer scores 0 and counts.
    """
    rows = list(facts)
    by_group: dict[str, list[RolloutFacts]] = defaultdict(list)
    for row in rows:
        for group in row.groups:
            by_group[group].append(row)
    return Summary(
        num_samples=len({row.sample_id for row in rows}),
        num_rollouts=len(rows),
        score=estimate_score(rows, seed=seed),
        num_unscored=sum(row.score is None for row in rows),
        answered_rate=_mean([row.status is Status.ANSWERED for row in rows]),
        truncated_rate=_mean([row.status.is_truncated for row in rows]),
        error_rate=_mean([row.status is not Status.ANSWERED and not row.status.is_truncated for row in rows]),
        mean_turns=_mean([row.num_turns for row in rows]),
        mean_drawings=_mean([row.num_drawings for row in rows]),
        mean_drawn_images=_mean([row.num_drawn_images for row in rows]),
        reflection_rate=_mean([row.is_reflective for row in rows]),
        drawing_score=_known_mean([row.drawing_score for row in rows]),
        valid_marks=_share(sum(row.num_valid for row in rows), sum(row.num_graded for row in rows)),
        drawing_agreement=_known_mean([row.agrees for row in rows]),
        seconds=math.fsum(row.seconds for row in rows),
        statuses=dict(Counter(row.status.value for row in rows).most_common()),
        errors=dict(Counter(kind for row in rows for kind in row.errors).most_common()),
        outcomes=dict.fromkeys(OUTCOMES, 0) | Counter(outcome_of(row) for row in rows),
        turn_counts=dict(sorted(Counter(row.num_turns for row in rows).items())),
        drawing_counts=dict(sorted(Counter(row.num_drawings for row in rows).items())),
        groups={name: estimate_score(members, seed=seed) for name, members in sorted(by_group.items())},
    )


def outcome_of(row: RolloutFacts) -> str:
    """One of OUTCOMES. What has no score is in no mean, however it ended; what has no answer scores 0."""
    if row.score is None:
        return "unscored"
    if row.status is not Status.ANSWERED:
        return "truncated" if row.status.is_truncated else "error"
    return "right" if row.score == 1 else "partly" if row.score > 0 else "wrong"


def estimate_score(rows: Iterable[RolloutFacts], *, seed: int = 0) -> Estimate:
    """Mean score of the scored rollouts, with siblings of one sample averaged first."""
    return estimate(sample_scores(rows), seed=seed)


def sample_scores(rows: Iterable[RolloutFacts]) -> list[float]:
    """The score of each sample: the mean over its scored rollouts."""
    return list(scores_by_sample(rows).values())


def scores_by_sample(rows: Iterable[RolloutFacts]) -> dict[str, float]:
    """Sample id -> the mean over its scored rollouts. A sample without one is not in it."""
    by_sample: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if row.score is not None:
            by_sample[row.sample_id].append(row.score)
    return {sample_id: fmean(scores) for sample_id, scores in by_sample.items()}


def estimate(
    values: Sequence[float], *, seed: int = 0, num_resamples: int = 2000, bounds: tuple[float, float] = SCORE_BOUNDS
) -> Estimate:
    """Mean, standard error (sample standard deviation over root n) and 95 % interval of values within `bounds`.

    Wilson's interval is for scores; that of equal differences has no width.
    """
    num = len(values)
    if num < 2:
        return Estimate(mean=values[0] if values else None, stderr=None, ci95=bounds, interval="range", num=num)
    mean, stderr = fmean(values), stdev(values) / math.sqrt(num)
    if bounds == SCORE_BOUNDS and min(values) == max(values):
        return Estimate(mean=mean, stderr=stderr, ci95=wilson_interval(mean, num), interval="wilson", num=num)
    ci95 = bootstrap_interval(values, seed=seed, num_resamples=num_resamples)
    return Estimate(mean=mean, stderr=stderr, ci95=ci95, interval="bootstrap", num=num)


def wilson_interval(share: float, num: int) -> tuple[float, float]:
    """The 95 % score interval of a share of `num` (Wilson 1927), which has a width also where the share is 0 or 1.

    For scores between 0 and 1 it is rather too wide: none lie farther apart than zeros and ones of the same mean.

    >>> [round(bound, 4) for bound in wilson_interval(1.0, 3)]
    [0.4385, 1.0]
    """
    ratio = NORMAL_95**2 / num
    middle = (share + ratio / 2) / (1 + ratio)
    half = math.sqrt(ratio * share * (1 - share) + ratio**2 / 4) / (1 + ratio)
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def bootstrap_interval(values: Sequence[float], *, seed: int = 0, num_resamples: int = 2000) -> tuple[float, float]:
    """The 2.5 % and 97.5 % quantiles of the mean of `num_resamples` draws with replacement."""
    import numpy as np

    means = bootstrap_means(values, np.random.default_rng(seed), num_resamples=num_resamples)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def bootstrap_means(values: Sequence[float], rng: np.random.Generator, *, num_resamples: int = 2000) -> np.ndarray:
    """Means of `num_resamples` draws with replacement of as many values; float64 [num_resamples]."""
    import numpy as np

    # How often each distinct value is drawn is multinomial: the same bootstrap, without drawing every item.
    distinct, counts = np.unique(np.asarray(values, dtype=np.float64), return_counts=True)
    drawn = rng.multinomial(len(values), counts / len(values), size=num_resamples)
    means: np.ndarray = drawn @ distinct / len(values)
    return means


def _mean(values: Sequence[float]) -> float:
    return fmean(values) if values else 0.0


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _known_mean(values: Sequence[float | None]) -> float | None:
    known = [float(value) for value in values if value is not None]
    return fmean(known) if known else None
