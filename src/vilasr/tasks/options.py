"""Values of options, read from strings as the tasks take them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vilasr.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Collection

    from vilasr.types import Size

SIDES = (64, 1024)
"""Least and greatest width and height of a picture, px."""
SIZE_TAKES = f"224 or 320x240 (sides of {SIDES[0]} to {SIDES[1]} pixels)"


def one_of(task: str, key: str, value: str, allowed: Collection[str]) -> str:
    """The value.

    Raises:
        InputError: when it is not allowed.
    """
    if value not in allowed:
        raise InputError(f"option {key} of task {task}", expected="one of " + ", ".join(allowed), got=repr(value))
    return value


def number_range(task: str, key: str, value: str, limits: tuple[int, int], *, takes: str) -> tuple[int, int]:
    """ "4" is (4, 4), "3-6" is (3, 6).

    Args:
        limits: least and greatest number.
        takes: what the message says that the option takes.

    Raises:
        InputError: for anything else, and for numbers out of the limits.
    """
    match = re.fullmatch(r"([0-9]{1,3})(?:-([0-9]{1,3}))?", value)
    low, high = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not limits[0] <= low <= high <= limits[1]:
        raise InputError(f"option {key} of task {task}", expected=takes, got=repr(value))
    return (low, high)


def picture_size(task: str, value: str) -> Size:
    """ "224" is (224, 224), "320x240" is (320, 240).

    Raises:
        InputError: for anything else, and for sides out of SIDES.
    """
    match = re.fullmatch("([0-9]{1,5})(?:x([0-9]{1,5}))?", value)
    width, height = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not all(SIDES[0] <= side <= SIDES[1] for side in (width, height)):
        raise InputError(f"option size of task {task}", expected=SIZE_TAKES, got=repr(value))
    return (width, height)
