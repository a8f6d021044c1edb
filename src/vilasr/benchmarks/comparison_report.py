"""A comparison of runs for people: a table for the terminal, Markdown, HTML."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from vilasr.benchmarks.charts import difference_bar, score_bar
from vilasr.benchmarks.wording import (
    by_kind,
    caveats,
    cell,
    interval_cell,
    range_text,
    rate_text,
    said_once,
    score_text,
    signed_text,
)
from vilasr.files import write_atomically
from vilasr.plurals import counted
from vilasr.viewer import static_page

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from vilasr.types import Json

Run = dict[str, "Json"]


def write_comparison(comparison: Mapping[str, Json], folder: str | os.PathLike[str]) -> None:
    """Write `compare.md` and `compare.html` into `folder`, which exists."""
    texts = {"compare.md": comparison_markdown(comparison), "compare.html": comparison_html(comparison)}
    for name, text in texts.items():
        write_atomically(Path(folder) / name, text.encode())


def comparison_table(comparison: Mapping[str, Json]) -> str:
    """For a terminal: every run with its score and its difference to the first, then the groups and the facts."""
    runs = comparison["runs"]
    tables = [[("", "score", "95 %", "difference", "95 %", "shared"), *(_score_row(run) for run in runs)]]
    names = [run["name"] for run in runs]
    tables.append([("", *names), *_fact_rows(runs)])
    if groups := _group_rows(runs):
        heads = [names[0], *(word for name in names[1:] for word in (name, f"{name} - {names[0]}"))]
        tables.append([("group", *heads), *groups])
    head = f"{comparison['benchmark']}, metric mode {comparison['metric_mode']}; differences to {names[0]}, paired"
    return "\n\n".join(filter(None, [head, *map(_aligned, tables), "\n".join(_sentences(runs))]))


def comparison_markdown(comparison: Mapping[str, Json]) -> str:
    runs = comparison["runs"]
    names = [cell(run["name"]) for run in runs]
    lines = [f"# {cell(comparison['benchmark'])}: {counted(len(runs), 'run')} compared", ""]
    lines += [f"Metric mode {comparison['metric_mode']}. {_explanation(names[0])}", ""]
    lines += ["| run | score | 95 % interval | difference | 95 % interval | shared |", "|---|--:|---|--:|---|--:|"]
    lines += [f"| {' | '.join(map(cell, _score_row(run)))} |" for run in runs]
    lines += ["", *(f"- {cell(sentence)}" for sentence in _sentences(runs))]
    lines += ["", "## Side by side", "", f"| | {' | '.join(names)} |", "|---|" + "--:|" * len(runs)]
    lines += [f"| {' | '.join(map(cell, row))} |" for row in _fact_rows(runs)]
    if groups := _group_rows(runs):
        heads = [names[0], *(word for name in names[1:] for word in (name, "difference"))]
        lines += ["", "## By group", "", f"| group | {' | '.join(heads)} |", "|---|" + "--:|" * len(heads)]
        lines += [f"| {' | '.join(map(cell, row))} |" for row in groups]
    return "\n".join(lines) + "\n"


def comparison_html(comparison: Mapping[str, Json]) -> str:
    """One document, no script, nothing fetched."""
    runs = comparison["runs"]
    title = f"{comparison['benchmark']}: {counted(len(runs), 'run')} compared"
    under = f"Metric mode {comparison['metric_mode']}. {_explanation(runs[0]['name'])}"
    body = [
        f"<header><h1>{escape(title)}</h1><p class='quiet'>{escape(under)}</p></header>",
        _score_section(runs),
        _notice(runs),
        _facts_section(runs),
        *(_group_section(kind, groups, runs) for kind, groups in by_kind(runs[0]["summary"]["groups"])),
    ]
    return static_page(
        title, f"<div class='comparison'><main>{''.join(body)}</main></div>", styles=["theme.css", "report.css"]
    )


# --- what is told -----------------------------------------------------------------------------------------------------


def _explanation(first: str) -> str:
    return (
        f'Differences are to the first, "{first}", over the samples that both have scored; their intervals are from a '
        "paired bootstrap, those of the scores from one over samples, or by Wilson where all are equal."
    )


def _score_row(run: Run) -> tuple[str, ...]:
    summary, difference = run["summary"], run["difference"]
    row = (run["name"], score_text(summary["score"]), interval_cell(summary))
    if difference is None:
        return (*row, "", "", "")
    return (*row, *_difference_cells(difference), f"{difference['num_shared']:,}")


def _difference_cells(difference: Mapping[str, Json]) -> tuple[str, str]:
    """A difference and its interval; both "unknown" over nothing."""
    if difference["score"] is None:
        return "unknown", "unknown"
    return signed_text(difference["score"]), range_text(difference["ci95"], signed=True)


_FACTS: tuple[tuple[str, Callable[[Mapping[str, Json]], str]], ...] = (
    ("model", lambda summary: str(summary["model"])),
    ("drawing", lambda summary: "on" if summary["drawing"] else "off"),
    ("score", lambda summary: score_text(summary["score"])),
    ("samples", lambda summary: f"{summary['num']:,}"),
    ("seeds", lambda summary: ", ".join(summary.get("seeds", ()))),
    ("spread of the seeds", lambda summary: _optional(summary.get("seed_spread"), "{:.2f}")),
    ("answered", lambda summary: rate_text(summary["answered_rate"])),
    ("truncated", lambda summary: rate_text(summary["truncated_rate"])),
    ("errors", lambda summary: rate_text(summary["error_rate"])),
    ("not scored", lambda summary: f"{summary['num_unscored']:,}"),
    ("turns a rollout", lambda summary: f"{summary['mean_turns']:.2f}"),
    ("drawings a rollout", lambda summary: f"{summary['mean_drawings']:.2f}"),
    ("rollouts with a reflection", lambda summary: rate_text(summary["reflection_rate"])),
    ("drawing score", lambda summary: _optional(summary["drawing_score"], "{:.1f}")),
    ("marks that are true of the world", lambda summary: _rate(summary["valid_marks"])),
    ("answers that agree with the drawing", lambda summary: _rate(summary["drawing_agreement"])),
    ("tokens said a rollout", lambda summary: _each(summary, "num_sampled_tokens")),
    ("seconds a rollout", lambda summary: _each(summary, "seconds")),
)


def _fact_rows(runs: Sequence[Run]) -> list[tuple[str, ...]]:
    """Each fact beside those of the other runs; a fact that no run has is left out."""
    rows = [(name, *(tell(run["summary"]) for run in runs)) for name, tell in _FACTS]
    return [row for row in rows if any(row[1:])]


def _group_rows(runs: Sequence[Run]) -> list[tuple[str, ...]]:
    rows = []
    for kind, groups in by_kind(runs[0]["summary"]["groups"]):
        for name in groups:
            full = _full_name(kind, name, runs)
            row = [full]
            for run in runs:
                group = run["summary"]["groups"].get(full)
                row.append("" if group is None else score_text(group["score"]))
                if run["difference"] is not None:
                    difference = _group_difference(run, full)
                    row.append("" if difference is None else " (".join(_difference_cells(difference)) + ")")
            rows.append(tuple(row))
    return rows


def _full_name(kind: str, name: str, runs: Sequence[Run]) -> str:
    """The name of a group as summaries have it: "size=4"; some have no kind."""
    full = f"{kind}={name}"
    return full if full in runs[0]["summary"]["groups"] else name


def _group_difference(run: Run, group: str) -> Mapping[str, Json] | None:
    difference = run["difference"]
    return None if difference is None else difference["groups"].get(group)


def _sentences(runs: Sequence[Run]) -> list[str]:
    """What the numbers leave out; what holds of several runs is said once."""
    first = runs[0]["name"]
    return said_once(
        (run["name"], sentence)
        for run in runs
        for sentence in (*caveats(run["summary"]), *_pairing_sentences(run, first))
    )


def _pairing_sentences(run: Run, first: str) -> list[str]:
    difference, said = run["difference"], []
    if difference is None:
        return []
    only_first, only_this = difference["num_only_first"], difference["num_only_this"]
    if not difference["num_shared"]:
        said.append(f'No sample is shared with "{first}": nothing can be paired, and the scores are of other samples.')
    elif only_first or only_this:
        said.append(
            f'{counted(difference["num_shared"], "sample")} shared with "{first}", {only_first:,} only there, '
            f"{only_this:,} only here. The difference is over the shared ones, the scores are over all."
        )
    if difference["num_unscored"]:
        said.append(
            f"Without a score in one of the two, so not paired: {counted(difference['num_unscored'], 'sample')}."
        )
    return said


def _optional(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def _rate(value: float | None) -> str:
    return "" if value is None else rate_text(value)


def _each(summary: Mapping[str, Json], key: str) -> str:
    total, num = summary.get(key), summary["num_rollouts"]
    return "" if total is None or not num else f"{total / num:,.1f}"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns of words to the left, of numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join((row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:]))) for row in rows)
    return "\n".join(f"  {line}".rstrip() for line in lines)


# --- how it looks -----------------------------------------------------------------------------------------------------


def _notice(runs: Sequence[Run]) -> str:
    said = "".join(f"<li>{escape(sentence)}</li>" for sentence in _sentences(runs))
    return f'<section class="card notice" role="note"><h2>Before you trust it</h2><ul>{said}</ul></section>' * bool(
        said
    )


def _score_section(runs: Sequence[Run]) -> str:
    reach = _reach([run["difference"] for run in runs])
    rows = "".join(
        f'<tr class="{"" if run["difference"] else "first"}"><th scope="row">{escape(run["name"])}</th>'
        + _score_cells(run["summary"])
        + _difference_html(run["difference"], reach)
        + "</tr>"
        for run in runs
    )
    return f'<section class="card scroll"><h2>Score</h2><table>{_HEAD}{rows}</table></section>'


def _group_section(kind: str, groups: Mapping[str, Json], runs: Sequence[Run]) -> str:
    """For every group a row of each run."""
    full = {name: _full_name(kind, name, runs) for name in groups}
    found = {name: [_group_difference(run, full[name]) for run in runs] for name in groups}
    reach = _reach([difference for differences in found.values() for difference in differences])
    rows = ""
    for name in groups:
        for run, difference in zip(runs, found[name], strict=True):
            is_first = run is runs[0]
            group_name = f"{escape(name)} " if is_first else ""
            rows += (
                f'<tr class="{"first" if is_first else ""}"><th scope="row">{group_name}'
                f'<span class="quiet">{escape(run["name"])}</span></th>'
                + _score_cells(run["summary"]["groups"].get(full[name]))
                + _difference_html(difference, reach)
                + "</tr>"
            )
    return f'<section class="card scroll"><h2>By {escape(kind)}</h2><table>{_HEAD}{rows}</table></section>'


def _facts_section(runs: Sequence[Run]) -> str:
    head = "".join(f'<th scope="col" class="number">{escape(run["name"])}</th>' for run in runs)
    rows = ""
    for name, *values in _fact_rows(runs):
        cells = "".join(f'<td class="number">{escape(value)}</td>' for value in values)
        rows += f'<tr><th scope="row">{name}</th>{cells}</tr>'
    table = f'<table><thead><tr><th scope="col"></th>{head}</tr></thead><tbody>{rows}</tbody></table>'
    return f'<section class="card scroll"><h2>Side by side</h2>{table}</section>'


_HEAD = (
    '<thead><tr><th scope="col"></th><th scope="col" class="number">score</th><th scope="col" class="wide"></th>'
    '<th scope="col" class="number">difference</th><th scope="col" class="wide"></th>'
    '<th scope="col" class="number">95 %</th><th scope="col" class="number wide">shared</th></tr></thead>'
)


def _score_cells(estimate: Mapping[str, Json] | None) -> str:
    if estimate is None:
        return '<td></td><td class="wide"></td>'
    return f'<td class="number">{score_text(estimate["score"])}</td><td class="plot wide">{score_bar(estimate)}</td>'


def _difference_html(difference: Mapping[str, Json] | None, reach: float) -> str:
    if difference is None:
        return '<td></td><td class="wide"></td><td></td><td class="wide"></td>'
    value, interval = _difference_cells(difference)
    num = difference.get("num_shared", difference["num"])
    return (
        f'<td class="number"><strong>{value}</strong></td>'
        f'<td class="plot wide">{difference_bar(difference, reach)}</td>'
        f'<td class="number">{interval}</td><td class="number wide">{num:,}</td>'
    )


def _reach(differences: Sequence[Mapping[str, Json] | None]) -> float:
    """Half the length of the axis: the farthest end of an interval of at least ten samples, or of all."""
    known = [each for each in differences if each is not None and each["score"] is not None]
    sure = [each for each in known if each["num"] >= 10] or known
    return max((abs(bound) for each in sure for bound in (*each["ci95"], each["score"])), default=1.0) or 1.0
