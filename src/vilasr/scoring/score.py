"""A score that explains itself."""

from __future__ import annotations

from dataclasses import dataclass

from vilasr.scoring.extract import Extraction, extract_answer, same_text
from vilasr.scoring.mra import mean_relative_accuracy
from vilasr.types import AnswerType, Sample


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """How right an answer is.

    Attributes:
        value: 0..1; None when unscored, because the sample has no gold answer that can be read. Unscored is not 0.
        extraction: the answer as it was read.
        explanation: one line for people.
    """

    value: float | None
    extraction: Extraction
    explanation: str


def score_answer(sample: Sample, answer: str | None) -> Score:
    """Score one answer: exact option for CHOICE, mean relative accuracy for NUMBER, equal text for TEXT.

    An answer that is missing, empty or ambiguous scores 0.
    """
    extraction = extract_answer(answer, sample.answer_type, sample.options)
    gold = extract_answer(sample.answer, sample.answer_type, sample.options)
    if gold.value is None:
        why = "no gold answer" if sample.answer is None else f"gold answer {sample.answer!r}: {gold.reason}"
        return Score(value=None, extraction=extraction, explanation=f"unscored: {why}")
    if extraction.value is None:
        return Score(value=0.0, extraction=extraction, explanation=f"{extraction.reason}; right is {gold.value}")
    value = _compare(extraction.value, gold.value, sample.answer_type)
    verdict = "right" if value == 1 else "wrong" if value == 0 else f"{value:.0%} near"
    explanation = f"{extraction.value} is {verdict}" + ("" if value == 1 else f"; right is {gold.value}")
    return Score(value=value, extraction=extraction, explanation=explanation)


def _compare(prediction: str | float, gold: str | float, answer_type: AnswerType) -> float:
    if answer_type is AnswerType.NUMBER:
        return mean_relative_accuracy(float(prediction), float(gold))
    if answer_type is AnswerType.CHOICE:
        return float(prediction == gold)
    return float(same_text(str(prediction), str(gold)))
