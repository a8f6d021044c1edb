"""What a policy scores that does not look: any option of a choice, and for numbers the best of all constant answers.

A score says little without it: two options give 50, and where most counts are 2, always "2" is worth a good deal. (The
VSI-Bench authors give both kinds beside their models: chance level, random and by frequency.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vilasr.scoring.mra import THRESHOLDS
from vilasr.scoring.view_change import asks_view_change
from vilasr.types import AnswerType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vilasr.scoring.extract import Extraction
    from vilasr.types import Sample

NUM_CONSTANTS = 200
"""Constants that are tried: so many of the right answers, and as many evenly between the least and the greatest."""


@dataclass(frozen=True, slots=True)
class Guess:
    """What guessing needs to know of a scored sample: the chance of a choice, 0..1, or the number that is right."""

    chance: float | None = None
    number: float | None = None


def guess_of(sample: Sample, gold: Extraction) -> Guess | None:
    """None where guessing is not defined: free text, view changes, and what has no gold answer that can be read."""
    if gold.value is None or asks_view_change(sample):
        return None
    if sample.answer_type is AnswerType.CHOICE and sample.options:
        return Guess(chance=1 / len(sample.options))
    return Guess(number=float(gold.value)) if sample.answer_type is AnswerType.NUMBER else None


def guessing_score(guesses: Sequence[Guess | None]) -> float | None:
    """The mean score, 0..1, of guessing at these samples, with one constant for all numbers; None without samples, or
    where guessing at one of them is not defined. Numbers count as mean relative accuracy whatever the metric mode.

    >>> guessing_score([Guess(chance=0.25), Guess(chance=0.5)])
    0.375
    """
    chances = [guess.chance for guess in guesses if guess is not None and guess.chance is not None]
    numbers = [guess.number for guess in guesses if guess is not None and guess.number is not None]
    if not guesses or len(chances) + len(numbers) < len(guesses):
        return None
    constant = best_constant(numbers)[1] if numbers else 0.0
    return (sum(chances) + len(numbers) * constant) / len(guesses)


def kind_of(guesses: Sequence[Guess | None]) -> str:
    """What is asked for: "choice", "number", "mixed"; "other" where guessing is not defined for one of them."""
    if any(guess is None for guess in guesses):
        return "other"
    kinds = {"number" if guess.chance is None else "choice" for guess in guesses if guess is not None}
    return kinds.pop() if len(kinds) == 1 else "mixed"


def best_constant(truths: Sequence[float]) -> tuple[float, float]:
    """The constant answer with the greatest mean relative accuracy, and that accuracy.

    >>> best_constant([2, 2, 2, 4])  # 4 is missed by half, which passes one threshold of ten
    (2.0, 0.775)
    """
    import numpy as np

    true = np.asarray(truths, dtype=np.float64)
    tried = np.union1d(
        np.quantile(true, np.linspace(0, 1, NUM_CONSTANTS), method="nearest"),
        np.linspace(true.min(), true.max(), NUM_CONSTANTS),
    )
    errors = np.abs(tried[:, None] - true) / np.where(true == 0, 1, np.abs(true))
    accuracy = np.mean([(errors <= 1 - theta).mean(axis=1) for theta in THRESHOLDS], axis=0)
    best = int(accuracy.argmax())
    return float(tried[best]), float(accuracy[best])
