"""`official` and `lmms-eval`: the scorers of the benchmarks' authors, and their ports in lmms-eval.

VSI-Bench: an answer is what stands before the first space, without closing full stops. It must be the letter, in
either case, or something that Python's `float` reads; so "3.5 meters" is 3.5, and "(B)", "about 3" and "1,200" are
nothing. A benchmark without a scorer of its own here is scored in the same way.

SPAR-Bench: a choice is the first character of the answer, so "Because" is B. A number is the first run of digits, with
at most one point and without its sign; the last one where the question is about several views (types that end in
"_mv"). View changes are instructions without a stray character. Two slips are kept in `official` alone: an answer
counts as right when it is contained in the right one, so an empty one does; and the error of a view change is taken
relative to the *prediction*.

MMSI-Bench: what stands in double backticks, in that what stands in single ones, in that what stands in braces, in that
the first A, B, C or D that stands alone and is not followed by a word. (Its authors ask a language model where that
finds nothing; here that is no answer.)
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from vilasr.scoring.extract import Extraction
from vilasr.scoring.modes.rules import Rules, letter_or_nothing, number_or_nothing, read_text, said
from vilasr.scoring.view_change import written

if TYPE_CHECKING:
    from vilasr.types import Sample

_DIGITS = re.compile(r"(?<!\^)(?:\d+\.\d+|\d+)")
_ENCLOSED = (re.compile("``([^`]*)``"), re.compile("`([^`]*)`"), re.compile(r"\{([^}]*)\}"))
_STANDING = re.compile(r"(?<!\w)[A-D](?!\w|\s[A-Za-z])")


# --- VSI-Bench --------------------------------------------------------------------------------------------------------


def first_word(answer: str) -> str:
    return said(answer).partition(" ")[0].rstrip(".").strip()


def read_first_word_as_letter(answer: str, sample: Sample) -> Extraction:
    return letter_or_nothing(first_word(answer), said(answer), "the first word")


def read_first_word_as_number(answer: str, sample: Sample) -> Extraction:
    return number_or_nothing(first_word(answer), said(answer), "the first word")


# --- SPAR-Bench -------------------------------------------------------------------------------------------------------


def read_first_character(answer: str, sample: Sample) -> Extraction:
    return letter_or_nothing(said(answer)[:1], said(answer), "the first character")


def read_digits(answer: str, sample: Sample) -> Extraction:
    text = said(answer)
    last = str(sample.metadata.get("question_type", "")).endswith("_mv")
    found = [match[0] for match in _DIGITS.finditer(text)] or [""]
    return number_or_nothing(found[-1 if last else 0], text, f"the {'last' if last else 'first'} digits")


def read_exact_instructions(answer: str, sample: Sample) -> Extraction:
    text = said(answer)
    try:
        pairs = [item.split(":") for item in text.split(",")]
        moves = {move: float(amount) for move, amount in pairs}
    except ValueError:
        moves = {}
    if not moves or not all(map(math.isfinite, moves.values())):
        return Extraction(value=None, parsed=text, reason="no exact instructions" if text else "empty")
    return Extraction(value=written(moves), parsed=text, reason="exact instructions")


# --- MMSI-Bench -------------------------------------------------------------------------------------------------------


def read_enclosed_letter(answer: str, sample: Sample) -> Extraction:
    text = said(answer)
    inner = text
    for enclosed in _ENCLOSED:
        match = enclosed.search(inner)
        inner = match[1] if match else inner
    letter = _STANDING.search(inner)
    return letter_or_nothing(letter[0] if letter else "", text, "the first of A-D that stands alone")


# --- the modes --------------------------------------------------------------------------------------------------------

VSI = Rules(
    choice=read_first_word_as_letter,
    number=read_first_word_as_number,
    view_change=read_exact_instructions,
    text=read_text,
)
SPAR = replace(VSI, choice=read_first_character, number=read_digits, empty_is_right=True, divide_by_prediction=True)
SPAR_OF_LMMS_EVAL = replace(SPAR, empty_is_right=False, divide_by_prediction=False)
MMSI = replace(VSI, choice=read_enclosed_letter)
