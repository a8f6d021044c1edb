"""The dataset card: what is in a dataset, for people."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from vilasr.data.dataset import DatasetInfo, shard_path
from vilasr.data.rows import decode_row, read_shard

if TYPE_CHECKING:
    from pathlib import Path

    from vilasr.types import Sample

MAX_ANSWERS = 12
"""Answers listed for a type of question; numbers can have many."""


def card_text(folder: Path, info: DatasetInfo) -> str:
    """The card of a complete dataset, counted from its rows."""
    answers: dict[str, Counter[str]] = {}
    for shard in range(info.num_shards):
        for row in read_shard(shard_path(folder, shard)):
            sample = decode_row(row, folder)
            answers.setdefault(_question_type(sample), Counter())[sample.answer or "none"] += 1
    options = " ".join(f"--family-option {key}={value}" for key, value in sorted(info.options.items()))
    command = f"vilasr generate {info.task} --split {info.split} --num {info.num} --seed {info.seed} {options}".strip()
    rows = [
        f"| {question_type} | {counts.total()} | {_balance(counts)} |"
        for question_type, counts in sorted(answers.items())
    ]
    return "\n".join(
        [
            "---",
            "license: apache-2.0",
            "task_categories: [visual-question-answering]",
            "configs: [{config_name: default, data_files: data/*.parquet}]",
            "---",
            f"# {info.name}",
            "",
            f"{info.num:,} samples of the task `{info.task}` (version {info.version}), split `{info.split}`, "
            f"seed {info.seed}, with computed answers and ground truth for grading drawings.",
            "",
            "| question | samples | answers |",
            "|---|---|---|",
            *rows,
            "",
            f"Made by vilasr {info.vilasr_version}:",
            "",
            f"    {command} --out DIR",
            "",
            "`data/*.parquet` holds the rows, `images/` each image once as PNG, named by the SHA-256 of its size and "
            "pixels. `metadata` is the ground truth as JSON.",
            "",
            "Licence: Apache-2.0.",
            "",
        ]
    )


def _question_type(sample: Sample) -> str:
    return str(sample.metadata.get("question_type", sample.answer_type.value))


def _balance(counts: Counter[str]) -> str:
    """ "A 26 %, B 25 %, ..."."""
    total = counts.total()
    listed = sorted(counts.items(), key=lambda entry: (len(entry[0]), entry[0]))
    text = ", ".join(f"{answer} {100 * count / total:.0f} %" for answer, count in listed[:MAX_ANSWERS])
    return text + (f", and {len(listed) - MAX_ANSWERS} more" if len(listed) > MAX_ANSWERS else "")
