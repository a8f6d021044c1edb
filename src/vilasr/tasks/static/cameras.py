"""Cameras put where a question needs them: on the other side of two things, or low beside a table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vilasr.tasks.scenes.camera import Camera, look_at
from vilasr.tasks.scenes.geometry import contains, polygon_distance, sides
from vilasr.tasks.scenes.sight import MIN_SHOWN

if TYPE_CHECKING:
    import random

    from vilasr.tasks.scenes.world import Scene, SceneObject, Vec3

CLEAR_OF_WALLS = 0.3
CLEAR_OF_THINGS = 0.15
"""m around a camera."""
_NUM_TRIES = 16


def opposite_camera(
    scene: Scene, camera: Camera, one: SceneObject, other: SceneObject, rng: random.Random
) -> Camera | None:
    """One that looks at two things from about the other side, both in its picture; None where none of a few such places
    is free."""
    x, y, z = ((a + b) / 2 for a, b in zip(one.center, other.center, strict=True))
    dx, dy = x - camera.position[0], y - camera.position[1]
    for _ in range(_NUM_TRIES):
        turn, scale = math.radians(rng.uniform(-50, 50)), rng.uniform(0.6, 1.2)
        cos, sin = scale * math.cos(turn), scale * math.sin(turn)
        place = (x + cos * dx - sin * dy, y + sin * dx + cos * dy, camera.position[2])
        if is_free(scene, place):
            back = look_at(place, (x, y, z), fovy=camera.fovy, size=camera.size)
            if _is_in_picture(back, one) and _is_in_picture(back, other):
                return back
    return None


def _is_in_picture(camera: Camera, thing: SceneObject) -> bool:
    """Whether most of a thing would be seen, were nothing in the way: cheaper than looking."""
    whole = camera.bounds_px(thing.box)
    if whole is None:
        return False
    x1, y1, x2, y2 = whole
    width = min(x2, camera.size[0]) - max(x1, 0)
    height = min(y2, camera.size[1]) - max(y1, 0)
    return min(width, height) > 0 and width * height >= MIN_SHOWN * (x2 - x1) * (y2 - y1)


def low_camera(scene: Scene, table: SceneObject, size: tuple[int, int], rng: random.Random) -> Camera | None:
    """One that sees the top of a table and the floor under it; None where none of a few such places is free."""
    x, y, z = table.position
    for _ in range(_NUM_TRIES):
        azimuth, away = rng.uniform(-math.pi, math.pi), max(table.size[:2]) / 2 + rng.uniform(0.6, 1.6)
        height = z + table.size[2] + rng.uniform(0.2, 0.6)
        place = (x + away * math.cos(azimuth), y + away * math.sin(azimuth), height)
        if is_free(scene, place):
            target = (x + rng.gauss(0, 0.1), y + rng.gauss(0, 0.1), z + table.size[2] * rng.uniform(0.4, 0.8))
            return look_at(place, target, fovy=rng.uniform(50, 68), size=size)
    return None


def is_free(scene: Scene, place: Vec3) -> bool:
    """Whether a camera can be there: in a room, clear of its walls and of every thing."""
    x, y, z = place
    room = next((room for room in scene.rooms if contains(room.outline, (x, y))), None)
    if room is None or any(polygon_distance(((x, y),), side) < CLEAR_OF_WALLS for side in sides(room.outline)):
        return False
    return not any(
        z < thing.position[2] + thing.size[2] + CLEAR_OF_THINGS
        and contains(thing.box.footprint(CLEAR_OF_THINGS), (x, y))
        for thing in scene.objects
    )
