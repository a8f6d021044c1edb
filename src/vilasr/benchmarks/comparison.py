"""Several runs of one benchmark against the first of them: the content of `vilasr compare --json`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vilasr.benchmarks.aggregate import estimate_means
from vilasr.benchmarks.named import aggregation_of
from vilasr.benchmarks.summarise import group_as_json
from vilasr.errors import InputError
from vilasr.scoring import DIFFERENCE_BOUNDS, estimate, pair_samples

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vilasr.scoring import Estimate, Pairing, RolloutFacts
    from vilasr.types import Json


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparedRun:
    """A finished run.

    Attributes:
        name: what it is called beside the others.
        summary: the content of a `summary.json`, made of `facts`.
    """

    name: str
    summary: Mapping[str, Json]
    facts: Sequence[RolloutFacts]

    @property
    def kind(self) -> str:
        """What runs must have in common to be compared."""
        return f"{self.summary['benchmark']} scored in mode {self.summary['metric_mode']}"


def compare_runs(runs: Sequence[ComparedRun], *, seed: int = 0) -> dict[str, Json]:
    """The comparison as JSON.

    {"benchmark", "metric_mode", "runs": [{"name", "summary", "difference"}]}; the `difference` of a run to the first
    holds "score", "stderr", "ci95" and "num" over the samples that both have scored, the same for each of "groups", and
    the counts "num_shared", "num_unscored", "num_only_first" and "num_only_this"; it is null for the first. Differences
    of scores are in points of 100, and null where no sample is shared. `seed` is the bootstrap's.

    Raises:
        InputError: fewer than two runs, or runs of different benchmarks or metric modes.
    """
    if len(runs) < 2:
        raise InputError("runs", expected="at least two", got=str(len(runs)), remedy="Name the folders of the others.")
    first, *others = runs
    for run in others:
        if run.kind != first.kind:
            raise InputError(
                run.name,
                expected=f"a run of {first.kind}, as {first.name} is",
                got=f"one of {run.kind}",
                remedy="Compare runs of one benchmark; 'vilasr score' says what a run has in another mode.",
            )
    benchmark = first.summary["benchmark"]
    differences = [None, *(_difference(first.facts, run.facts, benchmark, seed=seed) for run in others)]
    return {
        "benchmark": benchmark,
        "metric_mode": first.summary["metric_mode"],
        "runs": [
            {"name": run.name, "summary": dict(run.summary), "difference": difference}
            for run, difference in zip(runs, differences, strict=True)
        ],
    }


def _difference(
    first: Sequence[RolloutFacts], second: Sequence[RolloutFacts], benchmark: str, *, seed: int
) -> dict[str, Json]:
    pairing = pair_samples(first, second)
    overall, groups = estimate_differences(pairing, first, benchmark, seed=seed)
    return {
        **group_as_json(overall),
        "num_shared": pairing.num_shared,
        "num_unscored": pairing.num_unscored,
        "num_only_first": pairing.num_only_first,
        "num_only_this": pairing.num_only_second,
        "groups": {name: group_as_json(group) for name, group in sorted(groups.items())},
    }


def estimate_differences(
    pairing: Pairing, first: Iterable[RolloutFacts], benchmark: str, *, seed: int = 0
) -> tuple[Estimate, dict[str, Estimate]]:
    """The difference in the benchmark's score, -1..1, and that in each group; groups are those of the first run.

    A benchmark's score is linear in the scores of its items, so the difference of two scores is the same mean, of means
    where the benchmark has it so, over the differences of the items. What is drawn again is the items, with both runs'
    answers to each: a paired bootstrap.
    """
    by_group: dict[str, list[float]] = {}
    for sample_id, groups in {row.sample_id: row.groups for row in first}.items():
        if sample_id in pairing.differences:
            for group in groups:
                by_group.setdefault(group, []).append(pairing.differences[sample_id])
    found = {name: estimate(values, seed=seed, bounds=DIFFERENCE_BOUNDS) for name, values in by_group.items()}
    aggregation = aggregation_of(benchmark)
    if aggregation is None:
        return estimate(list(pairing.differences.values()), seed=seed, bounds=DIFFERENCE_BOUNDS), found
    means = estimate_means(aggregation, by_group, seed=seed, bounds=DIFFERENCE_BOUNDS)
    overall = means.pop(aggregation.overall.name)
    return overall, found | {name: mean for name, mean in means.items() if mean.num}
