"""From a label to a colour: the same in every frame, turn and process, and far from the colour of the label next to it.

Colours lie in OKLCh, where equal steps of hue look equally far apart
(B. Ottosson, "A perceptual color space for image processing", 2020).
"""

from __future__ import annotations

import hashlib
import math
from functools import lru_cache

Colour = tuple[int, int, int]
"""sRGB, 0..255."""

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)

GOLDEN_RATIO = (math.sqrt(5) - 1) / 2
LIGHTNESSES = (0.59, 0.51, 0.63)
CHROMA = 0.26
MIN_CONTRAST = 3.0
"""What WCAG 2 asks of graphics and large text."""


@lru_cache(maxsize=4096)
def label_colour(label: str) -> Colour:
    """The colour of a label.

    The last character counts up by golden-ratio steps of hue and the rest of the label decides where it starts. So
    labels that count ("A", "B", "C" or "step 1", "step 2") are as far apart as hues can be.
    """
    start = hashlib.sha256(label[:-1].encode("utf-8", "surrogatepass")).digest()
    index = int.from_bytes(start[:4], "big") + (ord(label[-1]) if label else 0)
    return oklch_to_srgb(LIGHTNESSES[index % len(LIGHTNESSES)], CHROMA, index * GOLDEN_RATIO % 1.0)


@lru_cache(maxsize=4096)
def halo_colour(colour: Colour) -> Colour:
    """White where it stands out against `colour`, so that the halos of a picture are mostly alike; else black."""
    return WHITE if contrast(colour, WHITE) >= MIN_CONTRAST else BLACK


def contrast(first: Colour, second: Colour) -> float:
    """WCAG 2 contrast ratio, 1 (equal) to 21 (black on white)."""
    darker, lighter = sorted((_luminance(first), _luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


def oklch_to_srgb(lightness: float, chroma: float, hue: float) -> Colour:
    """Lightness 0..1, chroma 0..0.4, hue in turns 0..1; chroma is lowered until sRGB can show the colour."""
    while True:
        linear = _oklch_to_linear(lightness, chroma, hue)
        if chroma <= 0.0 or all(-1e-4 <= channel <= 1.0001 for channel in linear):
            red, green, blue = (_encode(channel) for channel in linear)
            return red, green, blue
        chroma -= 0.005


def _oklch_to_linear(lightness: float, chroma: float, hue: float) -> tuple[float, float, float]:
    a, b = chroma * math.cos(math.tau * hue), chroma * math.sin(math.tau * hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _encode(channel: float) -> int:
    channel = min(1.0, max(0.0, channel))
    encoded = 12.92 * channel if channel <= 0.0031308 else 1.055 * channel ** (1 / 2.4) - 0.055
    return round(255 * encoded)


def _luminance(colour: Colour) -> float:
    def linear(value: int) -> float:
        share = value / 255
        return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)

    red, green, blue = colour
    return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
