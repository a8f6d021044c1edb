"""Furnished places, checked part by part with code that knows nothing of how they were furnished."""

from __future__ import annotations

import math
import random
from collections import Counter
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from vilasr.tasks.scenes.catalogue import CLASSES
from vilasr.tasks.scenes.geometry import contains, sides
from vilasr.tasks.scenes.layout import make_room_scene, make_table_scene
from vilasr.tasks.scenes.rooms import inward, make_rooms, point_on
from vilasr.tasks.scenes.solids import rotation
from vilasr.tasks.scenes.walks import _rays, random_camera, standing_places, views_around, walk
from vilasr.tasks.scenes.world import FLOOR, Part, Scene, SceneObject, Shape

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SIZE = (224, 224)


@cache
def rooms() -> tuple[Scene, ...]:
    rng = random.Random(11)
    return tuple(make_room_scene(rng, num_objects=(10, 20), num_rooms=1 + (number % 3 == 0)) for number in range(12))


@cache
def tables() -> tuple[Scene, ...]:
    rng = random.Random(12)
    return tuple(make_table_scene(rng, num_objects=(5, 10)) for _ in range(12))


def inside_part(part: Part, local: NDArray[np.float64], margin: float) -> NDArray[np.bool_]:
    """Whether points, in the object's frame, lie deeper than `margin` in a part."""
    x, y, z = np.abs((local - part.position) @ rotation(part.euler)).T
    a, b, c = part.size
    if part.shape is Shape.BOX:
        return (x < a - margin) & (y < b - margin) & (z < c - margin)
    if part.shape is Shape.CYLINDER:
        return (np.hypot(x, y) < a - margin) & (z < b - margin)
    if part.shape is Shape.CAPSULE:
        return np.hypot(np.hypot(x, y), np.maximum(z - b, 0)) < a - margin
    half = np.array((a, a, a) if part.shape is Shape.SPHERE else (a, b, c)) - margin
    return (np.array((x, y, z)).T ** 2 / np.maximum(half, 1e-6) ** 2).sum(axis=1) < 1


def to_world(thing: SceneObject, local: NDArray[np.float64]) -> NDArray[np.float64]:
    return local @ rotation((0.0, 0.0, thing.yaw)).T + thing.position


def to_local(thing: SceneObject, world: NDArray[np.float64]) -> NDArray[np.float64]:
    return (world - thing.position) @ rotation((0.0, 0.0, thing.yaw))


def points_of(thing: SceneObject, rng: np.random.Generator) -> NDArray[np.float64]:
    """Points in and on the parts of an object, in the world."""
    clouds = []
    for part in thing.parts:
        a, b, c = part.size
        reach = {
            Shape.BOX: (a, b, c),
            Shape.CYLINDER: (a, a, b),
            Shape.CAPSULE: (a, a, a + b),
            Shape.SPHERE: (a, a, a),
            Shape.ELLIPSOID: (a, b, c),
        }[part.shape]
        cloud = rng.uniform(-1, 1, (60, 3)) * reach @ rotation(part.euler).T + part.position
        clouds.append(cloud[inside_part(part, cloud, 0.0)])
    return to_world(thing, np.concatenate(clouds))


@pytest.mark.parametrize("scenes", [rooms, tables])
def test_no_point_of_an_object_is_inside_a_part_of_another(scenes: Callable[[], tuple[Scene, ...]]) -> None:
    rng = np.random.default_rng(0)
    for scene in scenes():
        clouds = {thing.name: points_of(thing, rng) for thing in scene.objects}
        for thing in scene.objects:
            for other in scene.objects:
                reach = math.hypot(*thing.size) / 2 + math.hypot(*other.size) / 2
                if thing is other or math.dist(thing.center, other.center) > reach:
                    continue
                local = to_local(other, clouds[thing.name])
                for part in other.parts:
                    assert not inside_part(part, local, 0.001).any(), (thing.name, other.name)


def test_every_point_of_every_object_is_inside_one_of_the_rooms() -> None:
    rng = np.random.default_rng(1)
    for scene in rooms() + tables():
        for thing in scene.objects:
            cloud = points_of(thing, rng)
            assert cloud[:, 2].min() >= -1e-6
            assert any(all(contains(room.outline, (x, y)) for x, y, _ in cloud) for room in scene.rooms), thing.name


def test_what_is_on_something_stands_on_its_surface_with_all_of_its_footprint() -> None:
    carried = [(scene, thing) for scene in rooms() + tables() for thing in scene.objects if thing.support != FLOOR]
    assert len(carried) > 60
    grid = np.stack(np.meshgrid(*[np.linspace(-0.5, 0.5, 9)] * 2, [0.0]), axis=-1).reshape(-1, 3)
    for scene, thing in carried:
        carrier = scene.named(thing.support)
        assert CLASSES[carrier.category].carries
        below = to_local(carrier, to_world(thing, grid * thing.size - (0, 0, 0.004)))
        held = np.any([inside_part(part, below, 0.0) for part in carrier.parts], axis=0)
        beyond_edge = np.abs(below[:, :2]) > np.array(carrier.size[:2]) / 2
        assert not beyond_edge.any(), (thing.name, carrier.name)
        # The boards of a bench have gaps between them; each corner of the footprint still rests on one.
        for corner in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
            quarter = (grid[:, 0] * corner[0] >= 0) & (grid[:, 1] * corner[1] >= 0)
            assert held[quarter].mean() > 0.6, (thing.name, carrier.name)


def test_some_things_stand_on_the_floor_under_others() -> None:
    sheltered = 0
    for scene in tables():
        table = scene.objects[0]
        for thing in scene.objects[1:]:
            if thing.support == FLOOR:
                assert contains(table.box.footprint(), thing.position[:2])
                assert thing.size[2] < table.size[2]
                sheltered += 1
    assert sheltered >= 5


def test_what_belongs_to_a_wall_has_its_back_close_to_one_and_faces_away() -> None:
    checked = 0
    for scene in rooms():
        for thing in scene.objects:
            if not CLASSES[thing.category].to_wall:
                continue
            ahead = (math.sin(thing.yaw), -math.cos(thing.yaw))
            back = [thing.position[axis] - ahead[axis] * thing.size[1] / 2 for axis in (0, 1)]
            gaps = []
            for room in scene.rooms:
                for wall in range(len(room.outline)):
                    normal = inward(room, wall)
                    if np.dot(normal, ahead) > 0.999:
                        gaps.append(abs(np.dot(np.subtract(back, room.outline[wall]), normal)))
            assert min(gaps) < 0.07, thing.name
            checked += 1
    assert checked > 30


def test_doors_and_doorways_can_be_walked_up_to() -> None:
    for scene in rooms() + tables():
        for room in scene.rooms:
            for opening in room.openings:
                if opening.kind == "window":
                    continue
                (x, y), (nx, ny) = point_on(room, opening.wall, opening.along), inward(room, opening.wall)
                for step in (0.1, 0.4, 0.8):
                    at = (x + step * nx, y + step * ny)
                    assert not any(contains(thing.box.footprint(), at) for thing in scene.objects)


def test_openings_fit_into_their_walls_and_keep_apart() -> None:
    rng = random.Random(3)
    for number in range(60):
        for room in make_rooms(rng, 1 + number % 2):
            for one in room.openings:
                length = math.dist(*sides(room.outline)[one.wall])
                assert one.width / 2 < one.along < length - one.width / 2
                assert one.bottom + one.height < room.height
                beside = [other for other in room.openings if other.wall == one.wall and other is not one]
                assert all(abs(one.along - other.along) > (one.width + other.width) / 2 for other in beside)


def test_rooms_are_counter_clockwise_rectangles_or_ls() -> None:
    rng = random.Random(4)
    shapes = Counter(len(room.outline) for _ in range(60) for room in make_rooms(rng, 1) if room.area > 0)
    assert set(shapes) == {4, 6}
    assert shapes.total() == 60


def test_two_rooms_meet_at_one_doorway() -> None:
    rng = random.Random(5)
    for _ in range(30):
        ends = []
        for room in make_rooms(rng, 2):
            (doorway,) = [each for each in room.openings if each.kind == "doorway"]
            ends.append(point_on(room, doorway.wall, doorway.along))
        (x1, y1), (x2, y2) = ends
        assert x2 - x1 == pytest.approx(0.2)
        assert y1 == pytest.approx(y2)


def test_three_rooms_are_not_known() -> None:
    with pytest.raises(ValueError, match="num_rooms must be 1 or 2; got 3"):
        make_rooms(random.Random(0), 3)


def test_the_same_state_gives_the_same_scene_and_another_one_another() -> None:
    first, again, other = (make_room_scene(random.Random(seed), num_objects=(8, 12)) for seed in (7, 7, 8))
    assert first == again
    assert first != other


def test_names_are_unique_and_most_things_can_be_told_by_colour_and_class() -> None:
    shares = []
    for scene in rooms() + tables():
        assert len({thing.name for thing in scene.objects}) == len(scene.objects)
        pairs = Counter((thing.color, thing.category) for thing in scene.objects)
        shares.append(sum(count == 1 for count in pairs.values()) / len(scene.objects))
    assert sum(shares) / len(shares) > 0.8


def test_rooms_hold_about_as_many_things_as_wished_for_and_some_are_alike() -> None:
    rng = random.Random(6)
    scenes = [make_room_scene(rng, num_objects=(12, 12)) for _ in range(20)]
    assert sum(len(scene.objects) for scene in scenes) / 20 > 9
    alike = [max(Counter(thing.category for thing in scene.objects).values()) for scene in scenes]
    assert sum(most > 1 for most in alike) >= 15


def test_cameras_stand_in_the_room_and_in_no_object() -> None:
    rng = random.Random(7)
    for scene in rooms() + tables():
        for camera in (random_camera(scene, rng, SIZE), *views_around(scene, rng, 3, SIZE)):
            x, y, z = camera.position
            assert any(contains(room.outline, (x, y)) and z < room.height for room in scene.rooms)
            assert not any(
                contains(thing.box.footprint(), (x, y)) and z < thing.position[2] + thing.size[2] + 0.1
                for thing in scene.objects
            )


def test_a_camera_goes_out_from_a_table_until_a_wall_is_nearer_than_20_cm() -> None:
    """Step by step of 5 cm, with the distance to each wall taken point by point."""
    for seed in range(40):
        rng = random.Random(seed)
        outline = (room := make_rooms(rng, 1)[0]).outline
        start = (sum(x for x, _ in outline) / len(outline), sum(y for _, y in outline) / len(outline))
        azimuths = [rng.uniform(-4, 4) for _ in range(5)]
        for azimuth, reach in _rays(room, start, azimuths):
            way = [
                step
                for step in np.arange(0.1, 2.0, 0.05).tolist()
                for x, y in ((start[0] + step * math.cos(azimuth), start[1] + step * math.sin(azimuth)),)
                if min(to_wall(x, y, *side) for side in sides(outline)) < 0.2
            ]
            clear = [step for step in np.arange(0.1, 2.0, 0.05).tolist() if not way or step < way[0]]
            assert reach == (clear[-1] if clear else 0.1)
        assert [azimuth for azimuth, _ in _rays(room, start, azimuths)] == azimuths


def to_wall(x: float, y: float, start: tuple[float, float], end: tuple[float, float]) -> float:
    """m from a point to a wall that runs along x or along y."""
    (low_x, high_x), (low_y, high_y) = sorted((start[0], end[0])), sorted((start[1], end[1]))
    return math.hypot(max(low_x - x, 0, x - high_x), max(low_y - y, 0, y - high_y))


def test_several_views_share_a_place_and_differ() -> None:
    rng = random.Random(8)
    for scene in rooms()[:6] + tables()[:6]:
        cameras = views_around(scene, rng, 4, SIZE)
        assert len(cameras) == 4
        assert len({camera.position for camera in cameras}) == 4


@pytest.mark.parametrize("num_frames", [2, 8, 16, 32])
def test_a_walk_is_smooth_turns_all_the_way_and_stays_inside(num_frames: int) -> None:
    rng = random.Random(9)
    for scene in rooms()[:6]:
        cameras = walk(scene, rng, num_frames, SIZE)
        assert len(cameras) == num_frames
        for camera in cameras:
            at = camera.position[:2]
            in_doorway = len(scene.rooms) == 2 and not any(contains(room.outline, at) for room in scene.rooms)
            assert in_doorway <= (num_frames >= 8)
            assert not any(contains(thing.box.footprint(), at) for thing in scene.objects)
        if num_frames >= 8:
            steps = [math.dist(one.position, other.position) for one, other in pairwise(cameras)]
            turns = [abs(one.yaw - other.yaw) for one, other in pairwise(cameras)]
            assert max(steps) < (2.6 if num_frames == 8 else 1.6)
            assert max(turns) <= 2 * math.pi / 3 + 1e-9
            assert sum(turns) > 1.5 * math.pi


def test_a_walk_through_two_rooms_passes_the_doorway_looking_ahead() -> None:
    scene = rooms()[0]
    assert len(scene.rooms) == 2
    cameras = walk(scene, random.Random(10), 16, SIZE)
    where = [
        next((k for k, room in enumerate(scene.rooms) if contains(room.outline, c.position[:2])), None) for c in cameras
    ]
    crossing = where.index(None)
    assert where.count(None) == 1
    assert {*where[:crossing], *where[crossing + 1 :]} == {0, 1}
    assert where[0] != where[-1]
    heading = cameras[crossing].axes[2][0]
    assert abs(heading) > 0.9
    assert (heading > 0) == (where[-1] == 1)


def test_a_room_without_space_still_has_a_place_to_stand() -> None:
    scene = make_room_scene(random.Random(1), num_objects=(60, 60))
    assert len(standing_places(scene, scene.rooms[0])) >= 1
