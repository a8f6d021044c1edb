"""Demonstrations, put into words by a protocol, run through an episode."""

from __future__ import annotations

import random

import pytest

from vilasr.env import EpisodeConfig
from vilasr.protocol import protocol_named
from vilasr.tasks import task_named
from vilasr.training.demonstrations import play
from vilasr.types import Status

CASES = [("maze", {"question": question, "size": "3-8"}) for question in ("end", "valid", "shortest")]
CASES.append(("marks", {}))


@pytest.mark.parametrize("protocol", ["compact", "vilasr", "json"])
@pytest.mark.parametrize(("name", "options"), CASES, ids=lambda value: str(value))
@pytest.mark.parametrize("mistake", [False, True])
def test_demonstrations_answer_right_and_their_drawings_grade_high(name, options, protocol, mistake):
    task, rng = task_named(name), random.Random(1)
    for index in range(8):
        sample = task.generate("train", index, 0, options)
        rollout = play(task, sample, rng, EpisodeConfig(protocol=protocol_named(protocol)), mistake=mistake).rollout
        assert rollout.status is Status.ANSWERED
        assert rollout.answer == sample.answer
        assert len(rollout.turns) >= 2
        grade = task.grade_drawing(sample, rollout)
        assert grade.score >= 0.95
        assert grade.num_valid == grade.num_graded >= 1


@pytest.mark.parametrize(("name", "options"), CASES, ids=lambda value: str(value))
def test_without_drawing_one_turn_answers(name, options):
    task, rng = task_named(name), random.Random(1)
    for index in range(8):
        sample = task.generate("train", index, 0, options)
        rollout = play(task, sample, rng, EpisodeConfig(drawing=False)).rollout
        assert len(rollout.turns) == 1
        assert rollout.answer == sample.answer
        assert task.grade_drawing(sample, rollout).score == 0.0
