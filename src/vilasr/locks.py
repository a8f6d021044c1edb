"""Locks of files and folders, for those who refuse instead of waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vilasr.errors import InputError
from vilasr.files import lock

if TYPE_CHECKING:
    from typing import BinaryIO


def lock_for(name: object, file: BinaryIO | int, *, expected: str, got: str, remedy: str) -> None:
    """`lock`, for who does not wait: where another process has it, an InputError about `name` in these words."""
    try:
        lock(file)
    except BlockingIOError as error:
        raise InputError(str(name), expected=expected, got=got, remedy=remedy) from error
