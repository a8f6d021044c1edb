"""What can go wrong with the folder of a run: a full disk, or one that cannot be written."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from safetensors import SafetensorError

from vilasr.data.disk import FULL
from vilasr.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def disk_errors(path: Path, *, then: str = "it goes on from the last checkpoint") -> Iterator[None]:
    """Failures to write `path` become InputErrors that name it and say what to do, and what comes then."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        number = _number(error)
        is_full = number in FULL
        raise InputError(
            str(path),
            expected="room on the disk" if is_full else "a place that can be written",
            got=str(error) if number is None else os.strerror(number).lower(),
            remedy=f"Make {'room' if is_full else 'it writable'}, then give the same command again: {then}.",
        ) from error


def _number(error: OSError | SafetensorError) -> int | None:
    """The number of the system's error; safetensors says it in words: "No space left on device (os error 28)"."""
    if isinstance(error, OSError):
        return error.errno
    found = re.search(r"os error (\d+)", str(error))
    return int(found[1]) if found else None
