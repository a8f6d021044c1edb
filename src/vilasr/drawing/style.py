"""How marks look, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vilasr.errors import InputError

if TYPE_CHECKING:
    from vilasr.drawing.palette import Colour
    from vilasr.types import Size


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """A length in pixels: `base` plus `slope` times the shorter side of the image, rounded, at least 1."""

    base: float
    slope: float = 0.0

    def px(self, size: Size) -> int:
        return max(1, round(self.base + self.slope * min(size)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Dots:
    """Line ends as filled dots of a fixed radius, one colour for starts and one for ends."""

    start: Colour
    end: Colour
    radius_px: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Style:
    """The look of all marks.

    Attributes:
        name: recorded in the rollout header; `style_named` finds the style by it.
        draw_at_model_size: the base is resized to what the model sees before marks are drawn, not after.
        stroke: width of box edges and lines.
        font: height of the label font.
        casing: width of the contrasting rim around marks and label text; None for no rim.
        box_colours: colours of boxes by position among the boxes, again from the first when used up; empty: a box has
            the colour of its label.
        line_colour: one colour for all lines; None: a line has the colour of its label.
        dots: line ends as dots; None: a ring at the start and an arrow head at the end.
        label_lines: lines show their label, as boxes do.
    """

    name: str
    draw_at_model_size: bool
    stroke: Scale
    font: Scale
    casing: Scale | None = None
    box_colours: tuple[Colour, ...] = ()
    line_colour: Colour | None = None
    dots: Dots | None = None
    label_lines: bool = True


DEFAULT = Style(
    name="default",
    draw_at_model_size=False,
    stroke=Scale(base=1.0, slope=1 / 224),
    font=Scale(base=6.0, slope=6 / 224),
    casing=Scale(base=0.5, slope=0.5 / 224),
)

PUBLISHED = Style(
    name="published",
    draw_at_model_size=True,
    stroke=Scale(base=4),
    font=Scale(base=14),
    box_colours=(
        (255, 0, 0),  # red
        (0, 128, 0),  # green
        (0, 0, 255),  # blue
        (255, 255, 0),  # yellow
        (255, 165, 0),  # orange
        (255, 192, 203),  # pink
        (128, 0, 128),  # purple
        (165, 42, 42),  # brown
        (128, 128, 128),  # gray
        (245, 245, 220),  # beige
        (64, 224, 208),  # turquoise
        (0, 255, 255),  # cyan
        (255, 0, 255),  # magenta
        (0, 255, 0),  # lime
        (0, 0, 128),  # navy
        (128, 0, 0),  # maroon
    ),
    line_colour=(0, 0, 0),
    dots=Dots(start=(255, 0, 0), end=(0, 0, 255), radius_px=4),
    label_lines=False,
)
"""What the published checkpoint saw: 4 px strokes at model size whatever the size, black lines from a red dot to a blue
dot of radius 4, box colours by position, labels on boxes only. The list of colours and the place of the label text are
ours, as close as known."""


def style_named(name: str) -> Style:
    """The style with this name.

    Raises:
        InputError: there is none.
    """
    styles = {style.name: style for style in (DEFAULT, PUBLISHED)}
    if name not in styles:
        known = " or ".join(styles)
        raise InputError("drawing style", expected=known, got=repr(name), remedy=f"Give --style {DEFAULT.name}.")
    return styles[name]
