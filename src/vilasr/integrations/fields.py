"""Fields of a row of a stranger's file, checked: what is missing or wrong is a DataError that begins with its name.

What a model answers is read leniently (`vilasr.scoring`), what is said to be right strictly: a ground truth that is
only mentioned in passing, "not sure, but B" or "about 3", is none.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from vilasr.errors import DataError
from vilasr.protocol import LETTERS
from vilasr.scoring import exact_number
from vilasr.scoring.extract import same_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vilasr.types import Json

MAX_SHOWN = 80

_TAGGED = re.compile(r"<answer>(.*)</answer>", re.IGNORECASE | re.DOTALL)
_LETTER = re.compile(r"\(?([A-Za-z])(?:[.:)]+\s*(.*))?", re.DOTALL)
"""A letter alone, or with a mark after it, and what follows the mark: "a chair" is a text."""


def text_of(row: Mapping[str, Json], key: str) -> str:
    """The text in a field, which must be there and be Unicode."""
    if key not in row:
        raise DataError(f"{key}: no such field")
    value = row[key]
    if not isinstance(value, str):
        raise DataError(f"{key}: expected text; got {shown(value)}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{key}: expected Unicode text; got half of a surrogate pair") from error
    return value


def words(row: Mapping[str, Json], key: str) -> str:
    """A text that is not empty, without space around it.

    Raises:
        DataError: no text, or an empty one.
    """
    text = text_of(row, key).strip()
    if not text:
        raise DataError(f"{key}: expected some text; got none")
    return text


def gold_letter(row: Mapping[str, Any], key: str, options: Sequence[str]) -> str:
    """The letter of the right option: from the letter alone, the letter before its own text, or that text alone.

    Raises:
        DataError: fewer than two options, or no such option.
    """
    if len(options) < 2:
        raise DataError(f"options: expected at least two; got {len(options) or 'none'}")
    text = _untagged(words(row, key))
    by_letter = dict(zip(LETTERS, options, strict=False))
    if match := _LETTER.fullmatch(text):
        letter, rest = match[1].upper(), match[2]
        if letter in by_letter and (not rest or same_text(rest, by_letter[letter])):
            return letter
    named = [letter for letter, option in by_letter.items() if same_text(text, option)]
    if len(named) != 1:
        raise DataError(f"{key}: expected one of the {len(options)} options; got {shown(row[key])}")
    return named[0]


def gold_letter_alone(row: Mapping[str, Any], key: str) -> str:
    """The letter of the right option, where the options stand in the question: with or without a text after it.

    Raises:
        DataError: anything else.
    """
    match = _LETTER.fullmatch(_untagged(words(row, key)))
    if match is None:
        raise DataError(f"{key}: expected the letter of an option; got {shown(row[key])}")
    return match[1].upper()


def gold_number(row: Mapping[str, Any], key: str) -> str:
    """The right number in decimal digits, from a number or a text that is one and nothing more.

    Raises:
        DataError: no number, or an infinite one.
    """
    value: Json = row.get(key)
    found = exact_number(_untagged(value)) if isinstance(value, str) else value
    try:
        if isinstance(found, bool) or not isinstance(found, (int, float)) or not math.isfinite(found):
            raise DataError(f"{key}: expected a number; got {shown(value)}")
        return f"{found:.10g}"
    except OverflowError as error:  # a whole number of JSON may have thousands of digits
        raise DataError(f"{key}: expected a number that fits in a float; got {shown(value)}") from error


def shown(value: Json) -> str:
    """A value of a stranger in a message: short, on one line."""
    text = ascii(value)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 3] + "..."


def _untagged(text: str) -> str:
    match = _TAGGED.fullmatch(text.strip())
    return match[1].strip() if match else text
