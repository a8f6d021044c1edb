"""The multi-view task: options, pictures, balance of answers, demonstrations and grades."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from functools import cache

import pytest

pytest.importorskip("mujoco")

from vilasr.env import EpisodeConfig
from vilasr.errors import InputError
from vilasr.scoring import score_answer
from vilasr.tasks.multiview import QUESTIONS, MultiviewTask
from vilasr.tasks.scenes.catalogue import CLASSES
from vilasr.training.demonstrations import play
from vilasr.types import AnswerType, Status

TASK = MultiviewTask()
every_question = pytest.mark.parametrize("question", QUESTIONS)


@cache
def made(index, **options):
    return TASK.generate("train", index, 0, {"size": "112", **options})


def played(sample, *, drawing=True, mistake=False):
    """The rollout of a demonstration in the compact protocol."""
    return play(TASK, sample, random.Random(1), EpisodeConfig(drawing=drawing), mistake=mistake).rollout


@every_question
def test_the_same_arguments_give_the_same_sample(question):
    one, other = made(0, question=question), made.__wrapped__(0, question=question)
    assert [image.tobytes() for image in one.images] == [image.tobytes() for image in other.images]
    assert replace(one, images=()) == replace(other, images=())
    assert one.metadata == json.loads(json.dumps(dict(one.metadata), allow_nan=False))
    assert one.metadata["question_type"] == question


@every_question
def test_the_gold_answer_scores_full_and_others_less(question):
    sample = made(1, question=question)
    assert score_answer(sample, sample.answer).value == 1.0
    is_number = sample.answer_type is AnswerType.NUMBER
    wrong = [str(3 * float(sample.answer))] if is_number else ["ABCD"[place] for place in range(len(sample.options))]
    assert all(score_answer(sample, answer).value < 1.0 for answer in wrong if answer != sample.answer)


@every_question
@pytest.mark.parametrize("mistake", [False, True])
def test_demonstrations_answer_right_and_their_drawings_grade_high(question, mistake):
    for index in range(2):
        sample = made(index, question=question)
        rollout = played(sample, mistake=mistake)
        assert rollout.status is Status.ANSWERED
        assert rollout.answer == sample.answer
        assert TASK.grade_drawing(sample, rollout).score >= 0.95


@every_question
def test_without_drawing_one_turn_answers_and_no_drawing_is_graded(question):
    sample = made(1, question=question)
    rollout = played(sample, drawing=False)
    assert len(rollout.turns) == 1
    assert rollout.answer == sample.answer
    assert TASK.grade_drawing(sample, rollout).score == 0.0


@pytest.mark.parametrize(("views", "allowed"), [("2", {2}), ("3-4", {3, 4})])
def test_there_are_as_many_views_as_asked_for_and_each_differs(views, allowed):
    for index in range(3):
        sample = made(index, views=views, question="camera_turn")
        assert len(sample.images) in allowed
        assert len({image.tobytes() for image in sample.images}) == len(sample.images)
        assert len(sample.metadata["cameras"]) == len(sample.images)


@pytest.mark.parametrize("kind", ["room", "table"])
def test_size_and_kind_are_as_asked_for(kind):
    sample = TASK.generate("test", 0, 0, {"size": "120x96", "kind": kind})
    assert {image.size for image in sample.images} == {(120, 96)}
    assert sample.metadata["size"] == [120, 96]
    assert sample.metadata["kind"] == kind


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"views": "1"}, "option views of task multiview: expected a number or a range within 2 to 4; got '1'"),
        ({"views": "4-2"}, "a range within 2 to 4; got '4-2'"),
        ({"views": "2-5"}, "a range within 2 to 4; got '2-5'"),
        (
            {"size": "0"},
            "option size of task multiview: expected 224 or 320x240 .*; got '0'",
        ),
        ({"size": "224x"}, "got '224x'"),
        ({"kind": "garden"}, "option kind of task multiview: expected one of room, table, any; got 'garden'"),
        ({"question": "maze"}, "option question of task multiview: expected one of camera_move, .*; got 'maze'"),
        ({"colour": "red"}, "option of task multiview: expected one of question=.*; got 'colour'"),
    ],
)
def test_bad_options_are_refused_with_what_is_allowed(options, message):
    with pytest.raises(InputError, match=message):
        TASK.generate("train", 0, 0, options)


@pytest.mark.parametrize("question", ["camera_move", "camera_turn", "matching", "relative_position", "order"])
def test_what_a_choice_says_is_the_same_whatever_is_in_the_scene(question):
    """Nothing is named, so that words cannot tell: only the numbers of images, and letters, differ."""
    for index in range(2):
        sample = made(index, question=question)
        said = " ".join((sample.question, *sample.options)).lower()
        assert sample.options
        assert not [name for name in CLASSES if re.search(rf"\b{name}s?\b", said)]


def test_a_size_that_shows_too_little_is_refused(monkeypatch):
    monkeypatch.setattr("vilasr.tasks.multiview.task.MAX_SCENES", 2)
    with pytest.raises(InputError, match=r"got none at 1024x64 px\. Give a size nearer to a square"):
        TASK.generate("train", 0, 0, {"question": "distance", "size": "1024x64", "kind": "room", "views": "2"})


def test_other_seeds_and_splits_show_other_things():
    first = {
        TASK.generate(split, 0, seed, {"size": "96", "question": "camera_turn"}).images[0].tobytes()
        for split in ("train", "test")
        for seed in (0, 1)
    }
    assert len(first) == 4
