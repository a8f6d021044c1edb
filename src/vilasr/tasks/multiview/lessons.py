"""Lessons: what an image shows, which thing a letter is around, what is in a box, where a thing is shown again.

No benchmark asks them, and neither does `mixed`. The questions of this family take several views together; whoever
cannot find a thing in the image that is spoken of, or say what is in a box, learns nothing from those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vilasr.tasks.asking.choices import letter
from vilasr.tasks.asking.plan import Plan, Step
from vilasr.tasks.asking.words import describe, joined, listed
from vilasr.tasks.multiview.question import Question
from vilasr.tasks.multiview.stage import lettered_step, lettered_tags, named_images, step_again
from vilasr.tasks.scenes.colors import COLORS

if TYPE_CHECKING:
    import random

    from vilasr.tasks.multiview.stage import Stage
    from vilasr.tasks.scenes.world import SceneObject

_MAX_NAMED = 5
_MAX_LETTERED = 4
_PRESENT_TEXTS = (
    "How many of these does image {image} show: {things}?",
    "Look at image {image} alone. Of {things}, how many are in it?",
)
_LETTERED_TEXTS = (
    "Boxes with letters are in {images}. Which letter is at the {thing}?",
    "Which of the lettered boxes ({images}) is around the {thing}?",
)
_COLORED_TEXTS = (
    "Boxes with letters are in {images}. How many of them are around something {color}?",
    "How many of the lettered things ({images}) are {color}?",
)
_AGAIN_TEXTS = (
    "In how many of the other images do you see the thing with the red box of image {image} again?",
    "A red box marks a thing in image {image}. How many other images show it too?",
)


def ask_present(stage: Stage, wish: str, rng: random.Random) -> Question | None:
    """How many of some named things an image shows: as many as `wish` says; other images show the rest."""
    num_shown = int(wish)
    images = rng.sample(range(1, stage.num_images + 1), stage.num_images)
    for image in images:
        here = stage.seen(image)
        elsewhere = {thing.name: thing for other in images for thing in stage.only_in(other, image)}
        if len(here) < num_shown or not elsewhere:
            continue
        shown = rng.sample(here, num_shown)
        num_absent = rng.randint(1, min(len(elsewhere), _MAX_NAMED - num_shown))
        named = [*shown, *rng.sample(sorted(elsewhere.values(), key=lambda thing: thing.name), num_absent)]
        rng.shuffle(named)
        shown = [thing for thing in named if thing in shown]
        at = [f"the {stage.name(thing)} at {{{place}}}" for place, thing in enumerate(shown)]
        return Question(
            text=rng.choice(_PRESENT_TEXTS).format(image=image, things=listed([stage.name(thing) for thing in named])),
            answer=wish,
            plan=Plan(
                steps=(
                    Step(
                        says=(f"Image {image} shows {joined(at)}.", f"In image {image}: {joined(at)}."),
                        marks=tuple(stage.box(thing, image) for thing in shown),
                    ),
                ),
                concludes=(f"That is {num_shown}.",),
            ),
            truth={"images": [image], "objects": stage.facts(*shown), "value": num_shown},
        )
    return None


def ask_lettered(stage: Stage, wish: str, rng: random.Random) -> Question | None:
    """Which letter is around a named thing, the boxes being in several images: `wish`."""
    placed = _placed(stage, rng)
    if len({image for _, image in placed}) < 2 or len(placed) <= "ABCD".index(wish):
        return None
    letters = [letter(place) for place in range(len(placed))]
    asked, _ = placed["ABCD".index(wish)]
    images = sorted({image for _, image in placed})
    return Question(
        text=rng.choice(_LETTERED_TEXTS).format(images=named_images(images), thing=stage.name(asked)),
        options=tuple(letters),
        answer=wish,
        plan=Plan(
            steps=tuple(lettered_step(stage, placed, letters, image) for image in images),
            concludes=(f"The {stage.name(asked)} is {wish}.",),
        ),
        truth={"images": images, "objects": stage.facts(asked), "value": wish},
        tags=lettered_tags(stage, placed, letters),
    )


def ask_colored(stage: Stage, wish: str, rng: random.Random) -> Question | None:
    """How many of the things in lettered boxes have a colour: as many as `wish` says. Each is said with its colour, and
    the question names none of them."""
    placed = _placed(stage, rng)
    letters = [letter(place) for place in range(len(placed))]
    found = {
        color: [mark for (thing, _), mark in zip(placed, letters, strict=True) if thing.color == color]
        for color in COLORS
    }
    fitting = [color for color, marks in found.items() if len(marks) == int(wish)]
    if not placed or not fitting:
        return None
    color = rng.choice(fitting)
    images = sorted({image for _, image in placed})
    return Question(
        text=rng.choice(_COLORED_TEXTS).format(images=named_images(images), color=color),
        answer=wish,
        plan=Plan(
            steps=tuple(lettered_step(stage, placed, letters, image, called=describe) for image in images),
            concludes=(f"Of {color}: {joined(found[color] or ['none'])}. That is {wish}.",),
        ),
        truth={"images": images, "objects": stage.facts(*(thing for thing, _ in placed)), "value": int(wish)},
        tags=lettered_tags(stage, placed, letters),
    )


def _placed(stage: Stage, rng: random.Random) -> list[tuple[SceneObject, int]]:
    """Some things that can be told from all others, each with an image that it stands out in."""
    places = [
        (thing, image)
        for image in range(1, stage.num_images + 1)
        for thing in stage.seen(image)
        if stage.stands_out(thing, image)
    ]
    rng.shuffle(places)
    return list({thing.name: (thing, image) for thing, image in places}.values())[:_MAX_LETTERED]


def ask_again(stage: Stage, wish: str, rng: random.Random) -> Question | None:
    """How many other images show a thing that is boxed in one. It is well visible in an image, or not at all."""
    everywhere = range(1, stage.num_images + 1)
    found = [
        (thing, image)
        for image in everywhere
        for thing in stage.seen(image)
        if stage.stands_out(thing, image)
        and all(thing in stage.visible(other) or stage.is_absent(thing, other) for other in everywhere)
        and any(thing in stage.visible(other) for other in everywhere if other != image)
    ]
    if not found:
        return None
    thing, image = rng.choice(found)
    name = stage.name(thing)
    others = [other for other in everywhere if other != image and thing in stage.visible(other)]
    marked = Step(
        says=(f"Image {image}: at {{0}}, in the red box, is the {name}.",),
        marks=(stage.box(thing, image),),
    )
    again = tuple(step_again(stage, thing, other) for other in others)
    return Question(
        text=rng.choice(_AGAIN_TEXTS).format(image=image),
        answer=str(len(others)),
        plan=Plan(steps=(marked, *again), concludes=(f"That is {len(others)}.",)),
        truth={"images": [image, *others], "objects": stage.facts(thing), "value": len(others)},
        tags=(stage.tag(thing, image, ""),),
    )
