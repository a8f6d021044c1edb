"""Fields of a row of a published file, checked: what is missing or wrong is a DataError that begins with its name."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from vilasr.errors import DataError
from vilasr.integrations.official import shown, text_of
from vilasr.scoring import extract_answer
from vilasr.types import AnswerType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vilasr.types import Json


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


def gold_letter(row: Mapping[str, Any], key: str, options: Sequence[str]) -> str:
    """The letter of the right option, from a letter or the text of an option.

    Raises:
        DataError: no such option.
    """
    found = extract_answer(words(row, key), AnswerType.CHOICE, options)
    if not isinstance(found.value, str):
        expected = f"one of the {len(options)} options" if options else "a letter"
        raise DataError(f"{key}: expected {expected}; got {shown(row[key])}")
    return found.value


def gold_number(row: Mapping[str, Any], key: str) -> str:
    """The right number in decimal digits, from a number or a text that holds one.

    Raises:
        DataError: no number, or an infinite one.
    """
    value: Json = row.get(key)
    found = extract_answer(value, AnswerType.NUMBER).value if isinstance(value, str) else value
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not math.isfinite(found):
        raise DataError(f"{key}: expected a number; got {shown(value)}")
    return f"{found:.10g}"
