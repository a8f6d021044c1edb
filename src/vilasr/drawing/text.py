"""Label text as masks: any string becomes one line of glyphs that fits a given space, with the room for a halo."""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from vilasr.drawing.faces import REPLACEMENT, SHIPPED, Face, covers, face_for, load_font

if TYPE_CHECKING:
    from vilasr.types import Size

ELLIPSIS = "…"
JOINERS = "\u200c\u200d"
MAX_CHARACTERS = 256
"""Longer labels are cut before measuring; no image shows so many."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TextMask:
    """Coverage of a text ("L") and of the same text grown by the halo ("L"), both of one size."""

    glyphs: Image.Image
    halo: Image.Image

    @property
    def size(self) -> Size:
        return self.halo.size


@lru_cache(maxsize=256)
def text_mask(text: str, *, font_px: int, halo_px: int, max_size: Size) -> TextMask | None:
    """`text` cut with an ellipsis to fit `max_size`; None when nothing visible fits.

    Args:
        font_px: em height.
        halo_px: width of the halo around the glyphs; 0 for none.
        max_size: the mask is not larger than this.
    """
    shown = _fit(clean_text(text), font_px, max_size[0] - 2 * halo_px)
    mask = _line_mask(shown, font_px, halo_px) if shown else None
    if mask is None or mask.size[1] > max_size[1]:
        return None
    if mask.size[0] > max_size[0]:
        box = (0, 0, max_size[0], mask.size[1])
        return TextMask(glyphs=mask.glyphs.crop(box), halo=mask.halo.crop(box))
    return mask


@lru_cache(maxsize=256)
def _line_mask(text: str, font_px: int, halo_px: int) -> TextMask | None:
    """All of a clean text, cropped to its ink; None when there is no ink."""
    # Ink may lie outside the advance widths, and stacked accents above the ascent: draw with room, then crop.
    margin = font_px + halo_px
    size = (math.ceil(_width(text, font_px)) + 2 * margin, 3 * margin)
    glyphs, halo = (_draw(text, font_px, size, margin, stroke_px) for stroke_px in (0, halo_px))
    ink = halo.getbbox()
    return None if ink is None else TextMask(glyphs=glyphs.crop(ink), halo=halo.crop(ink))


def clean_text(text: str) -> str:
    """What of a label can be drawn on one line, in composed form.

    White space and control characters become single spaces, invisible formatting (direction overrides, variation
    selectors, NUL) goes, lone surrogates and characters that no font has become the replacement character.

    >>> clean_text("a\\n\\tb\\x00\\ud800")
    'a b�'
    """
    characters = (_clean_character(character) for character in text[:MAX_CHARACTERS])
    composed = unicodedata.normalize("NFC", " ".join("".join(characters).split()))
    return "".join(c if c in JOINERS or face_for(c) is not None else REPLACEMENT for c in composed)


def _clean_character(character: str) -> str:
    if character.isspace():
        return " "
    if "\ufe00" <= character <= "\ufe0f" or character == "\x00":
        return ""
    match unicodedata.category(character):
        case "Cc" | "Zs" | "Zl" | "Zp":
            return " "
        case "Cf":
            return character if character in JOINERS else ""
        case "Cs" | "Cn" | "Co":
            return REPLACEMENT
        case _:
            return character


def _fit(text: str, font_px: int, max_width: int) -> str:
    """The text, or its longest beginning that leaves room for an ellipsis; empty when not even that fits."""
    if _width(text, font_px) <= max_width:
        return text
    fits, too_long = -1, len(text)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if _width(text[:middle].rstrip() + ELLIPSIS, font_px) <= max_width:
            fits = middle
        else:
            too_long = middle
    return "" if fits < 0 else text[:fits].rstrip() + ELLIPSIS


@lru_cache(maxsize=1024)
def _runs(text: str) -> tuple[tuple[Face, str], ...]:
    """The text in pieces of one face each. Accents and joiners stay with the face of the letter before."""
    faces: list[Face] = []
    for character in text:
        follows = bool(faces) and (character in JOINERS or unicodedata.category(character).startswith("M"))
        if follows and (character in JOINERS or covers(faces[-1], character)):
            faces.append(faces[-1])
        else:
            faces.append(face_for(character) or SHIPPED)
    pieces = groupby(zip(faces, text, strict=True), key=lambda pair: pair[0])
    return tuple((face, "".join(character for _, character in pairs)) for face, pairs in pieces)


def _fonts(text: str, font_px: int) -> list[tuple[ImageFont.FreeTypeFont, str]]:
    return [(load_font(face, font_px, not piece.isascii()), piece) for face, piece in _runs(text)]


@lru_cache(maxsize=4096)
def _width(text: str, font_px: int) -> float:
    return sum(font.getlength(piece) for font, piece in _fonts(text, font_px))


def _draw(text: str, font_px: int, size: Size, margin: int, stroke_px: int) -> Image.Image:
    mask = Image.new("L", size)
    draw = ImageDraw.Draw(mask)
    x = float(margin)
    for font, piece in _fonts(text, font_px):
        draw.text((x, 2 * margin), piece, fill=255, font=font, anchor="ls", stroke_width=stroke_px)
        x += font.getlength(piece)
    return mask
