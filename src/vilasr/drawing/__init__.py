"""Drawing without destroying: safe images in, marks as state, pictures rendered afresh from the clean base."""

from __future__ import annotations

from vilasr.drawing.images import ImageLimits, content_key, is_whole_png, load_image, open_image, save_png
from vilasr.drawing.palette import halo_colour, label_colour
from vilasr.drawing.render import render
from vilasr.drawing.state import add_marks
from vilasr.drawing.style import DEFAULT, PUBLISHED, Style, style_named

__all__ = [
    "DEFAULT",
    "PUBLISHED",
    "ImageLimits",
    "Style",
    "add_marks",
    "content_key",
    "halo_colour",
    "is_whole_png",
    "label_colour",
    "load_image",
    "open_image",
    "render",
    "save_png",
    "style_named",
]
