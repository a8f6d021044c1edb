"""Samples as rows of a parquet shard, and back without trusting a value."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING, Any

from vilasr.data.dataset import IMAGE_FOLDER
from vilasr.errors import DataError, InputError
from vilasr.types import AnswerType, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

COLUMNS = ("id", "task", "question", "options", "answer", "answer_type", "images", "metadata")
BATCH_ROWS = 100
_IMAGE = re.compile(rf"{IMAGE_FOLDER}/[0-9a-f]{{64}}\.png")


def schema() -> pa.Schema:
    """Columns of a shard; `metadata` is JSON, `images` are paths in the dataset's folder."""
    import pyarrow as pa

    text = pa.string()
    return pa.schema(
        [
            pa.field("id", text, nullable=False),
            pa.field("task", text, nullable=False),
            pa.field("question", text, nullable=False),
            pa.field("options", pa.list_(text), nullable=False),
            pa.field("answer", text),
            pa.field("answer_type", text, nullable=False),
            pa.field("images", pa.list_(text), nullable=False),
            pa.field("metadata", text, nullable=False),
        ]
    )


def encode_row(sample: Sample, keys: Sequence[str]) -> dict[str, Any]:
    """One row; `keys` are the content keys of the sample's images."""
    return {
        "id": sample.id,
        "task": sample.task,
        "question": sample.question,
        "options": list(sample.options),
        "answer": sample.answer,
        "answer_type": sample.answer_type.value,
        "images": [f"{IMAGE_FOLDER}/{key}.png" for key in keys],
        "metadata": json.dumps(sample.metadata, separators=(",", ":"), allow_nan=False),
    }


def encode_shard(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """A parquet file: the same rows give the same bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema()), buffer, compression="zstd")
    return buffer.getvalue()


def read_shard(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a shard, read in small batches.

    Raises:
        InputError: the file is missing, damaged, or lacks a column.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            missing = [name for name in COLUMNS if name not in file.schema_arrow.names]
            if missing:
                raise InputError(str(path), expected=f"the columns {', '.join(COLUMNS)}", got=f"no {missing[0]}")
            for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=list(COLUMNS)):
                yield from batch.to_pylist()
    except (OSError, pa.ArrowException) as error:
        got = f"one that cannot be read ({str(error).splitlines()[0]})"
        remedy = "Delete it and generate again: only missing shards are made."
        raise InputError(str(path), expected="a parquet file", got=got, remedy=remedy) from error


def decode_row(row: Mapping[str, Any], folder: Path) -> Sample:
    """The sample of a row; its images are paths inside `folder`, not opened. DataError names a bad field."""
    answer_type = _text(row, "answer_type")
    if answer_type not in {kind.value for kind in AnswerType}:
        raise DataError(f"answer_type: expected {', '.join(AnswerType)}; got {answer_type[:60]!r}")
    images = _texts(row, "images")
    if not images:
        raise DataError("images: expected at least one; got none")
    for image in images:
        if not _IMAGE.fullmatch(image):  # anything else could lead out of the folder
            raise DataError(f"images: expected {IMAGE_FOLDER}/<sha256>.png; got {image[:100]!r}")
    return Sample(
        id=_text(row, "id"),
        task=_text(row, "task"),
        question=_text(row, "question"),
        images=tuple(folder / image for image in images),
        options=tuple(_texts(row, "options")),
        answer=None if row["answer"] is None else _text(row, "answer"),
        answer_type=AnswerType(answer_type),
        metadata=_metadata(_text(row, "metadata")),
    )


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row[key]
    if not isinstance(value, str):
        raise DataError(f"{key}: expected text; got {type(value).__name__}")
    return value


def _texts(row: Mapping[str, Any], key: str) -> list[str]:
    value = row[key]
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise DataError(f"{key}: expected a list of texts; got {str(value)[:60]}")
    return value


def _metadata(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"metadata: expected JSON; got {text[:60]!r}") from error
    if not isinstance(value, dict):
        raise DataError(f"metadata: expected a JSON object; got {text[:60]!r}")
    return value
