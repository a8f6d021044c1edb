"""The scheduler: one thread that owns the model, and many conversations in flight, each at its own turn.

    loop: admit the turns that wait (their new tokens and new images, ragged, in one batch)
          then one decode step over every turn that is being sampled

Nobody waits for anybody else's turn to end. While many are being sampled, a turn may wait for a few decode steps, so
that several are admitted in one batch: that is cheaper by a third than one by one. A conversation keeps its slot, and
with it its keys and values, from its first turn until it is closed; more conversations than slots wait in line.

In rounds it is otherwise: every turn waits until all expected conversations have one. Whoever shares a batch with whom
then follows from the conversations alone, not from the clock, and so does the last bit of every result.
"""

from __future__ import annotations

import threading
from array import array
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from vilasr.errors import InvariantError
from vilasr.policies.transformers.forward import ModelRunner, NewTokens, SlotState
from vilasr.policies.transformers.sampling import sample_tokens
from vilasr.policies.transformers.vision import FeatureCache, Grid, ImageFeatures, encode_images, patchify
from vilasr.types import Completion, FinishReason, ImageView, SamplingParams, TurnTokens

if TYPE_CHECKING:
    import asyncio
    import random
    from collections.abc import Callable, Sequence

    from vilasr.policies.transformers.model import LoadedModel


MAX_ADMITTED_TOGETHER = 8
"""Larger batches of new turns are no cheaper a turn (embedded model, CPU)."""
MAX_STEPS_WAITED = 8
"""Decode steps that a turn waits for company at most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineConfig:
    """Limits of the engine.

    Attributes:
        num_slots: conversations in flight; others wait.
        max_context_tokens: length at which a conversation ends; None: the model's own.
        max_prefill_tokens: tokens (padding included) that one prefill pass takes; a longer prompt goes alone.
        max_vision_patches: patches that one pass of the vision tower takes; a larger image goes alone.
        feature_cache_bytes: memory for encoded images.
        num_engines: engines that share the slots, each on a thread of its own with an equal part of torch's threads;
            None: one for each of torch's threads where a small model runs on a CPU, else one. The steps of a small
            model are too short for two cores to share one, and long enough for each to take its own.
        in_rounds: results equal to the last bit, however fast the environment is. Every conversation must be announced
            (`TransformersPolicy.announce`) and have a slot.
    """

    num_slots: int = 32
    max_context_tokens: int | None = None
    max_prefill_tokens: int = 8192
    max_vision_patches: int = 32768
    feature_cache_bytes: int = 512 * 2**20
    num_engines: int | None = None
    in_rounds: bool = False


@dataclass(slots=True, eq=False)
class Conversation:
    """The engine's side of a session. `state` is None until a slot is assigned; `place` is its own in every round."""

    sampling: SamplingParams
    rng: random.Random
    place: int = 0
    state: SlotState | None = None


@dataclass(slots=True, eq=False)
class Request:
    """One turn to sample: what the observation adds, what was sampled so far, and whom to tell."""

    conversation: Conversation
    context_ids: list[int]
    images: Sequence[ImageView]
    grids: tuple[Grid, ...]
    deliver: Callable[[Completion | BaseException], None]
    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)


class Engine:
    """Samples turns on a thread of its own. The thread starts with the first request and ends with `close`.

    Args:
        config: its `num_slots` are this engine's alone.
        features: encoded images, shared with other engines of the same model.
        num_threads: of torch, for this engine's work; None leaves it as it is.
    """

    def __init__(
        self, loaded: LoadedModel, config: EngineConfig, features: FeatureCache, *, num_threads: int | None = None
    ) -> None:
        self.config = config
        self.loaded = loaded
        self.features = features
        self.num_open = 0
        """Conversations opened and not released; kept by the policy."""
        self._num_threads = num_threads
        self.max_context_tokens = self.config.max_context_tokens or loaded.max_context_tokens
        vocab_size = loaded.model.config.text_config.vocab_size
        self._banned = torch.tensor(loaded.chat.banned(vocab_size), device=loaded.model.device, dtype=torch.long)
        self._runner = ModelRunner(loaded)
        self._free_slots = list(range(self.config.num_slots))
        self._waiting: deque[Request] = deque()
        self._active: list[Request] = []
        self._steps_waited = 0
        self._num_expected = 0
        """In rounds: conversations announced and not released."""
        self._inbox: deque[Callable[[], None]] = deque()
        self._wake = threading.Condition()
        self._stopping = False
        self._failure: BaseException | None = None
        self._thread: threading.Thread | None = None

    # --- called from any thread ---------------------------------------------------------------------------------------

    def submit(self, request: Request) -> None:
        """Queue a turn; `request.deliver` is called from the engine's thread with its completion or an exception."""
        with self._wake:
            self._raise_if_stopped()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="vilasr-engine", daemon=True)
                self._thread.start()
            self._inbox.append(lambda: self._waiting.append(request))
            self._wake.notify()

    def expect(self, num: int) -> None:
        """In rounds: `num` more conversations will come; no turn is sampled before each of them has one."""
        with self._wake:
            self._inbox.append(lambda: self._expect(num))
            self._wake.notify()

    def release(self, conversation: Conversation) -> None:
        """Drop the conversation's turn, if one is being sampled, and free its slot."""
        with self._wake:
            self._inbox.append(lambda: self._forget(conversation))
            self._wake.notify()

    def close(self) -> None:
        """Stop the thread and wait for it. Turns in flight fail."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join()

    def _raise_if_stopped(self) -> None:
        if self._failure is not None:
            raise InvariantError(f"The engine has stopped: {_describe(self._failure)}") from self._failure
        if self._stopping:
            raise InvariantError("The engine is closed.")

    # --- the engine's thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            if self._num_threads is not None:
                torch.set_num_threads(self._num_threads)  # of this thread
            with torch.inference_mode():
                while self._take_orders():
                    if self._is_admission_due():
                        self._admit()
                        self._steps_waited = 0
                    self._decode()
        except BaseException as error:  # whatever it is, those who wait must hear of it
            self._failure = error
        with self._wake:
            self._stopping = True
            while self._inbox:
                self._inbox.popleft()()
        cause = self._failure
        for request in [*self._active, *self._waiting]:
            message = f"The engine stopped in the middle of a turn: {_describe(cause)}" if cause else "Engine closed."
            failure = InvariantError(message)
            failure.__cause__ = cause
            request.deliver(failure)
        self._active, self._waiting = [], deque()

    def _take_orders(self) -> bool:
        """Do what was asked from other threads; sleep while there is nothing to do. False when it is time to stop."""
        with self._wake:
            while not (self._inbox or self._active or self._stopping or self._can_admit()):
                self._wake.wait()
            orders, self._inbox = self._inbox, deque()
        for order in orders:
            order()
        return not self._stopping

    def _can_admit(self) -> bool:
        if self.config.in_rounds:
            return not self._active and 0 < len(self._waiting) == self._num_expected
        return any(request.conversation.state is not None or self._free_slots for request in self._waiting)

    def _is_admission_due(self) -> bool:
        """Whether enough turns wait for the number being sampled, or one has waited long enough."""
        if not self._can_admit():
            return False
        self._steps_waited += 1
        company = min(MAX_ADMITTED_TOGETHER, len(self._active) // 4)
        return len(self._waiting) >= company or self._steps_waited > MAX_STEPS_WAITED

    def _expect(self, num: int) -> None:
        self._num_expected += num

    def _forget(self, conversation: Conversation) -> None:
        self._num_expected -= 1
        self._active = [request for request in self._active if request.conversation is not conversation]
        self._waiting = deque(request for request in self._waiting if request.conversation is not conversation)
        if conversation.state is not None:
            self._free_slots.append(conversation.state.slot)
            self._free_slots.sort()  # low slots first: a decode step runs over the slots up to the highest in use
            conversation.state = None

    def _admit(self) -> None:
        """Prefill every waiting turn that has or gets a slot, the first-come first; in rounds, each at its place."""
        admitted: list[tuple[Request, NewTokens]] = []
        still_waiting: deque[Request] = deque()
        for request in sorted(self._waiting, key=lambda request: request.conversation.place):
            conversation = request.conversation
            if conversation.state is None:
                if not self._free_slots:
                    still_waiting.append(request)
                    continue
                conversation.state = SlotState(slot=self._free_slots.pop(0))
            state = conversation.state
            token_ids = [*state.pending, *request.context_ids]
            if state.length + len(token_ids) >= self.max_context_tokens:
                self._finish(request, FinishReason.CONTEXT)
                continue
            admitted.append((request, NewTokens(state=state, token_ids=token_ids, grids=request.grids)))
        self._waiting = still_waiting
        # From here on these turns are in flight, whatever happens.
        self._active += [request for request, _ in admitted]
        features = self._encode([request for request, _ in admitted])
        for batch in prefill_batches([len(row.token_ids) for _, row in admitted], self.config.max_prefill_tokens):
            requests = [admitted[index][0] for index in batch]
            rows = [
                NewTokens(
                    state=row.state,
                    token_ids=row.token_ids,
                    grids=row.grids,
                    features=[features[view.key] for view in request.images],
                )
                for request, row in (admitted[index] for index in batch)
            ]
            self._sample(requests, self._runner.prefill(rows))

    def _encode(self, requests: Sequence[Request]) -> dict[str, ImageFeatures]:
        """Features of all images of the requests by key; each distinct image is encoded once."""
        found: dict[str, ImageFeatures] = {}
        new: dict[str, tuple[ImageView, Grid]] = {}
        for request in requests:
            for view, grid in zip(request.images, request.grids, strict=True):
                cached = self.features.get(view.key)
                if cached is not None:
                    found[view.key] = cached
                elif view.key not in found:
                    new[view.key] = (view, grid)
        batch: list[tuple[ImageView, Grid]] = []
        num_patches = 0
        for item in new.values():
            size = item[1][0] * item[1][1] * item[1][2]
            if batch and num_patches + size > self.config.max_vision_patches:
                found |= self._encode_batch(batch)
                batch, num_patches = [], 0
            batch.append(item)
            num_patches += size
        return found | self._encode_batch(batch) if batch else found

    def _encode_batch(self, batch: Sequence[tuple[ImageView, Grid]]) -> dict[str, ImageFeatures]:
        pixels = torch.cat([patchify(view.pixels, self.loaded.images) for view, _ in batch])
        encoded = encode_images(self.loaded.model, pixels, [grid for _, grid in batch])
        features = {}
        for (view, _), image in zip(batch, encoded, strict=True):
            # Copies: as slices they would keep the whole batch alive.
            features[view.key] = ImageFeatures(
                embeds=image.embeds.clone(), deepstack=tuple(level.clone() for level in image.deepstack)
            )
            self.features.put(view.key, features[view.key])
        return features

    def _decode(self) -> None:
        """One token for every turn in flight."""
        if self._active:
            requests = list(self._active)
            self._sample(requests, self._runner.decode([_state(request) for request in requests]))

    def _sample(self, requests: Sequence[Request], logits: torch.Tensor) -> None:
        sampling = [request.conversation.sampling for request in requests]
        # Exactly one number a token, greedy or not: the sequence depends on nothing but the seed.
        uniforms = [request.conversation.rng.random() for request in requests]
        token_ids, logprobs = sample_tokens(logits, self._banned, sampling, uniforms)
        for request, token_id, logprob in zip(requests, token_ids, logprobs, strict=True):
            request.token_ids.append(token_id)
            request.logprobs.append(logprob)
            state = _state(request)
            state.pending = [token_id]
            if token_id == self.loaded.chat.stop_id:
                self._finish(request, FinishReason.STOP)
            elif len(request.token_ids) >= request.conversation.sampling.max_tokens:
                self._finish(request, FinishReason.LENGTH)
            elif state.length + 1 >= self.max_context_tokens:
                self._finish(request, FinishReason.CONTEXT)

    def _finish(self, request: Request, reason: FinishReason) -> None:
        if request in self._active:
            self._active.remove(request)
        tokens = TurnTokens(
            context_ids=array("i", request.context_ids),
            token_ids=array("i", request.token_ids),
            logprobs=array("f", request.logprobs),
            loss_mask=array("b", [1] * len(request.token_ids)),
        )
        text = self.loaded.chat.text(request.token_ids)
        request.deliver(Completion(text=text, finish=reason, tokens=tokens, grids=request.grids))


def prefill_batches(lengths: Sequence[int], max_tokens: int) -> list[list[int]]:
    """Split rows into batches of similar length: padded to its longest, none is more than half padding or above
    `max_tokens` (unless it is a single row).

    >>> prefill_batches([10, 300, 12, 200], 1000)
    [[0, 2], [3, 1]]
    """
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        fits = (
            batches
            and lengths[index] <= 2 * lengths[batches[-1][0]]
            and lengths[index] * (len(batches[-1]) + 1) <= max_tokens
        )
        if fits:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def deliver_to(future: asyncio.Future[Completion]) -> Callable[[Completion | BaseException], None]:
    """A function that settles `future` from another thread; a future that nobody awaits any more is left alone."""
    loop = future.get_loop()

    def settle(result: Completion | BaseException) -> None:
        if future.done():
            return
        if isinstance(result, BaseException):
            future.set_exception(result)
        else:
            future.set_result(result)

    def deliver(result: Completion | BaseException) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result)

    return deliver


def _state(request: Request) -> SlotState:
    state = request.conversation.state
    if state is None:
        raise InvariantError("A turn is being sampled in a conversation without a slot.")
    return state


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
