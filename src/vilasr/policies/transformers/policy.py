"""The embedded engine as a policy."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from vilasr.errors import InputError, InvariantError
from vilasr.policies.transformers.engine import Conversation, Engine, EngineConfig, Request, deliver_to
from vilasr.policies.transformers.model import LoadedModel, load_model
from vilasr.policies.transformers.vision import FeatureCache
from vilasr.types import Completion, FinishReason, ImagePart, Observation, SamplingParams

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


MAX_SMALL_PARAMETERS = 100_000_000
"""Up to here a CPU's cores do better with a part of the conversations each than with a part of each product."""


class TransformersPolicy:
    """A checkpoint of the Qwen2.5-VL or Qwen3-VL family, run here.

    Example:
        policy = TransformersPolicy.load("nano")
        session = policy.open(seed=0, sampling=SamplingParams())
        completion = await session.respond(observation)
    """

    def __init__(self, loaded: LoadedModel, config: EngineConfig | None = None) -> None:
        self.loaded = loaded
        self.engines = make_engines(loaded, config or EngineConfig())
        self._announced: dict[int, tuple[Engine, int]] = {}

    @classmethod
    def load(
        cls,
        name: str | Path,
        *,
        device: str = "cpu",
        dtype: torch.dtype | None = None,
        config: EngineConfig | None = None,
    ) -> TransformersPolicy:
        """Load `nano`, a folder or a hub name; None: float32 on a CPU, bfloat16 elsewhere. Raises InputError."""
        if dtype is None:
            dtype = torch.float32 if device == "cpu" else torch.bfloat16
        return cls(load_model(name, device=device, dtype=dtype), config)

    @property
    def name(self) -> str:
        return self.loaded.name

    def open(self, *, seed: int, sampling: SamplingParams) -> TransformersSession:
        check_sampling(sampling)
        if self.engines[0].config.in_rounds:
            engine, place = self._announced.pop(seed)
        else:
            engine, place = min(self.engines, key=lambda engine: engine.num_open), 0
        return TransformersSession(engine, Conversation(sampling=sampling, rng=random.Random(seed), place=place))

    def announce(self, seeds: Sequence[int]) -> None:
        """For an engine in rounds: the seeds of the conversations that will be opened next, all different.

        Neighbours share an engine, so that siblings share the features of their images. Those of earlier conversations
        are forgotten: results follow from the conversations that are announced together, not from what ran before.

        Raises:
            InputError: more than there are slots.
        """
        num_slots = sum(engine.config.num_slots for engine in self.engines)
        if len(seeds) > num_slots:
            raise InputError("announced conversations", expected=f"at most {num_slots}, the slots", got=str(len(seeds)))
        first = 0
        for number, engine in enumerate(self.engines):
            part = seeds[first : first + len(range(number, len(seeds), len(self.engines)))]
            self._announced |= {seed: (engine, place) for place, seed in enumerate(part)}
            engine.features.clear()
            engine.expect(len(part))
            first += len(part)

    def weights_changed(self) -> None:
        """Tell the engines that a trainer wrote new weights into the model. No conversation may be open across this."""
        for engine in self.engines:
            engine.features.clear()

    async def close(self) -> None:
        await asyncio.gather(*(asyncio.to_thread(engine.close) for engine in self.engines))


def make_engines(loaded: LoadedModel, config: EngineConfig) -> tuple[Engine, ...]:
    """The engines of one policy: they share the model, its encoded images, the slots and torch's threads.

    Raises:
        InputError: a number of slots or engines below 1.
    """
    for what, number in (("num_slots", config.num_slots), ("num_engines", config.num_engines)):
        if number is not None and number < 1:
            raise InputError(what, expected="a whole number from 1", got=str(number))
    num_threads = torch.get_num_threads()
    num_engines = config.num_engines
    if num_engines is None:
        is_small = sum(weight.numel() for weight in loaded.model.parameters()) <= MAX_SMALL_PARAMETERS
        num_engines = num_threads if is_small and loaded.model.device.type == "cpu" else 1
    num_engines = min(num_engines, config.num_slots)
    shared = FeatureCache(config.feature_cache_bytes)
    return tuple(
        Engine(
            loaded,
            replace(config, num_slots=len(range(place, config.num_slots, num_engines))),
            # In rounds each has its own: which of two engines encodes an image first is a matter of the clock.
            FeatureCache(config.feature_cache_bytes // num_engines) if config.in_rounds else shared,
            num_threads=max(1, num_threads // num_engines) if num_engines > 1 else None,
        )
        for place in range(num_engines)
    )


class TransformersSession:
    """One conversation: remembers how its last turn ended, and posts the next."""

    def __init__(self, engine: Engine, conversation: Conversation) -> None:
        self._engine = engine
        self._conversation = conversation
        self._last_finish: FinishReason | None = None
        self._closed = False
        engine.num_open += 1

    @property
    def sampling(self) -> SamplingParams:
        """How the next turn is sampled; may be set between turns."""
        return self._conversation.sampling

    @sampling.setter
    def sampling(self, sampling: SamplingParams) -> None:
        check_sampling(sampling)
        self._conversation.sampling = sampling

    async def respond(self, observation: Observation) -> Completion:
        if self._closed:
            raise InvariantError("This conversation is closed (or its last turn was cancelled); open another.")
        future: asyncio.Future[Completion] = asyncio.get_running_loop().create_future()
        self._engine.submit(self._request(observation, future))
        try:
            completion = await future
        except BaseException:
            # Cancelled or failed in the middle of a turn: what the slot holds is nobody's conversation any more.
            await self.close()
            raise
        if completion.tokens is not None and completion.tokens.token_ids:
            self._last_finish = completion.finish
        return completion

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._engine.num_open -= 1
            self._engine.release(self._conversation)

    def _request(self, observation: Observation, future: asyncio.Future[Completion]) -> Request:
        loaded = self._engine.loaded
        check_images(observation)
        grids = tuple(loaded.images.grid(view.pixels.size) for view in observation.images)
        num_tokens = {
            view.index: loaded.images.num_tokens(grid) for view, grid in zip(observation.images, grids, strict=True)
        }
        context_ids = loaded.chat.context(
            observation.messages,
            num_tokens,
            first=self._last_finish is None,
            unclosed=self._last_finish not in (None, FinishReason.STOP),
        )
        check_pads(context_ids.count(loaded.chat.image_id), sum(num_tokens.values()))
        return Request(
            conversation=self._conversation,
            context_ids=context_ids,
            images=observation.images,
            grids=grids,
            deliver=deliver_to(future),
        )


def check_images(observation: Observation) -> None:
    """Raise InvariantError unless the messages show the observation's images, each once, in order, in RGB."""
    shown = [part.index for message in observation.messages for part in message.parts if isinstance(part, ImagePart)]
    brought = [view.index for view in observation.images]
    if shown != brought:
        raise InvariantError(f"The messages of an observation show images {shown}; it brings {brought}.")
    for view in observation.images:
        if view.pixels.mode != "RGB":
            raise InvariantError(f"Image {view.index} is {view.pixels.mode}; a policy takes RGB.")


def check_pads(num_pads: int, num_features: int) -> None:
    """Raise InvariantError unless an observation has as many image pads as its images have features."""
    if num_pads != num_features:
        raise InvariantError(f"An observation has {num_pads} image pads; its images have {num_features} features.")


def check_sampling(sampling: SamplingParams) -> None:
    """Raise InputError for sampling parameters outside their ranges."""
    if not sampling.temperature >= 0:
        raise InputError("temperature", expected="a number from 0", got=str(sampling.temperature))
    if not 0 < sampling.top_p <= 1:
        raise InputError("top_p", expected="a number above 0 and up to 1", got=str(sampling.top_p))
    if sampling.max_tokens < 1:
        raise InputError("max_tokens", expected="a whole number from 1", got=str(sampling.max_tokens))
