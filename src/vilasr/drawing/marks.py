"""Boxes and lines as pixels.

Slanted shapes are anti-aliased: drawn `SUPERSAMPLING` times larger on a small mask, scaled down, pasted. Masks are
kept, since a mark is drawn again in every later picture of a rollout. Axis-parallel edges lie on whole pixels instead.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from vilasr.drawing.palette import Colour

if TYPE_CHECKING:
    from vilasr.drawing.style import Dots
    from vilasr.types import Point, Size

Casing = tuple[int, Colour]
"""Width in pixels and colour of the rim around a mark."""

SUPERSAMPLING = 3
STRIP_PX = 48
"""A slanted stroke is painted in strips of this length: the masks together then cover little more than the stroke."""


def draw_box(
    image: Image.Image, box_px: tuple[float, float, float, float], colour: Colour, stroke_px: int, casing: Casing | None
) -> None:
    """Edges inside the box, `stroke_px` wide, at least one pixel visible; the casing goes around both their sides."""
    left, top, right, bottom = pixel_box(box_px, image.size)
    draw = ImageDraw.Draw(image)
    shorter = min(right - left, bottom - top) + 1
    if casing is not None:
        rim, rim_colour = casing
        # No inner rim in a box that would be filled by it.
        edge = stroke_px + 2 * rim if shorter > 2 * (stroke_px + rim) else stroke_px + rim
        _frame(draw, (left - rim, top - rim, right + rim, bottom + rim), edge, rim_colour)
    _frame(draw, (left, top, right, bottom), stroke_px, colour)


def draw_arrow(
    image: Image.Image, start: Point, end: Point, colour: Colour, stroke_px: int, casing: Casing | None
) -> None:
    """A line with a ring at its start and an arrow head at its end."""
    start, end = _on_pixel_grid(start, end, stroke_px)
    rim, rim_colour = casing or (0, colour)
    ring_px = ring_radius(stroke_px)
    length = math.dist(start, end)
    if length > 0:
        along = ((end[0] - start[0]) / length, (end[1] - start[1]) / length)
        head_px = min(arrow_length(stroke_px), 0.7 * length)
        neck = (end[0] - 0.8 * head_px * along[0], end[1] - 0.8 * head_px * along[1])
        if rim:
            _stroke(image, start, neck, stroke_px + 2 * rim, rim_colour)
            _fill_polygon(image, _arrow_head(end, along, head_px, rim), rim_colour)
        _stroke(image, start, neck, stroke_px, colour)
        _fill_polygon(image, _arrow_head(end, along, head_px, 0), colour)
    if rim:
        _fill_disc(image, start, ring_px + rim, rim_colour)
    _fill_disc(image, start, ring_px, colour)
    if casing is not None:
        _fill_disc(image, start, max(0.75, ring_px - stroke_px), rim_colour)


def ring_radius(stroke_px: int) -> float:
    return 1.25 * stroke_px + 1.25


def arrow_length(stroke_px: int) -> float:
    return 3.0 * stroke_px + 3.0


def draw_dotted_line(image: Image.Image, start: Point, end: Point, colour: Colour, stroke_px: int, dots: Dots) -> None:
    """A plain line with a dot at each end, without anti-aliasing."""
    draw = ImageDraw.Draw(image)
    ends = [(round(x), round(y)) for x, y in (start, end)]
    draw.line(ends, fill=colour, width=stroke_px)
    for (x, y), dot_colour in zip(ends, (dots.start, dots.end), strict=True):
        radius = dots.radius_px
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=dot_colour)


def pixel_box(box_px: tuple[float, float, float, float], size: Size) -> tuple[int, int, int, int]:
    """The first and last column and row of a box, all inside the image.

    >>> pixel_box((10.0, 20.0, 30.0, 40.0), (30, 30))
    (10, 20, 29, 29)
    """
    left, right = _pixel_range(box_px[0], box_px[2], size[0])
    top, bottom = _pixel_range(box_px[1], box_px[3], size[1])
    return left, top, right, bottom


def _pixel_range(low: float, high: float, side: int) -> tuple[int, int]:
    first = min(max(0, round(low)), side - 1)
    return first, min(max(first, round(high) - 1), side - 1)


def _frame(draw: ImageDraw.ImageDraw, corners: tuple[int, int, int, int], edge_px: int, colour: Colour) -> None:
    left, top, right, bottom = corners
    if 2 * edge_px > min(right - left, bottom - top):
        draw.rectangle(corners, fill=colour)
    else:
        draw.rectangle(corners, outline=colour, width=edge_px)


def _on_pixel_grid(start: Point, end: Point, stroke_px: int) -> tuple[Point, Point]:
    """An axis-parallel line moved by at most half a pixel, so that its edges are sharp."""

    def snap(value: float) -> float:
        return round(value - stroke_px / 2) + stroke_px / 2

    if abs(start[1] - end[1]) < 0.5:
        y = snap((start[1] + end[1]) / 2)
        return (start[0], y), (end[0], y)
    if abs(start[0] - end[0]) < 0.5:
        x = snap((start[0] + end[0]) / 2)
        return (x, start[1]), (x, end[1])
    return start, end


def _stroke(image: Image.Image, start: Point, end: Point, width: int, colour: Colour) -> None:
    half = width / 2
    (x1, y1), (x2, y2) = start, end
    if x1 == x2 or y1 == y2:
        wide, high = (half, 0.0) if x1 == x2 else (0.0, half)
        left, right = round(min(x1, x2) - wide), round(max(x1, x2) + wide)
        top, bottom = round(min(y1, y2) - high), round(max(y1, y2) + high)
        image.paste(colour, (left, top, max(right, left + 1), max(bottom, top + 1)))
        return
    length = math.dist(start, end)
    aside = (-(y2 - y1) / length * half, (x2 - x1) / length * half)
    corners = [
        (x1 + aside[0], y1 + aside[1]),
        (x2 + aside[0], y2 + aside[1]),
        (x2 - aside[0], y2 - aside[1]),
        (x1 - aside[0], y1 - aside[1]),
    ]
    for tile in _strips(start, end, half + 1):
        _fill_polygon(image, corners, colour, tile)


def _strips(start: Point, end: Point, reach: float) -> list[tuple[int, int, int, int]]:
    """Disjoint tiles (left, top, right, bottom) that together hold every pixel within `reach` of a slanted line."""
    major = 0 if abs(end[0] - start[0]) >= abs(end[1] - start[1]) else 1
    if start[major] > end[major]:
        start, end = end, start
    slope = (end[1 - major] - start[1 - major]) / (end[major] - start[major])
    first, last = math.floor(start[major] - reach), math.ceil(end[major] + reach)
    # Aside of a slanted line by `reach` is further than that along the minor axis.
    minor_reach = reach * math.hypot(1.0, slope) + reach * abs(slope)
    tiles = []
    for low in range(first, last, STRIP_PX):
        high = min(low + STRIP_PX, last)
        ends = sorted(start[1 - major] + slope * (at - start[major]) for at in (low, high))
        near, far = math.floor(ends[0] - minor_reach), math.ceil(ends[1] + minor_reach)
        tiles.append((low, near, high, far) if major == 0 else (near, low, far, high))
    return tiles


def _arrow_head(tip: Point, along: Point, length: float, rim: float) -> list[Point]:
    """The triangle with its tip at `tip`, grown by `rim` on all sides."""
    half = 0.5 * length
    per_rim = math.hypot(length, half) / half
    beyond, behind = rim * per_rim, length + rim
    wide = (behind + beyond) * half / length
    base = (tip[0] - along[0] * behind, tip[1] - along[1] * behind)
    return [
        (tip[0] + along[0] * beyond, tip[1] + along[1] * beyond),
        (base[0] - along[1] * wide, base[1] + along[0] * wide),
        (base[0] + along[1] * wide, base[1] - along[0] * wide),
    ]


def _fill_polygon(
    image: Image.Image, points: list[Point], colour: Colour, tile: tuple[int, int, int, int] | None = None
) -> None:
    """Fill the part of a polygon that lies in the tile; all of it by default."""
    if tile is None:
        xs, ys = zip(*points, strict=True)
        tile = (math.floor(min(xs)), math.floor(min(ys)), math.ceil(max(xs)) + 1, math.ceil(max(ys)) + 1)
    left, top, right, bottom = tile
    # Pillow fills the pixels that a corner falls on, so pixel centres are whole numbers: hence the half.
    corners = [(round((x - left) * SUPERSAMPLING - 0.5), round((y - top) * SUPERSAMPLING - 0.5)) for x, y in points]
    image.paste(colour, (left, top, right, bottom), _polygon_mask(tuple(corners), (right - left, bottom - top)))


def _fill_disc(image: Image.Image, centre: Point, radius: float, colour: Colour) -> None:
    x, y = centre
    left, top = math.floor(x - radius), math.floor(y - radius)
    side = math.ceil(2 * radius) + 1
    inside = round((x - left) * SUPERSAMPLING), round((y - top) * SUPERSAMPLING)
    mask = _disc_mask(inside, radius * SUPERSAMPLING, side)
    image.paste(colour, (left, top, left + side, top + side), mask)


@lru_cache(maxsize=2048)
def _polygon_mask(corners: tuple[tuple[int, int], ...], size: Size) -> Image.Image:
    mask = Image.new("L", (size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING))
    ImageDraw.Draw(mask).polygon(corners, fill=255)
    return mask.reduce(SUPERSAMPLING)


@lru_cache(maxsize=512)
def _disc_mask(centre: tuple[int, int], radius: float, side: int) -> Image.Image:
    mask = Image.new("L", (side * SUPERSAMPLING, side * SUPERSAMPLING))
    x, y = centre
    ImageDraw.Draw(mask).ellipse((x - radius, y - radius, x + radius - 1, y + radius - 1), fill=255)
    return mask.reduce(SUPERSAMPLING)
