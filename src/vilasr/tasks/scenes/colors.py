"""Colours that have a name, and the neutral ones of legs, handles and screens."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    from vilasr.tasks.scenes.world import Rgb

COLORS: dict[str, tuple[Rgb, ...]] = {
    "red": ((0.78, 0.10, 0.10), (0.68, 0.06, 0.09), (0.84, 0.15, 0.13)),
    "orange": ((0.95, 0.46, 0.05), (0.92, 0.42, 0.08), (0.98, 0.51, 0.12)),
    "yellow": ((0.95, 0.82, 0.12), (0.98, 0.86, 0.26), (0.90, 0.76, 0.08)),
    "green": ((0.13, 0.50, 0.18), (0.20, 0.60, 0.22), (0.10, 0.42, 0.20)),
    "blue": ((0.10, 0.28, 0.72), (0.14, 0.38, 0.84), (0.08, 0.22, 0.60)),
    "purple": ((0.44, 0.17, 0.62), (0.52, 0.25, 0.70), (0.40, 0.14, 0.56)),
    "pink": ((0.95, 0.52, 0.68), (0.97, 0.60, 0.74), (0.93, 0.45, 0.63)),
    "brown": ((0.38, 0.22, 0.12), (0.44, 0.26, 0.14), (0.33, 0.19, 0.11)),
    "black": ((0.07, 0.07, 0.08), (0.10, 0.10, 0.10), (0.06, 0.06, 0.07)),
    "white": ((0.93, 0.93, 0.91), (0.90, 0.91, 0.92), (0.95, 0.94, 0.90)),
}
"""Every shade of a word is closer to another shade of it than to any shade of another word."""

ANY = tuple(COLORS)

CHROME: Rgb = (0.74, 0.75, 0.77)
STEEL: Rgb = (0.52, 0.53, 0.55)
CHARCOAL: Rgb = (0.16, 0.16, 0.17)
SCREEN: Rgb = (0.05, 0.06, 0.09)
PAPER: Rgb = (0.93, 0.91, 0.84)
CREAM: Rgb = (0.96, 0.93, 0.84)
OAK: Rgb = (0.62, 0.44, 0.26)
WALNUT: Rgb = (0.34, 0.22, 0.14)
BEECH: Rgb = (0.76, 0.58, 0.38)
LEAF: Rgb = (0.16, 0.46, 0.16)
SOIL: Rgb = (0.20, 0.14, 0.10)
COFFEE: Rgb = (0.20, 0.11, 0.06)

WOODS = (OAK, WALNUT, BEECH)


def shade(word: str, rng: random.Random) -> Rgb:
    """One of the shades that the word names."""
    return rng.choice(COLORS[word])


def darker(color: Rgb, by: float = 0.35) -> Rgb:
    """Towards black: 0 is the colour itself, 1 is black."""
    return _mixed(color, (0.0, 0.0, 0.0), by)


def lighter(color: Rgb, by: float = 0.35) -> Rgb:
    """Towards white: 0 is the colour itself, 1 is white."""
    return _mixed(color, (1.0, 1.0, 1.0), by)


def set_off(color: Rgb, by: float = 0.3) -> Rgb:
    """A tone of the colour that can be told from it: lighter for dark colours, darker for the others; of white, which
    is grey before long, only a little."""
    if luminance(color) < 0.2:
        return lighter(color, by * 0.6)
    return darker(color, by * 0.4 if min(color) > 0.85 else by)


def luminance(color: Rgb) -> float:
    """0 to 1, of the values as they are, without gamma."""
    red, green, blue = color
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _mixed(color: Rgb, other: Rgb, share: float) -> Rgb:
    red, green, blue = (here + (there - here) * share for here, there in zip(color, other, strict=True))
    return (red, green, blue)
