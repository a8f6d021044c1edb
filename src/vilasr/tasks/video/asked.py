"""What a question over a video is, before it becomes a sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vilasr.types import AnswerType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vilasr.tasks.asking.plan import Plan
    from vilasr.types import Json


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A question with its answer and its plan.

    Attributes:
        options: empty where the answer is a number.
        names: the scene's names of the objects that it is about.
        truth: JSON that its answer can be checked with.
    """

    text: str
    answer: str
    plan: Plan
    names: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    truth: Mapping[str, Json]

    @property
    def answer_type(self) -> AnswerType:
        return AnswerType.CHOICE if self.options else AnswerType.NUMBER
