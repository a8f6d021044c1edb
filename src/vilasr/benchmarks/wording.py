"""How the reports say numbers, and what a reader must know before trusting them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vilasr.plurals import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from vilasr.types import Json

Summary = dict[str, "Json"]
Row = tuple[str, str]

REASONS = {
    "answered": "gave an answer",
    "truncated_turns": "used up its turns without an answer",
    "truncated_images": "used up its images without an answer",
    "truncated_length": "ran into the limit of tokens",
    "timeout": "took longer than its limit of seconds",
    "invalid_action": "too many mistakes: the last one is told in the rollout",
    "no_action": "said nothing that draws or answers, too often",
    "duplicate_action": "drew the same once more, too often",
    "policy_error": "the model or its server failed; the rollout says how",
}
"""Why a rollout ended, by status."""

INTERVALS = {"bootstrap": "by bootstrap", "wilson": "by Wilson", "range": "for want of samples"}
"""How a 95 % interval was found, by `IntervalKind`."""

OUTCOME_WORDS = {
    "right": "right",
    "partly": "partly right",
    "wrong": "wrong",
    "truncated": "truncated",
    "error": "error",
    "unscored": "not scored",
}


def score_text(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1f}"


def signed_text(value: float | None) -> str:
    return "unknown" if value is None else f"{round(value, 1) + 0.0:+.1f}"


def rate_text(value: float | None) -> str:
    return "unknown" if value is None else f"{100 * value:.1f} %"


def range_text(bounds: tuple[float, float], *, signed: bool = False) -> str:
    """
    >>> range_text((-1.25, 3.0)), range_text((-1.25, 3.0), signed=True)
    ('-1.2 to 3.0', '-1.2 to +3.0')
    """
    low, high = (signed_text(bound) if signed else score_text(bound) for bound in bounds)
    return f"{low} to {high}"


def interval_text(estimate: Mapping[str, Json]) -> str:
    """The 95 % interval of an estimate, and which it is.

    >>> interval_text({"ci95": (43.8494, 100.0), "interval": "wilson"})
    '95 % interval 43.8 to 100.0 by Wilson'
    """
    return f"95 % interval {range_text(estimate['ci95'])} {INTERVALS[estimate['interval']]}"


def interval_cell(estimate: Mapping[str, Json]) -> str:
    """The same in a table of intervals, where only what is no bootstrap is named."""
    kind = estimate["interval"]
    return range_text(estimate["ci95"]) + ("" if kind == "bootstrap" else f" {INTERVALS[kind]}")


def guessing_cell(estimate: Mapping[str, Json]) -> str:
    """What guessing gives, empty where that is not defined."""
    return "" if estimate["guessing"] is None else score_text(estimate["guessing"])


def estimate_text(estimate: Mapping[str, Json]) -> str:
    """95 % interval, standard error and number of samples of an estimate with those keys."""
    stderr = "unknown" if estimate["stderr"] is None else f"{estimate['stderr']:.2f}"
    return f"{interval_text(estimate)}, standard error {stderr}, {counted(estimate['num'], 'sample')}"


def cell(value: Json) -> str:
    """Text that stays inside its Markdown cell and is no markup."""
    return re.sub(r"([\\|`*_<>\[\]])", r"\\\1", " ".join(str(value).split()))


def by_kind(groups: Mapping[str, Summary]) -> Iterator[tuple[str, dict[str, Summary]]]:
    """Groups named "kind=name" by kind, in natural order ("10" after "9"); a kind of one group says nothing and is left
    out."""
    kinds: dict[str, dict[str, Summary]] = {}
    for full in sorted(groups, key=_natural):
        kind, _, name = full.partition("=")
        kinds.setdefault(kind if name else "group", {})[name or full] = groups[full]
    yield from ((kind, members) for kind, members in kinds.items() if len(members) > 1)


def caveats(summary: Summary) -> list[str]:
    """What the score leaves out, in sentences; empty when it is the score of the whole benchmark."""
    said = []
    num, num_items = summary["num"], summary.get("num_items")
    if not summary.get("complete", True):
        said.append(
            f"This run is not complete: its time was up after {counted(num, 'sample')}. Go on with it by --resume."
        )
    if num_items is not None and num + summary["num_excluded"] < num_items:
        said.append(f"This is a part of the benchmark: {num:,} of {counted(num_items, 'item')}.")
    if summary["missing_groups"]:
        names = ", ".join(name.partition("=")[2] or name for name in summary["missing_groups"])
        said.append(
            f"No item of {names} is in it. The score is the mean over the other groups, and not comparable with that "
            "of the whole benchmark."
        )
    if failures := summary["statuses"].get("policy_error", 0):
        said.append(
            f"{counted(failures, 'rollout')} ended because the model could not be reached or failed, and counted as 0. "
            "--resume tries again."
        )
    if summary["num_retried"]:
        said.append(
            f"Tried again: {counted(summary['num_retried'], 'rollout')}, for the model could not be reached or failed. "
            "The last attempt counts."
        )
    if summary["num_unscored"]:
        said.append(
            f"Not scored: {counted(summary['num_unscored'], 'rollout')}, for want of a right answer that can be read. "
            "Unscored is not zero: they are in no mean."
        )
    if summary["num_excluded"]:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in summary["excluded"].items())
        said.append(f"Left out: {counted(summary['num_excluded'], 'item')}, in no mean, for what is wrong: {reasons}.")
    if summary["num_bad_lines"]:
        said.append(f"Not read: {counted(summary['num_bad_lines'], 'line')} of the rollout file, broken or cut off.")
    if summary["num"] == 1:
        said.append("One sample says nothing about the spread: the interval is the whole range.")
    return said


def said_once(sentences: Iterable[tuple[str, str]]) -> list[str]:
    """From (of what, sentence): each sentence once, after all that it holds of.

    >>> said_once([("a", "It is a part."), ("a", "It is old."), ("b", "It is a part.")])
    ['a, b: It is a part.', 'a: It is old.']
    """
    names: dict[str, list[str]] = {}
    for name, sentence in sentences:
        names.setdefault(sentence, []).append(name)
    return [f"{', '.join(of)}: {sentence}" for sentence, of in names.items()]


def _natural(text: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", text)]
