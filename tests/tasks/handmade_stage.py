"""Scenes and views small enough to check by hand."""

from __future__ import annotations

import numpy as np

from vilasr.tasks.multiview.sight import Sight
from vilasr.tasks.multiview.stage import Stage
from vilasr.tasks.scenes.camera import Camera
from vilasr.tasks.scenes.render import visible
from vilasr.tasks.scenes.world import Room, Scene, SceneObject, Surroundings

PLAIN = Surroundings(floor_color=(1, 1, 1), wall_color=(1, 1, 1), floor_pattern="plain", texture_seed=0, lights=())
ROOM = Room(outline=((-5, 0), (5, 0), (5, 9), (-5, 9)), height=2.5)
CAMERA = Camera(position=(0, 0, 1.5), yaw=0.0, pitch=0.0, fovy=60, size=(100, 100))


def thing(category, x, y, size=(0.4, 0.4, 0.8), *, z=0.0, number=1, color="red"):
    return SceneObject(
        name=f"{category}_{number}", category=category, color=color, position=(x, y, z), yaw=0.0, size=size, parts=()
    )


def stage(things, *pictures):
    """Of each picture, (x1, y1, x2, y2) by category and number: what the thing fills, whatever it hides."""
    scene = Scene(kind="room", rooms=(ROOM,), objects=tuple(things), surroundings=PLAIN)
    sights = []
    for boxes in pictures:
        labels = np.full((100, 100), -1, np.int16)
        for name, (x1, y1, x2, y2) in boxes.items():
            labels[y1:y2, x1:x2] = next(place for place, each in enumerate(things) if each.name == name)
        found, pixels = visible(scene, labels)
        sights.append(
            Sight(camera=CAMERA, boxes_px=found, pixels=pixels, shares=dict.fromkeys(found, 1.0), labels=labels)
        )
    return Stage(scene, sights)
