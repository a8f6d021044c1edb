"""Where the label of a mark goes: near it, whole inside the image, and off the labels and line ends already there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vilasr.drawing.marks import pixel_box
from vilasr.types import Action, Box, Line, Point, Size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Rect = tuple[float, float, float, float]
"""(left, top, right, bottom)."""

MAX_AVOIDED = 64
"""Only so many of the latest rectangles are avoided: a picture with more marks has no free place anyway."""


def place_label(mark: Action, text: Size, image: Size, gap_px: float, taken: Sequence[Rect]) -> tuple[int, int]:
    """Top-left corner for a label of size `text`, which must not be larger than the image.

    Of the places that suit the mark, moved into the image, the one that covers least of `taken` and was moved least;
    the first of equals.
    """
    places = _box_places(mark, text, image, gap_px) if isinstance(mark, Box) else _line_places(mark, text, gap_px)
    avoided = taken[-MAX_AVOIDED:]
    best, lowest = (0, 0), math.inf
    for place in places:
        wanted = round(place[0]), round(place[1])
        x = min(max(0, wanted[0]), image[0] - text[0])
        y = min(max(0, wanted[1]), image[1] - text[1])
        # Moved up or down, a label runs into its own mark; moved sideways, it is only less tidy.
        moved = text[0] * abs(y - wanted[1]) + text[1] * abs(x - wanted[0]) / 4
        cost = moved + covered_area((x, y, x + text[0], y + text[1]), avoided)
        if cost < lowest:
            best, lowest = (x, y), cost
        if cost == 0:
            break
    return best


def covered_area(rect: Rect, others: Sequence[Rect]) -> float:
    """The areas that a rectangle shares with each of the others, added up.

    >>> covered_area((0, 0, 10, 10), [(8, 8, 20, 20), (9, 0, 10, 5), (10, 0, 20, 10)])
    9.0
    """
    left, top, right, bottom = rect
    area = 0.0
    for other_left, other_top, other_right, other_bottom in others:
        if other_left < right and other_right > left and other_top < bottom and other_bottom > top:
            wide = min(right, other_right) - max(left, other_left)
            high = min(bottom, other_bottom) - max(top, other_top)
            area += wide * high
    return area


def _box_places(box: Box, text: Size, image: Size, gap_px: float) -> Iterator[Point]:
    """Above, below, above from the right; inside at the top and at the bottom if the label is not wider than that."""
    left, top, right, bottom = pixel_box(box.box_px, image)
    above, below = top - text[1] - gap_px, bottom + 1 + gap_px
    yield left, above
    yield left, below
    yield right + 1 - text[0], above
    inner = 2 * gap_px + 2
    if text[0] <= right + 1 - left - 2 * inner:
        yield left + inner, top + inner
        yield left + inner, bottom + 1 - inner - text[1]


def _line_places(line: Line, text: Size, gap_px: float) -> Iterator[Point]:
    """Beside the middle, above (or right of) the line and below it; then beside other points of it."""
    (x1, y1), (x2, y2) = line.start_px, line.end_px
    length = math.dist(line.start_px, line.end_px) or 1.0
    aside = ((y2 - y1) / length, -(x2 - x1) / length)
    if aside[1] > 0 or (aside[1] == 0 and aside[0] < 0):
        aside = (-aside[0], -aside[1])
    reach = (abs(aside[0]) * text[0] + abs(aside[1]) * text[1]) / 2 + gap_px
    for share in (0.5, 0.3, 0.7, 0.1, 0.9):
        for side in (1, -1):
            x = x1 + share * (x2 - x1) + side * reach * aside[0]
            y = y1 + share * (y2 - y1) + side * reach * aside[1]
            yield x - text[0] / 2, y - text[1] / 2
