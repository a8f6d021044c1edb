"""Questions answered by a number: how many, how far apart, how long, how large a room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vilasr.tasks.asking.plan import Plan, PlannedMark, Step
from vilasr.tasks.asking.words import centimetres, metres, plural, sentence
from vilasr.tasks.scenes.geometry import distance
from vilasr.tasks.video.asked import Asked
from vilasr.tasks.video.marking import MAX_FRAMES, box_steps, fewest_frames
from vilasr.tasks.video.walls import WallSight, as_filmed, best_walls
from vilasr.types import Line

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from vilasr.tasks.scenes.world import Room
    from vilasr.tasks.video.footage import Footage

NUM_COUNTED = (2, 8)
"""As in VSI-Bench only categories with two objects or more are counted."""
MIN_APART_M = 0.3
"""Nearer things are beside each other, and a distance of a few centimetres is not seen."""

_COUNT_TEXTS = (
    "How many {things} are there in the video?",
    "Count the {things} in this video.",
    "The video walks through a home. How many different {things} does it show?",
    "How many {things} can be found here in all? Count each one once.",
)
_DISTANCE_TEXTS = (
    "How far apart are the {one} and the {other}, in metres, from closest point to closest point?",
    "What is the distance between the {one} and the {other} in metres? Measure between their closest points.",
    "Measured between the points where they come closest, how many metres lie between the {one} and the {other}?",
    "Give the gap between the {one} and the {other} in metres, from the nearest point of one to that of the other.",
)
_SIZE_TEXTS = (
    "How long is the longest side of the {one} (its width, depth or height), in centimetres?",
    "What does the {one} measure along its longest dimension, in centimetres?",
    "Take the largest of width, depth and height of the {one}: how many centimetres is it?",
    "How many centimetres long is the {one} in its longest direction, upright or across?",
)
_ROOM_TEXTS = (
    "What is the floor area shown in the video, in square metres? If there are two rooms, add them.",
    "How many square metres does the room have? Take two rooms together if there are two.",
    "Estimate the area of the floor in square metres, over all rooms that the video walks through.",
    "How large is this place in square metres of floor (the sum, if there is more than one room)?",
)


def counting(footage: Footage, rng: random.Random) -> Asked | None:
    """How many objects of a category: only where each of them is clear on some frame, so that none can be missed."""
    scene = footage.scene
    groups = {thing.category: scene.of_category(thing.category) for thing in scene.objects}
    whole = {
        category: things
        for category, things in groups.items()
        if NUM_COUNTED[0] <= len(things) <= NUM_COUNTED[1] and all(thing.name in footage.clear for thing in things)
    }
    if not whole:
        return None
    category = rng.choice(sorted(whole))
    places = fewest_frames(footage, [thing.name for thing in whole[category]])
    names = tuple(sorted(places, key=lambda name: (places[name].frame, places[name].box_px)))
    labels = {name: f"{category} {number}" for number, name in enumerate(names, 1)}
    steps = box_steps(footage, labels, numbered=True)
    if len(steps) > MAX_FRAMES:
        return None
    things = plural(category)
    return Asked(
        text=rng.choice(_COUNT_TEXTS).format(things=things),
        answer=str(len(names)),
        plan=Plan(
            steps=tuple(steps),
            concludes=(
                f"No other {category} appears. That makes {len(names)} {things}.",
                f"Each counted once, there are {len(names)} {things}.",
            ),
        ),
        names=names,
        truth={"category": category},
    )


def absolute_distance(footage: Footage, rng: random.Random) -> Asked | None:
    """How far apart two things are, between the closest points of their boxes."""
    things = list(footage.askable)
    pairs = [
        (one, other, gap)
        for number, one in enumerate(things)
        for other in things[:number]
        if (gap := distance(one.box, other.box)) >= MIN_APART_M
    ]
    if not pairs:
        return None
    one, other, gap = rng.choice(pairs)
    if rng.random() < 0.5:
        one, other = other, one
    first, second = footage.phrases[one.name], footage.phrases[other.name]
    said, whole = metres(gap), centimetres(gap)
    return Asked(
        text=rng.choice(_DISTANCE_TEXTS).format(one=first, other=second),
        answer=said,
        plan=Plan(
            steps=tuple(box_steps(footage, {one.name: first, other.name: second})),
            concludes=(
                f"Between the closest points of the {first} and the {second} there are about {whole} cm: {said} m.",
                f"From the edge of the {first} to the edge of the {second} it is about {whole} cm, {said} m.",
            ),
        ),
        names=(one.name, other.name),
        truth={"value": gap},
    )


def object_size(footage: Footage, rng: random.Random) -> Asked | None:
    """The longest side of a thing, cm."""
    things = footage.askable
    if not things:
        return None
    thing = rng.choice(things)
    phrase = footage.phrases[thing.name]
    longest_cm = round(100 * thing.box.longest)
    which = ("width", "depth", "height")[thing.size.index(max(thing.size))]
    return Asked(
        text=rng.choice(_SIZE_TEXTS).format(one=phrase),
        answer=str(longest_cm),
        plan=Plan(
            steps=tuple(box_steps(footage, {thing.name: phrase})),
            concludes=(
                f"Its {which} is the longest side: about {longest_cm} cm.",
                f"The {phrase} is longest in {which}, about {longest_cm} cm.",
            ),
        ),
        names=(thing.name,),
        truth={"value": 100 * thing.box.longest},
    )


def room_size(footage: Footage, rng: random.Random) -> Asked | None:
    """The floor area of all rooms, m^2: where the video shows a wall of each direction in each room."""
    rooms = as_filmed(footage.scene.rooms, footage.cameras)
    pairs = [best_walls(room, footage.cameras) for room in rooms]
    found = [pair for pair in pairs if pair is not None]
    if len(found) < len(pairs):
        return None
    area = sum(room.area for room in rooms)
    said = f"{area:.1f}"
    return Asked(
        text=rng.choice(_ROOM_TEXTS),
        answer=said,
        plan=Plan(
            steps=tuple(_wall_step(pair, number, len(found)) for number, pair in enumerate(found, 1)),
            concludes=_sums(rooms, said),
        ),
        truth={"value": area, "outlines": [[list(corner) for corner in room.outline] for room in rooms]},
    )


def _wall_step(walls: tuple[WallSight, WallSight], number: int, num_rooms: int) -> Step:
    """Lines along the foot of two walls of a room, one of each direction."""
    prefix, of_room = ("", "") if num_rooms == 1 else (f"room {number} ", f" of room {number}")
    named = list(zip(("long", "short"), walls, strict=True))
    at = [f"image {wall.frame} {{{place}}} is {_part(wall)}{wall.length:.2f} m" for place, wall in enumerate(walls)]
    told = [
        f"in image {wall.frame} the line {{{place}}} follows {_part(wall)}the {name} wall{of_room}, "
        f"{wall.length:.2f} m in all"
        for place, (name, wall) in enumerate(named)
    ]
    return Step(
        says=(sentence("; ".join(told)) + ".", sentence(f"{prefix}walls: {', '.join(at)}.")),
        marks=tuple(
            PlannedMark(
                mark=Line(
                    image_index=wall.frame, start_px=wall.start_px, end_px=wall.end_px, label=f"{prefix}{name} wall"
                )
            )
            for name, wall in named
        ),
    )


def _part(wall: WallSight) -> str:
    return "" if wall.shown == 1 else "part of "


def _sums(rooms: Sequence[Room], said: str) -> tuple[str, ...]:
    """Ways to say how the area follows from the sides. Those are said to a centimetre, or the product would be off."""
    products = [_product(room) for room in rooms]
    if len(products) == 1:
        return (f"{products[0]} square metres.", f"{products[0]}. The floor has {said} square metres.")
    each = " ".join(f"Room {number}: {product}." for number, product in enumerate(products, 1))
    return (f"{each} Together {said} square metres.", f"{each} That makes {said} square metres in all.")


def _product(room: Room) -> str:
    """ "5.62 times 4.71 is about 26.5", or "5.62 times 4.71 less a corner of 4.9 is about 21.6"."""
    xs, ys = zip(*room.outline, strict=True)
    width, length = sorted((max(xs) - min(xs), max(ys) - min(ys)))
    missing = length * width - room.area
    corner = f" less a corner of {missing:.1f}" if len(room.outline) > 4 else ""
    return f"{length:.2f} times {width:.2f}{corner} is about {room.area:.1f}"
