"""How numbers and tables look in docs/results.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vilasr.experiments.evidence import origins

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vilasr.experiments.evidence import Metric
    from vilasr.experiments.intervals import Mean
    from vilasr.experiments.units import Unit

NOT_RUN = "not run yet"
NOTHING = "none"
"""In a table: it was run, and there was nothing to take this number of."""
LEGEND = (
    "Each number, here and below, is a mean over items and seeds, +- the standard deviation between seeds, and in "
    "brackets its 95 % bootstrap interval over items; where a share is the same of all items, which gives that no "
    f'width, Wilson\'s. "{NOTHING}": nothing to take the number of, such as the grade of a drawing where nothing is '
    "drawn."
)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table.

    >>> table(("model", "accuracy"), [("sft", "61.2")])
    ['| model | accuracy |', '|---|---|', '| sft | 61.2 |']
    """
    head, *body = (f"| {' | '.join(cells)} |" for cells in (header, *rows))
    return [head, "|" + "---|" * len(header), *body]


def cell(mean: Mean, metric: Metric, *, seeds: Sequence[int]) -> str:
    """ "61.2 +- 2.1 (53.0 to 69.1)", and which seeds where those are not `seeds`, all that were planned."""
    text = f"{metric.scale * mean.value:.1f}"
    if mean.spread is not None:
        text += f" +- {metric.scale * mean.spread:.1f}"
    if mean.ci95 is not None:
        low, high = (metric.scale * bound for bound in mean.ci95)
        text += f" ({low:.1f} to {high:.1f})"
    missing = {*seeds} - {*mean.seeds}
    return f"{text}, {seeds_text(mean.seeds)} only" if missing else text


def seeds_text(seeds: Sequence[int]) -> str:
    """
    >>> seeds_text([0]), seeds_text([0, 1]), seeds_text([])
    ('seed 0', 'seeds 0, 1', 'no seeds')
    """
    if not seeds:
        return "no seeds"
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def origin_line(units: Sequence[Unit], commands: Iterable[str]) -> str:
    """Command, commit, seeds and hardware of the runs that a table is made of."""
    if not units:
        return f"Nothing of this was run yet. Command: {', '.join(f'`{command}`' for command in commands)}."
    where = origins(units)
    seeds = sorted({unit.seed for unit in units if unit.seed is not None})
    return (
        f"Command: {', '.join(f'`{command}`' for command in commands)}; {seeds_text(seeds)}; "
        f"commit {', '.join(map(_short, where['commit']))}; hardware: {'; '.join(where['hardware'])}."
    )


def _short(commit: str) -> str:
    """
    >>> _short("6e47191aaaabbbbccccddddeeeeffff000011112-dirty")
    '6e47191aaaab-dirty'
    """
    name, dash, rest = commit.partition("-")
    return name[:12] + dash + rest
