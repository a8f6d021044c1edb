"""The report of one run, from its summary: Markdown, and one HTML file without script or anything from outside."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from vilasr.benchmarks.charts import histogram, outcome_bar, score_bar
from vilasr.benchmarks.named import aggregation_of
from vilasr.benchmarks.wording import (
    OUTCOME_WORDS,
    REASONS,
    Row,
    Summary,
    by_kind,
    caveats,
    cell,
    estimate_text,
    guessing_cell,
    interval_cell,
    interval_text,
    rate_text,
    said_once,
    score_text,
)
from vilasr.files import write_atomically
from vilasr.plurals import counted
from vilasr.viewer import static_page

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Mapping, Sequence

Seeds = dict[int, Summary]


def write_report(summary: Summary, folder: str | os.PathLike[str], *, seeds: Seeds | None = None) -> None:
    """Write `report.md` and `report.html` into `folder`, which exists.

    The HTML links `rollouts.html` beside it; or, where `summary` is that over several seeds, whose own summaries are
    `seeds`, the reports in `seed-K`.
    """
    texts = {"report.md": render_markdown(summary, seeds=seeds), "report.html": render_html(summary, seeds=seeds)}
    for name, text in texts.items():
        write_atomically(Path(folder) / name, text.encode())


# --- Markdown ---------------------------------------------------------------------------------------------------------


def render_markdown(summary: Summary, *, seeds: Seeds | None = None) -> str:
    """The report as Markdown."""
    lines = [f"# {cell(summary['benchmark'])}: {score_text(summary['score'])}", "", estimate_text(summary), ""]
    lines += [f"> {cell(sentence)}" for sentence in _caveats(summary, seeds)]
    lines += ["", "| | |", "|---|---|"]
    lines += [f"| {name} | {cell(value)} |" for name, value in (*_headline(summary), *_settings(summary))]
    if seeds:
        lines += [
            "",
            "## By seed",
            "",
            "| seed | score | 95 % interval | samples | answered |",
            "|---|--:|---|--:|--:|",
        ]
        lines += [
            f"| {seed} | {score_text(run['score'])} | {interval_cell(run)} | {run['num']} "
            f"| {rate_text(run['answered_rate'])} |"
            for seed, run in seeds.items()
        ]
        lines += ["", _seed_sentence(summary)]
    for kind, groups in by_kind(summary["groups"]):
        head = f"| {cell(kind)} | score | 95 % interval | guessing | samples |"
        lines += ["", f"## By {cell(kind)}", "", head, "|---|--:|---|--:|--:|"]
        lines += [
            f"| {cell(name)} | {score_text(group['score'])} | {interval_cell(group)} | {guessing_cell(group)} "
            f"| {group['num']} |"
            for name, group in groups.items()
        ]
    outcomes = {OUTCOME_WORDS[name]: count for name, count in summary["outcomes"].items() if count}
    tables = {
        "What came of the rollouts": outcomes,
        "How rollouts ended": summary["statuses"],
        "Model mistakes": summary["errors"],
        "Left out": summary["excluded"],
    }
    for title, counts in tables.items():
        if counts:
            lines += ["", f"## {title}", "", "| | |", "|---|--:|"]
            lines += [f"| {cell(name)} | {count} |" for name, count in counts.items()]
    return "\n".join(lines) + "\n"


# --- HTML -------------------------------------------------------------------------------------------------------------


def render_html(summary: Summary, *, seeds: Seeds | None = None) -> str:
    """The report as one HTML document: no script, nothing fetched."""
    link = "" if seeds else "rollouts.html"
    body = [_head(summary, link), _notice(_caveats(summary, seeds))]
    if seeds:
        body.append(_seed_section(summary, seeds))
    body.append(_outcome_section(summary, link))
    body.append(_rates_section(summary))
    aggregation = aggregation_of(summary["benchmark"])
    means = {mean.name for mean in aggregation.means} if aggregation else set()
    body += [_group_section(kind, groups, link, means) for kind, groups in by_kind(summary["groups"])]
    body += [_excluded_section(summary), _settings_section(summary)]
    title = f"{summary['benchmark']}: {score_text(summary['score'])}"
    return static_page(title, f"<main>{''.join(body)}</main>", styles=["theme.css", "report.css"])


def _head(summary: Summary, link: str) -> str:
    drawing = "drawing on" if summary["drawing"] else "drawing off"
    under = f"{summary['model']} \N{MIDDLE DOT} {drawing} \N{MIDDLE DOT} metric mode {summary['metric_mode']}"
    links = ""
    if link:
        wanted = [
            ("All rollouts", {}),
            ("wrong", {"verdict": "wrong", "status": "answered"}),
            ("truncated", {"status": "truncated"}),
        ]
        wanted += [("errors", {"status": "error"}), ("not scored", {"verdict": "unscored"})]
        there = {"All rollouts": 1, **{OUTCOME_WORDS[name]: num for name, num in summary["outcomes"].items()}}
        there["errors"] = there.pop("error")
        parts = [f'<a href="{_address(link, chosen)}">{name}</a>' for name, chosen in wanted if there[name]]
        links = f'<nav class="links" aria-label="Rollouts">{"".join(parts)}</nav>'
    samples = counted(summary["num"], "sample")
    rollouts = f", {summary['num_rollouts']:,} rollouts" if summary["num_rollouts"] != summary["num"] else ""
    stderr = "unknown" if summary["stderr"] is None else f"{summary['stderr']:.2f}"
    return (
        f"<header><h1>{escape(str(summary['benchmark']))}</h1><p class='quiet'>{escape(under)}</p></header>"
        f'<section class="card hero"><p class="score">{score_text(summary["score"])}<span>of 100</span></p>'
        f'<div class="hero-plot"><div class="scale">{score_bar(summary)}<p class="ends"><span>0</span><span>100</span>'
        f"</p></div><p><strong>{interval_text(summary)}</strong>, standard error {stderr}, "
        f"{samples}{rollouts}</p></div>{links}</section>"
    )


def _notice(sentences: Sequence[str]) -> str:
    said = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f'<section class="card notice" role="note"><h2>Before you trust it</h2><ul>{said}</ul></section>' * bool(
        said
    )


def _seed_section(summary: Summary, seeds: Seeds) -> str:
    rows = "".join(
        f'<tr><th scope="row"><a href="seed-{seed}/report.html">seed {seed}</a></th>'
        f'<td class="number">{score_text(run["score"])}</td><td class="plot">{score_bar(run)}</td>'
        f'<td class="number wide">{interval_cell(run)}</td><td class="number">{run["num"]:,}</td>'
        f'<td class="number wide">{rate_text(run["answered_rate"])}</td></tr>'
        for seed, run in seeds.items()
    )
    head = _table_head("", "score", "", "95 %", "samples", "answered", wide=(3, 5))
    return _section("By seed", f"<p>{escape(_seed_sentence(summary))}</p><table>{head}{rows}</table>")


def _outcome_section(summary: Summary, link: str) -> str:
    total = max(1, summary["num_rollouts"])
    chosen = {name: {"verdict": name} for name in ("right", "partly", "wrong", "unscored")}
    chosen["wrong"] |= {"status": "answered"}
    chosen |= {name: {"status": name} for name in ("truncated", "error")}
    legend = "".join(
        f'<li><span class="key of-{name}"></span>{_linked(OUTCOME_WORDS[name], link, chosen[name])} '
        f"<strong>{count:,}</strong> <span class='quiet'>{rate_text(count / total)}</span></li>"
        for name, count in summary["outcomes"].items()
        if count
    )
    endings = "".join(
        f'<tr><th scope="row">{_linked(status.replace("_", " "), link, {"status": status})}</th>'
        f'<td class="quiet wide">{escape(REASONS.get(status, ""))}</td>'
        f'<td class="number">{count:,}</td><td class="number">{rate_text(count / total)}</td></tr>'
        for status, count in summary["statuses"].items()
    )
    note = "<p class='quiet'>What ended without an answer scores 0. What is not scored is in no mean.</p>"
    html = f"{outcome_bar(summary['outcomes'])}<ul class='legend'>{legend}</ul>{note}"
    html += f"<table>{_table_head('ended', 'why', 'rollouts', '', words=(0, 1), wide=(1,))}{endings}</table>"
    if summary["errors"]:
        mistakes = "".join(
            f'<tr><th scope="row">{escape(kind.replace("_", " "))}</th><td class="number">{count:,}</td></tr>'
            for kind, count in summary["errors"].items()
        )
        html += "<h3>Mistakes that the model was told of</h3>"
        html += f"<table class='narrow'>{_table_head('kind', 'times')}{mistakes}</table>"
    return _section("What came of the rollouts", html)


def _rates_section(summary: Summary) -> str:
    tiles = "".join(
        f"<div><strong>{escape(value)}</strong><span>{escape(name)}</span></div>" for name, value in _headline(summary)
    )
    plots = "".join(
        f"<figure><figcaption>Rollouts by {what}</figcaption>{histogram(summary[key], f'Rollouts by {what}')}</figure>"
        for key, what in (("turn_counts", "turns"), ("drawing_counts", "drawings"))
        if summary[key]
    )
    return _section("Rates and lengths", f'<div class="tiles">{tiles}</div><div class="plots">{plots}</div>')


def _group_section(kind: str, groups: Mapping[str, Summary], link: str, means: Collection[str]) -> str:
    """Names lead to the rollouts of a group; those of `means` are over groups and have none of their own."""
    full = {name: f"{kind}={name}" for name in groups}
    rows = "".join(
        f'<tr><th scope="row">{_linked(name, "" if full[name] in means else link, {"group": full[name]})}</th>'
        f'<td class="number">{score_text(group["score"])}</td><td class="plot">{score_bar(group)}</td>'
        f'<td class="number wide">{interval_cell(group)}</td><td class="number wide">{guessing_cell(group)}</td>'
        f'<td class="number">{group["num"]:,}</td></tr>'
        for name, group in groups.items()
    )
    head = _table_head("", "score", "", "95 %", "guessing", "samples", wide=(3, 4))
    return _section(f"By {kind}", f'<table class="groups">{head}{rows}</table>')


def _excluded_section(summary: Summary) -> str:
    if not summary["excluded"]:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{escape(reason)}</th><td class="number">{count:,}</td></tr>'
        for reason, count in summary["excluded"].items()
    )
    return _section(
        "Left out",
        "<p>Items that could not be asked or scored as they stand; <code>excluded.jsonl</code> names each and says "
        f"why.</p><table class='narrow'>{_table_head('what was wrong', 'items')}{rows}</table>",
    )


def _settings_section(summary: Summary) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in _settings(summary)
    )
    return _section("Settings", f'<table class="settings">{rows}</table>')


def _section(title: str, html: str) -> str:
    return f'<section class="card"><h2>{escape(title)}</h2>{html}</section>'


def _table_head(*names: str, words: tuple[int, ...] = (0,), wide: tuple[int, ...] = ()) -> str:
    """Columns of `words`, the others of numbers; `wide` ones are left out on a narrow screen."""
    cells = "".join(
        f'<th scope="col" class="{"" if place in words else "number"}{" wide" if place in wide else ""}">{name}</th>'
        for place, name in enumerate(names)
    )
    return f"<thead><tr>{cells}</tr></thead>"


def _linked(text: str, link: str, chosen: Mapping[str, str]) -> str:
    return f'<a href="{_address(link, chosen)}">{escape(text)}</a>' if link else escape(text)


def _address(link: str, chosen: Mapping[str, str]) -> str:
    return escape(f"{link}#{urlencode(chosen, errors='replace')}" if chosen else link)


# --- what is told -----------------------------------------------------------------------------------------------------


def _caveats(summary: Summary, seeds: Seeds | None) -> list[str]:
    """Of a run, or of each of its seeds."""
    if not seeds:
        return caveats(summary)
    return said_once((f"seed {seed}", sentence) for seed, run in seeds.items() for sentence in caveats(run))


def _headline(summary: Summary) -> list[Row]:
    rows = [("by guessing", guessing_cell(summary))] if summary["guessing"] is not None else []
    rows += [(f"pass@{k}", score_text(value["score"])) for k, value in summary["pass_at"].items()]
    rows += [
        ("answered", rate_text(summary["answered_rate"])),
        ("truncated", rate_text(summary["truncated_rate"])),
        ("errors", rate_text(summary["error_rate"])),
        ("turns a rollout", f"{summary['mean_turns']:.2f}"),
        ("drawings a rollout", f"{summary['mean_drawings']:.2f}"),
        ("rollouts that draw", rate_text(_drew_rate(summary))),
        ("rollouts with a reflection", rate_text(summary["reflection_rate"])),
    ]
    if summary["drawing_score"] is not None:
        rows.append(("drawing score", score_text(summary["drawing_score"])))
    if summary["valid_marks"] is not None:
        rows.append(("marks that are true of the world", rate_text(summary["valid_marks"])))
    if summary["drawing_agreement"] is not None:
        rows.append(("answers that agree with the drawing", rate_text(summary["drawing_agreement"])))
    if summary["num_rollouts"]:
        rows.append(("seconds a rollout", f"{summary['seconds'] / summary['num_rollouts']:.1f}"))
        for key, name in (("num_context_tokens", "tokens read"), ("num_sampled_tokens", "tokens said")):
            if summary.get(key) is not None:
                rows.append((f"{name} a rollout", f"{summary[key] / summary['num_rollouts']:,.0f}"))
    return rows


def _drew_rate(summary: Summary) -> float | None:
    num = summary["num_rollouts"]
    return 1 - summary["drawing_counts"].get("0", 0) / num if num else None


def _settings(summary: Summary) -> list[Row]:
    keys = ("model", "drawing", "protocol", "style", "temperature", "seed", "metric_mode", "version", "config_hash")
    counts = ("num_rollouts", "num_unscored", "num_excluded", "num_bad_lines", "num_retried")
    told = summary | {"drawing": "on" if summary["drawing"] else "off"}
    rows = [(key.replace("_", " "), str(told[key])) for key in keys if key != "seed" or "seeds" not in summary]
    rows += [("seeds", ", ".join(summary["seeds"]))] if "seeds" in summary else []
    rows.append(("95 % intervals", "by bootstrap over samples; by Wilson where all scores are equal"))
    return rows + [(key[4:].replace("_", " "), str(summary[key])) for key in counts if summary[key]]


def _seed_sentence(summary: Summary) -> str:
    num = len(summary["seeds"])
    if summary["seed_mean"] is None:
        return f"{num} seeds, none of them scored."
    spread = summary["seed_spread"]
    between = "" if spread is None else f", standard deviation between seeds {spread:.2f}"
    return f"Mean of {counted(num, 'seed')}: {summary['seed_mean']:.2f}{between}."
