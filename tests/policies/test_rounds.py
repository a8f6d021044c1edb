"""The engine in rounds: the same bits, however fast or slow the environment is."""

from __future__ import annotations

import asyncio
import random

import pytest
from conversations import more, prompt, view

from vilasr.errors import InputError
from vilasr.policies.transformers import EngineConfig, TransformersPolicy
from vilasr.types import SamplingParams

SAMPLING = SamplingParams(temperature=1.0, max_tokens=6)
IMAGE = view(1, (16, 16), 1)
CONVERSATIONS = [
    [prompt("What?", IMAGE), more("And?", view(2, (8, 8), 2)), more("Well?")],
    [prompt("What?", IMAGE), more("No. " * 9)],
    [prompt("Who? " * 5, view(1, (24, 8), 3)), more("Go on."), more("So?", view(2, (24, 8), 4)), more("?")],
    [prompt("!")],
    [prompt("What?", IMAGE), more("And?", view(2, (8, 8), 2)), more("Well?")],
]


def spoken(loaded, num_engines, delays):
    """Ids and log-probabilities of each turn of all conversations, of two runs one after the other."""
    policy = TransformersPolicy(loaded, EngineConfig(num_slots=6, num_engines=num_engines, in_rounds=True))
    rng = random.Random(delays)

    async def talk(observations, seed):
        await asyncio.sleep(rng.uniform(0, 0.03))
        session = policy.open(seed=seed, sampling=SAMPLING)
        turns = []
        for observation in observations:
            await asyncio.sleep(rng.uniform(0, 0.03))
            completion = await session.respond(observation)
            turns.append((completion.tokens.token_ids.tolist(), completion.tokens.logprobs.tolist()))
        await asyncio.sleep(rng.uniform(0, 0.03))
        await session.close()
        return turns

    async def play():
        found = []
        for run in range(2):
            seeds = [10 * run + place for place in range(len(CONVERSATIONS))]
            policy.announce(seeds)
            found.append(await asyncio.gather(*map(talk, CONVERSATIONS, seeds)))
            policy.weights_changed()
        await policy.close()
        return found

    return asyncio.run(play())


@pytest.mark.parametrize("num_engines", [1, 2, 4])
def test_tokens_and_log_probabilities_are_equal_to_the_last_bit(loaded, num_engines):
    first, again = (spoken(loaded, num_engines, delays) for delays in (1, 2))
    assert first == again
    assert [[len(turns) for turns in run] for run in first] == [list(map(len, CONVERSATIONS))] * 2
    assert first[0] != first[1]


def test_more_conversations_than_slots_cannot_be_announced(loaded):
    policy = TransformersPolicy(loaded, EngineConfig(num_slots=2, in_rounds=True))
    with pytest.raises(InputError, match="expected at most 2, the slots; got 3"):
        policy.announce([1, 2, 3])
