"""Options of a task, read from strings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vilasr.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from vilasr.types import Size

SIDES = (64, 1024)
"""Least and greatest width and height of a picture, px."""
SIZE_TAKES = f"224 or 320x240 (sides of {SIDES[0]} to {SIDES[1]} pixels)"


class OptionReader:
    """What was given for the options of `task`. `takes` says for each of its options what it takes, for messages.

    Raises:
        InputError: here for an unknown option, in the methods for a bad value.
    """

    def __init__(self, task: str, given: Mapping[str, str], takes: Mapping[str, str]) -> None:
        self._task, self._given, self._takes = task, given, takes
        for key in given:
            if key not in takes:
                listing = "; ".join(f"{name}={values}" for name, values in takes.items())
                raise InputError(f"option of task {task}", expected=f"one of {listing}", got=repr(key))

    def one_of(self, key: str, allowed: Collection[str], default: str) -> str:
        value = self._given.get(key, default)
        if value not in allowed:
            raise self._bad(key, "one of " + ", ".join(allowed))
        return value

    def number(self, key: str, limits: tuple[int, int], default: int) -> int:
        if key not in self._given:
            return default
        value = self._given[key]
        if not re.fullmatch("[0-9]{1,3}", value) or not limits[0] <= int(value) <= limits[1]:
            raise self._bad(key, f"a whole number from {limits[0]} to {limits[1]}")
        return int(value)

    def numbers(self, key: str, limits: tuple[int, int], default: tuple[int, int]) -> tuple[int, int]:
        """ "4" is (4, 4), "3-6" is (3, 6)."""
        if key not in self._given:
            return default
        low, high = _pair("([0-9]{1,3})(?:-([0-9]{1,3}))?", self._given[key])
        if not limits[0] <= low <= high <= limits[1]:
            raise self._bad(key, self._takes[key])
        return (low, high)

    def picture_size(self, default: Size) -> Size:
        """Option `size`: "224" is (224, 224), "320x240" is (320, 240)."""
        if "size" not in self._given:
            return default
        size = _pair("([0-9]{1,5})(?:x([0-9]{1,5}))?", self._given["size"])
        if not all(SIDES[0] <= side <= SIDES[1] for side in size):
            raise self._bad("size", SIZE_TAKES)
        return size

    def _bad(self, key: str, expected: str) -> InputError:
        return InputError(f"option {key} of task {self._task}", expected=expected, got=repr(self._given[key]))


def _pair(pattern: str, value: str) -> tuple[int, int]:
    """The one or two numbers that `pattern` finds, one of them twice; (0, 0) when it finds none."""
    match = re.fullmatch(pattern, value)
    return (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
