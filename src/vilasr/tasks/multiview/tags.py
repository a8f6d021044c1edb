"""Boxes that belong to the pictures of a sample: outlined in colour, with a letter in a badge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import ImageDraw

from vilasr.drawing.faces import SHIPPED, load_font

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image

    from vilasr.types import Box

MARKED = (255, 40, 40)
"""Colour of the box without a letter."""
_LETTERED = {"A": (255, 196, 0), "B": (0, 220, 255), "C": (120, 255, 60), "D": (255, 90, 230)}
_INK = (0, 0, 0)
_Rect = tuple[int, int, int, int]


def paint_tags(image: Image, tags: Sequence[Box]) -> Image:
    """A new image with the tags on it; the badges go on last, so that no outline crosses a letter."""
    painted = image.copy()
    draw = ImageDraw.Draw(painted)
    line = max(2, round(min(image.size) / 110))
    for tag in tags:
        x1, y1, x2, y2 = _rect(tag)
        outline = (
            max(0, x1 - line),
            max(0, y1 - line),
            min(image.width, x2 + line) - 1,
            min(image.height, y2 + line) - 1,
        )
        draw.rectangle(outline, outline=_INK, width=line + 1)
        draw.rectangle(outline, outline=_LETTERED.get(tag.label, MARKED), width=line)
    badges: list[_Rect] = []
    for tag in tags:
        if tag.label:
            others = [_rect(other) for other in tags if other is not tag]
            badges.append(_badge(draw, tag, image.size, [*others, *badges, *badges]))
    return painted


def _rect(tag: Box) -> _Rect:
    x1, y1, x2, y2 = tag.box_px
    return (round(x1), round(y1), round(x2), round(y2))


def _badge(draw: ImageDraw.ImageDraw, tag: Box, size: tuple[int, int], taken: Sequence[_Rect]) -> _Rect:
    """A letter on a filled square at the corner of its box that touches the fewest of `taken`; where it is."""
    side = max(14, round(min(size) / 15))
    x1, y1, x2, y2 = _rect(tag)
    corners = ((x1, y1 - side), (x2 - side, y1 - side), (x1, y2), (x2 - side, y2), (x1, y1), (x2 - side, y2 - side))
    places = [(min(max(0, x), size[0] - side), min(max(0, y), size[1] - side)) for x, y in corners]
    x, y = min(places, key=lambda place: _crossings(place, side, taken))
    square = (x, y, x + side - 1, y + side - 1)
    draw.rectangle(square, fill=_LETTERED.get(tag.label, MARKED), outline=_INK)
    font = load_font(SHIPPED, round(0.8 * side), False)
    draw.text((x + side / 2, y + side / 2), tag.label, fill=_INK, font=font, anchor="mm")
    return square


def _crossings(place: tuple[int, int], side: int, taken: Sequence[_Rect]) -> int:
    x, y = place
    return sum(x < right and x + side > left and y < low and y + side > high for left, high, right, low in taken)
