"""Fill in the turns of a route over free floor."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain, pairwise, permutations, product
from typing import TYPE_CHECKING

from vilasr.tasks.asking.choices import shuffled
from vilasr.tasks.asking.plan import Plan
from vilasr.tasks.asking.words import sentence
from vilasr.tasks.scenes.geometry import contains, polygon_distance, sides
from vilasr.tasks.scenes.world import FLOOR
from vilasr.tasks.video.asked import Asked
from vilasr.tasks.video.bearings import bearing
from vilasr.tasks.video.marking import box_steps

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from vilasr.tasks.scenes.world import SceneObject, Vec2
    from vilasr.tasks.video.footage import Footage

TURNS = ("left", "right", "back")
SIDE_DEGREES = (35.0, 120.0)
"""A turn to the left or right is between these; the question calls anything over 135 degrees a turn back."""
BACK_DEGREES = 150.0
STANDOFF_M = 0.35
"""How far from the edge of a thing one stands at it."""
CLEARANCE_M = 0.2
"""How far every leg keeps from walls and from everything that stands on the floor."""
MIN_LEG_M = 0.5
MIN_STOP_HEIGHT_M = 0.25
"""Flatter things, such as rugs, are no stops of a route,"""
MAX_STEP_HEIGHT_M = 0.05
"""and what is as flat as this may be walked over."""

_TEXTS = (
    "A robot stands at the {start} and faces the {first}. It is to get to the {goal} this way: {steps} "
    "Which turns belong in the gaps? (Over 135 degrees is a turn back.)",
    "You are at the {start}, facing the {first}, and want to reach the {goal}: {steps} "
    "Fill in the missing turns: left, right, or back (more than 135 degrees).",
    "The way from the {start} to the {goal}, facing the {first} at the start: {steps} "
    "What are the turns? A turn of over 135 degrees counts as back.",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Leg:
    """A straight way on the floor: from the place one stands at to the place in front of `goal`."""

    goal: SceneObject
    start: Vec2
    end: Vec2


class Floor:
    """What can be walked on, and the things that a route can stop at."""

    def __init__(self, footage: Footage) -> None:
        standing = [thing for thing in footage.scene.objects if thing.support == FLOOR and thing.position[2] < 1.0]
        self._obstacles = [thing.box.footprint() for thing in standing if thing.size[2] > MAX_STEP_HEIGHT_M]
        self._rooms = [room.outline for room in footage.scene.rooms]
        self.stops = [
            thing
            for thing in footage.askable
            if thing.support == FLOOR and thing.position[2] < MAX_STEP_HEIGHT_M and thing.size[2] >= MIN_STOP_HEIGHT_M
        ]

    def leg(self, start: Vec2, goal: SceneObject) -> Leg | None:
        """Straight towards the middle of `goal`, up to STANDOFF_M before it; None where that is not free floor."""
        middle = goal.position[:2]
        length = math.dist(start, middle) - reach(goal, start) - STANDOFF_M
        if length < MIN_LEG_M:
            return None
        along = length / math.dist(start, middle)
        end = (start[0] + along * (middle[0] - start[0]), start[1] + along * (middle[1] - start[1]))
        return Leg(goal=goal, start=start, end=end) if self._is_free(start, end) else None

    def _is_free(self, start: Vec2, end: Vec2) -> bool:
        way = (start, end)
        if not any(contains(outline, start) and contains(outline, end) for outline in self._rooms):
            return False
        walls = (side for outline in self._rooms for side in sides(outline))
        return all(polygon_distance(way, thing) >= CLEARANCE_M for thing in chain(self._obstacles, walls))


def reach(thing: SceneObject, seen_from: Vec2) -> float:
    """m from the middle of a thing's footprint to its edge, towards a point."""
    x, y = seen_from[0] - thing.position[0], seen_from[1] - thing.position[1]
    cos, sin = math.cos(thing.yaw), math.sin(thing.yaw)
    across, along = abs(cos * x + sin * y), abs(cos * y - sin * x)
    far = math.hypot(x, y)
    return min(
        thing.size[0] / 2 * far / across if across > 0 else math.inf,
        thing.size[1] / 2 * far / along if along > 0 else math.inf,
    )


def turn_of(angle: float) -> str | None:
    """Left, right or back; None where it is too slight or between them."""
    if abs(angle) >= BACK_DEGREES:
        return "back"
    if not SIDE_DEGREES[0] <= abs(angle) <= SIDE_DEGREES[1]:
        return None
    return "left" if angle > 0 else "right"


def some_turns(rng: random.Random) -> tuple[str, ...]:
    """The turns of a route, one or two: each of the three, or of the nine pairs, equally often."""
    return tuple(rng.choice(TURNS) for _ in range(rng.choice((1, 2))))


def route_planning(footage: Footage, rng: random.Random, *, turns: tuple[str, ...]) -> Asked | None:
    """A route with these turns; three options for one turn, four of the nine for two.

    The turns come from outside, drawn before any scene: rooms are left again the way they were entered, and two turns
    to the same side are found far more often than one to each.
    """
    floor = Floor(footage)
    starts = list(permutations(floor.stops, 2))
    rng.shuffle(starts)
    for start, first in starts:
        leg = floor.leg(_beside(start, first), first)
        legs = None if leg is None else _continued(floor, start, (leg,), turns, rng)
        if legs is not None:
            return _route_question(footage, start, legs, turns, rng)
    return None


def _beside(start: SceneObject, first: SceneObject) -> Vec2:
    (x1, y1), (x2, y2) = start.position[:2], first.position[:2]
    share = (reach(start, (x2, y2)) + STANDOFF_M) / math.dist((x1, y1), (x2, y2))
    return (x1 + share * (x2 - x1), y1 + share * (y2 - y1))


def _continued(
    floor: Floor, start: SceneObject, legs: tuple[Leg, ...], turns: tuple[str, ...], rng: random.Random
) -> tuple[Leg, ...] | None:
    """The legs so far and one more for each turn, if there is such a route.

    The first turn is one of two that could be taken there, aside or back: a place in a corner would give away that
    it is not the one that leads out of the room.
    """
    if not turns:
        return legs
    ways = _ways(floor, start, legs)
    if len(legs) == 1 and not (ways["back"] and (ways["left"] or ways["right"])):
        return None
    for leg in rng.sample(ways[turns[0]], len(ways[turns[0]])):
        whole = _continued(floor, start, (*legs, leg), turns[1:], rng)
        if whole is not None:
            return whole
    return None


def _ways(floor: Floor, start: SceneObject, legs: tuple[Leg, ...]) -> dict[str, list[Leg]]:
    """By turn, the legs to what was not visited yet. The turn must be the same where one stands and at the stop."""
    last = legs[-1]
    visited = {start.name, *(leg.goal.name for leg in legs)}
    ways: dict[str, list[Leg]] = {turn: [] for turn in TURNS}
    for goal in floor.stops:
        if goal.name in visited:
            continue
        turn = turn_of(turned(last, last.end, goal))
        if turn is not None and turn == turn_of(turned(last, last.goal.position[:2], goal)):
            leg = floor.leg(last.end, goal)
            if leg is not None:
                ways[turn].append(leg)
    return ways


def turned(leg: Leg, stand: Vec2, goal: SceneObject) -> float:
    """Degrees to the left from the heading of a leg to a thing, for one who stands at `stand`."""
    ahead = (stand[0] + leg.end[0] - leg.start[0], stand[1] + leg.end[1] - leg.start[1])
    return bearing(stand, ahead, goal.position[:2])


def _route_question(
    footage: Footage, start: SceneObject, legs: tuple[Leg, ...], turns: tuple[str, ...], rng: random.Random
) -> Asked:
    phrases = footage.phrases
    stops = [leg.goal for leg in legs]
    others = [other for other in product(TURNS, repeat=len(turns)) if other != turns]
    wrong = others if len(turns) == 1 else rng.sample(others, 3)
    options, answer = shuffled(_said(turns), [_said(other) for other in wrong], rng)
    steps = [f"go forward to the {phrases[stops[0].name]}"]
    for number, stop in enumerate(stops[1:], 1):
        steps += [f"[turn {number}]", f"go forward to the {phrases[stop.name]}"]
    listing = " ".join(f"{number}. {sentence(step)}." for number, step in enumerate(steps, 1))
    degrees = [turned(one, one.end, other.goal) for one, other in pairwise(legs)]
    angles = [f"{abs(angle):.0f} degrees {'left' if angle > 0 else 'right'}" for angle in degrees]
    told = " ".join(
        f"At the {phrases[stop.name]} the {phrases[then.name]} is {angle}: turn {turn}."
        for stop, then, angle, turn in zip(stops[:-1], stops[1:], angles, turns, strict=True)
    )
    labels = {thing.name: phrases[thing.name] for thing in (start, *stops)}
    return Asked(
        text=rng.choice(_TEXTS).format(
            start=phrases[start.name], first=phrases[stops[0].name], goal=phrases[stops[-1].name], steps=listing
        ),
        options=options,
        answer=answer,
        plan=Plan(
            steps=tuple(box_steps(footage, labels)),
            concludes=(told, f"The headings change by {' and '.join(angles)}: {_said(turns)}."),
        ),
        names=(start.name, *(stop.name for stop in stops)),
        truth={"turns": list(turns), "way": [list(legs[0].start), *(list(leg.end) for leg in legs)]},
    )


def _said(turns: Sequence[str]) -> str:
    return ", then ".join(f"turn {turn}" for turn in turns)
