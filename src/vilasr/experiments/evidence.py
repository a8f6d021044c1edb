"""What the finished folders of the study say, item by item."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from vilasr.benchmarks import facts_for
from vilasr.errors import InputError
from vilasr.experiments.units import State, read_json, units_of
from vilasr.rollout import read_rollouts
from vilasr.scoring import pass_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from vilasr.experiments.intervals import Values
    from vilasr.experiments.study import EvaluationRow, Measure, Study
    from vilasr.experiments.units import Unit
    from vilasr.scoring import RolloutFacts
    from vilasr.types import Json


@dataclass(frozen=True, slots=True)
class Attempt:
    """One rollout: what statistics need of it, and how many tokens the model said; None where they were not kept."""

    facts: RolloutFacts
    num_tokens: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """A number for each item.

    Attributes:
        of: from the attempts at the item; None is unknown.
        scale: what it is told in: 100 for shares.
        unit: of a difference.
    """

    of: Callable[[Sequence[Attempt]], float | None]
    scale: float = 1.0
    unit: str = ""

    @property
    def is_share(self) -> bool:
        """Whether it lies between 0 and 1."""
        return self.scale == 100


def _mean(of_one: Callable[[Attempt], float | None]) -> Callable[[Sequence[Attempt]], float | None]:
    def mean(attempts: Sequence[Attempt]) -> float | None:
        known = [value for value in map(of_one, attempts) if value is not None]
        return fmean(known) if known else None

    return mean


def _pass_at(k: int) -> Callable[[Sequence[Attempt]], float | None]:
    def passed(attempts: Sequence[Attempt]) -> float | None:
        scores = [attempt.facts.score for attempt in attempts if attempt.facts.score is not None]
        return pass_at(k, num=len(scores), num_right=scores.count(1.0)) if len(scores) >= k else None

    return passed


METRICS = {
    "accuracy": Metric(of=_mean(lambda attempt: attempt.facts.score), scale=100, unit="points"),
    "reflection rate": Metric(of=_mean(lambda attempt: attempt.facts.is_reflective), scale=100, unit="points"),
    "drawings": Metric(of=_mean(lambda attempt: attempt.facts.num_drawings), unit="drawings a rollout"),
    "tokens": Metric(of=_mean(lambda attempt: attempt.num_tokens), unit="tokens a rollout"),
    "agreement": Metric(of=_mean(lambda attempt: attempt.facts.agrees), scale=100, unit="points"),
    "drawing score": Metric(of=_mean(lambda attempt: attempt.facts.drawing_score), scale=100, unit="points"),
    "answered": Metric(of=_mean(lambda attempt: attempt.facts.status.value == "answered"), scale=100, unit="points"),
    **{f"pass@{k}": Metric(of=_pass_at(k), scale=100, unit="points") for k in (1, 2, 4, 8, 16)},
}


def metric_named(name: str) -> Metric:
    """The metric of that name; InputError when there is none."""
    if name not in METRICS:
        raise InputError("metric", expected="one of " + ", ".join(METRICS), got=repr(name))
    return METRICS[name]


class Evidence:
    """The study's units, how far each is, and the items of those that are done. Files are read once, when asked for."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.units = units_of(study)
        self.states = {unit.name: unit.state for unit in self.units}
        self._items: dict[str, dict[str, list[Attempt]]] = {}

    def done(self, *, model: str | None = None, evaluation: str | None = None) -> list[Unit]:
        """Finished trainings of a model, or finished runs of an evaluation of it or of all models."""
        return [
            unit
            for unit in self.units
            if unit.evaluation == evaluation and model in (None, unit.model) and self.states[unit.name] is State.DONE
        ]

    def values(self, measure: Measure, model: str, metric: Metric) -> Values:
        """The metric of each item of a measure, for the seeds that are done."""
        found: dict[int | None, dict[str, float]] = {}
        for unit in self.done(model=model, evaluation=measure.evaluation):
            values = {item: metric.of(attempts) for item, attempts in self._attempts(unit).items()}
            members = self._members(unit, measure)
            found[unit.seed] = {item: value for item, value in values.items() if value is not None and item in members}
        return found

    def _members(self, unit: Unit, measure: Measure) -> set[str]:
        wanted = {*measure.groups}
        return {
            item
            for item, attempts in self._attempts(unit).items()
            if not wanted or wanted.intersection(attempts[0].facts.groups)
        }

    def _attempts(self, unit: Unit) -> dict[str, list[Attempt]]:
        if unit.name not in self._items:
            asked = self.study.evaluation(str(unit.evaluation))
            self._items[unit.name] = read_attempts(unit.folder / "rollouts.jsonl", asked)
        return self._items[unit.name]


def read_attempts(path: Path, asked: EvaluationRow) -> dict[str, list[Attempt]]:
    """The attempts at each item of a rollout file, as many as are asked for now; it may hold more, of an earlier study.

    Bad lines were told when the file was measured first.
    """
    header, rollouts = read_rollouts(path, on_bad_line=lambda error: None)
    attempts: defaultdict[str, list[Attempt]] = defaultdict(list)
    for rollout in rollouts:
        place = int(rollout.sample.id.rpartition("/")[2])  # load_study takes generated samples alone
        if place >= asked.num or rollout.sibling >= asked.samples_per_prompt:
            continue
        tokens = [turn.tokens for turn in rollout.turns]
        num = None if None in tokens else sum(len(of_turn.token_ids) for of_turn in tokens if of_turn is not None)
        attempts[rollout.sample.id].append(Attempt(facts_for(rollout, drawing=header.drawing), num))
    return dict(attempts)


def origins(units: Iterable[Unit]) -> Mapping[str, list[str]]:
    """Of finished runs: {"commit": [...], "hardware": [...]}, each value once; "unknown" where run.json has none."""
    records: list[Mapping[str, Json]] = [read_json(unit.folder / "run.json") or {} for unit in units]
    return {
        name: sorted({str(record.get(key) or "unknown") for record in records})
        for name, key in (("commit", "git_commit"), ("hardware", "hardware"))
    }
