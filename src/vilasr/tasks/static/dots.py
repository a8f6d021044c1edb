"""Dots painted into a picture: a plain one to point at a place, or discs with letters."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vilasr.types import Box

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from vilasr.tasks.scenes.world import SceneObject
    from vilasr.tasks.static.look import Look
    from vilasr.types import Point

DOT_COLORS = {"red": (225, 20, 30), "blue": (20, 60, 230), "green": (0, 160, 40), "yellow": (250, 220, 0)}
_DISC = (20, 20, 24)
_RIM = (255, 255, 255)
_OVERSAMPLING = 4
_FAR = 15.0
"""m: beyond the walls of any room."""
_BOX_RADII = 2
"""How far the box around a dot reaches from its middle pixel, in radii: boxes of a few pixels cannot be drawn well."""


def dot_radius(size: tuple[int, int], letter: str = "") -> int:
    """In px: 2 % of the picture's shorter side, 2.8 % for a disc with a letter in it; at least 2 and 4."""
    return max(4, round(min(size) * 0.028)) if letter else max(2, round(min(size) * 0.02))


def place_for_dot(look: Look, thing: SceneObject | None, radius: int, rng: random.Random) -> Point | None:
    """A pixel where a disc covers nothing but the thing (or, for None, but floor and walls), any such as likely.

    None when there is none.
    """
    if thing is None:
        x1, y1, x2, y2 = 0, 0, *look.size
        inside = (look.view.labels < 0) & (look.view.depth < _FAR)
    else:
        x1, y1, x2, y2 = look.view.boxes_px[thing.name]
        inside = look.view.labels[y1:y2, x1:x2] == look.scene.objects.index(thing)
    side = 2 * radius + 1
    if min(inside.shape) < side:
        return None
    sums = np.zeros((inside.shape[0] + 1, inside.shape[1] + 1), np.int32)
    sums[1:, 1:] = inside.cumsum(0, np.int32).cumsum(1, np.int32)
    squares = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    rows, columns = np.nonzero(squares == side * side)
    if not len(rows):
        return None
    number = rng.randrange(len(rows))
    return (x1 + float(columns[number]) + radius, y1 + float(rows[number]) + radius)


def box_around(point: Point, radius: int, size: tuple[int, int], label: str) -> Box:
    """A box around a dot, inside the picture, of whole pixels: halves would be lost when a small one is drawn."""
    (x, y), reach = point, _BOX_RADII * radius
    corners = (max(0.0, x - reach), max(0.0, y - reach), min(size[0], x + 1 + reach), min(size[1], y + 1 + reach))
    return Box(image_index=1, box_px=corners, label=label)


def paint_dots(picture: Image.Image, dots: Sequence[tuple[Point, str]], color: tuple[int, int, int]) -> Image.Image:
    """A copy with the dots in it: of the colour, or dark discs where they bear a letter."""
    painted = picture.copy()
    for (x, y), letter in dots:
        radius = dot_radius(picture.size, letter)
        stamp, mask = _stamp(radius, letter, _DISC if letter else color)
        painted.paste(stamp, (round(x) - radius, round(y) - radius), mask)
    return painted


@lru_cache(maxsize=256)
def _stamp(radius: int, letter: str, color: tuple[int, int, int]) -> tuple[Image.Image, Image.Image]:
    """(RGB, mask), each 2 * radius + 1 px square."""
    side = (2 * radius + 1) * _OVERSAMPLING
    rim = max(1, radius // 5) * _OVERSAMPLING
    stamp, mask = Image.new("RGB", (side, side), _RIM), Image.new("L", (side, side))
    ImageDraw.Draw(mask).ellipse((0, 0, side - 1, side - 1), fill=255)
    draw = ImageDraw.Draw(stamp)
    draw.ellipse((rim, rim, side - 1 - rim, side - 1 - rim), fill=color)
    if letter:
        font = ImageFont.load_default(size=radius * 1.5 * _OVERSAMPLING)
        draw.text((side / 2, side / 2), letter, fill=_RIM, font=font, anchor="mm")
    small = (2 * radius + 1, 2 * radius + 1)
    return stamp.resize(small, Image.Resampling.BOX), mask.resize(small, Image.Resampling.BOX)
