"""Masks of letters and markers, made once per size and kept."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

_FONTS = ("DejaVuSans.ttf", "DejaVuSerif-Bold.ttf", "DejaVuSansMono-Bold.ttf", "STIXGeneralBol.ttf")
_OVERSAMPLING = 4


@lru_cache(maxsize=256)
def _font(number: int, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(Path(__file__).parent / "fonts" / _FONTS[number], size)


@lru_cache(maxsize=4096)
def text_mask(text: str, font: int, size: int) -> Image.Image:
    """The text as an "L" mask, cropped to its ink."""
    face = _font(font, size)
    left, top, right, bottom = face.getbbox(text)
    mask = Image.new("L", (math.ceil(right - left), math.ceil(bottom - top)))
    ImageDraw.Draw(mask).text((-left, -top), text, font=face, fill=255)
    return mask.crop(mask.getbbox())


@lru_cache(maxsize=512)
def marker_mask(shape: str, size: int) -> Image.Image:
    """A marker of `size` px across as an "L" mask: disc, square, diamond, ring or triangle."""
    large = size * _OVERSAMPLING
    last = large - 1
    mask = Image.new("L", (large, large))
    pen = ImageDraw.Draw(mask)
    if shape == "disc":
        pen.ellipse((0, 0, last, last), fill=255)
    elif shape == "ring":
        pen.ellipse((0, 0, last, last), outline=255, width=max(_OVERSAMPLING, large // 4))
    elif shape == "square":
        inset = large // 14
        pen.rectangle((inset, inset, last - inset, last - inset), fill=255)
    elif shape == "diamond":
        pen.polygon(((last / 2, 0), (last, last / 2), (last / 2, last), (0, last / 2)), fill=255)
    else:
        pen.polygon(((last / 2, 0), (last, last), (0, last)), fill=255)
    return mask.resize((size, size), Image.Resampling.BOX)
