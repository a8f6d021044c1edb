"""Ways to make parts, and the box around them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from vilasr.tasks.scenes.world import Finish, Part, Shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vilasr.tasks.scenes.world import Rgb, Vec2, Vec3

UPRIGHT: Vec3 = (0.0, 0.0, 0.0)


def slab(x: Vec2, y: Vec2, z: Vec2, color: Rgb, finish: Finish = Finish.PLAIN, *, euler: Vec3 = UPRIGHT) -> Part:
    """A box from its (low, high) along each axis; `euler` turns it about its own middle."""
    middle = (sum(x) / 2, sum(y) / 2, sum(z) / 2)
    half = ((x[1] - x[0]) / 2, (y[1] - y[0]) / 2, (z[1] - z[0]) / 2)
    return Part(shape=Shape.BOX, size=half, position=middle, color=color, finish=finish, euler=euler)


def pillar(at: Vec2, radius: float, z: Vec2, color: Rgb, finish: Finish = Finish.PLAIN) -> Part:
    """An upright cylinder from z[0] to z[1]; a disc, if it is short."""
    size = (radius, (z[1] - z[0]) / 2, 0.0)
    position = (*at, sum(z) / 2)
    return Part(shape=Shape.CYLINDER, size=size, position=position, color=color, finish=finish)


def rod(
    start: Vec3, end: Vec3, radius: float, color: Rgb, finish: Finish = Finish.PLAIN, *, rounded: bool = False
) -> Part:
    """A cylinder between two points; rounded, its caps go `radius` beyond them."""
    along = [there - here for here, there in zip(start, end, strict=True)]
    length = math.hypot(*along)
    euler = (0.0, math.acos(max(-1.0, min(1.0, along[2] / length))), math.atan2(along[1], along[0]))
    x, y, z = ((here + there) / 2 for here, there in zip(start, end, strict=True))
    return Part(
        shape=Shape.CAPSULE if rounded else Shape.CYLINDER,
        size=(radius, length / 2, 0.0),
        position=(x, y, z),
        color=color,
        finish=finish,
        euler=euler,
    )


def ball(at: Vec3, radius: float, color: Rgb, finish: Finish = Finish.PLAIN) -> Part:
    return Part(shape=Shape.SPHERE, size=(radius, 0.0, 0.0), position=at, color=color, finish=finish)


def egg(at: Vec3, half: Vec3, color: Rgb, finish: Finish = Finish.PLAIN, *, euler: Vec3 = UPRIGHT) -> Part:
    """An ellipsoid of half axes `half`."""
    return Part(shape=Shape.ELLIPSOID, size=half, position=at, color=color, finish=finish, euler=euler)


def ring(
    at: Vec2,
    radii: Vec2,
    z: Vec2,
    thickness: float,
    color: Rgb,
    finish: Finish = Finish.PLAIN,
    *,
    num_panels: int = 14,
) -> list[Part]:
    """A hollow wall around the vertical, radii[0] wide at z[0] and radii[1] at z[1], as panels side by side."""
    rise, spread = z[1] - z[0], radii[1] - radii[0]
    lean = math.atan2(spread, rise)
    half_width = max(radii) * math.tan(math.pi / num_panels)
    middle = sum(radii) / 2 - thickness / 2
    turns = [2 * math.pi * panel / num_panels for panel in range(num_panels)]
    return [
        Part(
            shape=Shape.BOX,
            size=(thickness / 2, half_width, math.hypot(rise, spread) / 2),
            position=(at[0] + middle * math.cos(turn), at[1] + middle * math.sin(turn), sum(z) / 2),
            color=color,
            finish=finish,
            euler=(0.0, lean, turn),
        )
        for turn in turns
    ]


def bounds(part: Part) -> tuple[Vec3, Vec3]:
    """(low, high) corners of the tight box around a part, along the axes of the object."""
    reach = [_reach(part, row) for row in _rotation(part.euler)]
    low_x, low_y, low_z = (middle - extent for middle, extent in zip(part.position, reach, strict=True))
    high_x, high_y, high_z = (middle + extent for middle, extent in zip(part.position, reach, strict=True))
    return (low_x, low_y, low_z), (high_x, high_y, high_z)


def settled(parts: Sequence[Part]) -> tuple[tuple[Part, ...], Vec3]:
    """(parts, size) of an object moved so that the box around it is centred on x = y = 0 and stands on z = 0."""
    corners = [bounds(part) for part in parts]
    low = [min(corner[0][axis] for corner in corners) for axis in range(3)]
    high = [max(corner[1][axis] for corner in corners) for axis in range(3)]
    dx, dy, dz = (low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]
    moved = tuple(
        replace(part, position=(part.position[0] - dx, part.position[1] - dy, part.position[2] - dz)) for part in parts
    )
    return moved, (high[0] - low[0], high[1] - low[1], high[2] - low[2])


def _reach(part: Part, row: Vec3) -> float:
    """Half the extent of a part along an axis of the object; `row` is that axis in the part's own frame."""
    first, second, third = part.size
    match part.shape:
        case Shape.BOX:
            return abs(row[0]) * first + abs(row[1]) * second + abs(row[2]) * third
        case Shape.CYLINDER:
            return abs(row[2]) * second + math.sqrt(max(0.0, 1 - row[2] ** 2)) * first
        case Shape.CAPSULE:
            return abs(row[2]) * second + first
        case Shape.SPHERE:
            return first
        case Shape.ELLIPSOID:
            return math.hypot(row[0] * first, row[1] * second, row[2] * third)


def _rotation(euler: Vec3) -> tuple[Vec3, Vec3, Vec3]:
    """Rows of the matrix Rz Ry Rx, from the part's frame to the object's."""
    (sx, sy, sz), (cx, cy, cz) = map(math.sin, euler), map(math.cos, euler)
    return (
        (cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx),
        (sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx),
        (-sy, cy * sx, cy * cx),
    )
