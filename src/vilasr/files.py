"""Files on disk: written whole or not at all, and held by one process at a time."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write what `path` shall hold. `path` has all of it once the block has ended; where the block fails, or
    the process is killed, what it had before. Raises OSError."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_atomically(path: Path, data: bytes) -> None:
    """`path` holds all of `data`, or what it held before. Raises OSError."""
    with replacing(path) as file:
        file.write(data)


def lock(file: BinaryIO | int) -> None:
    """Take an open file, or a descriptor, for this process until it is closed.

    Raises:
        BlockingIOError: another process has it.
    """
    try:
        import fcntl
    except ImportError:  # no such locks on Windows: there, two writers at once are the user's care
        return
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
