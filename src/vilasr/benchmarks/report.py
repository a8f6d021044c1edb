"""The report of one run, from its summary: Markdown, and one HTML file without anything from outside."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from vilasr.types import Json

Summary = dict[str, "Json"]
Row = tuple[str, str]

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2733; --soft: #667; --line: #d8dde3; --bar: #2f6fb3; --page: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e9ef; --soft: #9aa5b1; --line: #37414d; --bar: #6aa7e8; --page: #161b21; }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 60rem;
       margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.score { font-size: 3rem; font-weight: 600; line-height: 1.2; } .soft { color: var(--soft); }
.tiles { display: flex; flex-wrap: wrap; gap: .5rem 2rem; margin: 1rem 0; }
.tiles b { display: block; font-size: 1.3rem; }
table { border-collapse: collapse; } td, th { padding: .2rem .8rem .2rem 0; text-align: left; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td:first-child { min-width: 14rem; }
tr + tr td { border-top: 1px solid var(--line); } th { font-weight: 600; color: var(--soft); }
svg rect.back { fill: var(--line); opacity: .5; } svg rect.bar { fill: var(--bar); }
svg line { stroke: var(--ink); stroke-width: 1.5; }
"""
_BAR_WIDTH = 240


def write_report(summary: Summary, folder: str | os.PathLike[str]) -> None:
    """Write `report.md` and `report.html` into `folder`, which exists. The HTML links `rollouts.html` beside it."""
    for name, text in (("report.md", render_markdown(summary)), ("report.html", render_html(summary))):
        partial = Path(folder) / f".{name}.part"
        partial.write_text(text, encoding="utf-8")
        partial.replace(Path(folder) / name)


def render_markdown(summary: Summary) -> str:
    """The report as Markdown."""
    lines = [f"# {_cell(summary['benchmark'])}: {_score(summary['score'])}", "", _interval(summary), ""]
    lines += ["| | |", "|---|---|"]
    lines += [f"| {name} | {_cell(value)} |" for name, value in (*_headline(summary), *_settings(summary))]
    for kind, groups in _by_kind(summary["groups"]):
        lines += [
            "",
            f"## By {_cell(kind)}",
            "",
            f"| {_cell(kind)} | score | 95 % interval | samples |",
            "|---|--:|---|--:|",
        ]
        lines += [
            f"| {_cell(name)} | {_score(group['score'])} | {_range(group['ci95'])} | {group['num']} |"
            for name, group in groups.items()
        ]
    for title, counts in (("How rollouts ended", summary["statuses"]), ("Model mistakes", summary["errors"])):
        if counts:
            lines += ["", f"## {title}", "", "| | |", "|---|--:|"]
            lines += [f"| {_cell(name)} | {count} |" for name, count in counts.items()]
    return "\n".join(lines) + "\n"


def render_html(summary: Summary) -> str:
    """The report as one HTML document: no script, nothing fetched."""
    title = f"{summary['benchmark']}: {_score(summary['score'])}"
    tiles = "".join(f"<div><b>{escape(value)}</b>{escape(name)}</div>" for name, value in _headline(summary))
    body = [
        f"<h1>{escape(str(summary['benchmark']))}</h1>",
        f'<div class="soft">{escape(str(summary["model"]))}, drawing {"on" if summary["drawing"] else "off"}</div>',
        f'<div class="score">{_score(summary["score"])}</div>',
        f"<div>{escape(_interval(summary))}</div>",
        f'<div class="tiles">{tiles}</div>',
        '<p><a href="rollouts.html">Look at the rollouts</a></p>',
    ]
    for kind, groups in _by_kind(summary["groups"]):
        body += [f"<h2>By {escape(kind)}</h2>", _group_table(groups)]
    for heading, counts in (("How rollouts ended", summary["statuses"]), ("Model mistakes", summary["errors"])):
        if counts:
            body += [f"<h2>{heading}</h2>", _count_table(counts)]
    settings = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in _settings(summary)
    )
    body += ["<h2>Settings</h2>", f"<table>{settings}</table>"]
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f'<meta name="viewport" content="width=device-width">\n<style>{_STYLE}</style>\n</head>\n<body>\n'
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


# --- what is told -----------------------------------------------------------------------------------------------------


def _headline(summary: Summary) -> list[Row]:
    rows = [
        ("answered", _rate(summary["answered_rate"])),
        ("truncated", _rate(summary["truncated_rate"])),
        ("errors", _rate(summary["error_rate"])),
        ("turns a rollout", f"{summary['mean_turns']:.2f}"),
        ("drawings a rollout", f"{summary['mean_drawings']:.2f}"),
        ("rollouts with a reflection", _rate(summary["reflection_rate"])),
    ]
    if summary["drawing_score"] is not None:
        rows.append(("drawing score", _score(summary["drawing_score"])))
    if summary["drawing_agreement"] is not None:
        rows.append(("answers that agree with the drawing", _rate(summary["drawing_agreement"])))
    return rows


def _settings(summary: Summary) -> list[Row]:
    keys = ("model", "drawing", "protocol", "style", "temperature", "seed", "metric_mode", "version", "config_hash")
    counts = ("num_rollouts", "num_unscored", "num_excluded", "num_bad_lines")
    rows = [(key.replace("_", " "), str(summary[key])) for key in keys]
    return rows + [(key[4:].replace("_", " "), str(summary[key])) for key in counts if summary[key]]


def _interval(summary: Summary) -> str:
    stderr = "unknown" if summary["stderr"] is None else f"{summary['stderr']:.2f}"
    return f"95 % interval {_range(summary['ci95'])}, standard error {stderr}, {summary['num']} samples"


def _by_kind(groups: Mapping[str, Summary]) -> Iterator[tuple[str, dict[str, Summary]]]:
    """Groups named "kind=name" by kind, in natural order ("10" after "9"); a kind of one group says nothing and is left
    out."""
    kinds: dict[str, dict[str, Summary]] = {}
    for full in sorted(groups, key=_natural):
        kind, _, name = full.partition("=")
        kinds.setdefault(kind if name else "group", {})[name or full] = groups[full]
    yield from ((kind, members) for kind, members in kinds.items() if len(members) > 1)


def _natural(text: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", text)]


# --- how it looks -----------------------------------------------------------------------------------------------------


def _group_table(groups: Mapping[str, Summary]) -> str:
    rows = "".join(
        f'<tr><td>{escape(name)}</td><td class="number">{_score(group["score"])}</td><td>{_bar(group)}</td>'
        f'<td class="number">{_range(group["ci95"])}</td><td class="number">{group["num"]}</td></tr>'
        for name, group in groups.items()
    )
    head = "".join(f'<th class="number">{name}</th>' for name in ("score", "", "95 %", "samples"))
    return f"<table><tr><th></th>{head}</tr>{rows}</table>"


def _bar(group: Summary) -> str:
    """A bar of the score, with its interval as a whisker."""
    if group["score"] is None:
        return ""
    scale = _BAR_WIDTH / 100
    low, high = (bound * scale for bound in group["ci95"])
    return (
        f'<svg width="{_BAR_WIDTH}" height="14" role="img" aria-label="{_score(group["score"])}">'
        f'<rect class="back" width="{_BAR_WIDTH}" height="14"/>'
        f'<rect class="bar" width="{group["score"] * scale:.1f}" height="14"/>'
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="7" y2="7"/></svg>'
    )


def _count_table(counts: Mapping[str, int]) -> str:
    rows = "".join(f'<tr><td>{escape(name)}</td><td class="number">{count}</td></tr>' for name, count in counts.items())
    return f"<table>{rows}</table>"


def _cell(value: Json) -> str:
    """Text that stays inside its Markdown cell and is no markup."""
    return re.sub(r"([\\|`*_<>\[\]])", r"\\\1", " ".join(str(value).split()))


def _score(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1f}"


def _rate(value: float) -> str:
    return f"{100 * value:.1f} %"


def _range(bounds: tuple[float, float]) -> str:
    return f"{bounds[0]:.1f} to {bounds[1]:.1f}"
