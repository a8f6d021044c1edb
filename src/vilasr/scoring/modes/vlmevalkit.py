"""`vlmevalkit`: the spatial benchmarks of VLMEvalKit (EASI) when it matches by rule, without a language model, in
English.

A letter is looked for among A to F, as follows; the first find counts.
1. The last six lines, from the last to the first, but for those that begin "Option A:": a line that is a letter in
   either case, brackets and Markdown apart; or that begins with one as with a label ("B. left"); or in which exactly
   one capital stands alone, however often.
2. After "answer" or "answer is", in either case.
3. The one capital that stands alone in the whole text.
So "Apple is wrong, B" and "Option B" are B, and "Because" is nothing.

A number is the last one in the text, after the words zero to twenty have become digits: sign and exponent are read,
separators are not ("1,200" is 200, "5-6" is -6, "12 m2" is 2).

View changes are read item by item, and what cannot be read is skipped; an answer of which nothing is left says that
nothing moves, which is right on every axis that has not moved.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vilasr.scoring.extract import Extraction
from vilasr.scoring.modes.rules import Rules, letter_or_nothing, number_or_nothing, read_text, said
from vilasr.scoring.numbers import UNITS
from vilasr.scoring.view_change import written

if TYPE_CHECKING:
    from vilasr.types import Sample

NUM_LINES = 6

_INVISIBLE = re.compile("[\u200b-\u200d\ufeff]")
_OF_THE_OPTIONS = re.compile(r"[*_>\s-]*option\s+[A-J]\s*:", re.IGNORECASE)
_LETTER_LINE = re.compile(r"[*_`>()\[\]]*\s*([A-F])\s*[*_`()\[\]]*", re.IGNORECASE)
_LABEL = re.compile(r"([A-F])\s*[.:)\]-]\s+", re.IGNORECASE)
_CAPITAL_IN_LINE = re.compile(r"(?<![A-Za-z])([A-F])[*_`\]})]*(?=$|[\s.,:;!?)\]])")
_PHRASE = re.compile(r"answer(?:\s*+is)?\s*+[:>=]?\s*+[(\[{]?\s*+([A-F])\s*[)\]}]?(?:\b|[.)])", re.IGNORECASE)
_CAPITAL = re.compile(r"(?<![A-Za-z])([A-F])(?![A-Za-z])")
_NUMBER = re.compile(r"[-+]?(?:\d*\.\d+|\d+)(?:e[-+]?\d+)?", re.IGNORECASE)
_DIGITS_OF = {word: str(value) for word, value in UNITS.items()} | {"twenty": "20"}
_NUMBER_WORD = re.compile(rf"\b(?:{'|'.join(_DIGITS_OF)})\b", re.IGNORECASE)


def read_letter(answer: str, sample: Sample) -> Extraction:
    text = _visible(answer)
    lines = [line.strip() for line in text.splitlines()[-NUM_LINES:]]
    found = next(filter(None, map(_letter_of_line, reversed(lines))), None)
    if found:
        return letter_or_nothing(found, text, "the last line with a letter")
    if phrase := _PHRASE.search(text):
        return letter_or_nothing(phrase[1], text, "after the word answer")
    rest = "\n".join(line for line in text.splitlines() if not _OF_THE_OPTIONS.match(line))
    return letter_or_nothing(_only_one(_CAPITAL, rest), text, "the only capital that stands alone")


def _letter_of_line(line: str) -> str:
    if _OF_THE_OPTIONS.match(line):
        return ""
    match = _LETTER_LINE.fullmatch(line) or _LABEL.match(line)
    return match[1] if match else _only_one(_CAPITAL_IN_LINE, line)


def _only_one(letter: re.Pattern[str], text: str) -> str:
    letters = set(letter.findall(text))
    return letters.pop() if len(letters) == 1 else ""


def read_last_number(answer: str, sample: Sample) -> Extraction:
    text = _visible(answer)
    numbers = _NUMBER.findall(_NUMBER_WORD.sub(lambda word: _DIGITS_OF[word[0].lower()], text)) or [""]
    return number_or_nothing(numbers[-1], text, "the last number")


def read_what_can_be_read(answer: str, sample: Sample) -> Extraction:
    text = _visible(answer)
    moves = {}
    for item in text.split(","):
        move, _, amount = item.partition(":")
        value = number_or_nothing(amount, amount, "").value
        if isinstance(value, float):
            moves[move.strip()] = value
    return Extraction(value=written(moves), parsed=text, reason=f"{len(moves)} moves")


def _visible(answer: str) -> str:
    return _INVISIBLE.sub("", said(answer)).strip()


RULES = Rules(choice=read_letter, number=read_last_number, view_change=read_what_can_be_read, text=read_text)
