"""Runs rollouts: one, or many at once without any of them waiting for another."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from vilasr.env import Episode
from vilasr.errors import DataError, InputError, InvariantError
from vilasr.rollout.codec import check_tokens
from vilasr.types import SamplingParams, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vilasr.env import EpisodeConfig
    from vilasr.policies.base import Policy, Session
    from vilasr.types import Completion, Observation, Rollout, Sample

GREEDY = SamplingParams()


async def run_rollout(
    sample: Sample,
    policy: Policy,
    config: EpisodeConfig,
    *,
    sibling: int = 0,
    seed: int = 0,
    sampling: SamplingParams = GREEDY,
    on_step: Callable[[Episode, Observation], None] | None = None,
) -> Rollout:
    """One attempt at one sample. `seed` is the attempt's own (see `rollout_seed`).

    Whatever the policy does wrong ends in the rollout's status: an exception of its own, or tokens that break an
    invariant, is `policy_error` with its reason; more than `config.limits.max_seconds` is `timeout`. Drawing and
    parsing happen on a thread, so that other rollouts go on meanwhile. `on_step` sees the episode after each step.

    Raises:
        InputError: the sample cannot be used, or the policy cannot be used at all.
    """
    episode, observation = await _begin(sample, config, sibling, seed)
    return await _converse(episode, observation, policy, sampling, on_step)


async def run_rollouts(
    samples: Iterable[Sample],
    policy: Policy,
    config: EpisodeConfig,
    *,
    num_siblings: int = 1,
    concurrency: int = 32,
    seed: int = 0,
    sampling: SamplingParams = GREEDY,
    on_done: Callable[[Rollout], None],
    skip: Callable[[str, int], bool] | None = None,
    on_bad_sample: Callable[[Sample, InputError | DataError], None] | None = None,
) -> int:
    """Run `num_siblings` attempts at every sample; returns how many rollouts finished.

    At most `concurrency` rollouts, and so samples, are alive at a time; the next sample is taken when one is done, on
    the event loop's own thread, and nothing is kept after `on_done`, which is called there too: keep it short.

    Args:
        on_done: gets each finished rollout, in the order in which they finish.
        skip: (sample id, sibling) -> is in the file already.
        on_bad_sample: is told of a sample that cannot be used (a broken image), and the others go on; without it that
            raises.

    Raises:
        InputError: a sample or the policy cannot be used; running rollouts are cancelled.
    """
    for what, count in (("num_siblings", num_siblings), ("concurrency", concurrency)):
        if count < 1:
            raise InputError(what, expected="a whole number from 1", got=str(count))
    num_done = 0
    jobs = _jobs(samples, num_siblings, skip)

    async def attempt(sample: Sample, sibling: int) -> None:
        nonlocal num_done
        try:
            begun = await _begin(sample, config, sibling, rollout_seed(seed, sample.id, sibling))
        except (InputError, DataError) as error:
            if on_bad_sample is None:
                raise
            on_bad_sample(sample, error)
        else:
            on_done(await _converse(*begun, policy, sampling))
            num_done += 1

    async def work() -> None:
        for sample, sibling in jobs:
            await attempt(sample, sibling)

    try:
        async with asyncio.TaskGroup() as workers:
            for _ in range(concurrency):
                workers.create_task(work())
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None
    return num_done


def rollout_seed(seed: int, sample_id: str, sibling: int) -> int:
    """The seed of one rollout, 0 <= seed < 2**53: the same in a resumed run, unrelated to that of its neighbours."""
    digest = hashlib.sha256(json.dumps([seed, sample_id, sibling]).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 11  # 53 bits: exact as a JSON number in any language


async def _begin(sample: Sample, config: EpisodeConfig, sibling: int, seed: int) -> tuple[Episode, Observation]:
    episode = Episode(sample, config, sibling=sibling, seed=seed)
    return episode, await asyncio.to_thread(episode.reset)


async def _converse(
    episode: Episode,
    observation: Observation,
    policy: Policy,
    sampling: SamplingParams,
    on_step: Callable[[Episode, Observation], None] | None = None,
) -> Rollout:
    """The loop of every rollout: the policy responds to an observation, the episode takes the step."""
    limits = episode.config.limits
    deadline = _deadline(limits.max_seconds)
    sampling = replace(sampling, max_tokens=min(sampling.max_tokens, limits.max_completion_tokens))
    session = policy.open(seed=episode.seed, sampling=sampling)
    try:
        while not observation.done:
            completion = await _respond(session, observation, deadline)
            observation = await asyncio.to_thread(episode.step, completion)
            if on_step is not None:
                on_step(episode, observation)
        return episode.rollout()
    except _EndedError as end:
        return episode.end(end.status, end.reason)
    except InvariantError as error:
        return episode.end(Status.POLICY_ERROR, f"{type(error).__name__}: {error}")
    finally:
        await session.close()


class _EndedError(Exception):
    """The policy cannot go on with this rollout."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


async def _respond(session: Session, observation: Observation, deadline: float | None) -> Completion:
    """One turn of the policy, in time and with tokens that fit together; or _EndedError."""
    timer = asyncio.timeout_at(deadline)
    try:
        async with timer:
            completion = await session.respond(observation)
    except (InputError, InvariantError):
        raise
    except Exception as error:
        if timer.expired():
            raise _EndedError(Status.TIMEOUT, "the rollout took longer than its limit of seconds") from error
        raise _EndedError(Status.POLICY_ERROR, f"{type(error).__name__}: {error}") from error
    if completion.tokens is not None:
        check_tokens(completion.tokens)
    return completion


def _deadline(max_seconds: float | None) -> float | None:
    return None if max_seconds is None else asyncio.get_running_loop().time() + max_seconds


def _jobs(
    samples: Iterable[Sample], num_siblings: int, skip: Callable[[str, int], bool] | None
) -> Iterator[tuple[Sample, int]]:
    for sample in samples:
        for sibling in range(num_siblings):
            if skip is None or not skip(sample.id, sibling):
                yield sample, sibling
