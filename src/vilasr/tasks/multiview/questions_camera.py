"""How the camera moved or turned between two images.

The answer is drawn before the scene is made, so that each is as often right as the others. What is more, the pictures
must show it: things well visible in both images, which slid or grew as the answer says.
"""

from __future__ import annotations

import math
from itertools import permutations
from typing import TYPE_CHECKING

from vilasr.tasks.asking.choices import shuffled
from vilasr.tasks.asking.plan import Plan, Step
from vilasr.tasks.multiview.question import Question

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Mapping, Sequence

    from vilasr.tasks.multiview.stage import Stage
    from vilasr.tasks.scenes.world import SceneObject

MIN_PARALLAX = 0.04
"""Sideways: the near thing moves against the far one by at least this share of the picture's width."""
MIN_DEPTH_RATIO = 1.25
"""Of two things, the far one is at least so many times as far from the camera as the near one."""
MIN_GROWTH = 1.15
"""Forward: the near thing gets at least so many times as large, the far one not as much, and nothing seen whole twice
gets smaller; or backward."""
MIN_SLIDE = 0.06
"""Turning: everything well visible twice slides by at least this share of the width, to the same side."""

_MOVES = {"left": "to the left", "right": "to the right", "forward": "forward", "backward": "backward"}
_MOVE_TEXTS = (
    "The camera took image {one}, moved, and took image {other}. Which way did it move, as seen from image {one}?",
    "Between image {one} and image {other} the camera changed its place. In which direction did it go?",
    "You took image {one}, walked a little and took image {other}. Which way did you walk, facing as in image {one}?",
    "Compare image {one} with image {other}: where was the camera shifted to in between?",
)
_TURNS = {"left": "to the left", "right": "to the right"}
_TURN_TEXTS = (
    "Between image {one} and image {other} the camera turned. To which side?",
    "After image {one} the camera stayed about where it was and turned for image {other}. Which way did it turn?",
    "You looked as in image {one} and then as in image {other}. Which way did you turn your head?",
    "Which way did the camera rotate from image {one} to image {other}?",
)


def ask_move(stage: Stage, wish: str, rng: random.Random) -> Question | None:
    """Which way the camera moved over `stage.pair`: `wish`; None when the pictures do not show it clearly."""
    return (_ask_sideways if wish in ("left", "right") else _ask_nearer)(stage, wish, rng)


def ask_turn(stage: Stage, wish: str, rng: random.Random) -> Question | None:
    """To which side the camera turned over `stage.pair`: `wish`; None when the pictures do not show it clearly."""
    one, other = stage.pair
    away = {"left": "right", "right": "left"}[wish]
    sign = 1 if away == "right" else -1
    slides = [
        (sign * (stage.middle_px(thing, other)[0] - stage.middle_px(thing, one)[0]) / stage.size[0], thing)
        for thing in stage.shared(one, other)
    ]
    if not slides or min(slide for slide, _ in slides) < MIN_SLIDE:
        return None
    margin, thing = max(slides, key=lambda pair: pair[0])
    name = stage.name(thing)
    plan = Plan(
        steps=(
            *_two_boxes(stage, thing),
            Step(
                says=(
                    f"In image {other} it slid along {{0}}, from its old place to the new one.",
                    f"In image {other} the line {{0}} shows how it slid.",
                ),
                marks=(stage.shift(thing, one, other),),
            ),
        ),
        concludes=(
            f"The {name} slid to the {away}, so the camera turned to the {wish}.",
            f"What is seen went {away}, so the camera turned {wish}.",
        ),
    )
    return _question(stage, wish, rng, things=[thing], margin=margin, plan=plan, texts=_TURN_TEXTS, options=_TURNS)


def _ask_sideways(stage: Stage, wish: str, rng: random.Random) -> Question | None:
    """By parallax: what is near slides against what is far, to the side that the camera comes from."""
    sign = 1 if wish == "left" else -1
    best: tuple[float, SceneObject, SceneObject] | None = None
    for near, far in _near_and_far(stage):
        apart = [stage.middle_px(near, image)[0] - stage.middle_px(far, image)[0] for image in stage.pair]
        parallax = sign * (apart[1] - apart[0]) / stage.size[0]
        if best is None or parallax > best[0]:
            best = (parallax, near, far)
    if best is None or best[0] < MIN_PARALLAX:
        return None
    slid = f"slid {'right' if wish == 'left' else 'left'}"
    return _move_question(stage, wish, rng, near_and_far=best[1:], margin=best[0], change=slid)


def _ask_nearer(stage: Stage, wish: str, rng: random.Random) -> Question | None:
    """By size: what the camera comes nearer to looks larger, and what is near most of all."""
    growths = {thing.name: _growth(stage, thing, wish) for thing in stage.whole(*stage.pair)}
    pairs = list(_near_and_far(stage))
    if not pairs or min(growths.values()) < 1:
        return None
    near, far = max(pairs, key=lambda pair: growths[pair[0].name] / growths[pair[1].name])
    margin = growths[near.name]
    if margin < max(MIN_GROWTH, growths[far.name]):
        return None
    change = "grew" if wish == "forward" else "shrank"
    return _move_question(stage, wish, rng, near_and_far=(near, far), margin=margin, change=change)


def _near_and_far(stage: Stage) -> Iterator[tuple[SceneObject, SceneObject]]:
    """Pairs of things seen whole in both images, of which one is clearly farther away in both."""
    for near, far in permutations(stage.whole(*stage.pair), 2):
        if all(stage.depth(far, image) >= MIN_DEPTH_RATIO * stage.depth(near, image) for image in stage.pair):
            yield near, far


def _growth(stage: Stage, thing: SceneObject, wish: str) -> float:
    """How many times as large the thing looks in the image that was taken nearer to it, if the camera moved so."""
    one, other = stage.pair
    growth = math.sqrt(_area(stage.box_px(thing, other)) / _area(stage.box_px(thing, one)))
    return growth if wish == "forward" else 1 / growth


def _move_question(
    stage: Stage,
    wish: str,
    rng: random.Random,
    *,
    near_and_far: tuple[SceneObject, SceneObject],
    margin: float,
    change: str,
) -> Question:
    """Told the same way for every direction, up to what the near thing did: words said before do not give it away."""
    one, other = stage.pair
    near, far = near_and_far
    near_name, far_name = stage.name(near), stage.name(far)
    plan = Plan(
        steps=(
            Step(
                says=(
                    f"In image {one}, near, at {{0}}, is the {near_name}, and far, at {{1}}, is the {far_name}.",
                    f"Image {one} shows, near, at {{0}} the {near_name}, and far, at {{1}} the {far_name}.",
                ),
                marks=(stage.box(near, one), stage.box(far, one)),
            ),
            Step(
                says=(
                    f"In image {other} the {near_name} is at {{0}}, the {far_name} at {{1}}.",
                    f"Image {other}: {near_name} {{0}}, {far_name} {{1}}.",
                ),
                marks=(stage.box(near, other), stage.box(far, other)),
            ),
        ),
        concludes=(
            f"Against the {far_name}, the near {near_name} {change}, so the camera moved {wish}.",
            f"The near {near_name} {change} beside the {far_name}: the camera moved {_MOVES[wish]}.",
        ),
    )
    return _question(stage, wish, rng, things=[near, far], margin=margin, plan=plan, texts=_MOVE_TEXTS, options=_MOVES)


def _two_boxes(stage: Stage, thing: SceneObject) -> tuple[Step, Step]:
    """The thing in the first image of the pair, then in the second."""
    one, other = stage.pair
    name = stage.name(thing)
    return (
        Step(
            says=(f"In image {one}, at {{0}}, is the {name}.", f"Image {one} shows at {{0}} the {name}."),
            marks=(stage.box(thing, one),),
        ),
        Step(says=(f"In image {other} it is at {{0}}.", f"Image {other}: {{0}}."), marks=(stage.box(thing, other),)),
    )


def _question(
    stage: Stage,
    wish: str,
    rng: random.Random,
    *,
    things: Sequence[SceneObject],
    margin: float,
    plan: Plan,
    texts: Sequence[str],
    options: Mapping[str, str],
) -> Question:
    one, other = stage.pair
    shown, answer = shuffled(options[wish], [text for key, text in options.items() if key != wish], rng)
    return Question(
        text=rng.choice(texts).format(one=one, other=other),
        options=shown,
        answer=answer,
        plan=plan,
        truth={"images": [one, other], "objects": stage.facts(*things), "value": wish, "margin": round(margin, 4)},
    )


def _area(box: tuple[int, int, int, int]) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])
