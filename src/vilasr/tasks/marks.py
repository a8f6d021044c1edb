"""Marks on a picture: where they are, and how many. The first lesson of a model that learns to see from nothing.

Asked to read a whole maze at once, a small model settles for guessing a plausible cell. With one mark on an empty
picture there is nothing to guess but the place, and what it learns there carries over to mazes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from vilasr.tasks.base import (
    Demonstration,
    DemoTurn,
    DrawingGrade,
    FramePoint,
    generator_for,
)
from vilasr.tasks.options import OptionReader
from vilasr.types import AnswerType, Box, Rollout, Sample

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    from vilasr.types import Point

NAMES = ("dot", "A", "B", "C", "D")
_BOX_PX = 24.0
_OPTIONS = {"num": "1..5 or a range such as 1-5"}


class MarksTask:
    """A dot and letters on a plain or cluttered picture; "How many marks are there?"."""

    name = "marks"
    version = 1

    def generate(self, split: str, index: int, seed: int, options: Mapping[str, str] = {}) -> Sample:
        """`options["num"]`: number of marks, "1" to "5" or a range. `metadata["marks"]` holds [name, x, y] in px."""
        limits = (1, len(NAMES))
        low, high = OptionReader(self.name, options, _OPTIONS).numbers("num", limits, limits)
        rng = generator_for(self.name, self.version, split, seed, index)
        size = (rng.randrange(160, 320), rng.randrange(160, 320))
        light = rng.random() < 0.7
        image = Image.new("RGB", size, _shade(rng, light))
        draw = ImageDraw.Draw(image)
        num = rng.randint(low, high)
        if num > 1:
            _clutter(draw, size, rng, light)
        marks: list[tuple[str, float, float]] = []
        for name in sorted(rng.sample(NAMES, num), key=NAMES.index):
            x, y = _free_place(size, [mark[1:] for mark in marks], rng)
            _draw_mark(draw, name, (x, y), rng, light)
            marks.append((name, round(x, 1), round(y, 1)))
        return Sample(
            id=f"{self.name}/{split}/{seed}/{index}/{low}-{high}",
            task=self.name,
            question=rng.choice(("How many marks are there?", "Count the marks.", "Find the marks and count them.")),
            images=(image,),
            answer=str(num),
            answer_type=AnswerType.NUMBER,
            metadata={"question_type": "count", "size": list(size), "marks": [list(mark) for mark in marks]},
        )

    def demonstrate(
        self, sample: Sample, rng: random.Random, *, frame: FramePoint, drawing: bool = True, mistake: bool = False
    ) -> Demonstration:
        """Say where each mark is, in the words of the maze demonstrations; with drawing, box them first."""
        places = {name: "[{}, {}]".format(*frame(1, (x, y))) for name, x, y in sample.metadata["marks"]}
        start = rng.choice(("Start", "Dot", "The dot is at"))
        said = [f"{start} {places['dot']}."] if "dot" in places else []
        letters = ", ".join(f"{name} {place}" for name, place in places.items() if name != "dot")
        thought = " ".join([*said, *([f"{letters}."] if letters else [])])
        answer = DemoTurn(thought=f"That is {sample.answer}.", answer=sample.answer)
        if not drawing:
            return (DemoTurn(thought=f"{thought} {answer.thought}", answer=sample.answer),)
        boxes = tuple(
            Box(image_index=1, box_px=_box_round((x, y), sample), label=name) for name, x, y in sample.metadata["marks"]
        )
        return (DemoTurn(thought=thought, actions=boxes), answer)

    def grade_drawing(self, sample: Sample, rollout: Rollout) -> DrawingGrade:
        """Share of the marks whose box, by name, has its centre within 12 px of the mark."""
        centres = {
            mark.label: ((mark.box_px[0] + mark.box_px[2]) / 2, (mark.box_px[1] + mark.box_px[3]) / 2)
            for mark in rollout.images[-1].instances
            if isinstance(mark, Box)
        }
        truth = {name: (x, y) for name, x, y in sample.metadata["marks"]}
        found = sum(
            name in centres and max(abs(centres[name][0] - x), abs(centres[name][1] - y)) <= _BOX_PX / 2
            for name, (x, y) in truth.items()
        )
        return DrawingGrade(score=found / len(truth), num_graded=len(centres), num_valid=found)


def _box_round(point: Point, sample: Sample) -> tuple[float, float, float, float]:
    """A box about the size of a mark, inside the picture."""
    width, height = sample.metadata["size"]
    x, y = point
    return (
        max(0.0, x - _BOX_PX / 2),
        max(0.0, y - _BOX_PX / 2),
        min(width - 1.0, x + _BOX_PX / 2),
        min(height - 1.0, y + _BOX_PX / 2),
    )


def _shade(rng: random.Random, light: bool) -> tuple[int, int, int]:
    low, high = (205, 255) if light else (0, 70)
    return rng.randint(low, high), rng.randint(low, high), rng.randint(low, high)


def _clutter(draw: ImageDraw.ImageDraw, size: tuple[int, int], rng: random.Random, light: bool) -> None:
    """A few straight walls, horizontal and vertical."""
    for _ in range(rng.randrange(12)):
        x, y, length = rng.randrange(size[0]), rng.randrange(size[1]), rng.randrange(20, 90)
        end = (x + length, y) if rng.random() < 0.5 else (x, y + length)
        draw.line([(x, y), end], fill=_shade(rng, not light), width=rng.randrange(1, 8))


def _free_place(size: tuple[int, int], taken: list[Point], rng: random.Random) -> Point:
    """A point at least 34 px from every other (of fifty tries, else the last)."""
    point = (0.0, 0.0)
    for _ in range(50):
        point = (rng.uniform(12, size[0] - 12), rng.uniform(12, size[1] - 12))
        if all((point[0] - x) ** 2 + (point[1] - y) ** 2 > 34**2 for x, y in taken):
            break
    return point


def _draw_mark(draw: ImageDraw.ImageDraw, name: str, point: Point, rng: random.Random, light: bool) -> None:
    colour = (
        _shade(rng, not light) if rng.random() < 0.5 else tuple(rng.choice([(200, 0, 0), (0, 90, 200), (0, 130, 0)]))
    )
    if name == "dot":
        radius = rng.uniform(4, 9)
        box = (point[0] - radius, point[1] - radius, point[0] + radius, point[1] + radius)
        draw.ellipse(box, fill=colour) if rng.random() < 0.8 else draw.rectangle(box, fill=colour)
        return
    font = ImageFont.load_default(size=rng.randrange(14, 26))
    draw.text(point, name, fill=colour, font=font, anchor="mm")
