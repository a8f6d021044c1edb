"""Rows of a shard that is not whole yet, one JSON line each, so that an interrupted run loses none of them.

The file's name is hidden and no reader looks at it; the shard replaces it. A line that was cut off is made again, and
so is one whose images a power cut took.
"""

from __future__ import annotations

import errno
import json
import os
from typing import TYPE_CHECKING, Any

from vilasr.data.dataset import SHARD_FOLDER, DatasetInfo, shard_path
from vilasr.data.rows import decode_row
from vilasr.drawing import is_whole_png
from vilasr.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

Row = dict[str, Any]


def journal_path(folder: Path, shard: int) -> Path:
    return folder / SHARD_FOLDER / f".{shard:05d}.rows.jsonl"


def num_rows_there(folder: Path, info: DatasetInfo) -> int:
    """Rows that need not be made again: those of whole shards, and those in journals."""
    total = 0
    for shard in range(info.num_shards):
        if shard_path(folder, shard).exists():
            total += len(info.rows_of(shard))
        elif journal_path(folder, shard).exists():
            total += journal_path(folder, shard).read_bytes().count(b"\n")
    return min(total, info.num)


class Journal:
    """The journal of one shard; use it as a context manager.

    Attributes:
        rows: in order from the first of the shard; those that were there, then those appended.
    """

    def __init__(self, folder: Path, shard: int, *, most: int) -> None:
        """Read the whole lines that are there, at most `most`, and cut off the rest."""
        self.path = journal_path(folder, shard)
        self.rows: list[Row] = []
        whole = 0
        for line in self.path.read_bytes().splitlines(keepends=True) if self.path.exists() else ():
            row = _read_line(line, folder)
            if row is None or len(self.rows) == most:
                break
            self.rows.append(row)
            whole += len(line)
        self._file = self.path.open("ab", buffering=0)
        self._file.truncate(whole)

    def append(self, row: Row) -> None:
        """When it returns, a killed process does not lose the row. Raises OSError."""
        line = json.dumps(row, separators=(",", ":")).encode() + b"\n"
        if self._file.write(line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.rows.append(row)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _read_line(line: bytes, folder: Path) -> Row | None:
    """None for a line that is cut off or broken, or whose images are."""
    try:
        row = json.loads(line) if line.endswith(b"\n") else None
        if isinstance(row, dict):
            decode_row(row, folder)
            return row if all(is_whole_png(folder / image) for image in row["images"]) else None
    except (ValueError, RecursionError, KeyError, DataError):
        pass
    return None
