"""Questions with options about where things are to each other: what is nearest, and in which direction."""

from __future__ import annotations

import math
from itertools import permutations
from typing import TYPE_CHECKING

from vilasr.tasks.asking.choices import shuffled
from vilasr.tasks.asking.plan import Plan
from vilasr.tasks.asking.words import joined, least, listed, measures
from vilasr.tasks.scenes.geometry import distance
from vilasr.tasks.video.asked import Asked
from vilasr.tasks.video.bearings import bearing, left_or_right, left_right_or_back, quadrant
from vilasr.tasks.video.marking import box_steps

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from vilasr.tasks.scenes.world import SceneObject
    from vilasr.tasks.video.footage import Footage

NEAREST_MARGIN_M = 0.3
NEAREST_RATIO = 1.2
"""The nearest of four things is nearer than the second by this much and this many times."""
MIN_NEAREST_M = 0.15
"""Things that touch the anchor, or stand on it, are no question of distance."""
DIRECTION_MARGIN = 15.0
"""Degrees between a direction and the border to the next answer."""
MIN_STEP_M = 0.8
"""Between the middles of what one stands by, faces, and is asked about, seen from above."""
_NUM_SETS = 40

_NEAREST_TEXTS = (
    "Which of these is nearest to the {anchor}, from closest point to closest point: {things}?",
    "Measured between closest points, which one is the least far from the {anchor}: {things}?",
    "Of {things}, which has the smallest gap to the {anchor}?",
    "Look at {things}. Which of them comes closest to the {anchor}?",
)
_EASY_TEXTS = (
    "I stand by the {stand} and face the {face}. Is the {target} to my left or to my right?",
    "Someone at the {stand} looks towards the {face}. On which side of them is the {target}?",
    "If you were next to the {stand}, facing the {face}, on which hand would the {target} be?",
)
_MEDIUM_TEXTS = (
    "I stand by the {stand} and face the {face}. Is the {target} to my left, to my right or at my back? "
    "At my back means that I must turn by 135 degrees or more to face it.",
    "Someone at the {stand} looks towards the {face}. Where do they find the {target}: left, right or back "
    "(back: a turn of at least 135 degrees)?",
    "If you were next to the {stand}, facing the {face}, would the {target} be left, right or back? "
    "Back is whatever takes a turn of 135 degrees or more.",
)
_HARD_TEXTS = (
    "I stand by the {stand} and face the {face}. In which quarter around me is the {target}: front-left, front-right, "
    "back-left or back-right? Straight ahead of me is the border of the two front quarters.",
    "Someone at the {stand} looks towards the {face}. Is the {target} in front of them or behind, and left or right? "
    "Take them as the origin of a plane and their line of sight as its positive y axis.",
    "If you were next to the {stand}, facing the {face}, in which of the four quarters would the {target} lie, "
    "with your line of sight as the upward axis?",
)


def relative_distance(footage: Footage, rng: random.Random) -> Asked | None:
    """Which of four things is nearest to a fifth.

    Large things and things amid the room are the nearest more often, which a reader of the options alone could
    learn. So four things are taken of which each is the nearest to some anchor; which of them shall be, is drawn
    first, and then one of its anchors.
    """
    things = list(footage.askable)
    if len(things) < 5:
        return None
    gaps = {
        (one.name, other.name): gap
        for number, one in enumerate(things)
        for other in things[:number]
        for gap in (distance(one.box, other.box),)
    }
    gaps |= {(other, one): gap for (one, other), gap in gaps.items()}
    for _ in range(_NUM_SETS):
        chosen = rng.sample(things, 4)
        anchors: dict[str, list[SceneObject]] = {thing.name: [] for thing in chosen}
        for anchor in things:
            if anchor not in chosen and (winner := _nearest(anchor, chosen, gaps)) is not None:
                anchors[winner].append(anchor)
        if all(anchors.values()):
            winner = rng.choice(chosen).name
            anchor = rng.choice(anchors[winner])
            return _nearest_question(footage, anchor, chosen, winner, gaps, rng)
    return None


def _nearest(anchor: SceneObject, things: Sequence[SceneObject], gaps: dict[tuple[str, str], float]) -> str | None:
    """Name of the clearly nearest; None where it is too near or not by enough."""
    first, second, *_ = sorted((gaps[anchor.name, thing.name], thing.name) for thing in things)
    if first[0] < MIN_NEAREST_M or second[0] < max(first[0] + NEAREST_MARGIN_M, first[0] * NEAREST_RATIO):
        return None
    return first[1]


def _nearest_question(
    footage: Footage,
    anchor: SceneObject,
    things: Sequence[SceneObject],
    winner: str,
    gaps: dict[tuple[str, str], float],
    rng: random.Random,
) -> Asked:
    phrases = footage.phrases
    by_phrase = {phrases[thing.name]: thing.name for thing in things}
    options, answer = shuffled(phrases[winner], [phrase for phrase in by_phrase if phrase != phrases[winner]], rng)
    names = [anchor.name, *(by_phrase[option] for option in options)]
    lengths, whose = [gaps[anchor.name, name] for name in names[1:]], [f"to the {option}" for option in options]
    said = joined(measures(lengths, whose))
    return Asked(
        text=rng.choice(_NEAREST_TEXTS).format(anchor=phrases[anchor.name], things=listed(options)),
        options=options,
        answer=answer,
        plan=Plan(
            steps=tuple(box_steps(footage, {name: phrases[name] for name in names})),
            concludes=(
                f"From the {phrases[anchor.name]} it is {said}. {least(lengths, whose)}.",
                f"Measured from the {phrases[anchor.name]}: {said}. {least(lengths, whose)}.",
            ),
        ),
        names=tuple(names),
        truth={"gaps": [round(length, 4) for length in lengths]},
    )


# --- directions -------------------------------------------------------------------------------------------------------


def direction_easy(footage: Footage, rng: random.Random) -> Asked | None:
    """Left or right. Rooms are as likely as their mirror images, so that neither is likelier for any words."""
    return _direction(footage, rng, left_or_right, (("left", "right"),), _EASY_TEXTS)


def direction_medium(footage: Footage, rng: random.Random) -> Asked | None:
    """Left, right or back."""
    aside = ("left", "right")
    return _direction(footage, rng, left_right_or_back, (aside, aside, ("back",)), _MEDIUM_TEXTS)


def direction_hard(footage: Footage, rng: random.Random) -> Asked | None:
    """Which quarter."""
    groups = (("front-left", "front-right"), ("back-left", "back-right"))
    return _direction(footage, rng, quadrant, groups, _HARD_TEXTS)


def _direction(
    footage: Footage,
    rng: random.Random,
    classify: Callable[[float, float], str | None],
    groups: tuple[tuple[str, ...], ...],
    texts: Sequence[str],
) -> Asked | None:
    """A question of direction, with the answer's group drawn before the thing that is asked about.

    Left and right are balanced by the mirror; front and back are not: who stands by a wall has most things in front.
    So a place to stand and a thing to face serve only when there is something to ask about in every group.
    """
    pairs = list(permutations(footage.askable, 2))
    rng.shuffle(pairs)
    for stand, face in pairs:
        found: dict[str, list[tuple[SceneObject, float]]] = {}
        for target in footage.askable:
            if far_apart(stand, face, target):
                side, angle = direction_of(stand, face, target, classify)
                if side is not None:
                    found.setdefault(side, []).append((target, angle))
        if all(any(side in found for side in group) for group in groups):
            group = rng.choice(groups)
            side, (target, angle) = rng.choice([(side, each) for side in group for each in found.get(side, ())])
            return _direction_question(footage, (stand, face, target), side, angle, groups, texts, rng)
    return None


def far_apart(*things: SceneObject) -> bool:
    """Whether the middles of all are at least MIN_STEP_M from each other, seen from above."""
    return all(
        math.dist(one.position[:2], other.position[:2]) >= MIN_STEP_M
        for number, one in enumerate(things)
        for other in things[:number]
    )


def direction_of(
    stand: SceneObject, face: SceneObject, target: SceneObject, classify: Callable[[float, float], str | None]
) -> tuple[str | None, float]:
    """(answer, degrees), between the middles; no answer where it depends on the corner that one stands at."""
    angle = bearing(stand.position[:2], face.position[:2], target.position[:2])
    side = classify(angle, DIRECTION_MARGIN)
    corners = stand.box.footprint()
    same = all(classify(bearing(corner, face.position[:2], target.position[:2]), 0.0) == side for corner in corners)
    return (side if same else None), angle


def _direction_question(
    footage: Footage,
    things: tuple[SceneObject, SceneObject, SceneObject],
    side: str,
    angle: float,
    groups: tuple[tuple[str, ...], ...],
    texts: Sequence[str],
    rng: random.Random,
) -> Asked:
    stand, face, target = (footage.phrases[thing.name] for thing in things)
    others = sorted({other for group in groups for other in group} - {side})
    options, answer = shuffled(side, others, rng)
    labels = {thing.name: footage.phrases[thing.name] for thing in things}
    turned = f"{abs(angle):.0f} degrees to the {'left' if angle > 0 else 'right'}"
    return Asked(
        text=rng.choice(texts).format(stand=stand, face=face, target=target),
        options=options,
        answer=answer,
        plan=Plan(
            steps=tuple(box_steps(footage, labels)),
            concludes=(
                f"From the {stand}, with the {face} ahead, the {target} is {turned}: {side}.",
                f"By the {stand}, facing the {face}, I turn {turned} to see the {target}. That is {side}.",
            ),
        ),
        names=tuple(thing.name for thing in things),
        truth={"value": angle, "direction": side},
    )
