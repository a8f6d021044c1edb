"""One episode: a policy looks, thinks, draws, sees what it drew, and answers.

    episode = Episode(sample)
    observation = episode.reset()
    while not observation.done:
        observation = episode.step(policy(observation))
    rollout = episode.rollout()

Model mistakes come back as observations; an episode ends with a `Status`; exceptions are for bad input and for bugs.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from vilasr.env.duplicates import find_duplicate
from vilasr.env.gallery import Gallery
from vilasr.env.limits import EpisodeConfig
from vilasr.errors import InputError, InvariantError
from vilasr.protocol import (
    LETTERS,
    ParsedTurn,
    drawn_message,
    error_message,
    format_action,
    neutralise,
    parse_turn,
    prompt_messages,
)
from vilasr.types import (
    Action,
    Completion,
    ErrorKind,
    FinishReason,
    Observation,
    Rollout,
    Sample,
    Size,
    Status,
    Turn,
    TurnError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL.Image import Image

_STATUS_OF_ERROR = {
    ErrorKind.NO_ACTION: Status.NO_ACTION,
    ErrorKind.DUPLICATE_ACTION: Status.DUPLICATE_ACTION,
}


class Episode:
    """One attempt at one sample: `reset`, then `step` until the observation is done.

    Raises InputError for a sample that cannot be played: no question, no image or too many, too many options, and on
    `reset` for an image that cannot be read.
    """

    def __init__(
        self,
        sample: Sample,
        config: EpisodeConfig = EpisodeConfig(),  # noqa: B008 -- frozen
        *,
        sibling: int = 0,
        seed: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        _check_sample(sample, config.limits.max_images)
        self.sample = sample
        self.config = config
        self.sibling = sibling
        self.seed = seed
        self.max_turns = config.limits.turns_for(sample.task)
        self._clock = clock
        self._gallery: Gallery | None = None

    # --- playing ------------------------------------------------------------------------------------------------------

    def reset(self) -> Observation:
        """Begins (again): the prompt, with every image of the sample."""
        config = self.config
        self._gallery = Gallery(self.sample, style=config.style, sizer=config.sizer)
        self._turns: list[Turn] = []
        self._grids: list[tuple[int, int, int]] = []
        self._num_errors = 0
        self._num_tokens = 0
        self._status: Status | None = None
        self._reason = ""
        self._start = self._clock()
        self._seconds = 0.0
        self._context = prompt_messages(
            config.protocol,
            self.sample,
            model_sizes=self._gallery.model_sizes,
            drawing=config.drawing,
            last=self._is_last_turn,
        )
        views = tuple(self._gallery.view(index) for index in range(1, len(self._gallery.recipes) + 1))
        return Observation(messages=self._context, images=views)

    def step(self, said: str | Completion) -> Observation:
        """Takes what the policy said, returns what it sees next; InvariantError before reset and after the end."""
        gallery = self._running()
        completion = Completion(text=said) if isinstance(said, str) else said
        limits = self.config.limits
        self._grids += completion.grids
        if completion.tokens is not None:
            self._num_tokens += len(completion.tokens.context_ids) + len(completion.tokens.token_ids)
        parsed = parse_turn(
            completion.text,
            self.config.protocol,
            sizes=gallery.sizes,
            model_sizes=gallery.model_sizes,
            drawing=self.config.drawing and not self._is_last_turn,
            max_actions=limits.max_actions,
            max_label_length=limits.max_label_length,
        )
        error = parsed.error or self._repetition(parsed, gallery)
        ending = self._ending(parsed, error, completion, gallery)
        if ending is not None:
            answer = parsed.answer if ending[0] is Status.ANSWERED else None
            self._record(completion, parsed, answer=answer, error=error)
            self._finish(*ending)
            return Observation(messages=(), done=True, status=ending[0], error=error)
        if error is not None:
            return self._report(completion, parsed, error)
        return self._draw(completion, parsed, gallery)

    def end(self, status: Status, reason: str) -> Rollout:
        """Ends the episode from outside: the policy failed, the time is up. Raises InvariantError when it has ended."""
        self._running()
        if status is Status.ANSWERED:
            raise InvariantError("an episode is answered by a step, not from outside")
        self._finish(status, reason)
        return self.rollout()

    # --- looking ------------------------------------------------------------------------------------------------------

    @property
    def sizes(self) -> tuple[Size, ...]:
        """Own sizes of images 1..N: the pixels that actions are given in."""
        return tuple(self._begun().sizes)

    @property
    def model_sizes(self) -> tuple[Size, ...]:
        """Sizes at which the policy sees images 1..N."""
        return tuple(self._begun().model_sizes)

    def image(self, index: int) -> Image:
        """Image `index` (1-based) at its own size, marks included. Copy it before writing to it."""
        return self._begun().image(index)

    def rollout(self) -> Rollout:
        """The record; of a running episode, the record so far, as if its turns had just run out."""
        gallery = self._begun()
        return Rollout(
            sample=self.sample,
            sibling=self.sibling,
            seed=self.seed,
            status=self._status or Status.TRUNCATED_TURNS,
            reason=self._reason if self._status else "the episode is still running",
            images=tuple(gallery.recipes),
            turns=tuple(self._turns),
            grids=tuple(self._grids),
            seconds=self._seconds,
        )

    # --- the rules ----------------------------------------------------------------------------------------------------

    @property
    def _is_last_turn(self) -> bool:
        return len(self._turns) >= self.max_turns - 1

    def _repetition(self, parsed: ParsedTurn, gallery: Gallery) -> TurnError | None:
        """The duplicate among the parsed actions, told in the model's numbers."""
        executed = {action for turn in self._turns for action in turn.actions}
        position = find_duplicate(parsed.actions, executed=executed, recipes=gallery.recipes)
        if position is None:
            return None
        action = parsed.actions[position]
        at = action.image_index - 1
        entry = format_action(action, self.config.protocol, size=gallery.sizes[at], model_size=gallery.model_sizes[at])
        message = (
            f"An action must differ from earlier ones; got {neutralise(entry)} again. Draw something else or answer."
        )
        return TurnError(ErrorKind.DUPLICATE_ACTION, message)

    def _ending(
        self, parsed: ParsedTurn, error: TurnError | None, completion: Completion, gallery: Gallery
    ) -> tuple[Status, str] | None:
        """(status, reason) when this turn is the last; None when the episode goes on. The order is the rule."""
        limits = self.config.limits
        if limits.max_seconds is not None and self._clock() - self._start > limits.max_seconds:
            return Status.TIMEOUT, f"more than {limits.max_seconds:g} seconds"
        if parsed.answer is not None:
            return Status.ANSWERED, ""
        if completion.finish is FinishReason.LENGTH and error is not None:
            return Status.TRUNCATED_LENGTH, "the turn was cut off before its answer or drawing was complete"
        if completion.finish is FinishReason.CONTEXT:
            return Status.TRUNCATED_LENGTH, "the context window is full"
        if limits.max_context_tokens is not None and self._num_tokens >= limits.max_context_tokens:
            return Status.TRUNCATED_LENGTH, f"{self._num_tokens} tokens, of {limits.max_context_tokens} allowed"
        if error is not None:
            return self._ending_of_error(error)
        num_images = len(gallery.recipes) + len({action.image_index for action in parsed.actions})
        if num_images > limits.max_images:
            return Status.TRUNCATED_IMAGES, f"{num_images} images, of {limits.max_images} allowed"
        return None

    def _ending_of_error(self, error: TurnError) -> tuple[Status, str] | None:
        out_of_turns = (Status.TRUNCATED_TURNS, f"no answer in {self.max_turns} turns")
        if self._is_last_turn and self.config.drawing and error.kind is ErrorKind.DRAWING_DISABLED:
            return out_of_turns
        if self.config.strict or self._num_errors >= self.config.limits.max_errors:
            return _STATUS_OF_ERROR.get(error.kind, Status.INVALID_ACTION), error.message
        return out_of_turns if self._is_last_turn else None

    def _report(self, completion: Completion, parsed: ParsedTurn, error: TurnError) -> Observation:
        self._num_errors += 1
        self._record(completion, parsed, error=error)
        self._context = error_message(self.config.protocol, error, drawing=self.config.drawing, last=self._is_last_turn)
        return Observation(messages=self._context, error=error)

    def _draw(self, completion: Completion, parsed: ParsedTurn, gallery: Gallery) -> Observation:
        new = gallery.draw(parsed.actions)
        self._record(completion, parsed, actions=parsed.actions, new_images=new)
        images = [(index, gallery.recipes[index - 1].parent or 0, gallery.model_sizes[index - 1]) for index in new]
        self._context = drawn_message(self.config.protocol, images=images, last=self._is_last_turn)
        return Observation(messages=self._context, images=tuple(gallery.view(index) for index in new))

    # --- bookkeeping --------------------------------------------------------------------------------------------------

    def _record(
        self,
        completion: Completion,
        parsed: ParsedTurn,
        *,
        actions: tuple[Action, ...] = (),
        new_images: tuple[int, ...] = (),
        answer: str | None = None,
        error: TurnError | None = None,
    ) -> None:
        turn = Turn(
            context=self._context,
            text=completion.text,
            thought=parsed.thought,
            actions=actions,
            answer=answer,
            error=error,
            new_images=new_images,
            finish=completion.finish,
            learn=completion.learn,
            tokens=completion.tokens,
        )
        self._turns.append(turn)
        self._seconds = self._clock() - self._start

    def _finish(self, status: Status, reason: str) -> None:
        self._status, self._reason = status, reason
        self._context = ()

    def _begun(self) -> Gallery:
        if self._gallery is None:
            raise InvariantError("an episode must be reset first: call reset()")
        return self._gallery

    def _running(self) -> Gallery:
        gallery = self._begun()
        if self._status is not None:
            raise InvariantError(f"the episode has ended with {self._status}: call reset() to play it again")
        return gallery


def _check_sample(sample: Sample, max_images: int) -> None:
    if not sample.question.strip():
        raise InputError("question", expected="some text", got="nothing", remedy="Ask a question about the image.")
    if not 1 <= len(sample.images) <= max_images:
        raise InputError(
            "images",
            expected=f"1 to {max_images} images",
            got=str(len(sample.images)),
            remedy="Give fewer images, or raise max_images." if sample.images else "Give an image.",
        )
    if len(sample.options) > len(LETTERS):
        raise InputError("options", expected=f"at most {len(LETTERS)} options", got=str(len(sample.options)))
