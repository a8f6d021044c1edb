"""`vilasr` and `vilasr-reward`: what the published ViLaSR code evaluates and trains with, for every benchmark.

`vilasr` (evaluation): a choice is the first character of the answer, in either case, so "Because" is B and "(B)" is
nothing. A number is an answer that Python's `float` reads as a whole, so "3.5 meters" is nothing. Mean relative
accuracy in float32 with 1e-8 added to the truth. (Its code stops at an empty answer; here that is wrong.)

`vilasr-reward` (training): a choice must be the letter exactly, so "b" and "B." are wrong. A number is the first one in
the text, with its sign and without exponent. The same accuracy with `<` for `<=`. View changes are never right.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from vilasr.scoring.extract import Extraction
from vilasr.scoring.modes.official import read_exact_instructions, read_first_character
from vilasr.scoring.modes.rules import Rules, letter_or_nothing, number_or_nothing, read_text, said
from vilasr.scoring.mra import mean_relative_accuracy

if TYPE_CHECKING:
    from vilasr.types import Sample

_FIRST_NUMBER = re.compile(r"[-+]?\d*\.?\d+")


def read_whole_number(answer: str, sample: Sample) -> Extraction:
    return number_or_nothing(said(answer), said(answer), "the whole answer")


def read_exact_letter(answer: str, sample: Sample) -> Extraction:
    text = said(answer)
    return letter_or_nothing(text if text.isupper() else "", text, "the whole answer")


def read_first_number(answer: str, sample: Sample) -> Extraction:
    text = said(answer)
    match = _FIRST_NUMBER.search(text)
    return number_or_nothing(match[0] if match else "", text, "the first number")


def read_nothing(answer: str, sample: Sample) -> Extraction:
    return Extraction(value=None, parsed=said(answer), reason="the published reward knows no view changes")


EVALUATION = Rules(
    choice=read_first_character,
    number=read_whole_number,
    view_change=read_exact_instructions,
    text=read_text,
    accuracy=partial(mean_relative_accuracy, single=True),
)
REWARD = replace(
    EVALUATION,
    choice=read_exact_letter,
    number=read_first_number,
    view_change=read_nothing,
    accuracy=partial(mean_relative_accuracy, single=True, strict=True),
)
