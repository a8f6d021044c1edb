"""Policies without a model."""

from __future__ import annotations

import asyncio

import pytest
from conversations import more, prompt, talk, view

from vilasr.errors import DataError
from vilasr.policies import OraclePolicy, ScriptedPolicy, prompt_key
from vilasr.types import Completion, SamplingParams

PARAMS = SamplingParams()


def say(policy, observations):
    return asyncio.run(talk(policy, observations, seed=0, sampling=PARAMS))


def test_a_script_is_said_from_its_beginning_in_every_conversation():
    policy = ScriptedPolicy(["one", Completion(text="two", learn=False)])
    for _ in range(2):
        completions = say(policy, (prompt("a"), more("b")))
        assert [(c.text, c.learn) for c in completions] == [("one", True), ("two", False)]


def test_a_function_sees_the_observation_and_the_turn():
    policy = ScriptedPolicy(lambda observation, turn: f"{turn}: {len(observation.images)} images")
    texts = [c.text for c in say(policy, (prompt("a", view(1, (8, 8), 0)), more("b")))]
    assert texts == ["0: 1 images", "1: 0 images"]


def test_a_script_that_is_too_short_says_so():
    with pytest.raises(DataError, match="The script has 1 turns; turn 2 was asked for"):
        say(ScriptedPolicy(["one"]), (prompt("a"), more("b")))


def test_the_oracle_knows_its_prompts_by_text_and_images():
    first, second = prompt("a", view(1, (8, 8), 0)), prompt("a", view(1, (8, 8), 1))
    policy = OraclePolicy(scripts={prompt_key(first): ["A"], prompt_key(second): ["B", "C"]})
    assert [c.text for c in say(policy, (first,))] == ["A"]
    assert [c.text for c in say(policy, (second, more("x")))] == ["B", "C"]
    with pytest.raises(DataError, match="The oracle knows 2 prompts, and not this one"):
        say(policy, (prompt("b", view(1, (8, 8), 0)),))
