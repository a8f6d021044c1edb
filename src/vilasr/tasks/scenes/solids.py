"""What a scene looks like as primitives in space: its objects, floor, ceiling, walls, doors and windows."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vilasr.tasks.scenes.colors import darker
from vilasr.tasks.scenes.geometry import sides
from vilasr.tasks.scenes.textures import WALLS
from vilasr.tasks.scenes.world import Finish, Shape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from vilasr.tasks.scenes.world import Opening, Part, Rgb, Room, Scene, SceneObject, Vec2, Vec3

WALL_THICKNESS = 0.1
_DAYLIGHT: Rgb = (1.0, 1.0, 1.0)
_LIP = 0.01
"""How far a frame stands out into its opening, m, so that it hides the cut through the wall."""
_WHITE: Rgb = (0.93, 0.93, 0.92)
_DOORS: tuple[Rgb, ...] = ((0.92, 0.91, 0.88), (0.55, 0.37, 0.22), (0.40, 0.26, 0.16), (0.42, 0.50, 0.55))
_BRASS: Rgb = (0.75, 0.62, 0.30)

_PAINTED = 0.7
"""Wood is painted where each of red, green and blue is at least this: no wood is white of its own, and the dark lines
of a grain would make it grey."""
_SHINE = {Finish.GLOSSY: 0.45, Finish.METAL: 0.6, Finish.WOOD: 0.08}


@dataclass(frozen=True, kw_only=True, slots=True)
class Solid:
    """One primitive in the world.

    Attributes:
        size: as `Part.size`.
        axes: float64 [3, 3]; its columns are the primitive's own x, y and z in the world.
        label: index of its object in the scene, -1 for everything else.
        pattern: key of `textures.PATTERNS`, laid over its own x and y; None for bare colour.
        shine: 0 to 1.
        glow: 0 to 1, light of its own.
    """

    shape: Shape
    size: Vec3
    center: Vec3
    axes: NDArray[np.float64]
    color: Rgb
    label: int = -1
    pattern: str | None = None
    shine: float = 0.0
    glow: float = 0.0
    casts_shadow: bool = True


def solids(scene: Scene) -> list[Solid]:
    """All of a scene."""
    style = random.Random(scene.surroundings.texture_seed)
    wall_pattern = style.choice(WALLS)
    door = style.choice(_DOORS)
    found = list(_floor_and_ceiling(scene))
    for room in scene.rooms:
        for index in range(len(room.outline)):
            found += _wall(room, index, scene.surroundings.wall_color, wall_pattern, door)
    for label, thing in enumerate(scene.objects):
        found += _object(thing, label)
    return found


def rotation(euler: Vec3) -> NDArray[np.float64]:
    """float64 [3, 3]: turns about x, then y, then z."""
    (sx, sy, sz), (cx, cy, cz) = np.sin(euler), np.cos(euler)
    return np.array(
        [
            [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
            [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
            [-sy, cy * sx, cy * cx],
        ]
    )


def _object(thing: SceneObject, label: int) -> Iterator[Solid]:
    turn = rotation((0.0, 0.0, thing.yaw))
    for part in thing.parts:
        x, y, z = turn @ np.array(part.position) + np.array(thing.position)
        yield Solid(
            shape=part.shape,
            size=part.size,
            center=(float(x), float(y), float(z)),
            axes=turn @ rotation(part.euler),
            color=part.color,
            label=label,
            pattern=_pattern(part),
            shine=_SHINE.get(part.finish, 0.0),
        )


def _pattern(part: Part) -> str | None:
    if part.finish is Finish.WOOD:
        return _wood(part.color)
    return "fabric" if part.finish is Finish.FABRIC else None


def _wood(color: Rgb) -> str:
    return "paint" if min(color) >= _PAINTED else "grain"


def _floor_and_ceiling(scene: Scene) -> Iterator[Solid]:
    """One slab each under and over everything: beyond the walls nobody sees them."""
    corners = np.array([corner for room in scene.rooms for corner in room.outline])
    low, high = corners.min(axis=0) - WALL_THICKNESS, corners.max(axis=0) + WALL_THICKNESS
    (x, y), (half_x, half_y) = (low + high) / 2, (high - low) / 2
    look = scene.surroundings
    half = (float(half_x), float(half_y), 0.05)
    yield Solid(
        shape=Shape.BOX,
        size=half,
        center=(float(x), float(y), -0.05),
        axes=np.eye(3),
        color=look.floor_color,
        pattern=look.floor_pattern,
        casts_shadow=False,
    )
    height = max(room.height for room in scene.rooms)
    yield Solid(
        shape=Shape.BOX,
        size=half,
        center=(float(x), float(y), height + 0.05),
        axes=np.eye(3),
        color=(0.95, 0.95, 0.94),
        pattern="plain",
        glow=0.3,
        casts_shadow=False,
    )


@dataclass(frozen=True, slots=True)
class _Wall:
    """A frame to build in: along the wall from its start, outwards from its face (negative: into the room), up."""

    start: Vec2
    along: Vec2
    length: float

    def block(
        self,
        along: Vec2,
        out: Vec2,
        up: Vec2,
        color: Rgb,
        *,
        pattern: str | None = None,
        glow: float = 0.0,
        shine: float = 0.0,
    ) -> Solid:
        """A box from its (low, high) on each axis of the frame."""
        (tx, ty), (x0, y0) = self.along, self.start
        at, off = sum(along) / 2, sum(out) / 2
        half = ((along[1] - along[0]) / 2, (up[1] - up[0]) / 2, (out[1] - out[0]) / 2)
        return Solid(
            shape=Shape.BOX,
            size=half,
            center=(x0 + tx * at + ty * off, y0 + ty * at - tx * off, sum(up) / 2),
            axes=np.array([[-tx, 0.0, -ty], [-ty, 0.0, tx], [0.0, 1.0, 0.0]]),
            color=color,
            pattern=pattern,
            glow=glow,
            shine=shine,
            casts_shadow=False,
        )


def _wall(room: Room, index: int, color: Rgb, pattern: str, door: Rgb) -> Iterator[Solid]:
    start, end = sides(room.outline)[index]
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = float(np.hypot(dx, dy))
    wall = _Wall(start, (dx / length, dy / length), length)
    openings = sorted((each for each in room.openings if each.wall == index), key=lambda each: each.along)
    thick = (0.0, WALL_THICKNESS)
    begin, finish = -_overhang(room, index), length + _overhang(room, (index + 1) % len(room.outline))
    for opening in (each for each in openings if each.kind == "doorway"):
        left, right = _span(opening)
        yield wall.block((begin, left), thick, (0.0, room.height), color, pattern=pattern)
        yield wall.block((left, right), thick, (opening.height, room.height), color, pattern=pattern)
        yield from _frame(wall, opening, door, depth=(-0.02, WALL_THICKNESS))
        begin = right
    yield wall.block((begin, finish), thick, (0.0, room.height), color, pattern=pattern)
    yield from _skirting(wall, openings)
    for opening in openings:
        if opening.kind == "door":
            yield from _door(wall, opening, door)
        elif opening.kind == "window":
            yield from _window(wall, opening)


def _overhang(room: Room, corner: int) -> float:
    """How far walls go beyond a corner of the room, m, to meet behind it; not where they would stick out into an L."""
    (x0, y0), (x, y), (x1, y1) = (room.outline[(corner + step) % len(room.outline)] for step in (-1, 0, 1))
    turns_left = (x - x0) * (y1 - y) - (y - y0) * (x1 - x) > 0
    return WALL_THICKNESS if turns_left else 0.0


def _span(opening: Opening) -> Vec2:
    return opening.along - opening.width / 2, opening.along + opening.width / 2


def _skirting(wall: _Wall, openings: list[Opening]) -> Iterator[Solid]:
    begin = 0.0
    for opening in (each for each in openings if each.bottom == 0):
        left, right = _span(opening)
        yield wall.block((begin, left - 0.06), (-0.015, 0.0), (0.0, 0.08), _WHITE)
        begin = right + 0.06
    yield wall.block((begin, wall.length), (-0.015, 0.0), (0.0, 0.08), _WHITE)


def _frame(wall: _Wall, opening: Opening, color: Rgb, *, depth: Vec2) -> Iterator[Solid]:
    """Three strips around a door, four around a window."""
    left, right = _span(opening)
    bottom, top = opening.bottom, opening.bottom + opening.height
    for side in ((left - 0.06, left + _LIP), (right - _LIP, right + 0.06)):
        yield wall.block(side, depth, (bottom, top + 0.06), color)
    yield wall.block((left, right), depth, (top - _LIP, top + 0.06), color)
    if bottom > 0:
        yield wall.block((left - 0.1, right + 0.1), (depth[0] - 0.05, depth[1]), (bottom - 0.05, bottom), color)


def _door(wall: _Wall, opening: Opening, color: Rgb) -> Iterator[Solid]:
    left, right = _span(opening)
    yield from _frame(wall, opening, darker(color, 0.2), depth=(-0.035, 0.0))
    yield wall.block((left, right), (-0.02, 0.0), (0.0, opening.height), color, pattern=_wood(color))
    panel = darker(color, 0.1)
    for low, high in ((0.2, 0.9), (1.05, opening.height - 0.15)):
        yield wall.block((left + 0.13, right - 0.13), (-0.028, 0.0), (low, high), panel, pattern=_wood(panel))
    yield wall.block((right - 0.13, right - 0.07), (-0.08, 0.0), (0.97, 1.03), _BRASS, shine=0.6)


def _window(wall: _Wall, opening: Opening) -> Iterator[Solid]:
    left, right = _span(opening)
    bottom, top = opening.bottom, opening.bottom + opening.height
    yield from _frame(wall, opening, _WHITE, depth=(-0.04, 0.0))
    yield wall.block((left, right), (-0.01, 0.0), (bottom, top), _DAYLIGHT, pattern="outdoors", glow=0.55)
    middle = (left + right) / 2
    yield wall.block((middle - 0.02, middle + 0.02), (-0.03, 0.0), (bottom, top), _WHITE)
    cross = bottom + 0.62 * opening.height
    yield wall.block((left, right), (-0.03, 0.0), (cross - 0.02, cross + 0.02), _WHITE)
