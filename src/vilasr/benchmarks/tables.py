"""Rows of parquet, JSONL and JSON files, one by one, without trusting a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vilasr.errors import DataError, InputError
from vilasr.integrations.json_rows import parse_row, read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

BATCH_ROWS = 16
"""Rows of a parquet file held at a time: each may hold ten photographs."""


@dataclass(frozen=True, slots=True)
class Row:
    """Row `number`, from 1, of a file; `problem` says why it has no values."""

    number: int
    values: Mapping[str, Any]
    problem: str = ""


def read_table(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    """The rows of a file; of a parquet file all columns, of which `columns` must be there.

    Raises:
        InputError: the file cannot be read, or it lacks a column.
    """
    return _parquet_rows(path, columns) if path.suffix == ".parquet" else _json_rows(path)


def count_rows(path: Path) -> int:
    """How many rows a file has, broken ones included.

    Raises:
        InputError: the file cannot be read.
    """
    if path.suffix != ".parquet":
        return sum(1 for _ in _json_rows(path))
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error


def _parquet_rows(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            missing = [name for name in columns if name not in names]
            if missing:
                raise InputError(
                    str(path),
                    expected="the columns " + ", ".join(columns),
                    got=f"no {', '.join(missing)} among {', '.join(names)}",
                    remedy="Fetch the file again, or give that of another benchmark its own name.",
                )
            number = 0
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                for values in batch.to_pylist():
                    number += 1
                    yield Row(number, values)
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error


def _json_rows(path: Path) -> Iterator[Row]:
    try:
        with path.open("rb") as stream:
            for raw in read_rows(stream):
                try:
                    if raw.data is None:
                        raise DataError(f"row: {raw.problem}")
                    yield Row(raw.number, parse_row(raw.data))
                except DataError as error:
                    yield Row(raw.number, {}, str(error))
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> InputError:
    got = f"one that cannot be read ({str(error).splitlines()[0]})"
    return InputError(str(path), expected="a complete file", got=got, remedy="Fetch it again.")
