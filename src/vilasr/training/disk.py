"""What can go wrong with the folder of a run: a full disk."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from safetensors import SafetensorError

from vilasr.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Failures to write `path` become InputErrors that name it and say what to do."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise InputError(
            str(path),
            expected="a disk that can be written to and has room",
            got=str(error),
            remedy="Make room, then give the same command again: it goes on from the last checkpoint.",
        ) from error
