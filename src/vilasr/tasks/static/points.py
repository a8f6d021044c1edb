"""Questions about places in the picture: what is at a dot, which of four dots is nearest.

Things and places are drawn first and the right one from among them last, so that nothing leads to it but the picture.
Margins: a dot covers at most MAX_COVERED of what is seen of the thing that is asked for; of four dots, the second
nearest is farther than the nearest by NEAREST of that one's depth.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vilasr.tasks.asking.choices import letter
from vilasr.tasks.asking.plan import Plan, PlannedMark, Step
from vilasr.tasks.asking.words import joined, least, measures
from vilasr.tasks.static.dots import DOT_COLORS, box_around, dot_radius, place_for_dot
from vilasr.tasks.static.question import Question

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from vilasr.tasks.static.look import Look, Stage
    from vilasr.types import Point

MAX_COVERED = 0.2
NEAREST = 0.15
_NUM_TRIES = 20
"""Sets of points looked at before a picture is given up."""
LETTERS = ("A", "B", "C", "D")

MARKED_TEXTS = (
    "What is at the {color} dot?",
    "Which object is marked by the {color} dot?",
    "On which object does the {color} dot lie?",
    "The {color} dot is on one of these. On which?",
)
NEAREST_TEXTS = (
    "Which of the marked points is nearest to the camera?",
    "Four points are marked A, B, C and D. Which is closest to the camera?",
    "Of the points A, B, C and D, which one is the least far away?",
    "At which letter is the scene closest to the camera?",
)


def marked_point(stage: Stage, rng: random.Random) -> Question | None:
    look = stage.look()
    radius = dot_radius(look.size)
    large = [thing for thing in look.askable() if MAX_COVERED * look.view.pixels[thing.name] >= math.pi * radius**2]
    found = [(thing, place_for_dot(look, thing, radius, rng)) for thing in large]
    places = {thing.name: place for thing, place in found if place is not None}
    if len(places) < len(LETTERS):
        return None
    things = [look.scene.named(name) for name in rng.sample(sorted(places), len(LETTERS))]
    options = tuple(look.phrases[thing.name] for thing in things)
    marked = rng.choice(things)
    point = places[marked.name]
    what = look.phrases[marked.name]
    color = rng.choice(list(DOT_COLORS))
    finds = Step(
        says=("The dot is at {0}.", "I see the dot at {0}."),
        marks=(PlannedMark(mark=box_around(point, radius, look.size, "dot")),),
    )
    shows = Step(
        # The box before the name: where it is follows from the dot, and what it is from looking there.
        says=(f"Around it, at {{0}}, is the {what}.", f"What holds it, at {{0}}, is the {what}."),
        marks=(look.box(marked),),
    )
    return Question(
        look=look,
        text=rng.choice(MARKED_TEXTS).format(color=color),
        options=options,
        answer=letter(things.index(marked)),
        plan=Plan(steps=(finds, shows), concludes=(f"The dot is on the {what}.", f"It lies on the {what}.")),
        truth={"objects": look.facts(things), "point_px": list(point), "value": marked.name},
        dots=((point, ""),),
        dot_color=color,
    )


def nearest_point(stage: Stage, rng: random.Random) -> Question | None:
    look = stage.look()
    radius = dot_radius(look.size, LETTERS[0])
    clear = [thing for thing in look.scene.objects if look.is_clear(thing)]
    places = [place_for_dot(look, thing, radius, rng) for thing in (*clear, None)]
    free = [place for place in places if place is not None]
    if len(free) < len(LETTERS):
        return None
    for _ in range(_NUM_TRIES):
        chosen = rng.sample(free, len(LETTERS))
        depths = [float(look.view.depth[round(y), round(x)]) for x, y in chosen]
        nearest, second = sorted(depths)[:2]
        if second >= (1 + NEAREST) * nearest:
            return _nearest_point(look, chosen, depths, rng.choice(NEAREST_TEXTS))
    return None


def _nearest_point(look: Look, points: Sequence[Point], depths: Sequence[float], text: str) -> Question:
    radius = dot_radius(look.size, LETTERS[0])
    answer = letter(depths.index(min(depths)))
    marks = tuple(
        PlannedMark(mark=box_around(point, radius, look.size, name))
        for point, name in zip(points, LETTERS, strict=True)
    )
    found = ", ".join(f"{name} {{{number}}}" for number, name in enumerate(LETTERS))
    at = [f"at {name}" for name in LETTERS]
    far = joined(measures(depths, at))
    return Question(
        look=look,
        text=text,
        options=LETTERS,
        answer=answer,
        plan=Plan(
            steps=(Step(says=(f"{found}.", f"The points are {found}."), marks=marks),),
            concludes=(f"It is {far}. {least(depths, at)}.", f"The depths are about {far}. {least(depths, at)}."),
        ),
        truth={"points_px": [list(point) for point in points], "value": depths},
        dots=tuple((point, name) for point, name in zip(points, LETTERS, strict=True)),
    )
