"""Prompts for reinforcement learning with verl: one parquet file that its RLHFDataset reads.

A row holds the prompt as the environment says it (`<image>` for each picture), the pictures as PNG at the size at which
the policy sees them, and in `extra_info` all that an agent loop needs to play the episode: the sample itself.
"""

from __future__ import annotations

import io
import json
import os
from typing import TYPE_CHECKING, Any

from vilasr.env import Episode
from vilasr.errors import DataError, InputError
from vilasr.integrations.conversations import said

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable
    from pathlib import Path

    import pyarrow as pa

    from vilasr.env import EpisodeConfig
    from vilasr.integrations.sources import Source
    from vilasr.types import Sample

AGENT_NAME = "vilasr"
"""The agent loop that verl is to look up."""
GROUP_BYTES = 32 * 2**20
GROUP_ROWS = 256


def write_verl(
    path: Path, source: Source, config: EpisodeConfig, *, left_out: Counter[str], on_row: Callable[[], None]
) -> int:
    """Write the samples of `source`, row group by row group; returns their number. `left_out` counts the others."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = []
    size = num = 0
    with path.open("wb") as file:
        with pq.ParquetWriter(file, schema(), compression="zstd") as writer:
            for sample in source.samples():
                try:
                    row = encode_prompt(sample, config, index=num, split=source.split)
                except InputError as error:
                    source.on_bad(DataError(f"{sample.id}: {error}"))
                    left_out["that cannot be played"] += 1
                    continue
                rows.append(row)
                num += 1
                size += sum(len(image["bytes"]) for image in row["images"])
                if len(rows) >= GROUP_ROWS or size >= GROUP_BYTES:
                    writer.write_table(pa.Table.from_pylist(rows, schema=schema()))
                    rows, size = [], 0
                on_row()
            if rows:
                writer.write_table(pa.Table.from_pylist(rows, schema=schema()))
        file.flush()
        os.fsync(file.fileno())
    return num


def encode_prompt(sample: Sample, config: EpisodeConfig, *, index: int, split: str) -> dict[str, Any]:
    """One row. Raises InputError for a sample that cannot be played: no question, no image, a broken image."""
    observation = Episode(sample, config).reset()
    return {
        "data_source": f"vilasr/{sample.task}",
        "agent_name": AGENT_NAME,
        "prompt": [said(message) for message in observation.messages],
        "images": [{"bytes": _png(view.pixels)} for view in observation.images],
        "ability": "spatial",
        "reward_model": {"style": "rule", "ground_truth": sample.answer or ""},
        "extra_info": {
            "index": index,
            "split": split,
            "id": sample.id,
            "task": sample.task,
            "question": sample.question,
            "options": list(sample.options),
            "answer": sample.answer,
            "answer_type": sample.answer_type.value,
            "metadata": json.dumps(sample.metadata, allow_nan=False),
            "protocol": config.protocol.name,
            "style": config.style.name,
            "drawing": config.drawing,
        },
    }


def schema() -> pa.Schema:
    import pyarrow as pa

    text = pa.string()
    extra = {"index": pa.int64(), "split": text, "id": text, "task": text, "question": text}
    extra |= {"options": pa.list_(text), "answer": text, "answer_type": text, "metadata": text}
    extra |= {"protocol": text, "style": text, "drawing": pa.bool_()}
    return pa.schema(
        [
            ("data_source", text),
            ("agent_name", text),
            ("prompt", pa.list_(pa.struct([("role", text), ("content", text)]))),
            ("images", pa.list_(pa.struct([("bytes", pa.binary())]))),
            ("ability", text),
            ("reward_model", pa.struct([("style", text), ("ground_truth", text)])),
            ("extra_info", pa.struct(list(extra.items()))),
        ]
    )


def _png(image: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()
