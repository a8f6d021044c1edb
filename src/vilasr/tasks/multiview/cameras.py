"""Cameras moved, turned or narrowed on purpose, so that there is something to ask."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

from vilasr.tasks.scenes.geometry import contains, sides

if TYPE_CHECKING:
    import random

    from vilasr.tasks.scenes.camera import Camera
    from vilasr.tasks.scenes.world import Scene, Vec2, Vec3

MOVES = {"left": 90.0, "right": -90.0, "forward": 0.0, "backward": 180.0}
"""Degrees from where the camera looks, counter-clockwise."""
TURNS = {"left": 1.0, "right": -1.0}
"""Sign of the change of yaw."""

MOVE_STEP = (0.2, 0.45)
"""How far the camera moves, as a share of the median distance of what it sees."""
MAX_ASIDE = 12.0
"""A move differs by at most so many degrees from the direction that it is called by."""
MAX_SWING = 5.0
"""While moving, the camera turns by at most so many degrees."""
TURN_STEP = (10.0, 32.0)
"""Degrees of a turn."""
MAX_DRIFT = 0.04
"""While turning, the camera moves by at most this share of the median distance."""
CLEARANCE = 0.2
"""A made camera is at least so many metres from walls and things."""
MAX_AVERTED = 0.4
"""A glance looks aside by at most this share of its field of view."""


def glance(camera: Camera, zoom: tuple[float, float], rng: random.Random) -> Camera:
    """The camera with `zoom` (lowest, highest) of its field of view, turned aside: each shows what others do not.

    The field of view of a wide picture is taken across, or it would show everything.
    """
    field = math.radians(camera.fovy) * rng.uniform(*zoom)
    fovy = 2 * math.atan(math.tan(field / 2) * min(1.0, camera.size[1] / camera.size[0]))
    yaw = camera.yaw + MAX_AVERTED * field * rng.uniform(-1, 1)
    return replace(camera, fovy=math.degrees(fovy), yaw=yaw)


def moved_camera(scene: Scene, camera: Camera, direction: str, rng: random.Random) -> Camera | None:
    """The camera after a level move; None when it sees too little, or would stand in a wall or a thing."""
    reach = _reach(scene, camera)
    if reach is None:
        return None
    step = reach * rng.uniform(*MOVE_STEP)
    heading = camera.yaw + math.radians(MOVES[direction] + rng.uniform(-MAX_ASIDE, MAX_ASIDE))
    yaw = camera.yaw + math.radians(rng.uniform(-MAX_SWING, MAX_SWING))
    return _placed(scene, camera, step, heading, yaw)


def turned_camera(scene: Scene, camera: Camera, side: str, rng: random.Random) -> Camera | None:
    """The camera after a turn, about where it was; None as for `moved_camera`."""
    reach = _reach(scene, camera)
    if reach is None:
        return None
    step = reach * MAX_DRIFT * rng.random()
    heading = rng.uniform(0, 2 * math.pi)
    yaw = camera.yaw + TURNS[side] * math.radians(rng.uniform(*TURN_STEP))
    return _placed(scene, camera, step, heading, yaw)


def is_free(scene: Scene, place: Vec3) -> bool:
    """Whether a camera fits there: in a room, and CLEARANCE away from walls and things."""
    x, y, z = place
    room = next((room for room in scene.rooms if contains(room.outline, (x, y))), None)
    if room is None or any(_gap((x, y), start, end) < CLEARANCE for start, end in sides(room.outline)):
        return False
    return not any(
        thing.position[2] - CLEARANCE < z < thing.position[2] + thing.size[2] + CLEARANCE
        and contains(thing.box.footprint(CLEARANCE), (x, y))
        for thing in scene.objects
    )


def _placed(scene: Scene, camera: Camera, step: float, heading: float, yaw: float) -> Camera | None:
    x, y, z = camera.position
    place = (x - step * math.sin(heading), y + step * math.cos(heading), z)
    return replace(camera, position=place, yaw=yaw) if is_free(scene, place) else None


def _reach(scene: Scene, camera: Camera) -> float | None:
    """Median distance, in m along the line of sight, of the things in the picture; None for fewer than two."""
    width, height = camera.size
    depths = []
    for thing in scene.objects:
        pixel = camera.project(thing.center)
        if pixel is not None and 0 <= pixel[0] < width and 0 <= pixel[1] < height:
            depths.append(camera.depth(thing.center))
    return median(depths) if len(depths) >= 2 else None


def _gap(point: Vec2, start: Vec2, end: Vec2) -> float:
    """m from a point to the line through two others."""
    (x, y), (x1, y1), (x2, y2) = point, start, end
    return abs((x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)) / math.dist(start, end)
