"""The records every part shares. Imports nothing of ours.

Coordinates named `*_px` are pixels of the referenced image at its own size, origin at the top-left corner, x before y.
Image indices are 1-based: the sample's images first, then every drawn image in the order it was made.
`None` means unknown or absent; it never stands for zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from array import array
    from collections.abc import Mapping
    from pathlib import Path

    from PIL.Image import Image

Point = tuple[float, float]
"""(x, y)."""
Size = tuple[int, int]
"""(width, height) in pixels."""
Json = Any
"""A value that `json.dumps` takes: the metadata of samples and rollouts."""
RolloutKey = tuple[str, int]
"""(sample id, sibling): what a rollout is known by."""


# --- the problem ------------------------------------------------------------------------------------------------------


class AnswerType(StrEnum):
    """How an answer is read and scored."""

    CHOICE = "choice"
    """The letter of one option: "A" is the first."""
    NUMBER = "number"
    TEXT = "text"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One problem.

    Attributes:
        id: unique in its dataset, stable over runs: "maze/test/0/17".
        task: the family, "maze"; or the benchmark it came from.
        question: the text, without the options.
        images: at least one; RGB when loaded.
        options: texts of the options in order, without letters; empty unless `answer_type` is CHOICE.
        answer: gold answer: a letter for CHOICE, a decimal number for NUMBER; None when unknown (`vilasr ask`).
        metadata: JSON: ground truth for grading drawings, and the keys that reports group by.
    """

    id: str
    task: str
    question: str
    images: tuple[Image | Path, ...]
    options: tuple[str, ...] = ()
    answer: str | None = None
    answer_type: AnswerType = AnswerType.CHOICE
    metadata: Mapping[str, Json] = field(default_factory=dict)


# --- drawing ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """A box on image `image_index`: `box_px` is (x1, y1, x2, y2) with x1 < x2 and y1 < y2."""

    image_index: int
    box_px: tuple[float, float, float, float]
    label: str
    kind: Literal["box"] = "box"


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """An auxiliary line on image `image_index`, from `start_px` to `end_px`; the direction matters."""

    image_index: int
    start_px: Point
    end_px: Point
    label: str
    kind: Literal["line"] = "line"


Action = Box | Line


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageRecipe:
    """How to make one image of a rollout: a clean base and the marks on it.

    Attributes:
        base: 1-based index of the sample's image that is the clean base.
        size: (width, height) of the image.
        instances: the marks, in drawing order; empty for an original.
        parent: index of the image that was drawn on; None for an original.
    """

    base: int
    size: Size
    instances: tuple[Action, ...] = ()
    parent: int | None = None


# --- the conversation -------------------------------------------------------------------------------------------------


class Role(StrEnum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class TextPart:
    text: str


@dataclass(frozen=True, slots=True)
class ImagePart:
    """A place for image `index` (1-based) of the rollout."""

    index: int


Part = TextPart | ImagePart


@dataclass(frozen=True, slots=True)
class Message:
    role: Role
    parts: tuple[Part, ...]


class FinishReason(StrEnum):
    """Why the policy stopped talking."""

    STOP = "stop"
    """It sampled its stop token."""
    LENGTH = "length"
    """It ran into the completion limit of a turn."""
    CONTEXT = "context"
    """The context window is full."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnTokens:
    """The exact tokens of one turn, as they were when created. Never rebuilt from text.

    Attributes:
        context_ids: int32 [num_context]: what the environment appended before this turn (the prompt, for the first),
            image pads included. Never trained.
        token_ids: int32 [num_sampled]: what the policy sampled, its stop token included.
        logprobs: float32 [num_sampled]: log-probability of each sampled token under the sampling policy at
            temperature 1; empty when unknown (a demonstration).
        loss_mask: int8 [num_sampled]: 1 where the token may be trained.
    """

    context_ids: array[int]
    token_ids: array[int]
    logprobs: array[float]
    loss_mask: array[int]


class ErrorKind(StrEnum):
    """What was wrong with a turn. Each is told to the model as an observation."""

    MALFORMED_JSON = "malformed_json"
    WRONG_ACTION = "wrong_action"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    NOT_FINITE = "not_finite"
    UNKNOWN_IMAGE = "unknown_image"
    OFF_IMAGE = "off_image"
    DEGENERATE = "degenerate"
    DUPLICATE_ACTION = "duplicate_action"
    DRAW_AND_ANSWER = "draw_and_answer"
    NO_ACTION = "no_action"
    TOO_MANY_ACTIONS = "too_many_actions"
    LABEL_TOO_LONG = "label_too_long"
    DRAWING_DISABLED = "drawing_disabled"


@dataclass(frozen=True, slots=True)
class TurnError:
    """A model mistake: `message` is the text the model was (or would have been) shown."""

    kind: ErrorKind
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """What the environment said, what the policy said back, and what came of it.

    Attributes:
        context: the messages the environment added before this turn; for the first, the whole prompt.
        text: what the policy said, verbatim.
        thought: the thinking found in it.
        actions: the executed actions; empty when the turn answered or failed.
        answer: the answer, when this turn gave one.
        error: the model mistake, when there was one.
        new_images: indices of the images that the drawing appended.
        learn: False for a deliberate mistake in a demonstration: seen as context, never trained.
    """

    context: tuple[Message, ...]
    text: str
    thought: str = ""
    actions: tuple[Action, ...] = ()
    answer: str | None = None
    error: TurnError | None = None
    new_images: tuple[int, ...] = ()
    finish: FinishReason = FinishReason.STOP
    learn: bool = True
    tokens: TurnTokens | None = None


class Status(StrEnum):
    """How a rollout ended."""

    ANSWERED = "answered"
    TRUNCATED_TURNS = "truncated_turns"
    TRUNCATED_IMAGES = "truncated_images"
    TRUNCATED_LENGTH = "truncated_length"
    INVALID_ACTION = "invalid_action"
    NO_ACTION = "no_action"
    DUPLICATE_ACTION = "duplicate_action"
    POLICY_ERROR = "policy_error"
    TIMEOUT = "timeout"

    @property
    def is_truncated(self) -> bool:
        return self.value.startswith("truncated") or self is Status.TIMEOUT


@dataclass(frozen=True, kw_only=True, slots=True)
class Rollout:
    """One attempt at one sample, whole.

    Attributes:
        sample: the problem; its images are the clean bases.
        sibling: number of this attempt in its group, from 0.
        seed: seed of the policy's sampler for this attempt.
        status: how it ended; `reason` says more in words when it did not end with an answer.
        images: every image in order, originals first, as recipes.
        grids: (t, h, w) patch grid of each image as the policy encoded it; empty when no tokens were recorded.
        seconds: wall time from reset to the last step.
    """

    sample: Sample
    sibling: int = 0
    seed: int = 0
    status: Status
    reason: str = ""
    images: tuple[ImageRecipe, ...]
    turns: tuple[Turn, ...]
    grids: tuple[tuple[int, int, int], ...] = ()
    seconds: float = 0.0

    @property
    def key(self) -> RolloutKey:
        return self.sample.id, self.sibling

    @property
    def answer(self) -> str | None:
        return self.turns[-1].answer if self.turns and self.status is Status.ANSWERED else None

    @property
    def actions(self) -> tuple[Action, ...]:
        """Every executed action, in order."""
        return tuple(action for turn in self.turns for action in turn.actions)


# --- what environment and policy say to each other --------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageView:
    """An image that a policy sees for the first time.

    Attributes:
        index: its 1-based index.
        pixels: RGB, already at the size the model's frame expects.
        key: content key: equal keys mean equal pixels, so encoded features may be shared.
    """

    index: int
    pixels: Image
    key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """What the environment returns from `reset` and `step`.

    Attributes:
        messages: to be appended to the conversation; empty when done.
        images: the views that the messages' ImageParts refer to, in order.
        done: the episode is over; `status` says how.
        error: the model mistake in the step before, if any.
    """

    messages: tuple[Message, ...]
    images: tuple[ImageView, ...] = ()
    done: bool = False
    status: Status | None = None
    error: TurnError | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Completion:
    """What a policy returns for one observation."""

    text: str
    finish: FinishReason = FinishReason.STOP
    tokens: TurnTokens | None = None
    grids: tuple[tuple[int, int, int], ...] = ()
    """Grids of the images of the observation just read, in order."""
    learn: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplingParams:
    """temperature 0 is greedy. `max_tokens` limits the completion of one turn."""

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 1024
