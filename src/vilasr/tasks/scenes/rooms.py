"""Rooms: rectangles and L-shapes with doors and windows, alone or two joined by a doorway."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from vilasr.tasks.scenes.geometry import OrientedBox, sides
from vilasr.tasks.scenes.solids import WALL_THICKNESS
from vilasr.tasks.scenes.world import Opening, Room

if TYPE_CHECKING:
    import random

    from vilasr.tasks.scenes.world import Vec2

DOORWAY_WIDTH = 1.1
_DOOR_WIDTH, _DOOR_HEIGHT = 0.9, 2.05
_FREE_BEFORE_DOOR = 0.9
"""m of floor before a door where nothing may stand."""
_FREE_BEFORE_DOORWAY = 1.0


def make_rooms(rng: random.Random, num_rooms: int) -> tuple[Room, ...]:
    """One room, or two side by side with a doorway between them.

    Raises:
        ValueError: for another number of rooms.
    """
    if num_rooms == 1:
        size = (rng.uniform(3.6, 6.8), rng.uniform(3.4, 5.8))
        outline = _l_shape(size, rng) if rng.random() < 0.3 and min(size) > 4.2 else _rectangle(size)
        return (_furnished(Room(outline=outline, height=_height(rng)), rng),)
    if num_rooms == 2:
        return _joined(rng)
    raise ValueError(f"num_rooms must be 1 or 2; got {num_rooms}")


def small_room(rng: random.Random) -> Room:
    """For a table and what is on it."""
    outline = _rectangle((rng.uniform(3.2, 4.4), rng.uniform(3.2, 4.4)))
    return _furnished(Room(outline=outline, height=_height(rng)), rng)


def inward(room: Room, wall: int) -> Vec2:
    """Unit vector from a wall into its room."""
    (x1, y1), (x2, y2) = sides(room.outline)[wall]
    length = math.hypot(x2 - x1, y2 - y1)
    return (-(y2 - y1) / length, (x2 - x1) / length)


def point_on(room: Room, wall: int, along: float) -> Vec2:
    (x1, y1), (x2, y2) = sides(room.outline)[wall]
    share = along / math.hypot(x2 - x1, y2 - y1)
    return (x1 + share * (x2 - x1), y1 + share * (y2 - y1))


def kept_free(room: Room) -> list[OrientedBox]:
    """The floor before doors and doorways."""
    boxes = []
    for opening in room.openings:
        if opening.kind == "window":
            continue
        depth = _FREE_BEFORE_DOORWAY if opening.kind == "doorway" else _FREE_BEFORE_DOOR
        (x, y), (nx, ny) = point_on(room, opening.wall, opening.along), inward(room, opening.wall)
        center = (x + nx * depth / 2, y + ny * depth / 2, opening.height / 2)
        yaw = math.atan2(nx, -ny)
        boxes.append(OrientedBox(center=center, size=(opening.width + 0.1, depth, opening.height), yaw=yaw))
    return boxes


def _height(rng: random.Random) -> float:
    return rng.uniform(2.45, 3.0)


def _rectangle(size: Vec2, x: float = 0.0, y: float = 0.0) -> tuple[Vec2, ...]:
    return ((x, y), (x + size[0], y), (x + size[0], y + size[1]), (x, y + size[1]))


def _l_shape(size: Vec2, rng: random.Random) -> tuple[Vec2, ...]:
    """A rectangle without one of its corners, which one at random."""
    w, d = size
    cut_w, cut_d = w * rng.uniform(0.3, 0.45), d * rng.uniform(0.3, 0.45)
    shape: list[Vec2] = [(0, 0), (w, 0), (w, d - cut_d), (w - cut_w, d - cut_d), (w - cut_w, d), (0, d)]
    flip_x, flip_y = rng.random() < 0.5, rng.random() < 0.5
    shape = [(w - x if flip_x else x, d - y if flip_y else y) for x, y in shape]
    return tuple(shape if flip_x == flip_y else reversed(shape))


def _joined(rng: random.Random) -> tuple[Room, ...]:
    """Side by side along x, the second one moved along y so that they share at least 2 m of wall."""
    depths = (rng.uniform(3.4, 5.0), rng.uniform(3.4, 5.0))
    widths = (rng.uniform(3.2, 4.8), rng.uniform(3.2, 4.8))
    shift = rng.uniform(2.0 - depths[1], depths[0] - 2.0) * 0.6
    low, high = max(0.0, shift), min(depths[0], shift + depths[1])
    middle = rng.uniform(low + 0.8, high - 0.8)
    x = widths[0] + 2 * WALL_THICKNESS
    height = _height(rng)

    def doorway(wall: int, along: float) -> Opening:
        return Opening(kind="doorway", wall=wall, along=along, width=DOORWAY_WIDTH, bottom=0.0, height=2.1)

    left = Room(outline=_rectangle((widths[0], depths[0])), height=height, openings=(doorway(1, middle),))
    right = Room(
        outline=_rectangle((widths[1], depths[1]), x, shift),
        height=height,
        openings=(doorway(3, depths[1] - (middle - shift)),),
    )
    return (_furnished(left, rng), _furnished(right, rng))


def _furnished(room: Room, rng: random.Random) -> Room:
    """With a door (two at times) and up to three windows where they fit."""
    for _ in range(rng.choice((1, 1, 2))):
        room = _with(room, rng, "door", _DOOR_WIDTH, 0.0, _DOOR_HEIGHT)
    for _ in range(rng.choice((0, 1, 1, 2, 3))):
        height = rng.uniform(0.9, 1.3)
        bottom = rng.uniform(0.8, 1.0)
        room = _with(room, rng, "window", rng.uniform(0.8, 1.6), bottom, min(height, room.height - bottom - 0.25))
    return room


def _with(room: Room, rng: random.Random, kind: str, width: float, bottom: float, height: float) -> Room:
    """The room with one more opening, unless the wall drawn for it has no space left there."""
    wall = rng.randrange(len(room.outline))
    start, end = sides(room.outline)[wall]
    margin = width / 2 + 0.25
    length = math.dist(start, end)
    if length < 2 * margin:
        return room
    along = rng.uniform(margin, length - margin)
    taken = [each for each in room.openings if each.wall == wall]
    if any(each.kind == "doorway" for each in taken):
        return room  # behind this wall lies a room, not the world outside
    if any(abs(each.along - along) < (each.width + width) / 2 + 0.3 for each in taken):
        return room
    new = Opening(kind=kind, wall=wall, along=along, width=width, bottom=bottom, height=height)
    return replace(room, openings=(*room.openings, new))
