"""Of the rollouts that passed the rules, as many as wanted from each question and each kind."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vilasr.training.rejection_config import BalanceSection, SelectSection
    from vilasr.training.selection import Judgement, Key

Stratum = tuple[str, str, int]
"""(task, question type, turns as a multiple of `turns_per_stratum`, rounded down)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """What is trained on.

    Attributes:
        kept: in the order of their keys.
        num_plain: those of them without a correction.
        left_out: why rollouts that passed the rules were not taken -> how many.
    """

    kept: tuple[Key, ...]
    num_plain: int
    left_out: Mapping[str, int]


def balanced(
    judgements: Iterable[Judgement], *, select: SelectSection, balance: BalanceSection, seed: int
) -> Selection:
    """Take from those that passed, in an order that follows from `seed` and the keys alone.

    Plain ones come last, so that they fill gaps and take no place from a reflective one.
    """
    drawn = sorted(judgements, key=lambda judgement: judgement.key)
    random.Random(f"{seed}/balance").shuffle(drawn)
    taking = _Taking(balance)
    kept = taking.take([judgement for judgement in drawn if not judgement.failures], most=None)
    share = select.plain_share
    most = int(len(kept) * share / (1 - share) + 1e-9)  # a share that is met exactly stays met in floating point
    plain = taking.take([judgement for judgement in drawn if judgement.is_plain], most=most) if share else []
    return Selection(
        kept=tuple(sorted(judgement.key for judgement in (*kept, *plain))),
        num_plain=len(plain),
        left_out=dict(taking.left_out.most_common()),
    )


def stratum_of(judgement: Judgement, turns_per_stratum: int) -> Stratum:
    return judgement.task, judgement.question_type, (judgement.num_turns - 1) // turns_per_stratum


class _Taking:
    """Takes one after the other, and counts what is taken of each question and stratum."""

    def __init__(self, balance: BalanceSection) -> None:
        self.balance = balance
        self.of_question: Counter[str] = Counter()
        self.of_stratum: Counter[Stratum] = Counter()
        self.left_out: Counter[str] = Counter()

    def take(self, candidates: Sequence[Judgement], *, most: int | None) -> list[Judgement]:
        taken: list[Judgement] = []
        for judgement in candidates:
            question, stratum = judgement.key[0], stratum_of(judgement, self.balance.turns_per_stratum)
            why = "beyond the share of plain ones" if len(taken) == most else self._why_not(question, stratum)
            if why:
                self.left_out[why] += 1
            else:
                taken.append(judgement)
                self.of_question[question] += 1
                self.of_stratum[stratum] += 1
        return taken

    def _why_not(self, question: str, stratum: Stratum) -> str:
        if self.of_question[question] == self.balance.max_per_question:
            return f"more than {self.balance.max_per_question} of one question"
        if self.of_stratum[stratum] == self.balance.max_per_stratum:
            return f"more than {self.balance.max_per_stratum} of one task, question type and length"
        return ""
