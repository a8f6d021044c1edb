"""Boxes that stand upright, and distances between them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vilasr.tasks.scenes.world import Vec2, Vec3


@dataclass(frozen=True, kw_only=True, slots=True)
class OrientedBox:
    """A box turned about the vertical by `yaw`; `size` is (width, depth, height) before the turn."""

    center: Vec3
    size: Vec3
    yaw: float

    @property
    def longest(self) -> float:
        """The longest side, which VSI-Bench calls the size of an object."""
        return max(self.size)

    def footprint(self, margin: float = 0.0) -> tuple[Vec2, ...]:
        """Its four corners seen from above, counter-clockwise, each side moved out by `margin`."""
        half_w, half_d = self.size[0] / 2 + margin, self.size[1] / 2 + margin
        cos, sin = math.cos(self.yaw), math.sin(self.yaw)
        return tuple(
            (self.center[0] + cos * x - sin * y, self.center[1] + sin * x + cos * y)
            for x, y in ((-half_w, -half_d), (half_w, -half_d), (half_w, half_d), (-half_w, half_d))
        )

    def corners(self) -> tuple[Vec3, ...]:
        """All eight."""
        low, high = self.center[2] - self.size[2] / 2, self.center[2] + self.size[2] / 2
        return tuple((x, y, z) for (x, y), z in product(self.footprint(), (low, high)))


def distance(one: OrientedBox, other: OrientedBox) -> float:
    """Between the closest points of two boxes, m; 0 where they touch or overlap.

    Both stand upright, so that the horizontal and the vertical gap are independent.
    """
    flat = polygon_distance(one.footprint(), other.footprint())
    gap = abs(one.center[2] - other.center[2]) - (one.size[2] + other.size[2]) / 2
    return math.hypot(flat, max(0.0, gap))


def polygon_distance(one: Sequence[Vec2], other: Sequence[Vec2]) -> float:
    """Between the closest points of two convex polygons, corners in counter-clockwise order; 0 where they meet."""
    if not separated(one, other) and not separated(other, one):
        return 0.0
    return min(
        *(_to_segment(point, start, end) for point in one for start, end in sides(other)),
        *(_to_segment(point, start, end) for point in other for start, end in sides(one)),
    )


def stand_apart(one: OrientedBox, other: OrientedBox) -> bool:
    """Whether no point of one is above a point of the other: neither carries, shelters or holds the other."""
    return separated(one.footprint(), other.footprint()) or separated(other.footprint(), one.footprint())


def separated(one: Sequence[Vec2], other: Sequence[Vec2]) -> bool:
    """Whether all of `other` lies outside of one side of `one` (the separating axis theorem, one half of it)."""
    return any(
        all((end[0] - start[0]) * (y - start[1]) - (end[1] - start[1]) * (x - start[0]) < 0 for x, y in other)
        for start, end in sides(one)
    )


def contains(outline: Sequence[Vec2], point: Vec2) -> bool:
    """Whether a point lies in a polygon, which need not be convex (crossings of a ray to the right)."""
    x, y = point
    inside = False
    for (x1, y1), (x2, y2) in sides(outline):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            inside = not inside
    return inside


def sides(outline: Sequence[Vec2]) -> list[tuple[Vec2, Vec2]]:
    return list(zip(outline, (*outline[1:], outline[0]), strict=True))


def _to_segment(point: Vec2, start: Vec2, end: Vec2) -> float:
    (x, y), (x1, y1), (x2, y2) = point, start, end
    length = (x2 - x1) ** 2 + (y2 - y1) ** 2
    along = 0.0 if length == 0 else max(0.0, min(1.0, ((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / length))
    return math.hypot(x - x1 - along * (x2 - x1), y - y1 - along * (y2 - y1))
