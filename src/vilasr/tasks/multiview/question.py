"""One question about the views of a stage, with its answer and its plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vilasr.types import AnswerType, Box

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vilasr.tasks.asking.plan import Plan
    from vilasr.types import Json


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """Attributes:
    text: without the options.
    answer: a letter or a number.
    options: empty for a number.
    truth: JSON for the metadata: the objects and images involved, the true value, the margin.
    tags: boxes that are part of the pictures themselves; their labels, which may be empty, are drawn beside them.
    """

    text: str
    answer: str
    plan: Plan
    truth: Mapping[str, Json]
    options: tuple[str, ...] = ()
    tags: tuple[Box, ...] = ()

    @property
    def answer_type(self) -> AnswerType:
        return AnswerType.CHOICE if self.options else AnswerType.NUMBER
