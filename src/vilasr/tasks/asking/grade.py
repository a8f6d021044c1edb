"""Grades for what was drawn, against the plan of a sample."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vilasr.tasks.asking.plan import PlannedMark, plan_of
from vilasr.tasks.base import DrawingGrade
from vilasr.tasks.overlap import overlap
from vilasr.types import Action, Box, Line

if TYPE_CHECKING:
    from vilasr.types import ImageRecipe, Rollout, Sample

FULL_IOU = 0.8
"""A box this close to the true one is right: coordinates are whole pixels of a small view."""
VALID_IOU = 0.5
FULL_REACH = 0.01
"""A line whose ends lie this close to their places, in diagonals of the picture, is right, for the same reason."""
REACH = 0.1
"""So far away a line is worth nothing."""


def grade_plan(sample: Sample, rollout: Rollout) -> DrawingGrade:
    """How right the marks are that stand on the newest drawing of each image; a corrected mark counts as corrected.

    Every planned mark is compared with every mark of its kind that stands on the same of the sample's images. A box is
    worth IoU / FULL_IOU, at most 1. A line is worth 1 while the mean distance of its ends, in the direction that suits
    it, is up to FULL_REACH diagonals, 0 from REACH on, and in between in proportion. The best pairs are matched, each
    mark once. score = (sum of the matched worth) / (planned marks, or standing ones if they are more), so that boxes
    drawn everywhere earn nothing.

    details: `num_planned`, `mean_worth` (of the planned marks), `num_boxes`, `num_lines`.

    Raises:
        DataError: when the sample carries no plan.
    """
    planned = [mark for step in plan_of(sample).steps for mark in step.marks]
    width, height = sample.metadata["size"]
    standing = _standing(rollout, (width, height))
    worth = _matched(planned, standing, diagonal=math.hypot(width, height))
    return DrawingGrade(
        score=sum(worth) / max(len(planned), len(standing)),
        num_graded=len(standing),
        num_valid=sum(1 for value in worth if value >= VALID_IOU / FULL_IOU),
        details={
            "num_planned": len(planned),
            "mean_worth": round(sum(worth) / len(planned), 4),
            "num_boxes": sum(1 for mark in standing if isinstance(mark, Box)),
            "num_lines": sum(1 for mark in standing if isinstance(mark, Line)),
        },
    )


def _standing(rollout: Rollout, size: tuple[int, int]) -> list[Action]:
    """The marks on the newest drawing of each of the sample's images, as marks on that image in its own px."""
    newest: dict[int, ImageRecipe] = {recipe.base: recipe for recipe in rollout.images}
    return [_on_base(mark, recipe, size) for recipe in newest.values() for mark in recipe.instances]


def _on_base(mark: Action, recipe: ImageRecipe, size: tuple[int, int]) -> Action:
    x, y = size[0] / recipe.size[0], size[1] / recipe.size[1]
    if isinstance(mark, Box):
        x1, y1, x2, y2 = mark.box_px
        return Box(image_index=recipe.base, box_px=(x1 * x, y1 * y, x2 * x, y2 * y), label=mark.label)
    (x1, y1), (x2, y2) = mark.start_px, mark.end_px
    return Line(image_index=recipe.base, start_px=(x1 * x, y1 * y), end_px=(x2 * x, y2 * y), label=mark.label)


def _matched(planned: list[PlannedMark], standing: list[Action], *, diagonal: float) -> list[float]:
    """What each planned mark is worth, in no particular order: the best pair first, then the best of the rest."""
    pairs = sorted(
        (
            (max(worth(mark, wanted, diagonal=diagonal) for wanted in (each.mark, *each.also)), wish, number)
            for wish, each in enumerate(planned)
            for number, mark in enumerate(standing)
        ),
        key=lambda pair: (-pair[0], pair[1:]),
    )
    wishes, taken = set(range(len(planned))), set[int]()
    found: list[float] = []
    for value, wish, number in pairs:
        if wish in wishes and number not in taken:
            wishes.remove(wish)
            taken.add(number)
            found.append(value)
    return [*found, *[0.0] * len(wishes)]


def worth(mark: Action, wanted: Action, *, diagonal: float) -> float:
    """0 to 1; 0 for marks of different kinds or on different images."""
    if mark.image_index != wanted.image_index:
        return 0.0
    if isinstance(mark, Box) and isinstance(wanted, Box):
        return min(1.0, overlap(mark.box_px, wanted.box_px) / FULL_IOU)
    if isinstance(mark, Line) and isinstance(wanted, Line):
        straight = math.dist(mark.start_px, wanted.start_px) + math.dist(mark.end_px, wanted.end_px)
        turned = math.dist(mark.start_px, wanted.end_px) + math.dist(mark.end_px, wanted.start_px)
        off = min(straight, turned) / 2 / diagonal
        return min(1.0, max(0.0, (REACH - off) / (REACH - FULL_REACH)))
    return 0.0
