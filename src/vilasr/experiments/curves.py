"""How a model did on held-out questions while it was trained by reinforcement."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from vilasr.experiments.plots import link_plot, plot_curves
from vilasr.experiments.tables import NOT_RUN, origin_line, table
from vilasr.experiments.units import read_json
from vilasr.training.metrics import read_metrics

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vilasr.experiments.evidence import Evidence

NORMAL_95 = 1.96


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """The mean of a metric over the held-out questions, before the step, and half of its 95 % interval."""

    step: int
    value: float
    half: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """The validation reward of one run; `num` questions at each point, the same ones each time."""

    seed: int | None
    num: int
    reward: tuple[Point, ...]
    accuracy: tuple[Point, ...]

    @property
    def gain(self) -> float:
        """By how much the reward rose from the first point to the last."""
        return self.reward[-1].value - self.reward[0].value

    @property
    def gain_half(self) -> float:
        """Half of the 95 % interval of the gain, as if first and last were of different questions: wider than need be,
        since the log keeps no answers to single questions."""
        return math.hypot(self.reward[0].half, self.reward[-1].half)

    @property
    def has_risen(self) -> bool:
        """Whether it rose by more than that."""
        return self.gain > self.gain_half


def validation_curves(evidence: Evidence) -> Iterator[str]:
    """A row for each run, what follows for each model, and a plot."""
    yield (
        "Validation reward and accuracy on questions that are never trained on, the same at each time: before the "
        "first step, and of the final model. The 95 % interval of a gain is as if both times had asked different "
        "questions, since single answers are not logged: it is wider than need be."
    )
    yield ""
    models = [row.name for row in evidence.study.models if row.stage == "grpo"]
    units = {name: evidence.done(model=name) for name in models}
    read = {name: [read_curve(unit.folder, seed=unit.seed) for unit in done] for name, done in units.items()}
    curves = {name: [curve for curve in of_model if curve is not None] for name, of_model in read.items()}
    rows = [row for name in models for row in _rows(name, curves[name])]
    yield from table(("model", "seed", "questions", "reward", "gain", "accuracy, %"), rows)
    yield ""
    command = "vilasr train grpo CONFIG model=START out=FOLDER"
    yield origin_line([unit for done in units.values() for unit in done], [command])
    yield ""
    yield "Does the reward rise by more than the interval?"
    yield ""
    for name in models:
        yield f"- {name}: {risen(curves[name], num_seeds=len(evidence.study.seeds))}"
    known = {name: of_model for name, of_model in curves.items() if of_model}
    yield from link_plot(
        evidence.study, "curves.png", "Validation reward by step", partial(plot_curves, known) if known else None
    )


def _rows(name: str, curves: Sequence[Curve]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        (
            name,
            str(curve.seed),
            str(curve.num),
            f"{curve.reward[0].value:.3f} to {curve.reward[-1].value:.3f}",
            f"{curve.gain:+.3f} +- {curve.gain_half:.3f}",
            f"{100 * curve.accuracy[0].value:.1f} to {100 * curve.accuracy[-1].value:.1f}",
        )
        for curve in curves
    ]
    return rows or [(name, "", "", NOT_RUN, "", "")]


def risen(curves: Sequence[Curve], *, num_seeds: int) -> str:
    """What follows from the gains of one model's runs, of as many as there are to be."""
    if not curves:
        return f"{NOT_RUN}."
    num = sum(curve.has_risen for curve in curves)
    said = "Yes" if num == len(curves) else "Not shown" if num == 0 else "In part"
    so_far = f" So far {len(curves)} of {num_seeds} seeds only." if len(curves) < num_seeds else ""
    return f"{said}: in {num} of {len(curves)} runs.{so_far}"


def read_curve(folder: Path, *, seed: int | None) -> Curve | None:
    """The curve of a finished run in `folder`; None where nothing was validated, or no two times.

    The interval is normal: 1.96 standard errors, which are the logged standard deviation over root n - 1. That of the
    accuracy follows from its mean: no values from 0 to 1 lie farther apart than zeros and ones.
    """
    config = (read_json(folder / "run.json") or {})["config"]
    validation = config["validation"]
    num = validation["num"] * (1 if validation["data"] else len(validation["tasks"] or config["prompts"]["tasks"]))
    lines = [line for line in read_metrics(folder / "metrics.jsonl") if "validation_reward" in line]
    if len(lines) < 2 or num < 2:
        return None

    def point(line: dict[str, float], name: str, deviation: float) -> Point:
        half = NORMAL_95 * deviation / math.sqrt(num - 1)
        return Point(step=int(line["step"]), value=line[f"validation_{name}"], half=half)

    return Curve(
        seed=seed,
        num=num,
        reward=tuple(point(line, "reward", line["validation_reward_std"]) for line in lines),
        accuracy=tuple(point(line, "accuracy", _deviation(line["validation_accuracy"])) for line in lines),
    )


def _deviation(share: float) -> float:
    """Of values that are 1 so often, and else 0."""
    return math.sqrt(share * (1 - share))
