"""Grades for what was drawn on a maze."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from vilasr.tasks.base import DrawingGrade
from vilasr.tasks.maze.grid import distances, neighbours
from vilasr.tasks.maze.truth import Truth, truth_of
from vilasr.tasks.overlap import overlap
from vilasr.types import Action, Box, ImageRecipe, Json, Line, Point, Rollout, Sample

if TYPE_CHECKING:
    from collections.abc import Sequence

CENTRAL = 0.35
"""How far from a cell's centre, in cells, an end of a line may lie and still mean that cell."""
FULL_IOU = 0.8
"""A box this close to the true one is right: coordinates are whole pixels of a small view."""

Step = tuple[int, int]
"""(cell, neighbouring cell)."""


def grade_drawing(sample: Sample, rollout: Rollout) -> DrawingGrade:
    """How right the marks are that stand on the last image; a corrected mark counts as corrected.

    "end" and "shortest": a line is valid when its ends lie near the centres of two neighbouring cells with no wall
    between. score = (moves of the true path drawn right, in order - invalid lines) / moves, at least 0. For
    "shortest" every path of the shortest length is true.
    "valid" with a crossing: the IoU of the best box with the true one, divided by FULL_IOU, at most 1, and by the
    number of boxes. "valid" without: as for "end", where a line may run straight over several cells, and a box is an
    invalid mark.

    details: `ends_in` (letter of the cell where the last line ends, or None), `end_error_cells` (distance from there to
    the true end, None without lines), `num_right`, and the same counts over every mark ever made, before corrections:
    `raw_num_graded`, `raw_num_valid`. For a crossing: `iou`.

    Raises:
        DataError: when the sample was not made by this task.
    """
    truth = truth_of(sample)
    last = rollout.images[-1] if rollout.images else None
    standing = [_at_own_size(mark, last, truth) for mark in (last.instances if last else ())]
    drawn = [_at_own_size(mark, rollout.images[mark.image_index - 1], truth) for mark in rollout.actions]
    if truth.question_type == "valid" and truth.crossing is not None:
        return _grade_box(truth, standing, drawn)
    return _grade_lines(truth, standing, drawn)


def _at_own_size(mark: Action, image: ImageRecipe | None, truth: Truth) -> Action:
    """The mark in px of the sample's own image; drawn images may be smaller or larger."""
    if image is None or image.size == truth.size:
        return mark
    x, y = truth.size[0] / image.size[0], truth.size[1] / image.size[1]
    if isinstance(mark, Box):
        x1, y1, x2, y2 = mark.box_px
        return Box(image_index=mark.image_index, box_px=(x1 * x, y1 * y, x2 * x, y2 * y), label=mark.label)
    (x1, y1), (x2, y2) = mark.start_px, mark.end_px
    return Line(image_index=mark.image_index, start_px=(x1 * x, y1 * y), end_px=(x2 * x, y2 * y), label=mark.label)


def _grade_lines(truth: Truth, standing: Sequence[Action], drawn: Sequence[Action]) -> DrawingGrade:
    lines = [mark for mark in standing if isinstance(mark, Line)]
    steps = [valid_steps(truth, mark) for mark in standing]
    num_valid = sum(1 for taken in steps if taken)
    wanted, keys = _keys(truth, [step for taken in steps for step in taken])
    num_right = common_length(wanted, keys)
    details: dict[str, Json] = {
        "num_right": num_right,
        "raw_num_graded": len(drawn),
        "raw_num_valid": sum(1 for mark in drawn if valid_steps(truth, mark)),
        "ends_in": _letter_at(truth, lines[-1].end_px) if lines else None,
        "end_error_cells": _error_cells(truth, lines[-1].end_px) if lines else None,
    }
    score = max(0.0, (num_right - (len(standing) - num_valid)) / len(truth.moves))
    return DrawingGrade(score=score, num_graded=len(standing), num_valid=num_valid, details=details)


def valid_steps(truth: Truth, mark: Action) -> list[Step]:
    """The moves a mark stands for; none when it is not a valid line."""
    if not isinstance(mark, Line):
        return []
    start, end = truth.cell_at(mark.start_px, within=CENTRAL), truth.cell_at(mark.end_px, within=CENTRAL)
    if start is None or end is None or start == end:
        return []
    most = truth.maze.n if truth.question_type == "valid" else 1
    for direction, _ in neighbours(truth.maze.n)[start]:
        cell = start
        steps: list[Step] = []
        while truth.maze.is_open(cell, direction) and len(steps) < most and cell != end:
            beyond = dict(neighbours(truth.maze.n)[cell])[direction]
            steps.append((cell, beyond))
            cell = beyond
        if cell == end:
            return steps
    return []


def _keys(truth: Truth, steps: Sequence[Step]) -> tuple[list[Step], list[Step]]:
    """What should be drawn and what is, in terms that can be compared one by one.

    For "shortest" a step counts by how far along a shortest way it is, (moves from start, moves from start), because
    several ways may be shortest.
    """
    path = truth.path
    if truth.question_type != "shortest":
        return list(pairwise(path)), list(steps)
    from_start, _ = distances(truth.maze, truth.start)
    to_goal, _ = distances(truth.maze, path[-1])
    length = len(truth.moves)
    levels = [
        (from_start[a], from_start[b]) if from_start[a] + 1 + to_goal[b] == length else (-1, -1) for a, b in steps
    ]
    return [(level, level + 1) for level in range(length)], levels


def common_length(wanted: Sequence[Step], drawn: Sequence[Step]) -> int:
    """Length of the longest common subsequence.

    >>> common_length([(0, 1), (1, 2), (2, 3)], [(0, 1), (5, 6), (2, 3)])
    2
    """
    row = [0] * (len(drawn) + 1)
    for item in wanted:
        before = 0
        for position, other in enumerate(drawn, 1):
            before, row[position] = (
                row[position],
                before + 1 if item == other else max(row[position], row[position - 1]),
            )
    return row[-1]


def _letter_at(truth: Truth, point: Point) -> str | None:
    cell = truth.cell_at(point, within=0.5)
    return next((letter for letter, place in truth.letters.items() if place == cell), None)


def _error_cells(truth: Truth, point: Point) -> float:
    (x, y), (width, height) = truth.centre(truth.path[-1]), truth.cell_px
    return round(math.hypot((point[0] - x) / width, (point[1] - y) / height), 4)


def _grade_box(truth: Truth, standing: Sequence[Action], drawn: Sequence[Action]) -> DrawingGrade:
    true_box = truth.wall_box_px()
    ious = [overlap(mark.box_px, true_box) if isinstance(mark, Box) else 0.0 for mark in standing]
    raw = [overlap(mark.box_px, true_box) if isinstance(mark, Box) else 0.0 for mark in drawn]
    best = max(ious, default=0.0)
    return DrawingGrade(
        score=min(1.0, best / FULL_IOU) / max(1, len(standing)),
        num_graded=len(standing),
        num_valid=sum(1 for iou in ious if iou >= 0.5),
        details={
            "iou": round(best, 4),
            "raw_num_graded": len(drawn),
            "raw_num_valid": sum(1 for iou in raw if iou >= 0.5),
        },
    )
