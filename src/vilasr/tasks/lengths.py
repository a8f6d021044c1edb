"""Lengths that the question tells: which is the least or the most of them, how many metres is one.

A lesson, as `vilasr.tasks.marks` is. In a room a small model must see, say what it measured, and follow from it, and it
sees long before it compares. Here the picture is empty, and what is told is said in the words of `static`: hundreds of
samples for the price of one room.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PIL import Image

from vilasr.tasks.asking.choices import letter
from vilasr.tasks.asking.plan import concluded
from vilasr.tasks.asking.words import centimetres, joined, least, measures, metres, most
from vilasr.tasks.base import Demonstration, DemoTurn, DrawingGrade, FramePoint, generator_for
from vilasr.tasks.options import OptionReader
from vilasr.tasks.scenes.catalogue import CLASSES
from vilasr.tasks.scenes.colors import COLORS
from vilasr.types import AnswerType, Sample

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    from vilasr.types import Rollout

_SIDE_PX = 64
_RANGE_M = (0.1, 6.0)
_RATIOS = (1.15, 2.5)
"""Between a length and the next greater one: as far apart as those that are compared in rooms."""
_MAX_NUM = 4
_LONGEST_M = 9.0
_LETTERED = 0.3
"""How often letters have the lengths, and not things."""
_QUESTIONS = ("least", "most", "metres")
_TEXTS = {
    "least": ("It is {told}. Which is nearest?", "The lengths are {told}. Which one is the least?"),
    "most": ("The longest sides are {told}. Which is the largest?", "It is {told}. Which one is the most?"),
    "metres": (
        "It is {told}. How many metres is it {whose}?",
        "The lengths are {told}. Which is that {whose}, in metres?",
    ),
}


class LengthsTask:
    """Two to four lengths, of things or of letters; option `question`: least, most, metres or mixed."""

    name = "lengths"
    version = 2

    def generate(self, split: str, index: int, seed: int, options: Mapping[str, str] = {}) -> Sample:
        """`metadata`: `lengths` in m, and `whose` they are, "to the red mug", in the order in which they are told."""
        takes = {"question": "|".join((*_QUESTIONS, "mixed"))}
        wish = OptionReader(self.name, options, takes).one_of("question", (*_QUESTIONS, "mixed"), "mixed")
        rng = generator_for(self.name, self.version, split, seed, index)
        question = rng.choice(_QUESTIONS) if wish == "mixed" else wish
        lengths = _lengths(rng.randint(2, _MAX_NUM), rng)
        asked = {"least": min(lengths), "most": max(lengths)}.get(question, rng.choice(lengths))
        lettered = rng.random() < _LETTERED
        names = [letter(number) for number in range(len(lengths))] if lettered else _things(len(lengths), rng)
        joint = "at" if lettered else "for the" if question == "most" else "to the"
        whose = [f"{joint} {name}" for name in names]
        place = lengths.index(asked)
        told = joined(measures(lengths, whose))
        shown = [] if question == "metres" else names if lettered else rng.sample(names, len(names))
        return Sample(
            id=f"{self.name}/{split}/{seed}/{index}/{wish}",
            task=self.name,
            question=rng.choice(_TEXTS[question]).format(told=told, whose=whose[place]),
            images=(Image.new("RGB", (_SIDE_PX, _SIDE_PX), tuple(rng.randrange(256) for _ in "rgb")),),
            options=tuple(shown),
            answer=letter(shown.index(names[place])) if shown else metres(asked),
            answer_type=AnswerType.CHOICE if shown else AnswerType.NUMBER,
            metadata={"question_type": question, "lengths": lengths, "whose": whose, "value": asked},
        )

    def demonstrate(
        self, sample: Sample, rng: random.Random, *, frame: FramePoint, drawing: bool = True, mistake: bool = False
    ) -> Demonstration:
        """One turn, that says the length again and answers: there is nothing to draw, and no mistake to be seen."""
        facts, answer = sample.metadata, sample.answer or ""
        lengths, whose = facts["lengths"], facts["whose"]
        if not sample.options:
            whole = centimetres(facts["value"])
            said = rng.choice((f"It is about {whole} cm, {answer} m.", f"That is {whole} cm: {answer} m."))
        else:
            said = concluded(f"{(least if facts['question_type'] == 'least' else most)(lengths, whose)}.", sample)
        return (DemoTurn(thought=said, answer=answer),)

    def grade_drawing(self, sample: Sample, rollout: Rollout) -> DrawingGrade:
        """1 where nothing is drawn, as there is nothing to draw."""
        num = len(rollout.images[-1].instances)
        return DrawingGrade(score=float(num == 0), num_graded=num, num_valid=0)


def _lengths(num: int, rng: random.Random) -> list[float]:
    """`num` lengths in m that can be told apart, in any order; such as are told."""
    low, high = map(math.log, _RANGE_M)
    lengths = [math.exp(rng.uniform(low, high))]
    while len(lengths) < num:
        lengths.append(lengths[-1] * rng.uniform(*_RATIOS))
    # Not beyond what two rooms are long: then all are scaled alike.
    scale = min(1.0, _LONGEST_M / lengths[-1])
    return [int(centimetres(length * scale)) / 100 for length in rng.sample(lengths, num)]


def _things(num: int, rng: random.Random) -> list[str]:
    """Names of things, half of the time with colours, in which case the class may be the same."""
    if rng.random() < 0.5:
        return rng.sample(sorted(CLASSES), num)
    classes = rng.sample(sorted(CLASSES), 2)
    return rng.sample([f"{color} {name}" for color in COLORS for name in classes], num)
