"""What is where: the same thing in two images, and things that different images show, seen from one camera.

The things are boxed in the pictures and not named: what a thing is says something about where it is (a cup is nearer
than the wardrobe behind it), so that names would let a reader guess who never looks.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vilasr.tasks.asking.choices import letter, shuffled
from vilasr.tasks.asking.plan import Plan, Step
from vilasr.tasks.asking.words import centimetres
from vilasr.tasks.multiview.question import Question
from vilasr.tasks.multiview.stage import ahead, far, step_again
from vilasr.tasks.scenes.geometry import stand_apart

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from vilasr.tasks.multiview.stage import Stage
    from vilasr.tasks.scenes.camera import Camera
    from vilasr.tasks.scenes.world import SceneObject, Vec2

NUM_BOXES = 4
"""Lettered boxes of a matching question."""
MAX_COVER = 0.4
"""Share of the smaller of two lettered boxes that the other may cover."""
MIN_BEARING = 10.0
"""Left or right of another thing: their directions from the camera differ by at least so many degrees."""
MAX_BEARING = 75.0
"""Nothing is asked about that lies farther to the side of where the camera looks than so many degrees."""
MIN_RATIO = 1.25
"""Farther than another thing: at least so many times as far ahead of the camera,"""
MIN_RANGE_RATIO = 1.1
"""and in a straight line at least so many times as far."""

MATCHES = (*"ABCD", "A alike", "B alike", "C alike", "D alike")
"""What may be asked for of a matching question: the letter that is right, and whether another box must hold a thing of
the same category. Else it would be enough to tell a chair from a lamp."""
RELATIONS = {
    "left nearer": "to its left and nearer to that camera",
    "left farther": "to its left and farther from that camera",
    "right nearer": "to its right and nearer to that camera",
    "right farther": "to its right and farther from that camera",
}
_MATCH_TEXTS = (
    "A red box marks a thing in image {one}. Which box in image {other} holds the same thing?",
    "Find the thing with the red box of image {one} again: which letter has it in image {other}?",
    "Image {other} shows the marked thing of image {one} from another side. Which lettered box is around it?",
    "Which of the boxes A to D in image {other} is around the very thing that is boxed in image {one}?",
)
_RELATION_TEXTS = (
    "Image {one} does not show the thing in box A of image {other}. From the camera of image {one}, where is it, "
    "compared with the thing in box B of image {one}?",
    "Box A in image {other}, box B in image {one}: seen from where image {one} was taken, where is thing A relative to "
    "thing B?",
    "You stand at the camera of image {one} and face as it does. Where is the thing of box A (image {other}) with "
    "respect to the thing of box B (image {one})?",
)


# --- matching ---------------------------------------------------------------------------------------------------------


def ask_match(stage: Stage, wish: str, rng: random.Random) -> Question | None:
    """Which of four lettered boxes in one image holds the thing that is boxed in another, as `wish` of MATCHES says.

    The other boxes hold things as like it as the image has: of its category first, then of its colour. It may have a
    twin among them, which stands somewhere else.
    """
    pairs = list(stage.pairs())
    rng.shuffle(pairs)
    alike = wish.endswith("alike")
    for one, other in pairs:
        boxable = stage.visible(other)
        shared = [each for each in boxable if each in stage.visible(one)]
        rng.shuffle(shared)
        for thing in shared:
            if alike and sum(each.category == thing.category for each in boxable) < 2:
                continue
            others = _lookalikes(stage, thing, boxable, other, rng)
            if others is not None and not (alike and all(each.category != thing.category for each in others)):
                others.insert("ABCD".index(wish[0]), thing)
                return _match(stage, thing, (one, other), others, rng)
    return None


def _lookalikes(
    stage: Stage, thing: SceneObject, boxable: Sequence[SceneObject], image: int, rng: random.Random
) -> list[SceneObject] | None:
    """NUM_BOXES - 1 others of the things in an image, in random order, whose boxes can be told apart; None for too
    few."""
    others = [each for each in boxable if each is not thing]
    rng.shuffle(others)
    others.sort(key=lambda each: (each.category == thing.category, each.color == thing.color), reverse=True)
    chosen = [thing]
    for each in others:
        box = stage.box_px(each, image)
        if len(chosen) < NUM_BOXES and all(_cover(box, stage.box_px(have, image)) <= MAX_COVER for have in chosen):
            chosen.append(each)
    if len(chosen) < NUM_BOXES:
        return None
    rest = chosen[1:]
    rng.shuffle(rest)
    return rest


def _cover(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> float:
    """Area that two boxes share, over the area of the smaller one."""
    width, height = (min(one[axis + 2], other[axis + 2]) - max(one[axis], other[axis]) for axis in (0, 1))
    area = min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return max(0, width) * max(0, height) / area


def _match(
    stage: Stage, thing: SceneObject, pair: tuple[int, int], boxed: list[SceneObject], rng: random.Random
) -> Question:
    one, other = pair
    name, answer = stage.name(thing), letter(boxed.index(thing))
    lettered = [stage.tag(each, other, letter(place)) for place, each in enumerate(boxed)]
    plan = Plan(
        steps=(
            Step(
                says=(
                    f"Image {one}: at {{0}}, in the red box, is the {name}.",  # named after its place, where it is seen
                    f"In image {one} the red box at {{0}} holds the {name}.",
                ),
                marks=(stage.box(thing, one),),
            ),
            step_again(stage, thing, other, mark=answer),
        ),
        concludes=("There it is again.", "It is the same thing."),
    )
    return Question(
        text=rng.choice(_MATCH_TEXTS).format(one=one, other=other),
        options=tuple(letter(place) for place in range(NUM_BOXES)),
        answer=answer,
        plan=plan,
        truth={
            "images": [one, other],
            "objects": stage.facts(thing),
            "value": answer,
            "boxes_px": [list(each.box_px) for each in lettered],
            "alike": sum(each.category == thing.category for each in boxed) - 1,
        },
        tags=(stage.tag(thing, one, ""), *lettered),
    )


# --- relative position ------------------------------------------------------------------------------------------------


def relation(stage: Stage, thing: SceneObject, anchor: SceneObject, image: int) -> str | None:
    """Which of RELATIONS a thing is to another, on the ground, from the camera of an image; None when it is unclear."""
    camera = stage.camera(image)
    (right, forward), (anchor_right, anchor_forward) = ahead(thing.center[:2], camera), ahead(anchor.center[:2], camera)
    if min(forward, anchor_forward) <= 0 or not is_beside(thing, anchor, camera):
        return None
    bearing, anchor_bearing = (
        math.degrees(math.atan2(right, forward)),
        math.degrees(math.atan2(anchor_right, anchor_forward)),
    )
    if max(abs(bearing), abs(anchor_bearing)) > MAX_BEARING or abs(bearing - anchor_bearing) < MIN_BEARING:
        return None
    if (bearing < anchor_bearing) != (right < anchor_right):
        return None
    ratio, straight = forward / anchor_forward, far(thing, camera) / far(anchor, camera)
    side = "left" if right < anchor_right else "right"
    if ratio >= MIN_RATIO and straight >= MIN_RANGE_RATIO:
        return f"{side} farther"
    if 1 / ratio >= MIN_RATIO and 1 / straight >= MIN_RANGE_RATIO:
        return f"{side} nearer"
    return None


def is_beside(one: SceneObject, other: SceneObject, camera: Camera) -> bool:
    """Whether neither is above the other, nor reaches past it to both sides as the camera looks: an apple is not left
    of the desk that it lies on, nor of the wide bed behind it."""
    (low, high), (other_low, other_high) = _span(one, camera), _span(other, camera)
    aside = (low < other_low and high < other_high) or (low > other_low and high > other_high)
    return aside and stand_apart(one.box, other.box)


def _span(thing: SceneObject, camera: Camera) -> Vec2:
    """(least, greatest) direction of a corner from the camera, on the ground, radians to the right."""
    directions = [math.atan2(*ahead(corner, camera)) for corner in thing.box.footprint()]
    return min(directions), max(directions)


def ask_relation(stage: Stage, wish: str, rng: random.Random) -> Question | None:
    """Where a thing that an image does not show is, relative to one that it shows, from its camera: `wish`."""
    found = [
        (one, other, thing, anchor)
        for one, other in stage.pairs()
        for thing in stage.only_in(other, one)
        if stage.stands_out(thing, other)
        for anchor in stage.seen(one)
        if stage.stands_out(anchor, one) and relation(stage, thing, anchor, one) == wish
    ]
    if not found:
        return None
    one, other, thing, anchor = rng.choice(found)
    link = anchor if anchor in stage.seen(other) else rng.choice(stage.shared(one, other))
    options, answer = shuffled(RELATIONS[wish], [text for key, text in RELATIONS.items() if key != wish], rng)
    return Question(
        text=rng.choice(_RELATION_TEXTS).format(one=one, other=other),
        options=options,
        answer=answer,
        plan=_relation_plan(stage, one, other, thing, anchor, link),
        truth={"images": [one, other], "objects": stage.facts(thing, anchor, link), "value": wish},
        tags=(stage.tag(thing, other, "A"), stage.tag(anchor, one, "B")),
    )


def _relation_plan(
    stage: Stage, one: int, other: int, thing: SceneObject, anchor: SceneObject, link: SceneObject
) -> Plan:
    camera = stage.camera(one)
    (right, forward), (anchor_right, anchor_forward) = ahead(thing.center[:2], camera), ahead(anchor.center[:2], camera)
    name, anchor_name, link_name = stage.name(thing), stage.name(anchor), stage.name(link)
    anchors, and_link = ((anchor,), "") if link is anchor else ((anchor, link), f" and at {{1}} the {link_name}")
    here = (
        f"In image {one}, B at {{0}} is the {anchor_name}{and_link}.",
        f"Image {one} shows B at {{0}} the {anchor_name}{and_link}.",
    )
    there = (
        f"In image {other}, A at {{0}} is the {name}; the {link_name} is there too, at {{1}}.",
        f"Image {other} shows A at {{0}} the {name}; the same {link_name} is at {{1}}.",
    )
    return Plan(
        steps=(
            Step(says=here, marks=tuple(stage.box(each, one) for each in anchors)),
            Step(says=there, marks=(stage.box(thing, other), stage.box(link, other))),
        ),
        concludes=(
            f"From camera {one} the {anchor_name} is {centimetres(anchor_forward)} cm ahead, the {name} "
            f"{centimetres(forward)} cm; the {anchor_name} is {_aside(anchor_right)}, the {name} {_aside(right)}.",
            f"Ahead of camera {one}: {anchor_name} {centimetres(anchor_forward)} cm, {name} {centimetres(forward)} cm. "
            f"Aside: {anchor_name} {_aside(anchor_right)}, {name} {_aside(right)}.",
        ),
    )


def _aside(right: float) -> str:
    """How far to which side: "120 cm left"."""
    return f"{centimetres(abs(right))} cm {'left' if right < 0 else 'right'}"
