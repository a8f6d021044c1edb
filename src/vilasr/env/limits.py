"""Limits and configuration of an episode: one place for training, evaluation and the command line."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from vilasr.drawing import DEFAULT, Style
from vilasr.errors import InputError
from vilasr.protocol import COMPACT, Protocol, Sizer

DEFAULT_TURNS = 10
TURNS_BY_TASK = {"maze": 20, "ask": 20}
"""Where it is not DEFAULT_TURNS. "ask" is the task of a user's own question, which may be about a maze."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Where an episode ends at the latest. None means no limit, except for `max_turns`.

    Attributes:
        max_turns: replies of the policy, failed ones included; None: those of the task, see `turns_for`.
        max_images: of the sample and drawn, together.
        max_completion_tokens: a turn; the runner hands it to the policy's sampler.
        max_context_tokens: of the whole conversation; known only where the policy records its tokens.
        max_seconds: from reset.
        max_errors: model mistakes that are answered; the next one ends the episode.
        max_actions: a turn; max_label_length: in characters.
    """

    max_turns: int | None = None
    max_images: int = 45
    max_completion_tokens: int = 1024
    max_context_tokens: int | None = None
    max_seconds: float | None = None
    max_errors: int = 2
    max_actions: int = 64
    max_label_length: int = 200

    def __post_init__(self) -> None:
        for limit in fields(self):
            value = getattr(self, limit.name)
            least = 0 if limit.name in ("max_errors", "max_seconds") else 1
            if value is not None and not value >= least:
                raise InputError(limit.name, expected=f"a number from {least}", got=str(value))

    def turns_for(self, task: str) -> int:
        """Turns allowed for a sample of `task`."""
        return self.max_turns if self.max_turns is not None else TURNS_BY_TASK.get(task, DEFAULT_TURNS)


@dataclass(frozen=True, kw_only=True, slots=True)
class EpisodeConfig:
    """How episodes are played.

    Attributes:
        drawing: False asks for a direct answer; a drawing is then a mistake.
        strict: the first model mistake ends the episode (the paper's mode).
    """

    protocol: Protocol = COMPACT
    style: Style = DEFAULT
    sizer: Sizer = field(default_factory=Sizer)
    limits: Limits = field(default_factory=Limits)
    drawing: bool = True
    strict: bool = False
