"""The marks on an image as numbers and colours, for pages that draw them over the clean base themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vilasr.drawing import Style, halo_colour, label_colour
from vilasr.types import Action, Box, Json, Line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vilasr.drawing.palette import Colour
    from vilasr.types import ImageRecipe


def describe_tracing(recipe: ImageRecipe, style: Style) -> Json:
    """How to trace the marks of an image; None where it has none. Lengths in pixels of the image.

    The page's tracing is close to what the policy saw and not equal to it: `vilasr view` has the very pixels.
    """
    if not recipe.instances:
        return None
    size = recipe.size
    rim_px = 0 if style.casing is None else style.casing.px(size)
    dots = style.dots
    return {
        "stroke": style.stroke.px(size),
        "font": style.font.px(size),
        "rim": rim_px,
        "dots": None if dots is None else [dots.radius_px, _hex(dots.start), _hex(dots.end)],
        "label_lines": style.label_lines,
        "marks": [_describe_mark(mark, recipe.instances, style) for mark in recipe.instances],
    }


def mark_colour(action: Action, marks: Sequence[Action], style: Style) -> Colour:
    """The colour that `action` has among the marks of its image."""
    if isinstance(action, Box) and style.box_colours:
        boxes = [mark for mark in marks if isinstance(mark, Box)]
        position = boxes.index(action) if action in boxes else 0
        return style.box_colours[position % len(style.box_colours)]
    if isinstance(action, Line) and style.line_colour is not None:
        return style.line_colour
    return label_colour(action.label)


def mark_px(action: Action) -> list[float]:
    """x1, y1, x2, y2 of a box; start and end of a line. Rounded to a tenth of a pixel."""
    match action:
        case Box(box_px=box_px):
            numbers: tuple[float, ...] = box_px
        case Line(start_px=start_px, end_px=end_px):
            numbers = (*start_px, *end_px)
    return [round(number, 1) for number in numbers]


def mark_hex(action: Action, marks: Sequence[Action], style: Style) -> str:
    """`mark_colour` as "#rrggbb"."""
    return _hex(mark_colour(action, marks, style))


def _describe_mark(mark: Action, marks: Sequence[Action], style: Style) -> Json:
    colour = mark_colour(mark, marks, style)
    return {
        "kind": mark.kind,
        "label": mark.label,
        "px": mark_px(mark),
        "colour": _hex(colour),
        "halo": _hex(halo_colour(colour)),
    }


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
