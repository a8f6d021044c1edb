"""Lessons in finding things in the image that is spoken of."""

from __future__ import annotations

import random
import re

import pytest
from handmade_stage import stage, thing

from vilasr.tasks.asking.plan import plan_of
from vilasr.tasks.multiview import QUESTIONS, MultiviewTask
from vilasr.tasks.multiview.lessons import ask_again, ask_colored, ask_lettered, ask_present
from vilasr.tasks.scenes.colors import COLORS
from vilasr.types import AnswerType

THINGS = [thing("mug", 0, 4), thing("lamp", 1, 4), thing("vase", -1, 4)]
MUG_AND_LAMP = {"mug_1": (10, 10, 40, 40), "lamp_1": (50, 50, 90, 90)}
MUG_AND_VASE = {"mug_1": (60, 0, 90, 30), "vase_1": (0, 50, 40, 90)}


def marks_of(question):
    return [
        (each.mark.image_index, each.mark.label, each.mark.box_px)
        for step in question.plan.steps
        for each in step.marks
    ]


def test_of_the_things_named_those_in_the_image_are_boxed_there_and_counted():
    two = stage(THINGS, MUG_AND_LAMP, MUG_AND_VASE)
    for seed in range(20):
        question = ask_present(two, "2", random.Random(seed))
        (image,) = question.truth["images"]
        other = "vase" if image == 1 else "lamp"  # nothing but this can be named and absent
        assert f"the {other}" in question.text
        assert re.search(rf"\bimage {image}\b", question.text)
        assert (question.answer, question.answer_type) == ("2", AnswerType.NUMBER)
        shown = MUG_AND_LAMP if image == 1 else MUG_AND_VASE
        assert {(label, box) for _, label, box in marks_of(question)} == {
            (name.removesuffix("_1"), box) for name, box in shown.items()
        }
        assert {index for index, _, _ in marks_of(question)} == {image}


def test_what_is_named_and_absent_is_in_another_image():
    assert ask_present(stage(THINGS, MUG_AND_LAMP, MUG_AND_LAMP), "1", random.Random(0)) is None
    assert ask_present(stage(THINGS, MUG_AND_LAMP, MUG_AND_VASE), "3", random.Random(0)) is None


@pytest.mark.parametrize("wish", "ABC")
def test_a_letter_is_around_the_thing_asked_for_and_letters_are_in_several_images(wish):
    two = stage(THINGS, MUG_AND_LAMP, MUG_AND_VASE)
    for seed in range(10):
        question = ask_lettered(two, wish, random.Random(seed))
        if question is None:  # a lot put all letters into one image
            continue
        (asked,) = (each["phrase"] for each in question.truth["objects"])
        (tag,) = (tag for tag in question.tags if tag.label == wish)
        place = {"mug": (MUG_AND_LAMP, MUG_AND_VASE), "lamp": (MUG_AND_LAMP,) * 2, "vase": (MUG_AND_VASE,) * 2}[asked]
        assert tag.box_px == place[tag.image_index - 1][f"{asked}_1"]
        assert f"the {asked}" in question.text
        assert question.options == ("A", "B", "C")
        assert {index for index, _, _ in marks_of(question)} == {1, 2}
    assert ask_lettered(two, "D", random.Random(0)) is None


@pytest.mark.parametrize("wish", "012")
def test_as_many_lettered_things_have_the_colour_asked_for_and_all_are_said_with_theirs(wish):
    things = [thing("mug", 0, 4, color="red"), thing("lamp", 1, 4, color="red"), thing("vase", -1, 4, color="blue")]
    two = stage(things, MUG_AND_LAMP, MUG_AND_VASE)
    colors = {"mug": "red", "lamp": "red", "vase": "blue"}
    for seed in range(10):
        question = ask_colored(two, wish, random.Random(seed))
        (asked,) = (color for color in COLORS if re.search(rf"\b{color}\b", question.text))
        assert list(colors.values()).count(asked) == int(wish) == int(question.answer)
        said = " ".join(step.says[0] for step in question.plan.steps)
        assert all(f"is the {color} {name}" in said for name, color in colors.items())
        assert sorted(tag.label for tag in question.tags) == ["A", "B", "C"]
    assert ask_colored(two, "3", random.Random(0)) is None


def test_a_thing_is_counted_in_every_other_image_that_shows_it():
    three = stage(THINGS, MUG_AND_LAMP, MUG_AND_VASE, {"lamp_1": (5, 5, 50, 50)})
    asked = set()
    for seed in range(20):
        question = ask_again(three, "", random.Random(seed))
        (tag,) = question.tags
        first, *others = marks_of(question)
        assert (first[0], first[2]) == (tag.image_index, tag.box_px)
        assert question.answer == str(len(others)) == "1"
        asked.add(first[1])
    assert asked == {"mug", "lamp"}  # the vase is in one image alone


def test_lessons_are_made_where_they_are_asked_for_and_in_no_benchmark():
    task = MultiviewTask()
    options = {"question": "lessons", "size": "112", "views": "2-3"}
    samples = [task.generate("train", index, 3, options) for index in range(6)]
    types = {sample.metadata["question_type"] for sample in samples}
    assert types <= {"present", "lettered", "colored", "again"}
    assert not types & {*QUESTIONS}
    for sample in samples:
        boxes = [each.mark for step in plan_of(sample).steps for each in step.marks]
        assert all(1 <= mark.image_index <= len(sample.images) for mark in boxes)
        assert re.search(r"image \d", sample.question)
