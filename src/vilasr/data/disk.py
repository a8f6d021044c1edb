"""What can go wrong with the folder of a dataset: a full disk, two writers, leftovers of a killed one."""

from __future__ import annotations

import errno
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from vilasr.data.dataset import IMAGE_FOLDER, INFO_FILE, SHARD_FOLDER, DatasetInfo, shard_path
from vilasr.data.journal import journal_path, num_rows_there
from vilasr.errors import InputError
from vilasr.locks import lock_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
AGAIN = "give the same command again: it goes on where it stopped."


@contextmanager
def disk_errors(folder: Path, info: DatasetInfo) -> Iterator[None]:
    """Failures to write become InputErrors that name the folder, what is missing and what to do."""
    try:
        yield
    except OSError as error:
        raise _cannot_write(folder, info, error) from error


def _cannot_write(folder: Path, info: DatasetInfo, error: OSError) -> InputError:
    problem = str(error.strerror or error).lower()
    if error.errno not in FULL:
        remedy = f"Give another folder; or make it writable and {AGAIN}"
        return InputError(str(folder), expected="a folder that can be written", got=problem, remedy=remedy)
    there = num_rows_there(folder, info)
    missing = info.num - there
    needed = f", about {size_text(num_bytes(folder) * missing // there)}" if there else ""
    return InputError(
        str(folder),
        expected=f"room on the disk for {info.num:,} samples",
        got=f"{problem} after {there:,}; {missing:,} are missing{needed}",
        remedy=f"Free some space and {AGAIN}",
    )


def num_bytes(folder: Path) -> int:
    """Of all files in a dataset's folder; another process may be writing there."""
    total = 0
    for part in (IMAGE_FOLDER, SHARD_FOLDER):
        for path in (folder / part).glob("*"):
            with suppress(FileNotFoundError):  # a partial file that has its name by now
                total += path.stat().st_size
    return total


def size_text(num: int) -> str:
    """
    >>> size_text(999), size_text(3_400_000)
    ('1 kB', '3.4 MB')
    """
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if num >= factor:
            return f"{num / factor:.1f} {unit}"
    return f"{-(-num // 1000)} kB"


@contextmanager
def only_writer(folder: Path, info: DatasetInfo) -> Iterator[None]:
    """Raises InputError while another process writes this dataset, or where it cannot be written."""
    with disk_errors(folder, info):
        file = (folder / INFO_FILE).open("r+b")
    with file:
        got, remedy = "another process that is writing it", "Wait for it, or give another folder."
        lock_for(folder, file, expected="a dataset of its own", got=got, remedy=remedy)
        yield


def remove_leftovers(folder: Path, info: DatasetInfo) -> None:
    """Files that a killed writer had begun, and journals that their shards have replaced."""
    with disk_errors(folder, info):
        for part in (folder, folder / IMAGE_FOLDER, folder / SHARD_FOLDER):
            for path in part.glob(".*.part"):
                path.unlink(missing_ok=True)
        for shard in range(info.num_shards):
            if shard_path(folder, shard).exists():
                journal_path(folder, shard).unlink(missing_ok=True)
