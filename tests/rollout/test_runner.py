from __future__ import annotations

import asyncio
import gc
import signal
import time
import weakref
from array import array

import pytest
from PIL import Image

from vilasr.env import EpisodeConfig, Limits
from vilasr.errors import DataError, InputError, InvariantError
from vilasr.policies.scripted import ScriptedPolicy
from vilasr.protocol import COMPACT, format_turn
from vilasr.rollout import rollout_seed, run_rollout, run_rollouts
from vilasr.types import Box, Completion, Sample, SamplingParams, Status, TurnTokens

SIZE = (112, 84)
DRAW = format_turn(
    "Look.",
    actions=(Box(image_index=1, box_px=(4.0, 4.0, 40.0, 40.0), label="A"),),
    protocol=COMPACT,
    sizes=[SIZE],
    model_sizes=[SIZE],
)
ANSWER = format_turn("Done.", answer="B", protocol=COMPACT, sizes=[SIZE], model_sizes=[SIZE])
CONFIG = EpisodeConfig()


def make_sample(name="s", image=None):
    return Sample(
        id=name,
        task="maze",
        question="Where?",
        images=(image or Image.new("RGB", SIZE, "white"),),
        options=("up", "down"),
        answer="B",
    )


class Talker:
    """A policy whose sessions call one async function of (observation, seed)."""

    name = "talker"

    def __init__(self, speak):
        self.speak = speak
        self.num_open = 0
        self.most_open = 0
        self.sampling = None

    def open(self, *, seed, sampling):
        self.num_open += 1
        self.most_open = max(self.most_open, self.num_open)
        self.sampling = sampling
        return TalkerSession(self, seed)

    async def close(self):
        return None


class TalkerSession:
    def __init__(self, policy, seed):
        self.policy, self.seed = policy, seed

    async def respond(self, observation):
        said = await self.policy.speak(observation, self.seed)
        return said if isinstance(said, Completion) else Completion(text=said)

    async def close(self):
        self.policy.num_open -= 1


def run_one(policy, config=CONFIG, **other):
    return asyncio.run(run_rollout(make_sample(), policy, config, **other))


def run_many(samples, policy, config=CONFIG, **other):
    done = []
    num = asyncio.run(run_rollouts(samples, policy, config, on_done=done.append, **other))
    assert num == len(done)
    return done


def test_a_rollout_draws_sees_and_answers():
    rollout = run_one(ScriptedPolicy([DRAW, ANSWER]), sibling=2, seed=7)
    assert (rollout.status, rollout.answer, rollout.sibling, rollout.seed) == (Status.ANSWERED, "B", 2, 7)
    assert [len(turn.actions) for turn in rollout.turns] == [1, 0]
    assert len(rollout.images) == 2


def test_each_step_is_shown_to_whoever_watches():
    seen = []
    run_one(ScriptedPolicy([DRAW, ANSWER]), on_step=lambda episode, now: seen.append((len(episode.sizes), now.done)))
    assert seen == [(2, False), (2, True)]


@pytest.mark.parametrize("error", [DataError("no slot"), ValueError("boom"), TimeoutError("slow")])
def test_an_exception_of_the_policy_is_a_recorded_status_and_siblings_go_on(error):
    bad_seed = rollout_seed(3, "s", 1)

    async def speak(observation, seed):
        if seed == bad_seed:
            raise error
        return ANSWER

    policy = Talker(speak)
    done = {rollout.sibling: rollout for rollout in run_many([make_sample()], policy, num_siblings=3, seed=3)}
    assert [done[number].status for number in range(3)] == [Status.ANSWERED, Status.POLICY_ERROR, Status.ANSWERED]
    assert done[1].reason == f"{type(error).__name__}: {error}"
    assert policy.num_open == 0


@pytest.mark.parametrize("mask", [[1], [1, 1, 1]])
def test_tokens_that_break_an_invariant_drop_that_rollout_with_its_reason(mask):
    tokens = TurnTokens(
        context_ids=array("i"), token_ids=array("i", [1, 2]), logprobs=array("f"), loss_mask=array("b", mask)
    )
    rollout = run_one(ScriptedPolicy([Completion(text=ANSWER, tokens=tokens)]))
    assert rollout.status is Status.POLICY_ERROR
    assert rollout.reason == f"InvariantError: loss_mask has {len(mask)} entries for 2 sampled tokens"


def test_a_policy_that_cannot_be_used_at_all_stops_the_run():
    async def speak(observation, seed):
        raise InputError("--endpoint", expected="a server", got="nothing")

    policy = Talker(speak)
    with pytest.raises(InputError, match="--endpoint"):
        run_many([make_sample(str(number)) for number in range(9)], policy, concurrency=3)
    assert policy.num_open == 0


def test_a_bug_of_ours_raises(monkeypatch):
    def broken(self, said):
        raise ZeroDivisionError

    monkeypatch.setattr("vilasr.env.Episode.step", broken)
    with pytest.raises(ZeroDivisionError):
        run_many([make_sample()], ScriptedPolicy([ANSWER]))


def test_an_invariant_of_one_sample_does_not_take_the_others_along(monkeypatch):
    def broken(self, said):
        raise InvariantError("pads and grids disagree")

    monkeypatch.setattr("vilasr.env.Episode.step", broken)
    (rollout,) = run_many([make_sample()], ScriptedPolicy([ANSWER]))
    assert (rollout.status, rollout.reason) == (Status.POLICY_ERROR, "InvariantError: pads and grids disagree")


def test_a_rollout_that_takes_too_long_ends_as_timeout_with_what_it_has():
    async def speak(observation, seed):
        if observation.images[0].index == 1:
            return DRAW
        return await asyncio.sleep(60, ANSWER)

    start = time.monotonic()
    rollout = run_one(Talker(speak), EpisodeConfig(limits=Limits(max_seconds=0.3)))
    assert (rollout.status, len(rollout.turns)) == (Status.TIMEOUT, 1)
    assert time.monotonic() - start < 10


def test_cancelling_closes_every_session():
    async def speak(observation, seed):
        await asyncio.sleep(60)

    policy = Talker(speak)

    async def main():
        samples = (make_sample(str(number)) for number in range(9))
        task = asyncio.create_task(run_rollouts(samples, policy, CONFIG, concurrency=4, on_done=lambda rollout: None))
        while policy.num_open < 4:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert policy.num_open == 0


def test_ctrl_c_is_not_swallowed():
    async def speak(observation, seed):
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(60)

    # A process started in the background of a script ignores the signal; here it is to be what it is at a terminal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_many([make_sample()], Talker(speak))
    finally:
        signal.signal(signal.SIGINT, before)


def test_samples_are_taken_lazily_and_never_more_than_concurrency_are_alive():
    alive, most = weakref.WeakValueDictionary(), []

    def samples():
        for number in range(40):
            gc.collect()
            most.append(len(alive))
            picture = Image.new("RGB", SIZE)
            alive[number] = picture
            yield make_sample(str(number), picture)
            del picture

    async def speak(observation, seed):
        await asyncio.sleep(0.001)
        return ANSWER

    policy = Talker(speak)
    num = asyncio.run(run_rollouts(samples(), policy, CONFIG, concurrency=4, on_done=lambda rollout: None))
    assert num == 40
    assert policy.most_open <= 4
    assert max(most) <= 15  # 5, and what a thread that was not scheduled again yet still holds


def test_rollouts_do_not_wait_for_the_slowest():
    order = []
    slow = rollout_seed(0, "0", 0)

    async def speak(observation, seed):
        while seed == slow and len(order) < 7:
            await asyncio.sleep(0.001)
        return ANSWER

    asyncio.run(
        run_rollouts(
            [make_sample(str(number)) for number in range(8)],
            Talker(speak),
            CONFIG,
            concurrency=2,
            on_done=lambda rollout: order.append(rollout.sample.id),
        )
    )
    assert order == ["1", "2", "3", "4", "5", "6", "7", "0"]


def test_what_is_in_the_file_already_is_skipped_and_seeds_stay_the_same():
    samples = [make_sample("a"), make_sample("b")]
    everything = run_many(samples, ScriptedPolicy([ANSWER]), num_siblings=2, seed=5)
    rest = run_many(
        samples,
        ScriptedPolicy([ANSWER]),
        num_siblings=2,
        seed=5,
        skip=lambda name, sibling: (name, sibling) != ("b", 1),
    )
    seeds = {(rollout.sample.id, rollout.sibling): rollout.seed for rollout in everything}
    assert [(rollout.sample.id, rollout.sibling, rollout.seed) for rollout in rest] == [("b", 1, seeds["b", 1])]
    assert len(set(seeds.values())) == 4


def test_seeds_are_hashes_and_fit_in_a_json_number():
    seeds = {rollout_seed(seed, name, sibling) for seed in range(10) for name in "ab" for sibling in range(10)}
    assert len(seeds) == 200
    assert all(0 <= seed < 2**53 for seed in seeds)
    assert rollout_seed(0, "maze/test/0/0", 0) == rollout_seed(0, "maze/test/0/0", 0)


def test_a_broken_sample_is_told_and_the_others_go_on(tmp_path):
    bad = make_sample("bad", tmp_path / "gone.png")
    told = []
    done = run_many(
        [bad, make_sample("good")],
        ScriptedPolicy([ANSWER]),
        on_bad_sample=lambda sample, error: told.append((sample.id, type(error))),
    )
    assert ([rollout.sample.id for rollout in done], told) == (["good"], [("bad", InputError)])
    with pytest.raises(InputError, match="no such file"):
        run_many([bad], ScriptedPolicy([ANSWER]))


def test_the_limit_of_a_turn_reaches_the_sampler():
    async def speak(observation, seed):
        return ANSWER

    policy = Talker(speak)
    config = EpisodeConfig(limits=Limits(max_completion_tokens=100))
    run_one(policy, config, sampling=SamplingParams(temperature=0.7, max_tokens=500))
    assert policy.sampling == SamplingParams(temperature=0.7, max_tokens=100)


@pytest.mark.parametrize("what", ["num_siblings", "concurrency"])
def test_counts_below_one_are_refused(what):
    with pytest.raises(InputError, match=f"{what}: expected a whole number from 1; got 0"):
        run_many([], ScriptedPolicy([]), **{what: 0})
