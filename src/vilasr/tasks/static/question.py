"""A question about a picture, and how its answer is kept out of its words.

A reader who never sees the picture must not do better than chance. What is nearer, larger or above can be guessed from
what things are: a book is nearer than a wardrobe, since farther away it would be too small to be asked about. So a
question is put to several worlds that answer it differently (the same scene from another camera, or a scene in which
two things have changed places or sizes), it is dropped unless each of them may be asked about, and a lot decides which
of them is shown. Then the words are the same whatever the answer, and each answer is equally likely.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vilasr.tasks.asking.choices import letter
from vilasr.types import AnswerType

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

    from vilasr.tasks.asking.plan import Plan
    from vilasr.tasks.static.look import Look
    from vilasr.types import Json, Point


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """Attributes:
    look: the picture that is asked about.
    answer: a letter where there are options, else a number.
    dots: painted into the picture: where, and the letter on it ("" for none).
    dot_color: of those without a letter; a key of DOT_COLORS.
    truth: JSON, enough to compute the answer again.
    """

    look: Look
    text: str
    answer: str
    plan: Plan
    truth: Mapping[str, Json]
    options: tuple[str, ...] = ()
    dots: tuple[tuple[Point, str], ...] = ()
    dot_color: str = "red"

    @property
    def answer_type(self) -> AnswerType:
        return AnswerType.CHOICE if self.options else AnswerType.NUMBER


def by_lot(worlds: Sequence[Question], rng: random.Random) -> Question:
    """One of several worlds with the same words and different answers, each as likely.

    Raises:
        ValueError: when the words differ, or two answers agree.
    """
    if len({(world.text, world.options) for world in worlds}) > 1 or len({w.answer for w in worlds}) < len(worlds):
        raise ValueError(f"worlds of one question: {[(w.text, w.options, w.answer) for w in worlds]}")
    return rng.choice(worlds)


def shorter(lengths: tuple[float, float]) -> str:
    """The letter of the shorter of two lengths."""
    return letter(int(lengths[1] < lengths[0]))
