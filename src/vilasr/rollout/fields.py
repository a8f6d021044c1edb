"""Checked access to the fields of untrusted JSON: the value with its type, or a DataError that names the field."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NoReturn, TypeVar

from vilasr.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from enum import Enum

    from vilasr.types import Json

    EnumType = TypeVar("EnumType", bound=Enum)

MAX_NUMBER = 1e300
"""int to float overflows beyond 1e308; such a number is as useless as an infinite one."""


def value_of(data: Json, key: str) -> Json:
    """Raises DataError when `data` is no object or has no such field."""
    if not isinstance(data, dict) or key not in data:
        raise DataError(f"no field {key!r}")
    return data[key]


def text(data: Json, key: str) -> str:
    value = value_of(data, key)
    return value if isinstance(value, str) else _wrong(key, "a string", value)


def optional_text(data: Json, key: str) -> str | None:
    return None if value_of(data, key) is None else text(data, key)


def flag(data: Json, key: str) -> bool:
    value = value_of(data, key)
    return value if isinstance(value, bool) else _wrong(key, "true or false", value)


def integer(data: Json, key: str, *, least: int | None = None, most: int | None = None) -> int:
    return _integer(value_of(data, key), key, least, most)


def number(data: Json, key: str) -> float:
    return _number(value_of(data, key), key)


def mapping(data: Json, key: str) -> dict[str, Json]:
    value = value_of(data, key)
    return value if isinstance(value, dict) else _wrong(key, "an object", value)


def items(data: Json, key: str) -> list[Json]:
    value = value_of(data, key)
    return value if isinstance(value, list) else _wrong(key, "a list", value)


def texts(data: Json, key: str) -> tuple[str, ...]:
    return tuple(value if isinstance(value, str) else _wrong(key, "strings", value) for value in items(data, key))


def integers(data: Json, key: str, *, least: int | None = None, most: int | None = None) -> tuple[int, ...]:
    return tuple(_integer(value, key, least, most) for value in items(data, key))


def numbers(data: Json, key: str, *, length: int | None = None) -> tuple[float, ...]:
    values = tuple(
        value if type(value) is float and abs(value) < MAX_NUMBER else _number(value, key) for value in items(data, key)
    )  # the check inline for most of them: coordinates and log-probabilities by the thousand
    return values if length in (None, len(values)) else _wrong(key, f"{length} numbers", values)


def choice(data: Json, key: str, kinds: type[EnumType]) -> EnumType:
    value = text(data, key)
    try:
        return kinds(value)
    except ValueError:
        return _wrong(key, "one of " + ", ".join(str(kind.value) for kind in kinds), value)


def _integer(value: Json, key: str, least: int | None, most: int | None) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        return _wrong(key, "a whole number", value)
    if (least is not None and value < least) or (most is not None and value > most):
        return _wrong(key, f"a whole number from {least} to {'any' if most is None else most}", value)
    return value


def _number(value: Json, key: str) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or abs(value) > MAX_NUMBER
        or not math.isfinite(value)
    ):
        return _wrong(key, "a finite number", value)
    return float(value)


def _wrong(key: str, expected: str, value: Json | Sequence[float]) -> NoReturn:
    shown = repr(value)
    raise DataError(f"{key}: expected {expected}; got {shown if len(shown) <= 60 else shown[:57] + '...'}")
