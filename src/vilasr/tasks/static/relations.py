"""Questions about two things as a camera sees them: which is on the left, in front, nearer to the camera.

Nothing is asked of two things one of which is above the other: an apple on a desk is neither left of it nor nearer.
Margins, below which nothing is asked either:

- left or right: neither visible box spans the other's width; the middles of both the visible boxes and the whole boxes
  differ by LEFT_RIGHT of the picture's width;
- in front or behind, nearer to the camera: the farther centre is farther by NEARER_CAMERA, the farther front by
  NEARER_FRONT, as shares of the nearer one.
"""

from __future__ import annotations

import math
from itertools import permutations
from typing import TYPE_CHECKING

from vilasr.tasks.asking.choices import ordered
from vilasr.tasks.asking.plan import Plan
from vilasr.tasks.asking.words import joined, least, measures
from vilasr.tasks.scenes.geometry import stand_apart
from vilasr.tasks.scenes.sight import can_be_sided
from vilasr.tasks.static.cameras import opposite_camera
from vilasr.tasks.static.question import Question, by_lot, shorter

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from vilasr.tasks.scenes.camera import Camera
    from vilasr.tasks.scenes.world import SceneObject
    from vilasr.tasks.static.look import Look, Stage

LEFT_RIGHT = 0.1
NEARER_CAMERA = 0.2
NEARER_FRONT = 0.1
_NUM_LOOKS, _NUM_PAIRS = 3, 6
"""Cameras from which a scene is looked at before it is given up, and pairs that are then looked at from behind."""

LEFT_RIGHT_TEXTS = (
    "In the picture, is the {one} to the left or to the right of the {other}?",
    "Seen from the camera, on which side of the {other} is the {one}?",
    "Is the {one} left or right of the {other} as you see it?",
    "Which side of the {other} is the {one} on, from this view?",
)
FRONT_BEHIND_TEXTS = (
    "Seen from the camera, is the {one} in front of the {other} or behind it?",
    "Along the line of sight, where is the {one}: in front of the {other} or behind it?",
    "Is the {one} in front of or behind the {other}, as the camera looks?",
    "From this view, does the {one} stand in front of the {other} or behind it?",
)
NEARER_CAMERA_TEXTS = (
    "Which is nearer to the camera, the {one} or the {other}?",
    "Of the {one} and the {other}, which is closer to the camera?",
    "Which of the two stands nearer to you: the {one} or the {other}?",
    "Is the {one} or the {other} closer to where the picture was taken from?",
)


def left_right(stage: Stage, rng: random.Random) -> Question | None:
    """No other world is needed: scenes and their mirror images are equally likely."""
    look = stage.look()
    width = look.size[0]
    places = {}
    things = look.askable()
    for thing in things:
        whole = look.view.camera.project(thing.center)
        if whole is not None:
            places[thing.name] = (look.middle_px(thing)[0], whole[0])
    pairs = [
        (one, other)
        for one, other in permutations([thing for thing in things if thing.name in places], 2)
        if min(abs(a - b) for a, b in zip(places[one.name], places[other.name], strict=True)) >= LEFT_RIGHT * width
        and (places[one.name][0] < places[other.name][0]) == (places[one.name][1] < places[other.name][1])
        and can_be_sided(look.view, one, other)
    ]
    if not pairs:
        return None
    one, other = rng.choice(pairs)
    one_is, other_is = look.phrases[one.name], look.phrases[other.name]
    side = "left" if places[one.name][0] < places[other.name][0] else "right"
    options, answer = ordered(side, ("left", "right"))
    says = (
        f"From the {other_is} to the {one_is}, {{0}}, the line goes {side}.",
        f"Go from the {other_is} to the {one_is}, {{0}}: that is to the {side}.",
    )
    return Question(
        look=look,
        text=rng.choice(LEFT_RIGHT_TEXTS).format(one=one_is, other=other_is),
        options=options,
        answer=answer,
        plan=Plan(
            steps=(look.boxes((one, other)), look.line(other, one, "1", says)),
            concludes=(f"The {one_is} is {side} of the {other_is}.", f"So the {one_is} is on the {side}."),
        ),
        truth={"objects": look.facts((one, other)), "value": side},
    )


def front_behind(stage: Stage, rng: random.Random) -> Question | None:
    found = _seen_both_ways(stage, rng, lambda camera, thing: camera.depth(thing.center))
    if found is None:
        return None
    one, other, worlds = found
    text = rng.choice(FRONT_BEHIND_TEXTS).format(one=worlds[0].phrases[one.name], other=worlds[0].phrases[other.name])
    return by_lot([_front_behind(look, one, other, text) for look in worlds], rng)


def _front_behind(look: Look, one: SceneObject, other: SceneObject, text: str) -> Question:
    one_is, other_is = look.phrases[one.name], look.phrases[other.name]
    near, far = look.depth(one), look.depth(other)
    place = "in front" if near < far else "behind"
    options, answer = ordered(place, ("in front", "behind"))
    whose = f"to the {one_is}", f"to the {other_is}"
    away = joined(measures((near, far), whose))
    says = (f"Along the view it is about {away}.", f"The depths are about {away}.")
    return Question(
        look=look,
        text=text,
        options=options,
        answer=answer,
        plan=Plan(
            steps=(look.boxes((one, other)), look.line(one, other, "1", says)),
            concludes=(f"{least((near, far), whose)}, so the {one_is} is {place}.",),
        ),
        truth={"objects": look.facts((one, other)), "value": [near, far]},
    )


def nearer_camera(stage: Stage, rng: random.Random) -> Question | None:
    found = _seen_both_ways(stage, rng, lambda camera, thing: math.dist(camera.position, thing.center))
    if found is None:
        return None
    one, other, worlds = found
    words = worlds[0].phrases[one.name], worlds[0].phrases[other.name]
    text = rng.choice(NEARER_CAMERA_TEXTS).format(one=words[0], other=words[1])
    return by_lot([_nearer_camera(look, one, other, text) for look in worlds], rng)


def _nearer_camera(look: Look, one: SceneObject, other: SceneObject, text: str) -> Question:
    reaches = look.range(one), look.range(other)
    words = look.phrases[one.name], look.phrases[other.name]
    whose = [f"to the {name}" for name in words]
    says = (f"It is about {joined(measures(reaches, whose))}.",)
    return Question(
        look=look,
        text=text,
        options=words,
        answer=shorter(reaches),
        plan=Plan(
            steps=(look.boxes((one, other)), look.line(one, other, "1", says)),
            concludes=(f"{least(reaches, whose)}.",),
        ),
        truth={"objects": look.facts((one, other)), "value": list(reaches)},
    )


def _seen_both_ways(
    stage: Stage, rng: random.Random, measure: Callable[[Camera, SceneObject], float]
) -> tuple[SceneObject, SceneObject, tuple[Look, Look]] | None:
    """Two things, a look at them with the first nearer and one with the second nearer."""
    for _ in range(_NUM_LOOKS):
        look = stage.look()
        pairs = list(permutations(look.askable(), 2))
        rng.shuffle(pairs)
        for one, other in [pair for pair in pairs if _is_nearer_clearly(look, *pair, measure)][:_NUM_PAIRS]:
            camera = opposite_camera(stage.scene, look.view.camera, one, other, rng)
            if camera is None or measure(camera, one) < (1 + NEARER_CAMERA) * measure(camera, other):
                continue
            back = stage.look_at(stage.scene, camera)
            if back.is_clear(one) and back.is_clear(other) and _is_nearer_clearly(back, other, one, measure):
                worlds = (look, back)
                return (one, other, worlds) if rng.random() < 0.5 else (other, one, worlds)
    return None


def _is_nearer_clearly(
    look: Look, one: SceneObject, other: SceneObject, measure: Callable[[Camera, SceneObject], float]
) -> bool:
    camera = look.view.camera
    return (
        measure(camera, other) >= (1 + NEARER_CAMERA) * measure(camera, one)
        and stand_apart(one.box, other.box)
        and look.front(other) >= (1 + NEARER_FRONT) * look.front(one)
    )
