"""Where a walk shows the foot of a wall from one end to the other, or nearly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vilasr.tasks.scenes.geometry import contains, sides

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from vilasr.tasks.scenes.camera import Camera
    from vilasr.tasks.scenes.world import Room, Vec2
    from vilasr.types import Point

MIN_WALL_SHOWN = 0.5
"""Of the length of a wall, in the picture of one frame. Furniture before it does not count as hiding it."""
_NUM_POINTS = 41
_NEAREST_M = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class WallSight:
    """The foot of a wall on a frame.

    Attributes:
        frame: 1-based.
        start_px, end_px: of the part in the picture.
        length: of the whole wall, m.
        shown: the share of it that is in the picture.
    """

    frame: int
    start_px: Point
    end_px: Point
    length: float
    shown: float


def as_filmed(rooms: Sequence[Room], cameras: Sequence[Camera]) -> list[Room]:
    """The rooms in the order in which the walk comes to them."""
    return sorted(rooms, key=lambda room: next((frame for frame, _ in _inside(room, cameras)), len(cameras) + 1))


def best_walls(room: Room, cameras: Sequence[Camera]) -> tuple[WallSight, WallSight] | None:
    """(a longer wall, a shorter one at a right angle to it), each where it is seen best.

    None where the walk shows less than MIN_WALL_SHOWN of every wall of a direction.
    """
    best: list[WallSight | None] = [None, None]
    (x1, y1), (x2, y2) = sides(room.outline)[0]
    for side in sides(room.outline):
        (x3, y3), (x4, y4) = side
        cosine = ((x2 - x1) * (x4 - x3) + (y2 - y1) * (y4 - y3)) / math.dist((x1, y1), (x2, y2)) / math.dist(*side)
        across = abs(cosine) < 0.5
        for frame, camera in _inside(room, cameras):
            sight = _sight(side, room, frame, camera)
            held = best[across]
            if sight is not None and (held is None or sight.shown * sight.length > held.shown * held.length):
                best[across] = sight
    one, other = best
    if one is None or other is None:
        return None
    return (one, other) if one.length >= other.length else (other, one)


def _inside(room: Room, cameras: Sequence[Camera]) -> Iterator[tuple[int, Camera]]:
    """(frame, camera) of those that stand in a room, in order."""
    for frame, camera in enumerate(cameras, 1):
        if contains(room.outline, camera.position[:2]):
            yield frame, camera


def _sight(side: tuple[Vec2, Vec2], room: Room, frame: int, camera: Camera) -> WallSight | None:
    start, end = np.array(side[0]), np.array(side[1])
    shares = np.linspace(0, 1, _NUM_POINTS)
    points = np.zeros((_NUM_POINTS, 3))
    points[:, :2] = start + shares[:, None] * (end - start)
    pixels, seen = _projected(points, camera)
    if not seen.any():
        return None
    first, last = int(seen.argmax()), _NUM_POINTS - 1 - int(seen[::-1].argmax())
    shown = float(shares[last] - shares[first])
    if shown < MIN_WALL_SHOWN or _hidden(points[[first, last], :2], side, room, camera):
        return None
    (x1, y1), (x2, y2) = pixels[first].tolist(), pixels[last].tolist()
    return WallSight(frame=frame, start_px=(x1, y1), end_px=(x2, y2), length=math.dist(side[0], side[1]), shown=shown)


def _projected(points: NDArray[np.float64], camera: Camera) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """float64 [n, 2] pixels and bool [n] whether they lie in the picture."""
    right, up, forward = camera.axes @ (points - np.array(camera.position)).T
    ahead = forward > _NEAREST_M
    scale = camera.focal_px / np.where(ahead, forward, 1.0)
    width, height = camera.size
    x, y = width / 2 + right * scale, height / 2 - up * scale
    return np.stack([x, y], axis=1), ahead & (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)


def _hidden(ends: NDArray[np.float64], side: tuple[Vec2, Vec2], room: Room, camera: Camera) -> bool:
    """Whether another wall of the room stands between the camera and an end of the seen part."""
    eye = camera.position[:2]
    for x, y in ends.tolist():
        near = (eye[0] + 0.99 * (x - eye[0]), eye[1] + 0.99 * (y - eye[1]))
        if any(crosses((eye, near), other) for other in sides(room.outline) if other != side):
            return True
    return False


def crosses(one: tuple[Vec2, Vec2], other: tuple[Vec2, Vec2]) -> bool:
    """Whether two segments cross."""

    def turn(a: Vec2, b: Vec2, c: Vec2) -> float:
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    return turn(*one, other[0]) * turn(*one, other[1]) < 0 and turn(*other, one[0]) * turn(*other, one[1]) < 0
