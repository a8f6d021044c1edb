"""From a question type to a walk that it can be asked about: scenes are made until one answers without doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vilasr.errors import InputError
from vilasr.tasks.scenes.layout import make_room_scene
from vilasr.tasks.scenes.render import renderer_for
from vilasr.tasks.scenes.walks import walk
from vilasr.tasks.video.footage import Footage, footage_of

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from PIL import Image

    from vilasr.tasks.video.asked import Asked

    Asker = Callable[[Footage, random.Random], Asked | None]

NUM_OBJECTS = {1: (12, 20), 2: (18, 28)}
"""(fewest, most) wished for in so many rooms."""
TWO_ROOMS = 1 / 3
"""Share of the walks that lead through two rooms, where either may be."""
_MAX_SCENES = 300


def film(
    question: str, ask: Asker, *, rooms: int | None, num_frames: int, size: tuple[int, int], rng: random.Random
) -> tuple[Asked, Footage, tuple[Image.Image, ...]]:
    """(question, what the walk shows, its frames). Pictures are drawn only of a walk that is asked about.

    Args:
        question: the type, for the message when there is none.
        rooms: None draws one or two.

    Raises:
        InputError: no driver that can draw; or no question, as in pictures of a few rows or of a few columns.
        MissingExtraError: mujoco is not installed.
    """
    renderer = renderer_for(size)
    num_rooms = rooms or (2 if rng.random() < TWO_ROOMS else 1)
    for _ in range(_MAX_SCENES):
        scene = make_room_scene(rng, num_objects=NUM_OBJECTS[num_rooms], num_rooms=num_rooms)
        cameras = walk(scene, rng, num_frames, size)
        renderer.load(scene)
        footage = footage_of(scene, [renderer.look(camera) for camera in cameras])
        asked = ask(footage, rng)
        if asked is not None:
            return asked, footage, tuple(renderer.rgb(camera) for camera in cameras)
    raise InputError(
        "options of task video",
        expected=f"pictures of which a question of {question} can be asked without doubt",
        got=f"none in {_MAX_SCENES} walks of {num_frames} frames at {size[0]}x{size[1]} px",
        remedy="Give a larger size, or sides that differ less.",
    )
