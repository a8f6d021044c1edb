"""Samples of the static task as they are generated: pictures, demonstrations, options, answers computed again."""

from __future__ import annotations

import itertools
import math
import random
import re
from functools import cache

import numpy as np
import pytest

pytest.importorskip("mujoco")

from vilasr.env import EpisodeConfig
from vilasr.errors import InputError
from vilasr.protocol import protocol_named
from vilasr.tasks.asking.plan import plan_of
from vilasr.tasks.scenes.catalogue import CLASSES
from vilasr.tasks.static import QUESTIONS, StaticTask
from vilasr.tasks.static.dots import DOT_COLORS
from vilasr.training.demonstrations import play
from vilasr.types import AnswerType, Status

TASK = StaticTask()
NUMBERS = ("count", "depth", "distance")
every_question = pytest.mark.parametrize("question", QUESTIONS)


@cache
def made(question, index, size="128"):
    return TASK.generate("train", index, 0, {"question": question, "size": size})


def said(sample):
    return sample.options["ABCD".index(sample.answer)]


def turned(sample, point):
    """(right, forward, up) of a point after turning the world about the camera, without the task's camera."""
    camera = sample.metadata["camera"]
    x, y, z = np.subtract(point, camera["position"])
    flat = complex(x, y) * np.exp(-1j * camera["yaw"])
    ahead = complex(flat.imag, z) * np.exp(-1j * camera["pitch"])
    return flat.real, ahead.real, ahead.imag


def surface(thing, num=9):
    """Points on all faces of an upright box, `num` along each side."""
    axis = np.linspace(-0.5, 0.5, num)
    grid = np.stack(np.meshgrid(axis, axis, axis), -1).reshape(-1, 3)
    grid = grid[(np.abs(grid) == 0.5).any(1)] * np.array(thing["size"])
    cos, sin = math.cos(thing["yaw"]), math.sin(thing["yaw"])
    return grid @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]]) + np.array(thing["center"])


def gap(one, other):
    return float(np.linalg.norm(surface(one)[:, None] - surface(other)[None], axis=2).min())


def tolerance(*things):
    """How far from a closest point the nearest sampled one can be."""
    return 0.01 + sum(math.hypot(*sorted(thing["size"])[1:]) / 8 for thing in things)


def computed_again(sample):
    """The option that is right, or None where a number is asked for, from the objects in the metadata."""
    facts = sample.metadata
    things = facts.get("objects", [])
    match facts["question_type"]:
        case "left_right":
            one, other = (turned(sample, each["center"]) for each in things)
            return "left" if one[0] / one[1] < other[0] / other[1] else "right"
        case "front_behind":
            one, other = (turned(sample, each["center"])[1] for each in things)
            return "in front" if one < other else "behind"
        case "nearer_camera":
            return min(things, key=lambda each: math.hypot(*turned(sample, each["center"])))["phrase"]
        case "nearer_object":
            return min(things[:2], key=lambda each: gap(each, things[2]))["phrase"]
        case "size":
            return max(things, key=lambda each: max(each["size"]))["phrase"]
        case "support":
            thing, table = things
            foot = thing["center"][2] - thing["size"][2] / 2
            return "on it" if foot > table["center"][2] else "under it"
        case "marked_point":
            (x, y), boxes = facts["point_px"], {each["phrase"]: each["box_px"] for each in things}
            x1, y1, x2, y2 = boxes[said(sample)]
            assert x1 <= x < x2
            assert y1 <= y < y2
            return said(sample)
        case "nearest_point":
            return "ABCD"[int(np.argmin(facts["value"]))]
    return None


@every_question
def test_answers_follow_from_the_facts(question):
    for index in range(3):
        sample = made(question, index)
        assert sample.metadata["question_type"] == question
        if question not in NUMBERS:
            assert said(sample) == computed_again(sample)
            continue
        assert sample.answer_type is AnswerType.NUMBER
        things = sample.metadata.get("objects")
        if question == "count":
            assert int(sample.answer) == len(sample.metadata["names"]) >= 1
        elif question == "depth":
            assert float(sample.answer) == pytest.approx(turned(sample, things[0]["center"])[1], abs=0.051)
        else:
            assert float(sample.answer) == pytest.approx(gap(*things), abs=tolerance(*things))


def played(sample, protocol, *, mistake):
    config = EpisodeConfig(protocol=protocol_named(protocol))
    rollout = play(TASK, sample, random.Random(1), config, mistake=mistake).rollout
    assert all(len(turn.thought.split()) <= 45 for turn in rollout.turns)
    return rollout


@every_question
@pytest.mark.parametrize("protocol", ["compact", "vilasr", "json"])
def test_demonstrations_answer_right_and_their_drawings_grade_high(question, protocol):
    for index, mistake in ((0, False), (1, True)):
        sample = made(question, index)
        rollout = played(sample, protocol, mistake=mistake)
        assert rollout.status is Status.ANSWERED
        assert rollout.answer == sample.answer
        assert TASK.grade_drawing(sample, rollout).score >= 0.95


@every_question
def test_plans_mark_what_the_question_names(question):
    sample = made(question, 0)
    labels = [each.mark.label for step in plan_of(sample).steps for each in step.marks if each.mark.kind == "box"]
    if question == "nearest_point":
        assert labels == list("ABCD")
    elif question == "count":
        assert labels == [f"{sample.metadata['category']} {n + 1}" for n in range(int(sample.answer))]
    elif question == "marked_point":
        assert labels == ["dot", said(sample)]
    else:
        assert labels == [each["phrase"] for each in sample.metadata["objects"]]
        assert all(f"the {label}" in sample.question for label in labels)


@pytest.mark.parametrize("question", ["front_behind", "nearer_camera", "nearer_object", "nearest_point", "size"])
def test_lengths_are_compared_by_saying_again_the_least_or_the_most_of_them(question):
    for index in range(3):
        plan = plan_of(made(question, index))
        for told, concluded in itertools.product(plan.steps[-1].says, plan.concludes):
            before, which, again = re.split(r"The (least|most) is ", f"{told} {concluded}")
            said_cm = [int(length) for length in re.findall(r"([0-9]+) cm", before)]
            length = re.match(r"([0-9]+) cm [^.,]+", again)
            assert length[0] in before
            assert int(length[1]) == {"least": min, "most": max}[which](said_cm)


@pytest.mark.parametrize("mistake", [False, True])
def test_a_survey_is_demonstrated_and_drawn_like_a_question(mistake):
    for index in range(3):
        sample = made("survey", index)
        rollout = play(TASK, sample, random.Random(1), EpisodeConfig(), mistake=mistake).rollout
        assert rollout.answer == sample.answer
        assert TASK.grade_drawing(sample, rollout).score >= 0.95
        assert len(sample.options) == len(sample.metadata["objects"]) in (3, 4, 5)


def test_the_dot_is_in_the_picture_where_the_metadata_says():
    sample = made("marked_point", 0)
    x, y = sample.metadata["point_px"]
    color = next(color for color in DOT_COLORS if f"{color} dot" in sample.question)
    assert sample.images[0].getpixel((round(x), round(y))) == DOT_COLORS[color]


@pytest.mark.parametrize("kind", ["room", "table"])
def test_size_and_kind_are_as_asked_for(kind):
    sample = TASK.generate("test", 0, 0, {"size": "160x120", "kind": kind, "question": "depth"})
    assert sample.images[0].size == (160, 120)
    assert sample.metadata["size"] == [160, 120]
    assert sample.metadata["kind"] == kind


def test_mixed_questions_are_of_every_type_and_kind_about_equally():
    """The lots are drawn before anything else, so that no type is rarer for being hard to ask."""
    from vilasr.tasks.base import generator_for

    lots = [generator_for("static", TASK.version, "train", 0, index) for index in range(4000)]
    types = [rng.choice(QUESTIONS) for rng in lots]
    assert all(abs(types.count(name) / 4000 - 1 / len(QUESTIONS)) < 0.02 for name in QUESTIONS)
    sample = TASK.generate("train", 3, 0, {"size": "64"})
    assert sample.metadata["question_type"] == types[3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": "0"}, "option size of task static: expected 224 or 320x240 .*; got '0'"),
        ({"size": "2000"}, "sides of 64 to 1024 pixels.*; got '2000'"),
        ({"size": "224x"}, "got '224x'"),
        ({"kind": "garden"}, "option kind of task static: expected one of room, table, any; got 'garden'"),
        (
            {"question": "maze"},
            "option question of task static: expected one of left_right, .*mixed, survey; got 'maze'",
        ),
    ],
)
def test_bad_options_are_refused_with_what_is_allowed(options, message):
    with pytest.raises(InputError, match=message):
        TASK.generate("train", 0, 0, options)


def test_pictures_too_flat_for_a_question_are_refused(monkeypatch):
    monkeypatch.setattr("vilasr.tasks.static.task._MAX_SCENES", 3)
    with pytest.raises(InputError, match=r"none in 3 scenes of kind table at 1024x64 px. Give a larger size"):
        TASK.generate("train", 0, 0, {"size": "1024x64", "kind": "table", "question": "left_right"})


def test_words_come_from_the_catalogue():
    for question in ("left_right", "size"):
        for each in made(question, 1).metadata["objects"]:
            assert any(each["phrase"].endswith(name) for name in CLASSES)
