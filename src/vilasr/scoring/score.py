"""A score that explains itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

from vilasr.scoring.extract import Extraction, extract_answer, same_text
from vilasr.scoring.modes import Rules, rules_for
from vilasr.scoring.numbers import exact_number
from vilasr.scoring.view_change import asks_view_change, extract_view_change, view_change_accuracy
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


def score_answer(sample: Sample, answer: str | None, *, mode: str = "default") -> Score:
    """Score one answer: exact option for CHOICE, mean relative accuracy for NUMBER, equal text for TEXT, and the mean
    over five axes for the view changes of SPAR-Bench.

    In `default`, an answer that is missing, empty or ambiguous scores 0. Other modes read and compare as the scorers
    behind published figures do (see `vilasr.scoring.modes`); a rollout without an answer (None) scores 0 in all.

    Raises:
        InputError: for a mode that is not in MODES.
    """
    rules = rules_for(mode, sample)
    extraction = Extraction(value=None, parsed="", reason="no answer") if answer is None else rules.read(answer, sample)
    gold = gold_of(sample)
    if gold.value is None:
        why = "no gold answer" if sample.answer is None else f"gold answer {sample.answer!r}: {gold.reason}"
        return Score(value=None, extraction=extraction, explanation=f"unscored: {why}")
    if extraction.value is None:
        is_empty = answer is not None and not extraction.parsed
        if is_empty and rules.empty_is_right and sample.answer_type is AnswerType.CHOICE:
            return Score(value=1.0, extraction=extraction, explanation=f"empty, which {mode} counts as right")
        return Score(value=0.0, extraction=extraction, explanation=f"{extraction.reason}; right is {gold.value}")
    value = _compare(extraction.value, gold.value, sample, rules)
    verdict = "right" if value == 1 else "wrong" if value == 0 else f"{value:.0%} near"
    explanation = f"{extraction.value} is {verdict}" + ("" if value == 1 else f"; right is {gold.value}")
    return Score(value=value, extraction=extraction, explanation=explanation)


def gold_of(sample: Sample) -> Extraction:
    """The gold answer, which is read in the same way whatever the mode; a number has nothing beside it."""
    if asks_view_change(sample):
        return extract_view_change(sample.answer)
    found = extract_answer(sample.answer, sample.answer_type, sample.options)
    if sample.answer_type is AnswerType.NUMBER and found.value is not None and exact_number(found.parsed) is None:
        return replace(found, value=None, reason="more than a number")
    return found


def _compare(prediction: str | float, gold: str | float, sample: Sample, rules: Rules) -> float:
    if asks_view_change(sample):
        return view_change_accuracy(
            str(prediction), str(gold), rules.accuracy, divide_by_prediction=rules.divide_by_prediction
        )
    if sample.answer_type is AnswerType.NUMBER:
        return rules.accuracy(float(prediction), float(gold))
    if sample.answer_type is AnswerType.CHOICE:
        return float(prediction == gold)
    return float(same_text(str(prediction), str(gold)))
