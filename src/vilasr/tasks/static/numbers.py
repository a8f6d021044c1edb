"""Questions that a number answers: how many, how far away, how far apart. Lengths are in metres.

Margins: for a count, each thing of the category is either seen well or not at all; a distance between two things is at
least MIN_GAP of the distance to the nearer one.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from vilasr.tasks.asking.plan import Plan, Step
from vilasr.tasks.asking.words import centimetres, listed, metres, plural
from vilasr.tasks.scenes.geometry import distance as distance_between
from vilasr.tasks.static.question import Question

if TYPE_CHECKING:
    import random

    from vilasr.tasks.scenes.world import SceneObject
    from vilasr.tasks.static.look import Stage

MIN_GAP = 0.1
SINGLE = 0.15
"""How often a count of one is asked for, where more could not be: ones would be most of the answers."""

COUNT_TEXTS = (
    "How many {things} are in the picture?",
    "How many {things} can you see?",
    "Count the {things}.",
    "What is the number of {things} in this view?",
)
DEPTH_TEXTS = (
    "How far from the camera is the middle of the {one}, in metres, along the line of sight?",
    "What is the depth of the {one} in metres, measured to its middle along the line of sight?",
    "Along the viewing direction, how many metres is it from the camera to the middle of the {one}?",
    "At what depth in metres, along the line of sight, is the middle of the {one}?",
)
DISTANCE_TEXTS = (
    "How far apart are the {one} and the {other}, in metres, at their closest points?",
    "What is the distance in metres between the closest points of the {one} and the {other}?",
    "Measured between closest points, how many metres is the {one} from the {other}?",
    "How many metres lie between the {one} and the {other} where they are closest?",
)


def count(stage: Stage, rng: random.Random) -> Question | None:
    look = stage.look()
    groups: dict[int, list[list[SceneObject]]] = {}
    for category in sorted({thing.category for thing in look.scene.objects}):
        seen = [thing for thing in look.scene.of_category(category) if look.view.pixels.get(thing.name, 0) > 0]
        if seen and all(look.is_clear(thing) for thing in seen):
            groups.setdefault(len(seen), []).append(seen)
    if not groups or (set(groups) == {1} and rng.random() >= SINGLE):
        return None
    num = rng.choices(sorted(groups), [count**2 for count in sorted(groups)])[0]
    things = rng.choice(groups[num])
    things = sorted(things, key=lambda thing: look.view.boxes_px[thing.name])
    category = things[0].category
    names = [f"{category} {number}" for number in range(1, num + 1)]
    found = ", ".join(f"{number} {{{number - 1}}}" for number in range(1, num + 1))
    many = category if num == 1 else plural(category)
    step = Step(
        says=(f"From left to right: {found}.", f"I see {found}."),
        marks=tuple(look.box(thing, name) for thing, name in zip(things, names, strict=True)),
    )
    return Question(
        look=look,
        text=rng.choice(COUNT_TEXTS).format(things=plural(category)),
        answer=str(num),
        plan=Plan(steps=(step,), concludes=(f"That is {num} {many}.", f"{num} {many} in all.")),
        truth={"category": category, "names": [thing.name for thing in things], "value": num},
    )


def depth(stage: Stage, rng: random.Random) -> Question | None:
    look = stage.look()
    things = look.askable()
    if not things:
        return None
    thing = rng.choice(things)
    what, far = look.phrases[thing.name], metres(look.depth(thing))
    whole = centimetres(look.depth(thing))
    return Question(
        look=look,
        text=rng.choice(DEPTH_TEXTS).format(one=what),
        answer=far,
        plan=Plan(
            steps=(look.boxes((thing,)),),
            concludes=(
                f"Its middle is about {whole} cm away, {far} m.",
                f"The middle of the {what} is at a depth of {whole} cm: {far} m.",
            ),
        ),
        truth={"objects": look.facts((thing,)), "value": look.depth(thing)},
    )


def distance(stage: Stage, rng: random.Random) -> Question | None:
    look = stage.look()
    pairs = [
        (one, other)
        for one, other in combinations(look.askable(), 2)
        if distance_between(one.box, other.box) >= MIN_GAP * min(look.range(one), look.range(other))
    ]
    if not pairs:
        return None
    one, other = rng.sample(rng.choice(pairs), 2)
    words = [look.phrases[thing.name] for thing in (one, other)]
    gap = distance_between(one.box, other.box)
    whole = centimetres(gap)
    says = (f"The line joins {listed(words)}.", f"This is the gap between {listed(words)}.")
    return Question(
        look=look,
        text=rng.choice(DISTANCE_TEXTS).format(one=words[0], other=words[1]),
        answer=metres(gap),
        plan=Plan(
            steps=(look.boxes((one, other)), look.line(one, other, "1", says)),
            concludes=(
                f"They are about {whole} cm apart, {metres(gap)} m.",
                f"The gap is about {whole} cm: {metres(gap)} m.",
            ),
        ),
        truth={"objects": look.facts((one, other)), "value": gap},
    )
