"""A dataset of ours from samples whose number is not known before the last: what is imported, or found in rollouts."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import vilasr
from vilasr.data.card import cell
from vilasr.data.dataset import CARD_FILE, SHARD_FOLDER, SHARD_ROWS, shard_path, write_info
from vilasr.data.rows import encode_row, encode_shard
from vilasr.files import write_atomically
from vilasr.integrations.staging import ImageFolder

if TYPE_CHECKING:
    from pathlib import Path

    from vilasr.data import DatasetInfo
    from vilasr.types import Sample

MAX_TYPES = 100
"""Types of questions that the card lists; samples of any further type are counted as "other"."""
OTHER = "other"


class DatasetFolder:
    """Writes a dataset into an empty folder; `dataset.json`, which makes it one, comes last."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._images = ImageFolder(folder)
        self._rows: list[dict[str, Any]] = []
        self._num_shards = 0
        self._types: Counter[str] = Counter()
        (folder / SHARD_FOLDER).mkdir()

    def add(self, sample: Sample) -> None:
        """Raises InputError for an image that cannot be read; the sample is then left out."""
        self._rows.append(encode_row(sample, [self._images.store(image) for image in sample.images]))
        kind = cell(str(sample.metadata.get("question_type", sample.answer_type.value)))
        is_listed = kind and (kind in self._types or len(self._types) < MAX_TYPES)
        self._types[kind if is_listed else OTHER] += 1
        if len(self._rows) == SHARD_ROWS:
            self._write_shard()

    def finish(self, info: DatasetInfo, *, origin: str) -> int:
        """`info` says all but the number, which is returned; `origin`, for the card, where the samples are from."""
        num = self._num_shards * SHARD_ROWS + len(self._rows)
        if self._rows:
            self._write_shard()
        info = replace(info, num=num, vilasr_version=vilasr.__version__)
        write_atomically(self._folder / CARD_FILE, self._card(info, origin).encode())
        write_info(self._folder, info)
        return num

    def _write_shard(self) -> None:
        write_atomically(shard_path(self._folder, self._num_shards), encode_shard(self._rows))
        self._num_shards += 1
        self._rows = []

    def _card(self, info: DatasetInfo, origin: str) -> str:
        rows = [f"| {kind} | {count:,} |" for kind, count in sorted(self._types.items())]
        return "\n".join(
            [
                "---",
                "configs: [{config_name: default, data_files: data/*.parquet}]",
                "---",
                f"# {cell(info.name)}",
                "",
                f"{info.num:,} samples, {cell(origin)}, by vilasr {info.vilasr_version}.",
                "Their licence is that of their origin.",
                "",
                "| question | samples |",
                "|---|---|",
                *rows,
                "",
            ]
        )
