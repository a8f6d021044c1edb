"""In which order things are first seen."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

from vilasr.tasks.asking.choices import shuffled
from vilasr.tasks.asking.plan import Plan
from vilasr.tasks.asking.words import listed
from vilasr.tasks.video.asked import Asked
from vilasr.tasks.video.marking import box_steps

if TYPE_CHECKING:
    import random

    from vilasr.tasks.video.footage import Footage, Sighting

MAX_GLIMPSE = 0.0005
"""Share of the picture (25 of 224 x 224 pixels) up to which a thing may be seen before its first clear frame. What
shows more of itself without being clear has no certain first frame and is not asked about."""
_NUM_THINGS = 4

_TEXTS = (
    "In which order do these come into the video for the first time: {things}?",
    "The video shows {things}. In which order are they first seen?",
    "Sort these by the moment they first appear in the video: {things}.",
    "What is the order of first appearance of {things}?",
)


def appearance_order(footage: Footage, rng: random.Random) -> Asked | None:
    """Four things that are first seen on four different frames; the wrong options are other orders of them."""
    firsts = first_frames(footage)
    names = sorted(firsts)
    rng.shuffle(names)
    chosen: dict[str, Sighting] = {}
    for name in names:
        if firsts[name].frame not in {other.frame for other in chosen.values()}:
            chosen[name] = firsts[name]
        if len(chosen) == _NUM_THINGS:
            break
    if len(chosen) < _NUM_THINGS:
        return None
    phrases = footage.phrases
    right = tuple(sorted(chosen, key=lambda name: chosen[name].frame))
    wrong = rng.sample([order for order in permutations(right) if order != right], 3)
    options, answer = shuffled(_said(right, footage), [_said(order, footage) for order in wrong], rng)
    seen = listed([f"{phrases[name]} in image {chosen[name].frame}" for name in chosen])
    return Asked(
        text=rng.choice(_TEXTS).format(things=listed([phrases[name] for name in chosen])),
        options=options,
        answer=answer,
        plan=Plan(
            steps=tuple(box_steps(footage, {name: phrases[name] for name in chosen}, fixed=chosen)),
            concludes=(
                f"First seen: {seen}. The order is {_said(right, footage)}.",
                f"I first see {seen}: {_said(right, footage)}.",
            ),
        ),
        names=right,
        truth={"frames": [chosen[name].frame for name in right]},
    )


def first_frames(footage: Footage) -> dict[str, Sighting]:
    """By name, the first clear sighting of each askable thing of which at most a glimpse was seen before."""
    width, height = footage.size
    found: dict[str, Sighting] = {}
    for thing in footage.askable:
        first = next(each for each in footage.sightings[thing.name] if each.clear)
        before = [each for each in footage.sightings[thing.name] if each.frame < first.frame]
        if all(each.pixels <= MAX_GLIMPSE * width * height for each in before):
            found[thing.name] = first
    return found


def _said(order: tuple[str, ...], footage: Footage) -> str:
    return ", ".join(footage.phrases[name] for name in order)
