"""A clean base and its marks to the picture that the policy sees. Pure and deterministic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vilasr.drawing.labels import Rect, place_label
from vilasr.drawing.marks import Casing, arrow_length, draw_arrow, draw_box, draw_dotted_line, ring_radius
from vilasr.drawing.palette import Colour, halo_colour, label_colour
from vilasr.drawing.style import DEFAULT, Style
from vilasr.drawing.text import text_mask
from vilasr.types import Action, Box, Line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL import Image


def render(base: Image.Image, instances: Sequence[Action], style: Style = DEFAULT) -> Image.Image:
    """A new RGB image: `base` with the marks in their order, and above all marks their labels.

    `base` is left untouched, so marks that are gone leave nothing behind: no marks give the pixels of `base`.
    """
    image = base.convert("RGB")
    colours = _colours(instances, style)
    for mark, colour in zip(instances, colours, strict=True):
        _draw_mark(image, mark, colour, style)
    _draw_labels(image, instances, colours, style)
    return image


def _colours(instances: Sequence[Action], style: Style) -> list[Colour]:
    colours = []
    num_boxes = 0
    for mark in instances:
        if isinstance(mark, Box) and style.box_colours:
            colours.append(style.box_colours[num_boxes % len(style.box_colours)])
            num_boxes += 1
        elif isinstance(mark, Line) and style.line_colour is not None:
            colours.append(style.line_colour)
        else:
            colours.append(label_colour(mark.label))
    return colours


def _draw_mark(image: Image.Image, mark: Action, colour: Colour, style: Style) -> None:
    stroke_px = style.stroke.px(image.size)
    casing: Casing | None = None
    if style.casing is not None:
        casing = style.casing.px(image.size), halo_colour(colour)
    if isinstance(mark, Box):
        draw_box(image, mark.box_px, colour, stroke_px, casing)
    elif style.dots is not None:
        draw_dotted_line(image, mark.start_px, mark.end_px, colour, stroke_px, style.dots)
    else:
        draw_arrow(image, mark.start_px, mark.end_px, colour, stroke_px, casing)


def _draw_labels(image: Image.Image, marks: Sequence[Action], colours: Sequence[Colour], style: Style) -> None:
    stroke_px, font_px = style.stroke.px(image.size), style.font.px(image.size)
    casing_px = 0 if style.casing is None else style.casing.px(image.size)
    halo_px = casing_px and max(casing_px, font_px // 8)
    taken = [rect for mark in marks if isinstance(mark, Line) for rect in _line_ends(mark, stroke_px)]
    for mark, colour in zip(marks, colours, strict=True):
        if isinstance(mark, Line) and not style.label_lines:
            continue
        text = text_mask(mark.label, font_px=font_px, halo_px=halo_px, max_size=image.size)
        if text is None:
            continue
        gap_px = stroke_px / 2 + casing_px if isinstance(mark, Line) else casing_px
        x, y = place_label(mark, text.size, image.size, gap_px, taken)
        box = (x, y, x + text.size[0], y + text.size[1])
        if halo_px:
            image.paste(halo_colour(colour), box, text.halo)
        image.paste(colour, box, text.glyphs)
        taken.append(box)


def _line_ends(line: Line, stroke_px: int) -> tuple[Rect, Rect]:
    """The squares around both ends, which no label should cover."""
    ring_px, head_px = ring_radius(stroke_px), arrow_length(stroke_px)
    (x1, y1), (x2, y2) = line.start_px, line.end_px
    return (
        (x1 - ring_px, y1 - ring_px, x1 + ring_px, y1 + ring_px),
        (x2 - head_px / 2, y2 - head_px / 2, x2 + head_px / 2, y2 + head_px / 2),
    )
