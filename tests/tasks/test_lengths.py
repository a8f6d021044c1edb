"""Lengths that a question tells, and what is to follow from them."""

from __future__ import annotations

import random
import re

import pytest

from vilasr.env import EpisodeConfig
from vilasr.protocol import protocol_named
from vilasr.tasks import task_named
from vilasr.tasks.asking.words import metres
from vilasr.training.demonstrations import play
from vilasr.types import Status

TASK = task_named("lengths")


def made(question, num=200):
    return [TASK.generate("train", index, 3, {"question": question}) for index in range(num)]


def told(sample):
    """{whose: cm}, read from the question."""
    return {
        whose: int(length)
        for length, whose in re.findall(r"(\d+) cm ((?:at|to the|for the) [\w ]+?)(?:,|\.| and)", sample.question)
    }


@pytest.mark.parametrize(("question", "chosen"), [("least", min), ("most", max)])
def test_the_letter_is_that_of_the_least_or_the_most_length_told(question, chosen):
    for sample in made(question):
        lengths = told(sample)
        assert 2 <= len(lengths) == len(sample.options) <= 4
        option = sample.options["ABCD".index(sample.answer)]
        assert chosen(lengths, key=lengths.get).endswith(f" {option}")


def test_a_length_in_metres_is_that_of_the_one_asked_for():
    for sample in made("metres"):
        whose = next(each for each in told(sample) if sample.question.count(each) == 2)
        assert sample.answer == metres(sample.metadata["value"])
        assert told(sample)[whose] == pytest.approx(100 * sample.metadata["value"], abs=0.5)


def test_lengths_that_are_compared_differ_as_they_are_told():
    assert all(len(set(told(sample).values())) == len(told(sample)) for sample in made("least"))


def test_a_demonstration_says_the_length_again_and_draws_nothing():
    sample = next(each for each in made("most") if each.options[0] != "A")
    rollout = play(
        TASK, sample, random.Random(0), EpisodeConfig(protocol=protocol_named("compact")), mistake=True
    ).rollout
    assert (rollout.status, rollout.answer, len(rollout.turns)) == (Status.ANSWERED, sample.answer, 1)
    length, whose = re.match(r"The most is (\d+) cm ([^.]+)\. So, ", rollout.turns[0].thought).groups()
    assert told(sample)[whose] == int(length) == max(told(sample).values())
    assert TASK.grade_drawing(sample, rollout).score == 1.0


def test_where_letters_have_the_lengths_the_options_are_the_letters():
    lettered = [sample for sample in made("least") if sample.options[0] == "A"]
    assert 40 < len(lettered) < 80
    assert all(sample.options == tuple("ABCD"[: len(sample.options)]) for sample in lettered)
