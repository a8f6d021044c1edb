"""What a metric mode consists of, and the ways of reading that several modes share."""

from __future__ import annotations

import math
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vilasr.scoring.extract import Extraction, tagged_texts
from vilasr.scoring.mra import mean_relative_accuracy
from vilasr.scoring.view_change import asks_view_change
from vilasr.types import AnswerType

if TYPE_CHECKING:
    from collections.abc import Callable

    from vilasr.types import Sample

    Reader = Callable[[str, Sample], Extraction]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """How one mode scores the answers of one benchmark.

    Attributes:
        choice, number, view_change, text: how an answer of that kind is read.
        accuracy: (prediction, truth) -> 0..1, for numbers and for each axis of a view change.
        empty_is_right: an empty answer to a choice scores 1.
        divide_by_prediction: the error of a view change is relative to the prediction.
    """

    choice: Reader
    number: Reader
    view_change: Reader
    text: Reader
    accuracy: Callable[[float, float], float] = mean_relative_accuracy
    empty_is_right: bool = False
    divide_by_prediction: bool = False

    def read(self, answer: str, sample: Sample) -> Extraction:
        """The answer to `sample` as this mode reads it."""
        if asks_view_change(sample):
            return self.view_change(answer, sample)
        if sample.answer_type is AnswerType.CHOICE:
            return self.choice(answer, sample)
        return (self.number if sample.answer_type is AnswerType.NUMBER else self.text)(answer, sample)


def said(answer: str) -> str:
    """What other people's modes read: the inside of the first answer tag, or everything where there is none."""
    return (*tagged_texts(answer), answer.strip())[0]


def letter_or_nothing(found: str, parsed: str, reason: str) -> Extraction:
    """A reading that is a letter, in either case, or else nothing."""
    if len(found) == 1 and found in string.ascii_letters:
        return Extraction(value=found.upper(), parsed=parsed, reason=reason)
    return Extraction(value=None, parsed=parsed, reason=f"{reason}: no letter" if parsed else "empty")


def number_or_nothing(found: str, parsed: str, reason: str) -> Extraction:
    """A reading that Python's `float` takes (any digits, signs, exponents; no units, no commas), or else nothing."""
    try:
        value = float(found)
    except ValueError:
        value = math.nan
    if math.isfinite(value):
        return Extraction(value=value, parsed=parsed, reason=reason)
    return Extraction(value=None, parsed=parsed, reason=f"{reason}: no number" if parsed else "empty")


def read_text(answer: str, sample: Sample) -> Extraction:
    text = said(answer)
    return Extraction(value=text or None, parsed=text, reason="the text itself" if text else "empty")
