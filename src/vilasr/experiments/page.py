"""docs/results.md, from whatever is finished. What is not is said to be so; conclusions follow from intervals."""

from __future__ import annotations

from collections import defaultdict
from itertools import starmap
from statistics import fmean
from typing import TYPE_CHECKING

from vilasr.experiments.answers import answers
from vilasr.experiments.curves import validation_curves
from vilasr.experiments.evidence import Evidence
from vilasr.experiments.measured import accuracy, behaviour, passes
from vilasr.experiments.plots import can_plot
from vilasr.experiments.tables import NOT_RUN, origin_line, seeds_text, table
from vilasr.experiments.units import State
from vilasr.files import write_atomically
from vilasr.training.metrics import read_metrics

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vilasr.experiments.study import ModelRow, Study
    from vilasr.experiments.units import Unit

SECTIONS = {
    "Questions": answers,
    "Accuracy": accuracy,
    "How they answer": behaviour,
    "Several attempts": passes,
    "Reinforcement learning, step by step": validation_curves,
}


def write_page(study: Study) -> None:
    """Write the page of a study and its plots.

    Raises:
        InputError: a config or a metric of the study is wrong.
    """
    evidence = Evidence(study)
    lines = [*_head(evidence)]
    for title, section in {**SECTIONS, "Models": _models, "Not run yet": _left}.items():
        lines += ["", f"## {title}", "", *section(evidence)]
    study.page.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(study.page, "\n".join(lines).encode() + b"\n")


def _head(evidence: Evidence) -> Iterator[str]:
    num_done = sum(state is State.DONE for state in evidence.states.values())
    yield "# Results"
    yield ""
    yield (
        f"Written by `make results` from the finished runs in `{evidence.study.out}`, {num_done} of "
        f"{len(evidence.units)}. Not to be edited: the same command goes on with what is missing."
    )
    if evidence.study.notes:
        yield ""
        yield evidence.study.notes.strip()
    if not can_plot():
        yield ""
        yield "Without plots: matplotlib was not installed where this page was written (`pip install 'vilasr[plots]'`)."


def _models(evidence: Evidence) -> Iterator[str]:
    """What there is, and how it was trained."""
    yield from table(
        ("model", "what it is", "starts from", "asked", "trained by", "seeds done", "minutes a seed"),
        [_model_row(evidence, row) for row in evidence.study.models],
    )
    yield ""
    yield "Minutes are those of the training steps, validation included; sampling before a selection is not."
    yield ""
    command = "vilasr train STAGE CONFIG model=START out=FOLDER, and seed s added to every seed of CONFIG"
    yield origin_line(evidence.done(), [command])


def _model_row(evidence: Evidence, row: ModelRow) -> tuple[str, ...]:
    asked = "to draw" if row.drawing else "without drawing"
    if row.stage == "none":
        start = row.start if evidence.study.parent(row) else f"`{row.start}`"
        return (row.name, row.title, start, asked, "", "", "")
    done = evidence.done(model=row.name)
    seeds = seeds_text([unit.seed for unit in done if unit.seed is not None]) if done else NOT_RUN
    minutes = f"{fmean(map(_minutes, done)):.0f}" if done else ""
    settings = f" {' '.join(row.overrides)}" if row.overrides else ""
    return row.name, row.title, row.start, asked, f"`train {row.stage} {row.config}{settings}`", seeds, minutes


def _minutes(unit: Unit) -> float:
    lines = read_metrics(unit.folder / "metrics.jsonl")
    return sum(line.get("seconds", line.get("seconds_validation", 0.0)) for line in lines) / 60


def _left(evidence: Evidence) -> Iterator[str]:
    """What is missing: models that are to be trained, and measured by each evaluation."""
    waiting: defaultdict[tuple[str, State], defaultdict[str, list[Unit]]] = defaultdict(lambda: defaultdict(list))
    for unit in evidence.units:
        state = evidence.states[unit.name]
        if state is not State.DONE:
            what = "training" if unit.evaluation is None else f"`{unit.evaluation}`"
            waiting[what, state][unit.model].append(unit)
    if not waiting:
        yield "Everything was run."
    for (what, state), models in waiting.items():
        yield f"- {what}, {state.value}: {', '.join(starmap(_with_seeds, models.items()))}"


def _with_seeds(model: str, units: Sequence[Unit]) -> str:
    seeds = [unit.seed for unit in units if unit.seed is not None]
    return f"`{model}` ({seeds_text(seeds)})" if seeds else f"`{model}`"
