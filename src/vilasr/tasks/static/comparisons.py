"""Questions about things as they are in the world: which is nearer to a third, which is larger, what is on or under.

Each is put to two scenes, one of which had to be changed. Margins, below which nothing is asked:

- nearer to a thing: the longer distance (closest points of the boxes) exceeds the shorter by NEARER_THING of it and by
  NEARER_SCALE of the distance from which the thing is seen;
- larger: the longer side is longer by a share between those of LARGER.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vilasr.tasks.asking.choices import letter, ordered
from vilasr.tasks.asking.plan import Plan, PlannedMark, Step
from vilasr.tasks.asking.words import joined, least, measures, most
from vilasr.tasks.scenes.geometry import distance
from vilasr.tasks.scenes.world import FLOOR
from vilasr.tasks.static.cameras import low_camera
from vilasr.tasks.static.changes import put_under, resized, swapped
from vilasr.tasks.static.question import Question, by_lot, shorter
from vilasr.types import Line

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from vilasr.tasks.scenes.world import SceneObject
    from vilasr.tasks.static.look import Look, Stage

NEARER_THING = 0.4
NEARER_SCALE = 0.08
LARGER = (0.25, 0.7)
_MAX_RESIZING = 1.4
_NUM_LOOKS = 3
"""Cameras from which a table is looked at."""
_NUM_TRIES = 12
"""Pairs or triples of things looked at before the scene is given up."""

NEARER_OBJECT_TEXTS = (
    "Which is nearer to the {third}, the {one} or the {other}?",
    "Of the {one} and the {other}, which is closer to the {third}?",
    "Measured from the {third}, what is closer: the {one} or the {other}?",
    "What stands closer to the {third}, the {one} or the {other}?",
)
SIZE_TEXTS = (
    "Which is larger by its longest side, the {one} or the {other}?",
    "Comparing their longest sides, which is bigger: the {one} or the {other}?",
    "Which is longer along its longest side in reality, the {one} or the {other}?",
    "Of the {one} and the {other}, which measures more along its longest side?",
)
SUPPORT_TEXTS = (
    "Is the {one} on the {other} or under it?",
    "Where is the {one}: on top of the {other} or underneath it?",
    "Does the {one} stand on the {other} or below it?",
    "Does the {other} carry the {one}, or is the {one} under it?",
)


def nearer_object(stage: Stage, rng: random.Random) -> Question | None:
    """The other world: the two things have changed places."""
    look = stage.look()
    things = look.askable()
    for _ in range(_NUM_TRIES if len(things) >= 3 else 0):
        one, other, third = rng.sample(things, 3)
        if not _is_nearer_clearly(look, one, other, third):
            continue
        scene = swapped(look.scene, one, other)
        if scene is None:
            continue
        turned = stage.look_at(scene, look.view.camera)
        there = [scene.named(thing.name) for thing in (one, other, third)]
        if not all(turned.is_clear(thing) for thing in there) or not _is_nearer_clearly(turned, *there):
            continue
        words = [look.phrases[thing.name] for thing in (one, other, third)]
        text = rng.choice(NEARER_OBJECT_TEXTS).format(one=words[0], other=words[1], third=words[2])
        worlds = [_nearer_object(each, names, text) for each, names in ((look, (one, other, third)), (turned, there))]
        if worlds[0].answer != worlds[1].answer:
            return by_lot(worlds, rng)
    return None


def _is_nearer_clearly(look: Look, one: SceneObject, other: SceneObject, third: SceneObject) -> bool:
    near, far = sorted(distance(thing.box, third.box) for thing in (one, other))
    return far >= (1 + NEARER_THING) * near and far - near >= NEARER_SCALE * look.range(third)


def _nearer_object(look: Look, things: Sequence[SceneObject], text: str) -> Question:
    one, other, third = things
    words = look.phrases[one.name], look.phrases[other.name]
    to = look.phrases[third.name]
    gaps = distance(one.box, third.box), distance(other.box, third.box)
    whose = [f"to the {word}" for word in words]
    apart = measures(gaps, whose)
    lines = tuple(
        PlannedMark(
            mark=Line(image_index=1, start_px=look.middle_px(third), end_px=look.middle_px(thing), label=str(number))
        )
        for number, thing in enumerate((one, other), 1)
    )
    says = (
        f"From the {to} it is {apart[0]}, {apart[1]}.",
        f"Measured from the {to}: {joined(apart)}.",
    )
    return Question(
        look=look,
        text=text,
        options=words,
        answer=shorter(gaps),
        plan=Plan(
            steps=(look.boxes((one, other, third)), Step(says=says, marks=lines)),
            concludes=(f"{least(gaps, whose)}.",),
        ),
        truth={"objects": look.facts(things), "value": list(gaps)},
    )


def size(stage: Stage, rng: random.Random) -> Question | None:
    """Both worlds are made: things of about one size become unequal, the one or the other way."""
    look = stage.look()
    things = look.askable()
    for _ in range(_NUM_TRIES if len(things) >= 2 else 0):
        one, other = rng.sample(things, 2)
        middle = math.sqrt(one.box.longest * other.box.longest)
        spread = math.sqrt(1 + rng.uniform(*LARGER))
        ways = [(middle * by / one.box.longest, middle / by / other.box.longest) for by in (spread, 1 / spread)]
        if not all(1 / _MAX_RESIZING <= factor <= _MAX_RESIZING for way in ways for factor in way):
            continue
        scenes = [resized(look.scene, one, way[0], other, way[1]) for way in ways]
        if any(scene is None for scene in scenes):
            continue
        worlds = [stage.look_at(scene, look.view.camera) for scene in scenes if scene is not None]
        if all(_both_clear(world, one.name, other.name) for world in worlds):
            text = rng.choice(SIZE_TEXTS).format(one=look.phrases[one.name], other=look.phrases[other.name])
            return by_lot([_size(world, one.name, other.name, text) for world in worlds], rng)
    return None


def _size(look: Look, name: str, other_name: str, text: str) -> Question:
    one, other = look.scene.named(name), look.scene.named(other_name)
    words = look.phrases[one.name], look.phrases[other.name]
    sides = one.box.longest, other.box.longest
    whose = [f"for the {word}" for word in words]
    long = joined(measures(sides, whose))
    return Question(
        look=look,
        text=text,
        options=words,
        answer=letter(int(sides[1] > sides[0])),
        plan=Plan(
            steps=(look.boxes((one, other)),),
            concludes=(
                f"It is about {long}. {most(sides, whose)}.",
                f"The longest sides are {long}. {most(sides, whose)}.",
            ),
        ),
        truth={"objects": look.facts((one, other)), "value": list(sides)},
    )


def support(stage: Stage, rng: random.Random) -> Question | None:
    """The other world: the thing stands under the table that it stood on."""
    scene, phrases = stage.scene, stage.phrases
    things = [
        thing
        for thing in scene.objects
        if thing.support != FLOOR and thing.name in phrases and thing.support in phrases
    ]
    rng.shuffle(things)
    for thing in things:
        below = put_under(scene, thing)
        if below is None:
            continue
        names = thing.name, thing.support
        for _ in range(_NUM_LOOKS):
            camera = low_camera(scene, scene.named(thing.support), stage.size, rng)
            if camera is None:
                break
            under = stage.look_at(below, camera)
            if _both_clear(under, *names) and _both_clear(above := stage.look_at(scene, camera), *names):
                text = rng.choice(SUPPORT_TEXTS).format(one=phrases[names[0]], other=phrases[names[1]])
                worlds = ((above, "on it"), (under, "under it"))
                return by_lot([_support(look, *names, where, text) for look, where in worlds], rng)
    return None


def _both_clear(look: Look, one: str, other: str) -> bool:
    return look.is_clear(look.scene.named(one)) and look.is_clear(look.scene.named(other))


def _support(look: Look, one: str, other: str, where: str, text: str) -> Question:
    thing, table = look.scene.named(one), look.scene.named(other)
    options, answer = ordered(where, ("on it", "under it"))
    what = where.removesuffix(" it")
    one_is, other_is = look.phrases[one], look.phrases[other]
    foot = f"at the top of the {other_is}" if what == "on" else f"on the floor, below the top of the {other_is}"
    return Question(
        look=look,
        text=text,
        options=options,
        answer=answer,
        plan=Plan(
            steps=(look.boxes((thing, table)),),
            concludes=(
                f"The {one_is} is {what} the {other_is}.",
                f"The foot of the {one_is} is {foot}: it is {where}.",
            ),
        ),
        truth={"objects": look.facts((thing, table)), "value": what},
    )
