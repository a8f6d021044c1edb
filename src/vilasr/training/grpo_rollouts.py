"""Rollouts to learn from: a step's questions sampled by the embedded engine, scored, and built into training samples.

By default nothing overlaps. With lag 1 the rollouts of the next step are sampled on a thread meanwhile, by a copy of
the model as it was before this step's update. They never run ahead over a checkpoint, so that nothing of the sampler
needs to be kept in it: the first step after one is sampled with the new weights, whether the run was resumed there or
not.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from vilasr.drawing import style_named
from vilasr.env import Limits, views_of
from vilasr.errors import DataError, InputError, InvariantError
from vilasr.policies.transformers import EngineConfig, TransformersPolicy, prepare_vision
from vilasr.rollout import rollout_seed, run_rollouts
from vilasr.training.grpo_prompts import open_prompts
from vilasr.training.grpo_rewards import Attempt, RewardFunction, score_groups
from vilasr.training.grpo_update import logprob_error
from vilasr.training.learner import episode_of
from vilasr.training.samples import DroppedError, TrainingSample, build_sample
from vilasr.training.waves import opened
from vilasr.types import Rollout, Sample, SamplingParams, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vilasr.env import EpisodeConfig
    from vilasr.policies.transformers import LoadedModel
    from vilasr.training.grpo_config import GrpoConfig

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """A rollout with something to teach, ready for a forward pass, and its advantage, which is not 0."""

    sample: TrainingSample
    advantage: float

    def __len__(self) -> int:
        return len(self.sample)


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """The scored rollouts of one question, and those of them that have something to teach."""

    attempts: list[Attempt]
    examples: list[Example]


@dataclass(frozen=True, kw_only=True, slots=True)
class Experience:
    """What one step has sampled.

    Attributes:
        groups: those that the loss is a mean over.
        replaced: groups that taught nothing and gave their place to others.
        dropped: why rollouts and questions were left out -> how many.
        position: where in the prompts the next step begins to ask.
        logprob_error: see there; the largest of the first and the last rollout, with the weights that they were sampled
            with. None where neither can be trained on.
        seconds_generation, seconds_scoring: wall time; scoring is all that is not generation.
    """

    groups: list[Group]
    replaced: list[Group]
    dropped: Counter[str]
    position: int
    logprob_error: float | None
    seconds_generation: float
    seconds_scoring: float


class Sampler:
    """Takes the experience of one step after the other; `weights_changed` after each update, `close` at the end.

    `position` is where in the prompts the first step begins to ask.

    Raises:
        InputError: the prompts cannot be used.
    """

    def __init__(self, config: GrpoConfig, loaded: LoadedModel, reward: RewardFunction, *, position: int = 0) -> None:
        self._config = config
        self._trained = loaded.model
        self._reward = reward
        self._loaded = replace(loaded, model=_copy_of(loaded.model)) if config.lag else loaded
        max_context_tokens = config.episode.max_context_tokens or loaded.max_context_tokens
        self._max_tokens = min(max_context_tokens, loaded.max_context_tokens)
        engine = EngineConfig(num_slots=config.concurrency, max_context_tokens=self._max_tokens, in_rounds=config.exact)
        self._policy = TransformersPolicy(self._loaded, engine)
        self._episode = replace(
            episode_of(loaded),
            style=style_named(config.episode.style),
            drawing=config.episode.drawing,
            strict=config.episode.strict,
            limits=Limits(
                max_turns=config.episode.max_turns,
                max_completion_tokens=config.max_tokens,
                max_context_tokens=self._max_tokens,
            ),
        )
        self._num_rounds = 1 + config.max_resamples if config.zero_variance == "resample" else 1
        self._prompts = open_prompts(config.prompts, batch_size=config.num_prompts)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="grpo-sampler")
        self._position = position
        self._ahead: Future[Experience] | None = None

    @property
    def policy_name(self) -> str:
        return self._policy.name

    @property
    def episode(self) -> EpisodeConfig:
        return self._episode

    def take(self, step: int) -> Experience:
        """The experience of `step`; with lag 1 the next step's is begun."""
        experience = self._ahead.result() if self._ahead else self._collect(step)
        self._ahead = None
        following = step + 1
        if self._config.lag and following < self._config.steps and following % self._config.save_every:
            self._ahead = self._thread.submit(self._collect, following)
        return experience

    def weights_changed(self) -> None:
        """Sample with the trainer's new weights from now on, what is being sampled ahead excepted."""
        if self._ahead is not None:
            self._ahead.exception()  # waits; what it raises is raised when it is taken
        if self._config.lag:
            with torch.no_grad():
                for mine, new in zip(self._loaded.model.parameters(), self._trained.parameters(), strict=True):
                    mine.copy_(new)
        self._policy.weights_changed()

    def attempt(self, samples: Sequence[Sample], *, temperature: float) -> list[Rollout]:
        """One rollout of each sample, with the weights of now; nothing may be being sampled ahead."""
        sampling = SamplingParams(temperature=temperature, max_tokens=self._config.max_tokens)
        groups = self._run(samples, num_siblings=1, seed=self._config.seed, sampling=sampling)
        return [rollout for group in groups for rollout in group]

    def close(self) -> None:
        """Stop the threads, after what they are doing."""
        self._thread.shutdown()
        asyncio.run(self._policy.close())

    # --- one step -----------------------------------------------------------------------------------------------------

    def _collect(self, step: int) -> Experience:
        config = self._config
        sampling = SamplingParams(temperature=config.temperature, top_p=config.top_p, max_tokens=config.max_tokens)
        dropped: Counter[str] = Counter()
        kept: list[Group] = []
        replaced: list[Group] = []
        position = self._position
        started, generation = time.perf_counter(), 0.0
        for attempt in range(self._num_rounds):
            begun = time.perf_counter()
            questions, position = self._prompts(position, config.num_prompts - len(kept))
            playable = [sample for sample in map(self._opened, questions) if sample is not None]
            dropped["bad_sample"] += len(questions) - len(playable)
            seed = rollout_seed(config.seed, f"step {step}, round {attempt}", 0)
            rollouts = self._run(playable, num_siblings=config.num_siblings, seed=seed, sampling=sampling)
            _check_ran(rollouts)
            generation += time.perf_counter() - begun
            scored = score_groups(rollouts, self._reward, scale=config.loss.advantage, dropped=dropped)
            for attempts in scored:
                group = Group(attempts=attempts, examples=self._examples(attempts, dropped))
                teaches = bool(group.examples) or config.zero_variance == "skip"
                (kept if teaches else replaced).append(group)
            if len(kept) == config.num_prompts:
                break
        self._position = position
        return Experience(
            groups=kept,
            replaced=replaced,
            dropped=+dropped,
            position=position,
            logprob_error=self._logprob_error([*kept, *replaced]),
            seconds_generation=generation,
            seconds_scoring=time.perf_counter() - started - generation,
        )

    def _opened(self, sample: Sample) -> Sample | None:
        """See `opened`; None when it cannot be played."""
        try:
            return opened(sample, self._episode)
        except (InputError, DataError) as error:
            logger.warning("left out: %s: %s", sample.id, error)
            return None

    def _run(
        self, samples: Sequence[Sample], *, num_siblings: int, seed: int, sampling: SamplingParams
    ) -> list[list[Rollout]]:
        """The rollouts of each sample, by sibling. In rounds, as many whole groups at a time as there are slots."""
        done: dict[tuple[str, int], Rollout] = {}

        def keep(rollout: Rollout) -> None:
            done[rollout.sample.id, rollout.sibling] = rollout

        wave = max(1, self._config.concurrency // num_siblings) if self._config.exact else max(1, len(samples))
        for first in range(0, len(samples), wave):
            part = samples[first : first + wave]
            keys = [(sample.id, sibling) for sample in part for sibling in range(num_siblings)]
            if self._config.exact:
                self._policy.announce([rollout_seed(seed, *key) for key in keys])
            asyncio.run(
                run_rollouts(
                    part,
                    self._policy,
                    self._episode,
                    num_siblings=num_siblings,
                    concurrency=self._config.concurrency,
                    seed=seed,
                    sampling=sampling,
                    on_done=keep,
                )
            )
        return [[done[sample.id, sibling] for sibling in range(num_siblings)] for sample in samples]

    def _examples(self, attempts: Sequence[Attempt], dropped: Counter[str]) -> list[Example]:
        examples = []
        for attempt in attempts:
            if attempt.advantage == 0:
                continue
            try:
                sample = self._build(attempt.rollout)
            except DroppedError as error:
                dropped[error.reason] += 1
                logger.warning("left out: %s", error)
            else:
                examples.append(Example(sample=sample, advantage=attempt.advantage))
        return examples

    def _logprob_error(self, groups: Sequence[Group]) -> float | None:
        rollouts = [attempt.rollout for group in groups for attempt in group.attempts]
        errors = []
        for rollout in rollouts[:1] + rollouts[1:][-1:]:
            with suppress(DroppedError):  # counted where it would have been learned from
                errors.append(logprob_error(self._loaded, self._build(rollout), self._config))
        return max(errors, default=None)

    def _build(self, rollout: Rollout) -> TrainingSample:
        """Raises DroppedError."""
        views = views_of(rollout, style=self._episode.style, sizer=self._episode.sizer)
        return build_sample(
            rollout, views, chat=self._loaded.chat, settings=self._loaded.images, max_tokens=self._max_tokens
        )


def _check_ran(groups: Sequence[Sequence[Rollout]]) -> None:
    """Raises InvariantError when not one rollout could be sampled: then no step to come will be better."""
    failed = [rollout.reason for group in groups for rollout in group if rollout.status is Status.POLICY_ERROR]
    if failed and len(failed) == sum(map(len, groups)):
        raise InvariantError(f"All {len(failed)} rollouts of a step failed. {failed[0]}")


def _copy_of(model: torch.nn.Module) -> torch.nn.Module:
    """A model of its own for the sampler; what is set up by reference is set up anew."""
    copied = copy.deepcopy(model)
    prepare_vision(copied)
    return copied
