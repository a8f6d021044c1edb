"""Metres across images: depth for another camera, distance between things seen apart, order by distance."""

from __future__ import annotations

from itertools import combinations, pairwise, permutations
from typing import TYPE_CHECKING

from vilasr.tasks.asking.choices import shuffled
from vilasr.tasks.asking.plan import Plan, Step
from vilasr.tasks.asking.words import centimetres, joined, metres
from vilasr.tasks.multiview.question import Question
from vilasr.tasks.multiview.stage import far, lettered_step, lettered_tags, named_images
from vilasr.tasks.scenes.geometry import distance

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from vilasr.tasks.multiview.stage import Stage
    from vilasr.tasks.scenes.world import SceneObject

MIN_DEPTH = 0.3
"""m: nothing is asked about that is nearer to the camera's plane."""
MIN_DISTANCE = 0.1
"""m: things that nearly touch are not asked about."""
NUM_ORDERED = 3
MIN_STEP = 1.2
"""Order: each thing is at least so many times as far from the camera as the one before."""
NUM_ORDERS = 4
"""Options of an order question."""

_DEPTH_TEXTS = (
    "How far ahead of the camera of image {one} is the middle of the {thing} that image {other} shows? Measure along "
    "the line of sight, in metres.",
    "Image {other} shows the {thing}. What is its depth, in metres, for the camera of image {one}?",
    "In metres, at what depth would the camera of image {one} see the middle of the {thing} from image {other}?",
    "The {thing} is in image {other} but not in image {one}. How many metres in front of camera {one} does it lie, "
    "measured straight along the view?",
)
_DISTANCE_TEXTS = (
    "Image {one} shows the {thing}, image {other} the {anchor}. How many metres apart are they at their closest "
    "points?",
    "What is the distance in metres between the {thing} (image {one}) and the {anchor} (image {other}), from closest "
    "point to closest point?",
    "How long is the shortest straight line between the {thing} of image {one} and the {anchor} of image {other}, in "
    "metres?",
)
_ORDER_TEXTS = (
    "Things are boxed as A, B and C in {images}. Sort them by their distance from the camera of image {one}, the "
    "nearest first.",
    "How do the things in boxes A, B and C ({images}) line up by distance to the camera of image {one}, from near to "
    "far?",
    "Rank the things boxed A, B and C in {images} by how far they are from where image {one} was taken, starting with "
    "the nearest.",
)


def ask_depth(stage: Stage, wish: str, rng: random.Random) -> Question | None:
    """Depth in m, for the camera of one image, of the middle of a thing that only another image shows."""
    found = [
        (one, other, thing)
        for one, other in stage.pairs()
        for thing in stage.only_in(other, one)
        if stage.depth(thing, one) >= MIN_DEPTH
    ]
    if not found:
        return None
    one, other, thing = rng.choice(found)
    link = rng.choice(stage.shared(one, other))
    depth, link_depth = stage.depth(thing, one), stage.depth(link, one)
    name, link_name = stage.name(thing), stage.name(link)
    plan = Plan(
        steps=(
            Step(
                says=(
                    f"Image {other} shows the {name} at {{0}} and at {{1}} the {link_name}.",
                    f"In image {other} the {name} is at {{0}}; at {{1}} is the {link_name}.",
                ),
                marks=(stage.box(thing, other), stage.box(link, other)),
            ),
            Step(
                says=(
                    f"Image {one} shows the {link_name} again at {{0}}.",
                    f"The {link_name} is also in image {one}, at {{0}}.",
                ),
                marks=(stage.box(link, one),),
            ),
        ),
        concludes=(
            f"From camera {one} the {link_name} is {centimetres(link_depth)} cm ahead, the {name} {centimetres(depth)} "
            f"cm: {metres(depth)} m.",
        ),
    )
    return Question(
        text=rng.choice(_DEPTH_TEXTS).format(one=one, other=other, thing=name),
        answer=metres(depth),
        plan=plan,
        truth={"images": [one, other], "objects": stage.facts(thing, link), "value": depth},
    )


def ask_distance(stage: Stage, wish: str, rng: random.Random) -> Question | None:
    """m between the closest points of the boxes of two things, each in one of two images and absent from the other."""
    found = [
        (one, other, thing, anchor)
        for one, other in stage.pairs()
        for thing in stage.only_in(one, other)
        for anchor in stage.only_in(other, one)
        if distance(thing.box, anchor.box) >= MIN_DISTANCE
    ]
    if not found:
        return None
    one, other, thing, anchor = rng.choice(found)
    link = rng.choice(stage.shared(one, other))
    apart = distance(thing.box, anchor.box)
    name, anchor_name, link_name = stage.name(thing), stage.name(anchor), stage.name(link)
    plan = Plan(
        steps=tuple(
            Step(
                says=(
                    f"Image {image} shows the {stage.name(each)} at {{0}} and at {{1}} the {link_name}.",
                    f"In image {image} the {stage.name(each)} is at {{0}}; at {{1}} is the {link_name}.",
                ),
                marks=(stage.box(each, image), stage.box(link, image)),
            )
            for each, image in ((thing, one), (anchor, other))
        ),
        concludes=(
            f"The {name} is {centimetres(distance(thing.box, link.box))} cm from the {link_name}, the {anchor_name} "
            f"{centimetres(distance(anchor.box, link.box))} cm; from each other they are {centimetres(apart)} cm, "
            f"{metres(apart)} m.",
        ),
    )
    return Question(
        text=rng.choice(_DISTANCE_TEXTS).format(one=one, other=other, thing=name, anchor=anchor_name),
        answer=metres(apart),
        plan=plan,
        truth={"images": [one, other], "objects": stage.facts(thing, anchor, link), "value": apart},
    )


def ask_order(stage: Stage, wish: str, rng: random.Random) -> Question | None:
    """The order of three things by the distance of their middles to one camera, whose image lacks at least one."""
    pairs = list(stage.pairs())
    rng.shuffle(pairs)
    for one, other in pairs:
        place = {thing.name: (thing, other) for thing in stage.only_in(other, one) if stage.stands_out(thing, other)}
        if not place:
            continue
        place |= {thing.name: (thing, one) for thing in stage.seen(one) if stage.stands_out(thing, one)}
        away = {name: far(thing, stage.camera(one)) for name, (thing, _) in place.items()}
        trios = [
            trio
            for trio in combinations(sorted(place, key=away.__getitem__), NUM_ORDERED)
            if all(away[after] >= MIN_STEP * away[before] for before, after in pairwise(trio))
            and any(place[name][1] == other for name in trio)
        ]
        if trios:
            return _order(stage, [place[name] for name in rng.choice(trios)], one, rng)
    return None


def _order(stage: Stage, placed: Sequence[tuple[SceneObject, int]], one: int, rng: random.Random) -> Question:
    """The question about things from near to far, each with the image that shows it.

    They are boxed and not named, since what a thing is says something about how far away it is. Distances are told in
    the order of the letters: the order by distance follows from all of them.
    """
    letters = rng.sample("ABC", NUM_ORDERED)
    orders = [", ".join(order) for order in permutations(letters)]
    options, answer = shuffled(orders[0], rng.sample(orders[1:], NUM_ORDERS - 1), rng)
    images = sorted({image for _, image in placed})
    distances = [far(thing, stage.camera(one)) for thing, _ in placed]
    by_letter = sorted(zip(letters, distances, strict=True))
    told = ", ".join(f"{mark} {centimetres(value)} cm" for mark, value in by_letter)
    at = joined([f"{centimetres(value)} cm to {mark}" for mark, value in by_letter])
    return Question(
        text=rng.choice(_ORDER_TEXTS).format(one=one, images=named_images(images)),
        options=options,
        answer=answer,
        plan=Plan(
            steps=tuple(lettered_step(stage, placed, letters, image) for image in images),
            concludes=(
                f"From camera {one}: {told}. The order is {orders[0]}.",
                f"From camera {one} it is {at}, so the order is {orders[0]}.",
            ),
        ),
        truth={
            "images": images,
            "camera": one,
            "objects": stage.facts(*(thing for thing, _ in placed)),
            "value": distances,
        },
        tags=tuple(sorted(lettered_tags(stage, placed, letters), key=lambda tag: tag.label)),
    )
