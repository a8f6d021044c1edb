"""Fields of a row of a published file, checked: what is missing or wrong is a DataError that begins with its name."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from vilasr.errors import DataError
from vilasr.integrations.official import shown, text_of
from vilasr.protocol import LETTERS
from vilasr.scoring import extract_answer, extract_view_change
from vilasr.scoring.extract import same_text
from vilasr.types import AnswerType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vilasr.types import Json

_TAGGED = re.compile(r"<answer>(.*)</answer>", re.IGNORECASE | re.DOTALL)
_LETTER = re.compile(r"\(?([A-Za-z])(?:[.:)]+\s*(.*))?", re.DOTALL)
"""A letter alone, or with a mark after it, and what follows the mark: "a chair" is a text."""


def identity(row: Mapping[str, Any], key: str = "id") -> str:
    """The id of an item: a whole number or a text.

    Raises:
        DataError: anything else, or an empty one.
    """
    value = row.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return words(row, key)


def words(row: Mapping[str, Any], key: str) -> str:
    """A text that is not empty, without space around it.

    Raises:
        DataError: no text, or an empty one.
    """
    text = text_of(row, key).strip()
    if not text:
        raise DataError(f"{key}: expected some text; got none")
    return text


def listed(row: Mapping[str, Any], key: str) -> list[str]:
    """A list of texts.

    Raises:
        DataError: anything else.
    """
    value = row.get(key)
    if not isinstance(value, list):
        raise DataError(f"{key}: expected a list of texts; got {shown(value)}")
    return [text_of({key: entry}, key) for entry in value]


def gold(row: Mapping[str, Any], key: str, answer_type: AnswerType, options: Sequence[str] = ()) -> str:
    """The right answer of an item as a sample has it; the only texts among them are view changes.

    Raises:
        DataError: none of that type.
    """
    if answer_type is AnswerType.CHOICE:
        return gold_letter(row, key, options)
    return gold_number(row, key) if answer_type is AnswerType.NUMBER else gold_movements(row, key)


def gold_letter(row: Mapping[str, Any], key: str, options: Sequence[str]) -> str:
    """The letter of the right option: from the letter alone, the letter before its own text, or that text alone.

    Nothing else will do: what a model may say in passing, "Not sure, but B", is no ground truth.

    Raises:
        DataError: fewer than two options, or no such option.
    """
    if len(options) < 2:
        raise DataError(f"options: expected at least two; got {len(options) or 'none'}")
    text = words(row, key)
    if tagged := _TAGGED.fullmatch(text):
        text = tagged[1].strip()
    by_letter = dict(zip(LETTERS, options, strict=False))
    if match := _LETTER.fullmatch(text):
        letter, rest = match[1].upper(), match[2]
        if letter in by_letter and (not rest or same_text(rest, by_letter[letter])):
            return letter
    named = [letter for letter, option in by_letter.items() if same_text(text, option)]
    if len(named) != 1:
        raise DataError(f"{key}: expected one of the {len(options)} options; got {shown(row[key])}")
    return named[0]


def gold_number(row: Mapping[str, Any], key: str) -> str:
    """The right number in decimal digits, from a number or a text that holds one.

    Raises:
        DataError: no number, or an infinite one.
    """
    value: Json = row.get(key)
    found = extract_answer(value, AnswerType.NUMBER).value if isinstance(value, str) else value
    try:
        if isinstance(found, bool) or not isinstance(found, (int, float)) or not math.isfinite(found):
            raise DataError(f"{key}: expected a number; got {shown(value)}")
        return f"{found:.10g}"
    except OverflowError as error:  # a whole number of JSON may have thousands of digits
        raise DataError(f"{key}: expected a number that fits in a float; got {shown(value)}") from error


def gold_movements(row: Mapping[str, Any], key: str) -> str:
    """The right view change, as instructions.

    Raises:
        DataError: none that can be read.
    """
    found = extract_view_change(words(row, key))
    if not isinstance(found.value, str):
        raise DataError(f"{key}: expected movements such as move_right:0.3,rotate_up:10; got {shown(row[key])}")
    return found.value
