"""A plan: what should be drawn to answer a question, and what is said meanwhile.

The generator of a sample writes its plan once, into the sample's metadata; from there it is told as a demonstration and
compared with what a policy drew. Marks are on the sample's own images, in px of their own size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vilasr.errors import DataError
from vilasr.tasks.asking.choices import letter
from vilasr.tasks.base import Demonstration, DemoTurn, FramePoint
from vilasr.tasks.overlap import overlap
from vilasr.types import Action, Box, Json, Line, Sample

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

MAX_SLIP = 0.5
"""Intersection over union that a box drawn wrong on purpose has with the true one, at most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedMark:
    """A mark that helps; `also` are others that show the same as well, such as the same chair in another frame."""

    mark: Action
    also: tuple[Action, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One drawing turn.

    Attributes:
        says: ways to say the thought. "{0}" stands for the numbers of the first mark as the model writes them,
            "[x1, y1, x2, y2]", of a line "[x1, y1] to [x2, y2]"; "{1}" for the second, and so on. A literal brace is
            doubled.
        marks: at least one, all boxes or all lines: a turn has one operation.
    """

    says: tuple[str, ...]
    marks: tuple[PlannedMark, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Attributes:
    steps: the drawing turns, at least one.
    concludes: ways to say what follows from the drawings; the answer comes after it.
    """

    steps: tuple[Step, ...]
    concludes: tuple[str, ...]


# --- telling ----------------------------------------------------------------------------------------------------------


def demonstrate_plan(
    sample: Sample, rng: random.Random, *, frame: FramePoint, drawing: bool = True, mistake: bool = False
) -> Demonstration:
    """The plan in `sample.metadata` as turns; without drawing, one turn that says the same.

    With `mistake`, the first mark of one step is drawn beside its place, and the turn after sees and moves it.

    Raises:
        DataError: when the sample carries no plan.
    """
    plan = plan_of(sample)
    answer = sample.answer or ""
    if not drawing:
        said = [_thought(step, step.marks, rng, frame) for step in plan.steps]
        return (DemoTurn(thought=" ".join([*said, concluded(rng.choice(plan.concludes), sample)]), answer=answer),)
    size = _size_of(sample)
    gallery = _Gallery(sample)
    wrong_step = rng.randrange(len(plan.steps)) if mistake else -1
    turns: list[DemoTurn] = []
    for number, step in enumerate(plan.steps):
        if number == wrong_step:
            first = step.marks[0]
            aside = PlannedMark(mark=_beside(first.mark, size, rng))
            wrong = (aside, *step.marks[1:])
            actions = gallery.draw(wrong)
            turns.append(DemoTurn(thought=_thought(step, wrong, rng, frame), actions=actions, learn=False))
            turns.append(DemoTurn(thought=_noticed(first.mark, sample, rng, frame), actions=gallery.draw((first,))))
        else:
            actions = gallery.draw(step.marks)
            turns.append(DemoTurn(thought=_thought(step, step.marks, rng, frame), actions=actions))
    return (*turns, DemoTurn(thought=concluded(rng.choice(plan.concludes), sample), answer=answer))


class _Gallery:
    """Which image shows the newest drawing on each of the sample's images."""

    def __init__(self, sample: Sample) -> None:
        self._newest = {index: index for index in range(1, len(sample.images) + 1)}
        self._num = len(sample.images)

    def draw(self, marks: Sequence[PlannedMark]) -> tuple[Action, ...]:
        """The marks, on the newest drawings; then each image drawn on has a newer one, as in the episode."""
        actions = tuple(replace(each.mark, image_index=self._newest[each.mark.image_index]) for each in marks)
        drawn_on = {each.mark.image_index for each in marks}
        for base in sorted(drawn_on, key=self._newest.__getitem__):
            self._num += 1
            self._newest[base] = self._num
        return actions


def _thought(step: Step, marks: Sequence[PlannedMark], rng: random.Random, frame: FramePoint) -> str:
    return rng.choice(step.says).format(*(_numbers(each.mark, frame) for each in marks))


def concluded(said: str, sample: Sample) -> str:
    """`said` and, of a choice, the option that says so beside its letter: a policy that has the words need not find the
    letter in the answer itself."""
    if not sample.options:
        return said
    chosen = {letter(place): option for place, option in enumerate(sample.options)}[sample.answer or ""]
    return f"{said} That is {chosen}." if chosen == sample.answer else f"{said} So, {chosen}: {sample.answer}."


def _noticed(mark: Action, sample: Sample, rng: random.Random, frame: FramePoint) -> str:
    where = f"In image {mark.image_index} the" if len(sample.images) > 1 else "The"
    kind = "box" if isinstance(mark, Box) else "line"
    seen = rng.choice(("is not where it should be", "misses its place", "is off"))
    again = rng.choice(("It belongs at", "Draw it again at", "The right place is"))
    return f"{where} {kind} {mark.label} {seen}. {again} {_numbers(mark, frame)}."


def _numbers(mark: Action, frame: FramePoint) -> str:
    index = mark.image_index
    if isinstance(mark, Line):
        (x1, y1), (x2, y2) = frame(index, mark.start_px), frame(index, mark.end_px)
        return f"[{x1}, {y1}] to [{x2}, {y2}]"
    (x1, y1), (x2, y2) = frame(index, mark.box_px[:2]), frame(index, mark.box_px[2:])
    return f"[{x1}, {y1}, {x2}, {y2}]"


def _beside(mark: Action, size: tuple[int, int], rng: random.Random) -> Action:
    """The mark out of place, inside the picture, overlapping its place by at most MAX_SLIP.

    It is moved by 60 % to 120 % of its own extent (at least 15 % of the picture); of a mark too large for that, only a
    quarter of the box or half of the line is left.
    """
    points = _points(mark)
    moved: list[float] = []
    for axis in (0, 1):
        low, high = sorted((points[axis], points[axis + 2]))
        by = max(0.15 * size[axis], (high - low) * rng.uniform(0.6, 1.2)) * rng.choice((-1, 1))
        if not (low + by >= 0 and high + by <= size[axis] - 1):
            by = -by
        by = max(-low, min(by, size[axis] - 1 - high))
        moved += [by]
    x1, y1, x2, y2 = (value + moved[place % 2] for place, value in enumerate(points))
    if isinstance(mark, Line):
        if math.hypot(*moved) < 0.1 * math.hypot(*size):
            return replace(mark, end_px=((points[0] + points[2]) / 2, (points[1] + points[3]) / 2))
        return replace(mark, start_px=(x1, y1), end_px=(x2, y2))
    if overlap(mark.box_px, (x1, y1, x2, y2)) > MAX_SLIP:
        return replace(mark, box_px=_a_quarter(mark.box_px, rng))
    return replace(mark, box_px=(x1, y1, x2, y2))


def _a_quarter(box_px: tuple[float, float, float, float], rng: random.Random) -> tuple[float, float, float, float]:
    """One of the four corners of a box, half as wide and high."""
    x1, y1, x2, y2 = box_px
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    return rng.choice(((x1, y1, x, y), (x, y1, x2, y), (x1, y, x, y2), (x, y, x2, y2)))


# --- as JSON ----------------------------------------------------------------------------------------------------------


def plan_to_json(plan: Plan) -> Json:
    """Coordinates are rounded to a tenth of a pixel."""
    return {
        "steps": [
            {
                "says": list(step.says),
                "marks": [
                    {**_mark_to_json(each.mark), "also": [_mark_to_json(m) for m in each.also]} for each in step.marks
                ],
            }
            for step in plan.steps
        ],
        "concludes": list(plan.concludes),
    }


def plan_of(sample: Sample) -> Plan:
    """Reads `metadata["plan"]` back.

    Raises:
        DataError: when the sample carries no plan, or not a whole one.
    """
    try:
        record = sample.metadata["plan"]
        if not record["steps"] or not all(step["marks"] for step in record["steps"]):
            raise ValueError("a plan has steps, and each step marks")
        return Plan(
            steps=tuple(
                Step(
                    says=tuple(step["says"]),
                    marks=tuple(
                        PlannedMark(mark=_mark_from_json(each), also=tuple(_mark_from_json(m) for m in each["also"]))
                        for each in step["marks"]
                    ),
                )
                for step in record["steps"]
            ),
            concludes=tuple(record["concludes"]),
        )
    except (KeyError, TypeError, ValueError) as problem:
        raise DataError(f"sample {sample.id}: its metadata holds no plan ({problem!r})") from problem


def _mark_to_json(mark: Action) -> dict[str, Json]:
    points = [round(value, 1) for value in _points(mark)]
    return {"kind": mark.kind, "image": mark.image_index, "points": points, "label": mark.label}


def _mark_from_json(record: Mapping[str, Json]) -> Action:
    x1, y1, x2, y2 = record["points"]
    index, label = int(record["image"]), record["label"]
    if record["kind"] == "box":
        return Box(image_index=index, box_px=(x1, y1, x2, y2), label=label)
    return Line(image_index=index, start_px=(x1, y1), end_px=(x2, y2), label=label)


def _points(mark: Action) -> tuple[float, float, float, float]:
    return mark.box_px if isinstance(mark, Box) else (*mark.start_px, *mark.end_px)


def _size_of(sample: Sample) -> tuple[int, int]:
    width, height = sample.metadata["size"]
    return (width, height)
