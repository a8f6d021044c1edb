"""What a marks sample shows and what its demonstration says."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import numpy as np
import pytest
from handmade import noise

from vilasr.errors import InputError
from vilasr.tasks import task_named
from vilasr.types import AnswerType, Box, ImageRecipe, Rollout, Sample, Status

MARKS = task_named("marks")


def by_hand(*marks):
    """A sample of 200x160 pixels with [name, x, y] marks."""
    return Sample(
        id="marks/hand",
        task="marks",
        question="How many marks are there?",
        images=(noise(0, (200, 160)),),
        answer=str(len(marks)),
        answer_type=AnswerType.NUMBER,
        metadata={"size": [200, 160], "marks": [list(mark) for mark in marks]},
    )


def halves(_index, point):
    return (round(point[0] / 2), round(point[1] / 2))


def test_each_mark_is_where_the_metadata_say():
    for index in range(30):
        sample = MARKS.generate("train", index, 0, {"num": "1"})
        [[_, x, y]] = sample.metadata["marks"]
        pixels = np.asarray(sample.images[0]).astype(int)
        different = (np.abs(pixels - pixels[0, 0]).sum(-1) > 30).nonzero()
        assert np.abs((different[1].min() + different[1].max()) / 2 - x) <= 4
        assert np.abs((different[0].min() + different[0].max()) / 2 - y) <= 6


@pytest.mark.parametrize(("num", "allowed"), [("1", {1}), ("2-3", {2, 3}), ("5", {5})])
def test_the_number_of_marks_is_the_one_asked_for_and_the_answer(num, allowed):
    counts = set()
    for index in range(20):
        sample = MARKS.generate("train", index, 0, {"num": num})
        names = [name for name, _, _ in sample.metadata["marks"]]
        assert sample.answer == str(len(names)) == str(len(set(names)))
        assert names == sorted(names, key=("dot", "A", "B", "C", "D").index)
        counts.add(len(names))
    assert counts == allowed


@pytest.mark.parametrize("num", ["0", "6", "3-2", "", "two", "1-", "-1"])
def test_a_bad_number_is_refused(num):
    with pytest.raises(InputError, match="option num of task marks"):
        MARKS.generate("train", 0, 0, {"num": num})


def test_a_demonstration_names_every_place_in_the_numbers_of_the_frame():
    sample = by_hand(("dot", 100, 40), ("B", 20.0, 150.0))
    told, answer = MARKS.demonstrate(sample, random.Random(0), frame=halves)
    assert re.fullmatch(r"(Start|Dot|The dot is at) \[50, 20\]\. B \[10, 75\]\.", told.thought)
    assert [(box.label, box.box_px) for box in told.actions] == [
        ("dot", (88.0, 28.0, 112.0, 52.0)),
        ("B", (8.0, 138.0, 32.0, 159.0)),  # kept inside: the last row is 159
    ]
    assert (answer.thought, answer.answer, answer.actions) == ("That is 2.", "2", ())


def test_without_drawing_the_same_is_said_in_one_turn():
    sample = by_hand(("A", 100, 40))
    [turn] = MARKS.demonstrate(sample, random.Random(0), frame=halves, drawing=False)
    assert (turn.thought, turn.answer, turn.actions) == ("A [50, 20]. That is 1.", "1", ())


def test_the_grade_is_the_share_of_marks_with_a_box_of_their_name_within_twelve_pixels():
    sample = by_hand(("dot", 100, 40), ("A", 20, 100), ("B", 60, 60), ("C", 150, 150))
    boxes = [("dot", 100, 40), ("A", 31, 100), ("B", 73, 60), ("D", 150, 150)]
    drawn = tuple(Box(image_index=1, box_px=(x - 5, y - 5, x + 5, y + 5), label=label) for label, x, y in boxes)
    rollout = Rollout(
        sample=sample,
        status=Status.ANSWERED,
        turns=(),
        images=(ImageRecipe(base=1, size=(200, 160)), ImageRecipe(base=1, size=(200, 160), instances=drawn, parent=1)),
    )
    grade = MARKS.grade_drawing(sample, rollout)
    assert (grade.score, grade.num_graded, grade.num_valid) == (0.5, 4, 2)
    assert MARKS.grade_drawing(sample, replace(rollout, images=rollout.images[:1])).score == 0.0
