"""Where cameras stand and look: single ones, walks through rooms, several views of one place.

All of it is geometry: what hides behind what is known only after the labels are drawn.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vilasr.tasks.scenes.camera import Camera, look_at
from vilasr.tasks.scenes.geometry import contains, sides
from vilasr.tasks.scenes.rooms import inward, point_on
from vilasr.tasks.scenes.world import FLOOR

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vilasr.tasks.scenes.world import Room, Scene, SceneObject, Vec2, Vec3

_CELL = 0.3
"""Places for a camera lie on a grid of this width, m."""
_CLEAR_OF_WALLS, _CLEAR_OF_THINGS, _CLEAR_OF_CORNERS = 0.35, 0.25, 0.2
_TALL = 1.1
"""What is higher than this hides what is behind it, m."""
_RAY_STEPS = np.arange(0.1, 2.0, 0.05)
"""m from the middle of a table at which it is tried whether a camera fits."""
_APART = 0.8
"""m between two of several views, where the room allows."""
_NUM_CANDIDATES = 10
_FEWEST_FOR_TWO_ROOMS = 8
"""A shorter walk stays in one room."""
_Leg = tuple["Room", list[float], "Vec2 | None", "Vec2 | None"]
"""Part of a walk: (room, yaw of each frame, where it starts, where it ends); None is anywhere."""


def random_camera(scene: Scene, rng: random.Random, size: tuple[int, int]) -> Camera:
    """Inside a room, clear of every object, with several objects well in its picture."""
    if scene.kind == "table":
        candidates = [_around_table(scene, rng, size, rng.uniform(-math.pi, math.pi)) for _ in range(_NUM_CANDIDATES)]
    else:
        room = rng.choices(scene.rooms, [_num_inside(scene, room) + 0.1 for room in scene.rooms])[0]
        candidates = _in_room(scene, room, rng, size)
    return max(candidates, key=lambda camera: _quality(scene, camera))


def views_around(scene: Scene, rng: random.Random, num: int, size: tuple[int, int]) -> list[Camera]:
    """`num` cameras that see the same things from different sides, each 15 to 100 degrees from the one before."""
    best: list[Camera] = []
    score = -1.0
    for _ in range(_NUM_CANDIDATES):
        found = _table_ring(scene, rng, num, size) if scene.kind == "table" else _room_ring(scene, rng, num, size)
        shared = _num_shared(scene, found)
        if len(found) == num and shared > score:
            best, score = found, shared
    return best


def walk(scene: Scene, rng: random.Random, num_frames: int, size: tuple[int, int]) -> list[Camera]:
    """Through the room or rooms at eye height, turning all the way round in each.

    The camera keeps to the side of the room that is behind it, so that it looks across; between frames it moves
    less than it could walk in a second, and passes from room to room by the doorway.
    """
    height, fovy = rng.uniform(1.4, 1.65), rng.uniform(66.0, 76.0)
    side = rng.choice((-1, 1))
    rooms = list(scene.rooms)
    rng.shuffle(rooms)
    if len(rooms) == 1 or num_frames < _FEWEST_FOR_TWO_ROOMS:
        legs: list[_Leg] = [(rooms[0], _turning(rng.uniform(-math.pi, math.pi), side, num_frames), None, None)]
    else:
        legs = _two_legs(rooms, side, num_frames)
    frames: list[tuple[Vec2, float]] = []
    for room, yaws, start, end in legs:
        frames += zip(_across(scene, room, yaws, start, end), yaws, strict=True)
    pitch = rng.uniform(-0.32, -0.2)
    return [Camera(position=(*at, height), yaw=yaw, pitch=pitch, fovy=fovy, size=size) for at, yaw in frames]


def standing_places(scene: Scene, room: Room) -> NDArray[np.float64]:
    """float64 [num, 2]: points of a grid in a room, clear of its walls and of everything on its floor. At least one:
    where all is full, the point farthest from everything."""
    xs, ys = zip(*room.outline, strict=True)
    grid_x, grid_y = np.meshgrid(np.arange(min(xs) + 0.15, max(xs), _CELL), np.arange(min(ys) + 0.15, max(ys), _CELL))
    points = np.stack([grid_x.ravel(), grid_y.ravel()], axis=1)
    room_left = _room_left(scene, room, points)
    free: NDArray[np.float64] = points[room_left >= 0]
    return free if len(free) else points[[int(room_left.argmax())]]


def _room_left(scene: Scene, room: Room, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64 [num]: how far a camera at each point could move without coming too near anything, m; below 0 where it
    is too near already."""
    from_walls = np.min([_to_side(points, *side) for side in sides(room.outline)], axis=0) - _CLEAR_OF_WALLS
    limits = [np.where(_inside(room, points), from_walls, -9.0)]
    limits += [_to_thing(points, thing) - _CLEAR_OF_THINGS for thing in scene.objects if thing.support == FLOOR]
    return np.asarray(np.min(limits, axis=0))


def _inside(room: Room, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """bool [num]: `geometry.contains` for many points."""
    x, y = points.T
    crossings = np.zeros(len(points), int)
    for (x1, y1), (x2, y2) in sides(room.outline):
        if y1 != y2:
            crossings += ((y1 > y) != (y2 > y)) & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return np.asarray(crossings % 2 == 1)


def _to_side(points: NDArray[np.float64], start: Vec2, end: Vec2) -> NDArray[np.float64]:
    """float64 [num]: m from points to a segment."""
    along = np.subtract(end, start)
    share = np.clip((points - start) @ along / (along @ along), 0, 1)
    return np.asarray(np.linalg.norm(points - start - share[:, None] * along, axis=1))


def _to_thing(points: NDArray[np.float64], thing: SceneObject) -> NDArray[np.float64]:
    """float64 [num]: m from points to the footprint of an object; 0 inside."""
    cos, sin = math.cos(thing.yaw), math.sin(thing.yaw)
    local = np.abs((points - thing.position[:2]) @ np.array([[cos, -sin], [sin, cos]]))
    return np.asarray(np.linalg.norm(np.maximum(local - np.array(thing.size[:2]) / 2, 0), axis=1))


# --- single cameras ---------------------------------------------------------------------------------------------------


def _in_room(scene: Scene, room: Room, rng: random.Random, size: tuple[int, int]) -> list[Camera]:
    places = standing_places(scene, room)
    inside = [thing for thing in scene.objects if contains(room.outline, thing.position[:2])]
    found = []
    for _ in range(_NUM_CANDIDATES):
        x, y = places[rng.randrange(len(places))]
        target = rng.choice(inside).center if inside else (*_middle(room), 0.5)
        if math.dist((x, y), target[:2]) < 1.0:
            target = (*_middle(room), 0.6)
        position = (float(x), float(y), rng.uniform(1.25, 1.85))
        found.append(look_at(position, target, fovy=rng.uniform(55.0, 72.0), size=size))
    return found


def _around_table(scene: Scene, rng: random.Random, size: tuple[int, int], azimuth: float) -> Camera:
    """From near `azimuth` on a circle about the table, as far out as the room allows."""
    table = scene.objects[0]
    center = table.position[:2]
    rays = _rays(scene.rooms[0], center, [azimuth + turn for turn in (0.0, 0.3, -0.3, 0.6, -0.6, 1.0, -1.0, 1.5, -1.5)])
    azimuth, room = next((ray for ray in rays if ray[1] > 0.95), max(rays, key=lambda ray: ray[1]))
    away, rise = min(room, rng.uniform(1.0, 1.7)), rng.uniform(0.45, 1.0)
    x, y, z = *center, table.size[2]
    position = (x + away * math.cos(azimuth), y + away * math.sin(azimuth), z + rise)
    target = (x + rng.gauss(0, 0.08), y + rng.gauss(0, 0.08), z + rng.uniform(-0.15, 0.1))
    return look_at(position, target, fovy=rng.uniform(50.0, 62.0), size=size)


def _rays(room: Room, start: Vec2, azimuths: Sequence[float]) -> list[Vec2]:
    """Of each, (azimuth, m that a camera can go that way from `start` without coming near a wall)."""
    headings = np.array([(math.cos(azimuth), math.sin(azimuth)) for azimuth in azimuths])
    points = np.array(start) + _RAY_STEPS[:, None] * headings[:, None]
    near = np.zeros(points.shape[:2], bool)
    for side in sides(room.outline):
        near |= (_to_side(points.reshape(-1, 2), *side) < _CLEAR_OF_CORNERS).reshape(near.shape)
    free = np.where(near.any(axis=1), near.argmax(axis=1) - 1, len(_RAY_STEPS) - 1).clip(0)
    return list(zip(azimuths, _RAY_STEPS[free].tolist(), strict=True))


def _quality(scene: Scene, camera: Camera) -> float:
    """How many objects lie well in the picture, less for what fills it or stands in the way."""
    return sum(_seen(camera, thing) for thing in scene.objects)


def _seen(camera: Camera, thing: SceneObject) -> float:
    """1 for an object wholly in the picture and of a good size there, 0 for none of it, below 0 for one too close."""
    right, up, forward = camera.seen_from(thing.center)
    reach = max(thing.size) / 2
    if forward < 0.15:
        return 0.0
    if math.hypot(right, up, forward) < reach + 0.45:
        return -1.0
    half_h = math.tan(math.radians(camera.fovy) / 2) * forward
    half_w = half_h * camera.size[0] / camera.size[1]
    inside = min(1.0, max(0.0, (half_w - abs(right) + reach) / (2 * reach)))
    inside *= min(1.0, max(0.0, (half_h - abs(up) + reach) / (2 * reach)))
    return inside * min(1.0, 6 * reach / half_h)


def _num_inside(scene: Scene, room: Room) -> int:
    return sum(contains(room.outline, thing.position[:2]) for thing in scene.objects)


def _middle(room: Room) -> Vec2:
    xs, ys = zip(*room.outline, strict=True)
    return (sum(xs) / len(xs), sum(ys) / len(ys))


# --- several views ----------------------------------------------------------------------------------------------------


def _room_ring(scene: Scene, rng: random.Random, num: int, size: tuple[int, int]) -> list[Camera]:
    """Cameras on standing places around one object or the middle, each turned from the one before."""
    room = rng.choices(scene.rooms, [_num_inside(scene, room) + 0.1 for room in scene.rooms])[0]
    places = standing_places(scene, room)
    inside = [thing.center for thing in scene.objects if contains(room.outline, thing.position[:2])]
    focus: Vec3 = rng.choice(inside) if inside and rng.random() < 0.6 else (*_middle(room), 0.5)
    offsets = places - np.array(focus[:2])
    azimuths, reach = np.arctan2(offsets[:, 1], offsets[:, 0]), np.linalg.norm(offsets, axis=1)
    usable = reach > min(1.2, float(reach.max()) * 0.7)
    azimuth = float(rng.choice(azimuths[usable]))
    side = rng.choice((-1, 1))
    cameras: list[Camera] = []
    for _ in range(num):
        miss = np.abs((azimuths - azimuth + math.pi) % (2 * math.pi) - math.pi)
        cost = miss + np.array([rng.uniform(0, 0.25) for _ in places]) + 9.0 * ~usable
        for other in cameras:
            cost += 3.0 * (np.linalg.norm(places - other.position[:2], axis=1) < _APART)
        x, y = places[int(cost.argmin())]
        target = (focus[0] + rng.gauss(0, 0.3), focus[1] + rng.gauss(0, 0.3), min(focus[2], 0.9))
        position = (float(x), float(y), rng.uniform(1.3, 1.8))
        cameras.append(look_at(position, target, fovy=rng.uniform(58.0, 70.0), size=size))
        azimuth += side * math.radians(rng.uniform(25, 95))
    return cameras


def _table_ring(scene: Scene, rng: random.Random, num: int, size: tuple[int, int]) -> list[Camera]:
    azimuth, side = rng.uniform(-math.pi, math.pi), rng.choice((-1, 1))
    cameras = []
    for _ in range(num):
        cameras.append(_around_table(scene, rng, size, azimuth))
        azimuth += side * math.radians(rng.uniform(20, 90))
    return cameras


def _num_shared(scene: Scene, cameras: Sequence[Camera]) -> float:
    """How well the objects lie in all pictures at once."""
    return sum(max(0.0, min(_seen(camera, thing) for camera in cameras)) for thing in scene.objects)


# --- walks ------------------------------------------------------------------------------------------------------------


def _turning(first: float, side: int, num: int) -> list[float]:
    """Once round in `num` frames, the last not repeating the first."""
    return [first + side * 2 * math.pi * frame / num for frame in range(num)]


def _two_legs(rooms: Sequence[Room], side: int, num_frames: int) -> list[_Leg]:
    """Round the first room, up to its doorway, through it, and round the second room."""
    (out, through), (into, _) = _doorway(rooms[0]), _doorway(rooms[1])
    ahead = math.atan2(-through[0], through[1])
    first = (num_frames - 1) // 2
    before = [ahead - side * 2 * math.pi * (first - 1 - frame) / first for frame in range(first)]
    after = [ahead + side * 2 * math.pi * frame / (num_frames - first - 1) for frame in range(num_frames - first - 1)]
    return [
        (rooms[0], before, None, (out[0] - 0.6 * through[0], out[1] - 0.6 * through[1])),
        (rooms[0], [ahead], ((out[0] + into[0]) / 2, (out[1] + into[1]) / 2), None),
        (rooms[1], after, (into[0] + 0.6 * through[0], into[1] + 0.6 * through[1]), None),
    ]


def _doorway(room: Room) -> tuple[Vec2, Vec2]:
    """(its middle on the room's wall, unit vector out of the room)."""
    opening = next(each for each in room.openings if each.kind == "doorway")
    nx, ny = inward(room, opening.wall)
    return point_on(room, opening.wall, opening.along), (-nx, -ny)


def _across(scene: Scene, room: Room, yaws: Sequence[float], start: Vec2 | None, end: Vec2 | None) -> list[Vec2]:
    """A place for each yaw, far back from what it looks at, in steps as short as that allows (dynamic programming)."""
    if len(yaws) == 1 and start is not None:
        return [start]
    places = standing_places(scene, room)
    middle = np.array(_middle(room))
    headings = np.stack([-np.sin(yaws), np.cos(yaws)], axis=1)
    cost = (places - middle) @ headings.T + 1.5 * _num_blocked(scene, room, places, headings)
    if start is not None:
        cost[:, 0] = 10 * np.linalg.norm(places - start, axis=1)
    if end is not None:
        cost[:, -1] = 10 * np.linalg.norm(places - end, axis=1)
    step = np.linalg.norm(places[:, None] - places[None], axis=2)
    step_cost = 0.3 * step + 20 * np.maximum(step - max(0.5, 9.0 / len(yaws)), 0)
    total, came_from = cost[:, 0], []
    for frame in range(1, len(yaws)):
        reached = total[:, None] + step_cost
        came_from.append(reached.argmin(axis=0))
        total = reached.min(axis=0) + cost[:, frame]
    at = [int(total.argmin())]
    for back in reversed(came_from):
        at.append(int(back[at[-1]]))
    path = places[at[::-1]]
    softer = path.copy()
    softer[1:-1] = 0.25 * path[:-2] + 0.5 * path[1:-1] + 0.25 * path[2:]
    may = _room_left(scene, room, softer) >= 0
    return [(float(x), float(y)) for x, y in np.where(may[:, None], softer, path)]


def _num_blocked(
    scene: Scene, room: Room, places: NDArray[np.float64], headings: NDArray[np.float64]
) -> NDArray[np.float64]:
    """float64 [num_places, num_headings]: how many of a few points ahead lie in a wall or in something tall."""
    ahead = np.array((0.5, 1.0, 1.5))
    points = (places[:, None, None] + headings[None, :, None] * ahead[:, None]).reshape(-1, 2)
    blocked = ~_inside(room, points)
    for thing in scene.objects:
        if thing.support == FLOOR and thing.size[2] > _TALL:
            blocked |= _to_thing(points, thing) < 0.1
    return np.asarray(blocked.reshape(len(places), len(headings), len(ahead)).sum(axis=2), float)
