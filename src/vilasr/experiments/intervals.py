"""Means, differences, and what may be concluded from them: pure functions over values by seed and item."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from statistics import fmean, stdev

from vilasr.scoring import bootstrap_interval, estimate

Values = Mapping[int | None, Mapping[str, float]]
"""seed -> item -> value; the seed is None for a model without seeds. An item whose value is unknown is not there."""

NUM_RESAMPLES = 4000


@dataclass(frozen=True, kw_only=True, slots=True)
class Mean:
    """A mean over items, of each the mean over seeds.

    Attributes:
        ci95: 95 % interval over the items, by bootstrap; of equal shares by Wilson. None below two.
        spread: standard deviation of the means of single seeds; None below two seeds.
        seeds: that went into it; empty for a model without.
    """

    value: float
    ci95: tuple[float, float] | None
    spread: float | None
    seeds: tuple[int, ...]
    num_items: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """How much one model is above another, on the items and seeds that both have.

    Attributes:
        ci95: bootstrap interval in which items and seeds are both drawn anew.
        by_seed: difference in each seed; empty where neither model has seeds.
    """

    value: float
    ci95: tuple[float, float]
    by_seed: Mapping[int, float]
    num_items: int

    @property
    def verdict(self) -> Verdict:
        low, high = self.ci95
        if low > 0:
            return Verdict.HIGHER
        return Verdict.LOWER if high < 0 else Verdict.OPEN


class Verdict(Enum):
    """On which side of 0 the interval of a difference lies."""

    HIGHER = "higher"
    LOWER = "lower"
    OPEN = "open"


def mean_of(values: Values, *, are_shares: bool = True) -> Mean | None:
    """None where there is no value. Shares are numbers from 0 to 1.

    >>> mean_of({0: {"a": 1.0, "b": 0.0}, 1: {"a": 1.0, "b": 1.0}}).value
    0.75
    """
    by_item: dict[str, list[float]] = {}
    for row in values.values():
        for item, value in row.items():
            by_item.setdefault(item, []).append(value)
    if not by_item:
        return None
    items = [fmean(of_seeds) for _, of_seeds in sorted(by_item.items())]
    interval = estimate(items).ci95 if are_shares else bootstrap_interval(items)
    of_seeds = [fmean(row.values()) for row in values.values() if row]
    return Mean(
        value=fmean(items),
        ci95=interval if len(items) > 1 else None,
        spread=stdev(of_seeds) if len(of_seeds) > 1 else None,
        seeds=tuple(sorted(seed for seed, row in values.items() if seed is not None and row)),
        num_items=len(items),
    )


def difference_of(values: Values, against: Values, *, factor: float = 1.0) -> Difference | None:
    """`values` minus `factor` times `against`; None below two items in common, or without a seed in common.

    A model without seeds is compared with each seed of the other. Draws of seeds leave the worst of three alone in one
    of 27, which is more than 2.5 %: an interval that does not hold 0 thus takes a difference in every one of them.
    """
    import numpy as np

    shared = against if None in values else values if None in against else values.keys() & against.keys()
    seeds = sorted(shared, key=lambda seed: -1 if seed is None else seed)
    rows = [(values.get(seed, values.get(None, {})), against.get(seed, against.get(None, {}))) for seed in seeds]
    items = sorted(set.intersection(*({*ours} & {*theirs} for ours, theirs in rows))) if rows else []
    if len(items) < 2:
        return None
    table = np.array([[ours[item] - factor * theirs[item] for item in items] for ours, theirs in rows])
    num_seeds, num_items = table.shape
    rng = np.random.default_rng(0)
    drawn_seeds = rng.multinomial(num_seeds, [1 / num_seeds] * num_seeds, size=NUM_RESAMPLES) / num_seeds
    drawn_items = rng.multinomial(num_items, [1 / num_items] * num_items, size=NUM_RESAMPLES) / num_items
    means = np.sum((drawn_seeds @ table) * drawn_items, axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    by_seed = {seed: float(row.mean()) for seed, row in zip(seeds, table, strict=True) if seed is not None}
    return Difference(value=float(table.mean()), ci95=(float(low), float(high)), by_seed=by_seed, num_items=num_items)


def conclusion(
    difference: Difference, *, model: str, against: str, factor: float = 1.0, unit: str = "points", scale: float = 100
) -> str:
    """One sentence, that follows from the interval alone.

    >>> made = Difference(value=0.1, ci95=(0.02, 0.2), by_seed={0: 0.1}, num_items=50)
    >>> conclusion(made, model="sft", against="base")
    'Yes: sft - base = +10.0 points (95 % interval +2.0 to +20.0; 50 items; 1 seed, which says nothing about others).'
    """
    low, high = (f"{scale * bound:+.1f}" for bound in difference.ci95)
    said = {
        Verdict.HIGHER: "Yes",
        Verdict.LOWER: "No, the opposite",
        Verdict.OPEN: "Not shown, the interval of the difference contains 0",
    }[difference.verdict]
    above = sum(value > 0 for value in difference.by_seed.values())
    seeds = {
        0: "no seeds",
        1: "1 seed, which says nothing about others",
    }.get(len(difference.by_seed), f"above 0 in {above} of {len(difference.by_seed)} seeds")
    times = "" if factor == 1 else f"{factor:g} x "
    return (
        f"{said}: {model} - {times}{against} = {scale * difference.value:+.1f} {unit} "
        f"(95 % interval {low} to {high}; {difference.num_items} items; {seeds})."
    )
