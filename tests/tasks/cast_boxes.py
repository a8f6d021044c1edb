"""Views of scenes in which every object is its box, by casting a ray for each pixel: no renderer, and no code of ours
but the records and the camera."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from vilasr.tasks.scenes.camera import look_at
from vilasr.tasks.scenes.world import FLOOR, Finish, Part, Room, Scene, SceneObject, Shape, Surroundings, View

SIZE = (120, 120)


def block(name, at, size, *, color="red", yaw=0.0, support=FLOOR, z=0.0):
    """A solid block called "<category>_<number>", its footprint centred at `at`."""
    half = tuple(side / 2 for side in size)
    part = Part(shape=Shape.BOX, size=half, position=(0.0, 0.0, half[2]), color=(1.0, 0.0, 0.0), finish=Finish.PLAIN)
    return SceneObject(
        name=name,
        category=name.split("_")[0],
        color=color,
        position=(*at, z),
        yaw=yaw,
        size=size,
        parts=(part,),
        support=support,
    )


def scene_of(*objects, half_side=4.0):
    """In a square room around the origin."""
    s = half_side
    room = Room(outline=((-s, -s), (s, -s), (s, s), (-s, s)), height=2.6)
    plain = Surroundings(floor_color=(1, 1, 1), wall_color=(1, 1, 1), floor_pattern="plain", texture_seed=0, lights=())
    return Scene(kind="room", rooms=(room,), objects=objects, surroundings=plain)


def from_south(distance=3.5, height=1.6, size=SIZE):
    """A camera on the y axis that looks north at the middle of the room."""
    return look_at((0.0, -distance, height), (0.0, 0.0, 0.3), fovy=60.0, size=size)


def view_of(scene, camera):
    width, height = camera.size
    focal = height / 2 / math.tan(math.radians(camera.fovy) / 2)
    xs, ys = np.meshgrid(np.arange(width) + 0.5 - width / 2, height / 2 - np.arange(height) - 0.5)
    rays = (np.stack([xs / focal, ys / focal, np.ones_like(xs)], -1) @ camera.axes).reshape(-1, 3)
    depth = np.full(len(rays), 50.0)
    labels = np.full(len(rays), -1, np.int16)
    for number, thing in enumerate(scene.objects):
        cos, sin = math.cos(thing.yaw), math.sin(thing.yaw)
        turn = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
        start = turn @ (np.array(camera.position) - np.array(thing.center))
        way = rays @ turn.T
        with np.errstate(divide="ignore", invalid="ignore"):
            one, other = ((side * np.array(thing.size) / 2 - start) / way for side in (-1, 1))
        enter, leave = np.minimum(one, other).max(1), np.maximum(one, other).min(1)
        hit = (enter < leave) & (enter > 0) & (enter < depth)
        depth[hit], labels[hit] = enter[hit], number
    labels = labels.reshape(height, width)
    boxes, pixels = {}, {}
    for number, thing in enumerate(scene.objects):
        rows, columns = np.nonzero(labels == number)
        if len(rows):
            box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            boxes[thing.name], pixels[thing.name] = tuple(int(value) for value in box), len(rows)
    return View(
        camera=camera,
        image=Image.new("RGB", camera.size),
        boxes_px=boxes,
        pixels=pixels,
        depth=depth.reshape(height, width).astype(np.float32),
        labels=labels,
    )
