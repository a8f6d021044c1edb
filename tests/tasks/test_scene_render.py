"""Pictures of worlds: what is labelled is where geometry says it is, and nothing leaks from scene to scene."""

from __future__ import annotations

import math
import os
import random
import resource
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vilasr.errors import InputError, InvariantError, MissingExtraError
from vilasr.tasks.scenes import gl
from vilasr.tasks.scenes.camera import Camera, look_at
from vilasr.tasks.scenes.colors import COLORS, OAK
from vilasr.tasks.scenes.geometry import contains
from vilasr.tasks.scenes.layout import make_room_scene, make_table_scene
from vilasr.tasks.scenes.lighting import surroundings
from vilasr.tasks.scenes.render import renderer_for, visible
from vilasr.tasks.scenes.solids import WALL_THICKNESS, solids
from vilasr.tasks.scenes.textures import PATTERNS, SIDE, rgb_bytes
from vilasr.tasks.scenes.walks import random_camera
from vilasr.tasks.scenes.world import Finish, Opening, Part, Rgb, Room, Scene, SceneObject, Shape, Vec3

SIZE = (160, 120)
RED, BLUE = (0.9, 0.1, 0.1), (0.1, 0.1, 0.9)
WHITE = COLORS["white"][0]


def solid(name: str, shape: Shape, size: Vec3, x: float, y: float, color: Rgb) -> SceneObject:
    half = {Shape.BOX: size, Shape.SPHERE: (size[0],) * 3, Shape.CYLINDER: (size[0], size[0], size[1])}[shape]
    part = Part(shape=shape, size=size, position=(0.0, 0.0, half[2]), color=color)
    whole = (2 * half[0], 2 * half[1], 2 * half[2])
    return SceneObject(
        name=name, category="cube", color="red", position=(x, y, 0.0), yaw=0.0, size=whole, parts=(part,)
    )


def empty_room(*objects: SceneObject) -> Scene:
    """6 x 6 m around the origin, 3 m high, with a door and a window in the wall at y = 3."""
    outline = ((-3.0, -3.0), (3.0, -3.0), (3.0, 3.0), (-3.0, 3.0))
    door = Opening(kind="door", wall=2, along=1.5, width=0.9, bottom=0.0, height=2.0)
    window = Opening(kind="window", wall=2, along=4.5, width=1.2, bottom=0.9, height=1.1)
    rooms = (Room(outline=outline, height=3.0, openings=(door, window)),)
    return Scene(kind="room", rooms=rooms, objects=objects, surroundings=surroundings(rooms, random.Random(1)))


def straight(size: tuple[int, int] = SIZE) -> Camera:
    return Camera(position=(0.0, -2.0, 0.5), yaw=0.0, pitch=0.0, fovy=60.0, size=size)


def test_a_box_seen_straight_on_covers_the_pixels_and_the_depth_that_geometry_gives() -> None:
    scene = empty_room(solid("box_1", Shape.BOX, (0.5, 0.5, 0.5), 0.0, 1.0, RED))
    renderer = renderer_for(SIZE)
    renderer.load(scene)
    view = renderer.view(straight())
    # The near face is 2.5 m ahead and 1 m wide; the focal length is 60 / tan(30 deg) = 103.92 px: 41.57 px wide.
    x1, y1, x2, y2 = view.boxes_px["box_1"]
    assert (x1, x2) == (80 - 21, 80 + 21)
    assert (y1, y2) == (60 - 21, 60 + 21)
    assert view.pixels["box_1"] == 42 * 42
    assert view.shown(scene.objects[0]) == 1.0
    assert view.depth[60, 80] == pytest.approx(2.5, abs=0.002)
    # Above the box is the wall, 5 m ahead, less what stands out from it; the label of all that is not an object is -1.
    assert view.depth[10, 80] == pytest.approx(5.0, abs=0.1)
    assert set(np.unique(view.labels)) == {-1, 0}


def test_depth_is_exact_near_and_far() -> None:
    renderer = renderer_for(SIZE)
    renderer.load(empty_room())
    for y, ahead in ((2.5, 0.5), (0.0, 3.0), (-2.9, 5.9)):
        _, depth = renderer.labels(Camera(position=(0.0, y, 1.5), yaw=0.0, pitch=0.0, fovy=60.0, size=SIZE))
        assert depth[60, 80] == pytest.approx(ahead, rel=2e-3)


@pytest.mark.parametrize(
    ("shape", "size", "half_width", "half_height"),
    [(Shape.SPHERE, (0.5, 0.0, 0.0), 0.5, 0.5), (Shape.CYLINDER, (0.3, 0.5, 0.0), 0.3, 0.5)],
)
def test_round_things_have_the_size_that_their_parts_say(
    shape: Shape, size: Vec3, half_width: float, half_height: float
) -> None:
    renderer = renderer_for(SIZE)
    renderer.load(empty_room(solid("thing_1", shape, size, 0.0, 6.0 - 3.5, RED)))
    view = renderer.view(straight())
    x1, y1, x2, y2 = view.boxes_px["thing_1"]
    scale = straight().focal_px / 4.5
    assert (x2 - x1) / 2 / scale == pytest.approx(half_width, rel=0.08)
    assert (y2 - y1) / 2 / scale == pytest.approx(half_height, rel=0.1)


def test_labels_are_indices_of_objects_and_the_nearer_one_hides_the_other() -> None:
    near = solid("near_1", Shape.BOX, (0.2, 0.2, 0.2), 0.0, 0.0, RED)
    far = solid("far_1", Shape.BOX, (0.4, 0.2, 0.6), 0.0, 1.5, BLUE)
    scene = empty_room(far, near)
    renderer = renderer_for(SIZE)
    renderer.load(scene)
    labels, _ = renderer.labels(straight())
    x, y = straight().project((0.0, -0.2, 0.2)) or (0.0, 0.0)
    assert labels[int(y), int(x)] == 1
    x, y = straight().project((0.0, 1.3, 1.0)) or (0.0, 0.0)
    assert labels[int(y), int(x)] == 0
    picture = np.asarray(renderer.rgb(straight())).astype(int)
    assert picture[int(y), int(x), 2] > picture[int(y), int(x), 0] + 30


def test_the_bounds_of_a_box_hold_its_visible_pixels_in_any_scene() -> None:
    rng = random.Random(2)
    renderer = renderer_for(SIZE)
    seen = 0
    for number in range(6):
        make = make_table_scene if number % 2 else make_room_scene
        scene = make(rng, num_objects=(8, 12))
        renderer.load(scene)
        camera = random_camera(scene, rng, SIZE)
        labels, _ = renderer.labels(camera)
        boxes, _ = visible(scene, labels)
        for thing in scene.objects:
            whole = camera.bounds_px(thing.box)
            if thing.name in boxes and whole is not None:
                x1, y1, x2, y2 = boxes[thing.name]
                assert x1 >= whole[0] - 1
                assert y1 >= whole[1] - 1
                assert x2 <= whole[2] + 1
                assert y2 <= whole[3] + 1
                seen += 1
    assert seen > 20


def test_a_point_of_the_depth_image_lies_on_the_object_that_its_label_names() -> None:
    rng = random.Random(3)
    scene = make_room_scene(rng, num_objects=(10, 14))
    camera = random_camera(scene, rng, SIZE)
    renderer = renderer_for(SIZE)
    renderer.load(scene)
    labels, depth = renderer.labels(camera)
    right, up, forward = camera.axes
    checked = 0
    for row in range(2, 120, 5):
        for column in range(2, 160, 5):
            if labels[row, column] < 0:
                continue
            box = scene.objects[labels[row, column]].box
            across = (column + 0.5 - 80) / camera.focal_px * right - (row + 0.5 - 60) / camera.focal_px * up
            point = np.array(camera.position) + float(depth[row, column]) * (forward + across)
            dx, dy, dz = point - box.center
            x = math.cos(box.yaw) * dx + math.sin(box.yaw) * dy
            y = -math.sin(box.yaw) * dx + math.cos(box.yaw) * dy
            assert np.all(np.abs((x, y, dz)) <= np.array(box.size) / 2 + 0.02)
            checked += 1
    assert checked > 20


def test_the_same_scene_gives_the_same_bytes_whatever_was_drawn_before() -> None:
    scene = make_room_scene(random.Random(4), num_objects=(8, 12))
    camera = random_camera(scene, random.Random(5), SIZE)
    renderer = renderer_for(SIZE)
    renderer.load(scene)
    first = renderer.view(camera)
    other = renderer_for((96, 200))
    other.load(make_table_scene(random.Random(6), num_objects=(6, 9)))
    other.rgb(look_at((0.5, 0.5, 1.0), (1.0, 1.0, 0.5), fovy=50, size=(96, 200)))
    again = renderer.view(camera)
    assert first.image.tobytes() == again.image.tobytes()
    assert np.array_equal(first.labels, again.labels)
    assert np.array_equal(first.depth, again.depth)


def test_a_picture_is_neither_dark_nor_burnt_out_and_its_edges_are_smooth() -> None:
    rng = random.Random(7)
    renderer = renderer_for((224, 224))
    for _ in range(4):
        scene = make_room_scene(rng, num_objects=(8, 14))
        renderer.load(scene)
        image = renderer.rgb(random_camera(scene, rng, (224, 224)))
        grey = np.asarray(image.convert("L"))
        assert image.size == (224, 224)
        assert image.mode == "RGB"
        assert 70 < grey.mean() < 200
        assert (grey > 250).mean() < 0.1
        assert (grey < 5).mean() < 0.2


def test_what_casts_a_shadow_darkens_the_floor_beside_it() -> None:
    tall = solid("tall_1", Shape.BOX, (0.3, 0.3, 0.5), 0.0, 0.0, RED)
    above = look_at((-1.5, -1.5, 2.8), (0.0, 0.0, 0.0), fovy=60.0, size=SIZE)
    renderer = renderer_for(SIZE)
    floors = []
    for scene in (empty_room(), empty_room(tall)):
        renderer.load(scene)
        labels, _ = renderer.labels(above)
        floors.append(np.where(labels == -1, np.asarray(renderer.rgb(above).convert("L")), 255).astype(int))
    darker = (floors[0] - floors[1] > 15) & (floors[1] < 255)
    assert 0.01 < darker.mean() < 0.2


def test_a_camera_of_another_size_is_refused() -> None:
    renderer = renderer_for(SIZE)
    renderer.load(empty_room())
    with pytest.raises(InputError, match=r"camera: expected size \(160, 120\); got size \(64, 64\)"):
        renderer.labels(straight((64, 64)))


def test_drawing_without_a_scene_is_a_bug() -> None:
    with pytest.raises(InvariantError, match="load comes before drawing"):
        renderer_for((64, 48)).rgb(straight((64, 48)))


@pytest.mark.parametrize("size", [(0, 64), (64, 15), (1025, 64), (-5, 64)])
def test_a_size_that_cannot_be_drawn_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="size: expected 16 to 1024 px each way; got"):
        renderer_for(size)


def test_the_largest_size_is_drawn_whole() -> None:
    renderer = renderer_for((1024, 16))
    renderer.load(empty_room())
    image = np.asarray(renderer.rgb(straight((1024, 16))))
    assert image.shape == (16, 1024, 3)
    assert image[:, -8:].mean() > 40


def test_a_thread_of_its_own_draws_the_same_pixels() -> None:
    scene = empty_room(solid("box_1", Shape.BOX, (0.5, 0.5, 0.5), 0.0, 1.0, RED))
    found: list[bytes] = []

    def draw() -> None:
        renderer = renderer_for(SIZE)
        renderer.load(scene)
        found.append(renderer.rgb(straight()).tobytes())

    draw()
    thread = threading.Thread(target=draw)
    thread.start()
    thread.join()
    draw()
    assert found[0] == found[1] == found[2]


def test_a_forked_process_is_told_to_be_spawned_instead_of_hanging(monkeypatch: pytest.MonkeyPatch) -> None:
    renderer_for(SIZE)
    monkeypatch.setattr("vilasr.tasks.scenes.render._drawing_pid", os.getpid() + 1)
    with pytest.raises(InvariantError, match="start it with 'spawn'"):
        renderer_for(SIZE)


def test_three_hundred_scenes_do_not_grow_the_memory() -> None:
    rng = random.Random(8)
    renderer = renderer_for((64, 64))
    camera = look_at((0.6, 0.6, 1.5), (2.0, 2.0, 0.5), fovy=60, size=(64, 64))
    scenes = [make_table_scene(rng, num_objects=(4, 8)) for _ in range(6)]

    def grown_by(num_scenes: int) -> int:
        before = resident_bytes()
        for number in range(num_scenes):
            renderer.load(scenes[number % len(scenes)])
            renderer.labels(camera)
            if number % 30 == 0:
                renderer.rgb(camera)
        return resident_bytes() - before

    grown_by(30)
    assert grown_by(300) < 4 * 2**20


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_patterns_are_bright_enough_to_keep_the_colour_under_them() -> None:
    for name, pattern in PATTERNS.items():
        drawn = np.frombuffer(rgb_bytes(pattern, 0), np.uint8)
        assert drawn.size == SIDE * SIDE * 3
        assert drawn.mean() > 0.5 * 255, name


def test_white_wood_is_painted_and_keeps_its_white() -> None:
    seen = {}
    for finish, color in ((Finish.WOOD, WHITE), (Finish.PLAIN, WHITE), (Finish.WOOD, OAK)):
        box = solid("box", Shape.BOX, (0.6, 0.6, 0.6), 0.0, 3.0, color)
        scene = empty_room(replace(box, parts=(replace(box.parts[0], finish=finish),)))
        (only,) = (each for each in solids(scene) if each.label == 0)
        renderer = renderer_for(SIZE)
        renderer.load(scene)
        view = renderer.view(straight())
        seen[finish, color] = only.pattern, np.asarray(view.image, np.float64)[view.labels == 0]
    assert [pattern for pattern, _ in seen.values()] == ["paint", None, "grain"]
    painted, plain = seen[Finish.WOOD, WHITE][1], seen[Finish.PLAIN, WHITE][1]
    assert painted.mean() > 0.95 * plain.mean()
    assert painted.std(axis=0).max() < 0.05 * painted.mean()


def test_no_wall_stands_inside_of_a_room() -> None:
    rng = random.Random(9)
    for number in range(12):
        scene = make_room_scene(rng, num_objects=(1, 1), num_rooms=1 + number % 2)
        for wall in solids(scene):
            if wall.label != -1 or wall.size[2] != WALL_THICKNESS / 2 or wall.size[1] < 0.3:
                continue
            along, out = wall.axes[:2, 0] * wall.size[0] * 0.999, wall.axes[:2, 2] * wall.size[2] * 0.999
            ends = [wall.center[:2] + one * along + other * out for one in (-1, 1) for other in (-1, 1)]
            assert not any(contains(room.outline, (x, y)) for room in scene.rooms for x, y in ends)


# --- finding a driver -------------------------------------------------------------------------------------------------


def test_without_mujoco_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mujoco", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vilasr\[scenes\]'"):
        gl.mujoco_module()


def test_egl_is_preferred_and_osmesa_is_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gl, "_egl_works", lambda: True)
    assert gl._first_backend() == "egl"
    monkeypatch.setattr(gl, "_egl_works", lambda: False)
    monkeypatch.setattr(gl, "_library", lambda *names: object())
    assert gl._first_backend() == "osmesa"
    monkeypatch.setattr(gl, "_library", lambda *names: None)
    assert gl._first_backend() is None


def test_without_a_library_for_egl_it_does_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gl, "_library", lambda *names: None)
    assert not gl._egl_works()


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"MUJOCO_GL": "egl", "MUJOCO_EGL_DEVICE_ID": "999"}, "apt-get install libegl1 libegl-mesa0"),
        ({"MUJOCO_GL": "glfw", "DISPLAY": ""}, "unset MUJOCO_GL, which is 'glfw'"),
        ({"MUJOCO_GL": "", "DISPLAY": ""}, "unset MUJOCO_GL, which is ''"),
        ({"MUJOCO_GL": "nonsense"}, "unset MUJOCO_GL, which is 'nonsense'"),
        pytest.param(
            {"MUJOCO_GL": "osmesa"},
            "unset MUJOCO_GL, which is 'osmesa'",
            marks=pytest.mark.skipif(bool(gl._library("libOSMesa.so.8", "libOSMesa.so")), reason="OSMesa draws here"),
        ),
    ],
)
def test_a_driver_that_does_not_work_is_an_input_error_that_names_packages(
    setting: dict[str, str], expected: str
) -> None:
    code = (
        "from vilasr.errors import InputError\n"
        "from vilasr.tasks.scenes.render import renderer_for\n"
        "try:\n    renderer_for((64, 64))\n"
        "except InputError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **setting},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "rendering of scenes: expected an OpenGL driver" in done.stdout
    assert "libosmesa6" in done.stdout
    assert expected in done.stdout


def test_drawing_finds_a_driver_by_itself_and_leaves_nothing_to_say_at_the_end() -> None:
    code = (
        "import random\n"
        "from vilasr.tasks.scenes.layout import make_table_scene\n"
        "from vilasr.tasks.scenes.render import renderer_for\n"
        "from vilasr.tasks.scenes.walks import random_camera\n"
        "rng = random.Random(0)\n"
        "scene = make_table_scene(rng, num_objects=(3, 4))\n"
        "renderer = renderer_for((64, 64))\n"
        "renderer.load(scene)\n"
        "print(renderer.rgb(random_camera(scene, rng, (64, 64))).size)\n"
    )
    free = {key: value for key, value in os.environ.items() if key not in ("MUJOCO_GL", "PYOPENGL_PLATFORM")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=free, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "(64, 64)\n", "")
