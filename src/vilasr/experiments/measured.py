"""Tables and plots of what was measured: models by rows; accuracy, ways of answering, several attempts."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from vilasr.experiments.evidence import METRICS
from vilasr.experiments.intervals import mean_of
from vilasr.experiments.plots import link_plot, plot_means, plot_passes
from vilasr.experiments.tables import LEGEND, NOT_RUN, NOTHING, cell, origin_line, table
from vilasr.experiments.units import eval_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vilasr.experiments.evidence import Evidence
    from vilasr.experiments.intervals import Mean
    from vilasr.experiments.study import Measure, Study

BEHAVIOUR = ("reflection rate", "drawings", "tokens", "agreement", "drawing score", "answered")
PLOTTED = ("reflection rate", "drawings", "tokens")


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A metric of all models on a measure.

    Attributes:
        means: of the models that have one.
        cells: of all models that the measure is asked of, as they stand in the table.
    """

    title: str
    metric: str
    means: dict[str, Mean]
    cells: dict[str, str]


def accuracy(evidence: Evidence) -> Iterator[str]:
    """A column for each measure."""
    yield LEGEND
    yield ""
    measures = [measure for measure in evidence.study.measures if num_attempts(evidence.study, measure) == 1]
    columns = [column_of(evidence, measure, "accuracy", title=measure.title) for measure in measures]
    yield from _table(evidence, columns, measures)
    yield from link_plot(evidence.study, "accuracy.png", "Accuracy of each model", _means_plot(columns))


def behaviour(evidence: Evidence) -> Iterator[str]:
    """A table for each measure."""
    yield (
        "Reflection rate: share of rollouts that correct a mark (paper, Eq. 5). Drawings and tokens are those of a "
        "rollout. Agreement: share of answers that are what the drawing shows. Drawing score: the task's grade of the "
        "marks. Answered: share of rollouts that ended with an answer."
    )
    for measure in evidence.study.measures:
        if num_attempts(evidence.study, measure) > 1:
            continue
        columns = [column_of(evidence, measure, name) for name in BEHAVIOUR]
        yield from ("", f"### {measure.title}", "", *_table(evidence, columns, [measure]))
        plotted = [column for column in columns if column.metric in PLOTTED]
        name = f"answers-{_in_file_names(measure.title)}.png"
        yield from link_plot(evidence.study, name, f"How they answer, {measure.title}", _means_plot(plotted))


def passes(evidence: Evidence) -> Iterator[str]:
    """A table for each measure with several attempts at an item."""
    yield "pass@k: how often at least one of k attempts is right, estimated without bias from all attempts at an item."
    for measure in evidence.study.measures:
        most = num_attempts(evidence.study, measure)
        if most == 1:
            continue
        sizes = [int(name[5:]) for name in METRICS if name.startswith("pass@") and int(name[5:]) <= most]
        columns = {k: column_of(evidence, measure, f"pass@{k}") for k in sizes}
        yield from ("", f"### {measure.title}", "", *_table(evidence, [*columns.values()], [measure]))
        shares = {
            row.name: {k: column.means[row.name].value for k, column in columns.items() if row.name in column.means}
            for row in evidence.study.models
        }
        known = {name: of_model for name, of_model in shares.items() if of_model}
        name = f"passes-{_in_file_names(measure.title)}.png"
        draw = partial(plot_passes, known) if known else None
        yield from link_plot(evidence.study, name, f"pass@k, {measure.title}", draw)


def column_of(evidence: Evidence, measure: Measure, metric: str, *, title: str = "") -> Column:
    """A metric of every model that the measure is asked of."""
    study, means, cells = evidence.study, {}, {}
    for row in study.measured(study.evaluation(measure.evaluation)):
        values = evidence.values(measure, row.name, METRICS[metric])
        mean = mean_of(values, are_shares=METRICS[metric].is_share)
        if mean is not None:
            means[row.name] = mean
            seeds = study.seeds if study.is_seeded(row) else []
            cells[row.name] = cell(mean, METRICS[metric], seeds=seeds)
        else:
            cells[row.name] = NOTHING if values else NOT_RUN
    return Column(title=title or metric, metric=metric, means=means, cells=cells)


def num_attempts(study: Study, measure: Measure) -> int:
    """Attempts at each item."""
    return study.evaluation(measure.evaluation).samples_per_prompt


def _table(evidence: Evidence, columns: Sequence[Column], measures: Sequence[Measure]) -> Iterator[str]:
    """Models by columns, where any of it was run, and below it what it is made of."""
    study = evidence.study
    evaluations = [*dict.fromkeys(measure.evaluation for measure in measures)]
    units = [unit for name in evaluations for unit in evidence.done(evaluation=name)]
    if units:
        names = [row.name for row in study.models if any(row.name in column.cells for column in columns)]
        rows = [(name, *(column.cells.get(name, "") for column in columns)) for name in names]
        yield from table(("model", *(column.title for column in columns)), rows)
        yield ""
    sizes = sorted({mean.num_items for column in columns for mean in column.means.values()})
    if sizes:
        span = f"{sizes[0]} to {sizes[-1]}" if len(sizes) > 1 else str(sizes[0])
        yield f"Items: {span}."
        yield ""
    yield origin_line(units, [_command(study, name) for name in evaluations])


def _command(study: Study, evaluation: str) -> str:
    row = study.evaluation(evaluation)
    asked = study.measured(row)
    words = eval_words(row, asked[0].model_copy(update={"drawing": True}))
    without = [model.name for model in asked if not model.drawing]
    note = f" (--no-drawing for {', '.join(without)})" if without else ""
    return f"vilasr {shlex.join(words)} --model MODEL --out FOLDER{note}"


def _means_plot(columns: Sequence[Column]) -> partial[None] | None:
    panels = [(column.title, column.means, METRICS[column.metric].scale) for column in columns if column.means]
    return partial(plot_means, panels) if panels else None


def _in_file_names(title: str) -> str:
    """
    >>> _in_file_names("mazes, sizes 7-8")
    'mazes-sizes-7-8'
    """
    return "-".join("".join(char if char.isalnum() else " " for char in title.lower()).split())
