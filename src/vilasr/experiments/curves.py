"""How a model did on held-out questions while it was trained by reinforcement."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from vilasr.experiments.intervals import Difference, Mean, Verdict, difference_of, mean_of
from vilasr.experiments.plots import link_plot, plot_curves
from vilasr.experiments.tables import NOT_RUN, origin_line, table
from vilasr.training.metrics import read_metrics

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from vilasr.experiments.evidence import Evidence


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """The validation of one run, the same questions each time.

    Attributes:
        reward, accuracy: step -> mean over the questions, before that step.
        gain: of the reward from the first time to the last, question by question.
    """

    seed: int | None
    reward: Mapping[int, Mean]
    accuracy: Mapping[int, Mean]
    gain: Difference

    @property
    def has_risen(self) -> bool:
        """Whether the whole interval of the gain is above 0."""
        return self.gain.verdict is Verdict.HIGHER


def validation_curves(evidence: Evidence) -> Iterator[str]:
    """A row for each run, what follows for each model, and a plot."""
    yield (
        "Validation reward and accuracy on questions that are never trained on, the same at each time: before the "
        "first step, and of the final model. In brackets the 95 % interval of the gain, a bootstrap over the "
        "differences between the two rewards of each question."
    )
    yield ""
    models = [row.name for row in evidence.study.models if row.stage == "grpo"]
    units = {name: evidence.done(model=name) for name in models}
    read = {name: [read_curve(unit.folder, seed=unit.seed) for unit in done] for name, done in units.items()}
    curves = {name: [curve for curve in of_model if curve is not None] for name, of_model in read.items()}
    if any(units.values()):
        rows = [row for name in models for row in _rows(name, curves[name])]
        yield from table(("model", "seed", "questions", "reward", "gain", "accuracy, %"), rows)
        yield ""
    command = "vilasr train grpo CONFIG model=START out=FOLDER"
    yield origin_line([unit for done in units.values() for unit in done], [command])
    if any(units.values()):
        yield ""
        yield "Does the reward rise, the whole interval of its gain above 0?"
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
            str(curve.gain.num_items),
            _from_to(curve.reward, ".3f"),
            gain_text(curve.gain),
            _from_to(curve.accuracy, ".1f", scale=100),
        )
        for curve in curves
    ]
    return rows or [(name, "", "", NOT_RUN, "", "")]


def gain_text(gain: Difference) -> str:
    """Of a reward, with its interval."""
    return "{:+.3f} ({:+.3f} to {:+.3f})".format(gain.value, *gain.ci95)


def _from_to(means: Mapping[int, Mean], form: str, *, scale: float = 1) -> str:
    first, *_, last = (format(scale * mean.value, form) for mean in means.values())
    return f"{first} to {last}"


def risen(curves: Sequence[Curve], *, num_seeds: int) -> str:
    """What follows from the gains of one model's runs, of as many as there are to be."""
    if not curves:
        return f"{NOT_RUN}."
    num = sum(curve.has_risen for curve in curves)
    said = "Yes" if num == len(curves) else "Not shown" if num == 0 else "In part"
    so_far = f" So far {len(curves)} of {num_seeds} seeds only." if len(curves) < num_seeds else ""
    return f"{said}: in {num} of {len(curves)} runs.{so_far}"


def read_curve(folder: Path, *, seed: int | None) -> Curve | None:
    """The curve of a finished run in `folder`; None where fewer than two questions were answered first and last."""
    path = folder / "validation.jsonl"
    lines: list[dict[str, Any]] = read_metrics(path) if path.exists() else []
    if len(lines) < 2:
        return None
    gain = difference_of({seed: lines[-1]["rewards"]}, {seed: lines[0]["rewards"]})
    if gain is None:
        return None
    rewards = {line["step"]: mean_of({seed: line["rewards"]}, are_shares=False) for line in lines}
    scores = {line["step"]: mean_of({seed: line["scores"]}) for line in lines}
    return Curve(seed=seed, reward=_known(rewards), accuracy=_known(scores), gain=gain)


def _known(means: Mapping[int, Mean | None]) -> dict[int, Mean]:
    return {step: mean for step, mean in means.items() if mean is not None}
