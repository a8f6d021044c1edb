"""Fields of a row of a published file, checked: what is missing or wrong is a DataError that begins with its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vilasr.errors import DataError
from vilasr.integrations.fields import gold_letter, gold_number, shown, text_of, words
from vilasr.scoring import extract_view_change
from vilasr.types import AnswerType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def identity(row: Mapping[str, Any], key: str = "id") -> str:
    """The id of an item: a whole number or a text.

    Raises:
        DataError: anything else, or an empty one.
    """
    value = row.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return words(row, key)


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


def gold_movements(row: Mapping[str, Any], key: str) -> str:
    """The right view change, as instructions.

    Raises:
        DataError: none that can be read.
    """
    found = extract_view_change(words(row, key))
    if not isinstance(found.value, str):
        raise DataError(f"{key}: expected movements such as move_right:0.3,rotate_up:10; got {shown(row[key])}")
    return found.value
