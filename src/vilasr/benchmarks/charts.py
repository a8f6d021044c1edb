"""Plots as SVG elements. Their colours are classes of the style sheet, so they follow light and dark.

Bars are stretched to the width of their cell: inside them is no text.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from vilasr.benchmarks.wording import OUTCOME_WORDS, range_text, score_text, signed_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vilasr.types import Json

MAX_COLUMNS = 16
"""Of a histogram; the last one then stands for all larger counts."""
_COLUMN_PX, _HEIGHT_PX, _TEXT_PX = 30, 96, 18


def score_bar(estimate: Mapping[str, Json]) -> str:
    """A score, 0..100, as a bar, its interval as a whisker and what guessing gives as a line; nothing where it is
    unknown."""
    if estimate["score"] is None:
        return ""
    score, (low, high), guessing = estimate["score"], estimate["ci95"], estimate.get("guessing")
    shapes = f'<rect class="track" width="100" height="12"/><rect class="bar" width="{score:.2f}" height="12"/>'
    if guessing is not None:
        shapes += f'<line class="guessing" x1="{guessing:.2f}" x2="{guessing:.2f}" y1="0" y2="12"/>'
    return _stretched(f"{score_text(score)}, {range_text((low, high))}", shapes + _whisker(low, high))


def difference_bar(estimate: Mapping[str, Json], reach: float) -> str:
    """A difference and its interval on an axis from -reach to reach, with a line at zero."""
    if estimate["score"] is None:
        return ""

    def place(value: float) -> float:
        return 50 + 50 * max(-1.0, min(1.0, value / reach))

    score, (low, high) = estimate["score"], estimate["ci95"]
    left, right = sorted((50.0, place(score)))
    sign = "more" if score > 0 else "less"
    shapes = (
        f'<rect class="track" width="100" height="12"/>'
        f'<rect class="{sign}" x="{left:.2f}" width="{right - left:.2f}" height="12"/>'
        '<line class="zero" x1="50" x2="50" y1="0" y2="12"/>'
    )
    words = f"{signed_text(score)}, {range_text((low, high), signed=True)}"
    return _stretched(words, shapes + _whisker(place(low), place(high)))


def outcome_bar(outcomes: Mapping[str, int]) -> str:
    """The shares of the outcomes of rollouts, side by side."""
    total = sum(outcomes.values())
    if not total:
        return ""
    shapes, start = "", 0.0
    for name, count in outcomes.items():
        width = 100 * count / total
        if count:
            shapes += f'<rect class="of-{name}" x="{start:.3f}" width="{width:.3f}" height="12"/>'
        start += width
    return _stretched(", ".join(f"{OUTCOME_WORDS[name]} {count}" for name, count in outcomes.items() if count), shapes)


def histogram(counts: Mapping[str, int], what: str) -> str:
    """A column for every number from 0 or 1 up, such as rollouts by turns; `what` names it for those who cannot see."""
    columns = _columns({int(name): count for name, count in counts.items()})
    highest = max(count for _, count in columns)
    width = _COLUMN_PX * len(columns)
    shapes = ""
    for place, (name, count) in enumerate(columns):
        left, middle = place * _COLUMN_PX, place * _COLUMN_PX + _COLUMN_PX / 2
        high = max(1.0, _HEIGHT_PX * count / highest) if count else 0.0
        top = _TEXT_PX + _HEIGHT_PX - high
        shapes += f'<rect class="bar" x="{left + 3}" y="{top:.1f}" width="{_COLUMN_PX - 6}" height="{high:.1f}"/>'
        shapes += f'<text x="{middle}" y="{top - 5:.1f}">{_short(count)}</text>' if count else ""
        shapes += f'<text class="tick" x="{middle}" y="{2 * _TEXT_PX + _HEIGHT_PX - 3}">{name}</text>'
    floor = _TEXT_PX + _HEIGHT_PX
    shapes += f'<line class="zero" x1="0" x2="{width}" y1="{floor}" y2="{floor}"/>'
    return (
        f'<svg class="histogram" viewBox="0 0 {width} {_HEIGHT_PX + 2 * _TEXT_PX}" width="{width}" '
        f'height="{_HEIGHT_PX + 2 * _TEXT_PX}" role="img" aria-label="{escape(what)}">{shapes}</svg>'
    )


def _columns(counts: Mapping[int, int]) -> list[tuple[str, int]]:
    """[("0", 3), ("1", 0), ("2", 5)]; of more than MAX_COLUMNS the last is "15+"."""
    first, last = 0 if 0 in counts else 1, max(counts)
    if last - first < MAX_COLUMNS:
        return [(str(num), counts.get(num, 0)) for num in range(first, last + 1)]
    cut = first + MAX_COLUMNS - 1
    rest = sum(count for num, count in counts.items() if num >= cut)
    return [*((str(num), counts.get(num, 0)) for num in range(first, cut)), (f"{cut}+", rest)]


def _short(count: int) -> str:
    return str(count) if count < 10_000 else f"{count / 1000:.0f}k"


def _whisker(low: float, high: float) -> str:
    ends = "".join(f'<line class="whisker" x1="{x:.2f}" x2="{x:.2f}" y1="3" y2="9"/>' for x in (low, high))
    return f'<line class="whisker" x1="{low:.2f}" x2="{high:.2f}" y1="6" y2="6"/>{ends}'


def _stretched(words: str, shapes: str) -> str:
    return (
        '<svg class="stretched" viewBox="0 0 100 12" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(words)}">{shapes}</svg>'
    )
