"""Demonstrations, put into words by a protocol, run through an episode."""

from __future__ import annotations

import random

import pytest

from vilasr.env import Episode, EpisodeConfig
from vilasr.protocol import format_turn, protocol_named, to_frame
from vilasr.tasks import task_named
from vilasr.types import Status

CASES = [("maze", {"question": question, "size": "3-8"}) for question in ("end", "valid", "shortest")]
CASES.append(("marks", {}))


def played(task, sample, rng, protocol, *, drawing=True, mistake=False):
    """The rollout of a demonstration, and the demonstration."""
    episode = Episode(sample, EpisodeConfig(protocol=protocol, drawing=drawing))
    episode.reset()

    def frame(image_index, point):
        size, model_size = episode.sizes[0], episode.model_sizes[0]
        return to_frame(point, size, frame=protocol.frame, model_size=model_size)

    demonstration = task.demonstrate(sample, rng, frame=frame, drawing=drawing, mistake=mistake)
    for turn in demonstration:
        text = format_turn(
            turn.thought,
            actions=turn.actions,
            answer=turn.answer,
            protocol=protocol,
            sizes=episode.sizes,
            model_sizes=episode.model_sizes,
        )
        observation = episode.step(text)
        assert observation.error is None, observation.error
    return episode.rollout(), demonstration


@pytest.mark.parametrize("protocol", ["compact", "vilasr", "json"])
@pytest.mark.parametrize(("name", "options"), CASES, ids=lambda value: str(value))
@pytest.mark.parametrize("mistake", [False, True])
def test_demonstrations_answer_right_and_their_drawings_grade_high(name, options, protocol, mistake):
    task, rng = task_named(name), random.Random(1)
    for index in range(8):
        sample = task.generate("train", index, 0, options)
        rollout, demonstration = played(task, sample, rng, protocol_named(protocol), mistake=mistake)
        assert rollout.status is Status.ANSWERED
        assert rollout.answer == sample.answer
        assert len(rollout.turns) == len(demonstration) >= 2
        grade = task.grade_drawing(sample, rollout)
        assert grade.score >= 0.95
        assert grade.num_valid == grade.num_graded >= 1


@pytest.mark.parametrize(("name", "options"), CASES, ids=lambda value: str(value))
def test_without_drawing_one_turn_answers(name, options):
    task, rng = task_named(name), random.Random(1)
    for index in range(8):
        sample = task.generate("train", index, 0, options)
        rollout, demonstration = played(task, sample, rng, protocol_named("compact"), drawing=False)
        assert len(demonstration) == 1
        assert rollout.answer == sample.answer
        assert task.grade_drawing(sample, rollout).score == 0.0
