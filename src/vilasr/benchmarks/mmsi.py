"""MMSI-Bench (RunsenXu/MMSI-Bench): 1,000 questions of 11 types, each about two to ten images.

{"id": 0, "images": [bytes, bytes], "question_type": "Motion (Cam.)", "answer": "C",
 "question": "In which direction are you moving?\\nOptions: A: Left, B: Right, C: Forward, D: Backward"}.
Source: the dataset's card.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vilasr.benchmarks.fields import identity
from vilasr.benchmarks.published import Published
from vilasr.errors import DataError
from vilasr.integrations.fields import gold_letter, shown, words
from vilasr.integrations.options import split_options
from vilasr.types import AnswerType, Sample

if TYPE_CHECKING:
    from vilasr.benchmarks.files import Values

_PAIRS = ("Cam.-Cam.", "Cam.-Obj.", "Cam.-Reg.", "Obj.-Obj.", "Obj.-Reg.", "Reg.-Reg.")
TYPES = (
    *(f"Positional Relationship ({pair})" for pair in _PAIRS),
    *("Attribute (Meas.)", "Attribute (Appr.)", "Motion (Cam.)", "Motion (Obj.)", "MSR"),
)


def decode(row: Values) -> Sample:
    """The sample of a row, without its images.

    Raises:
        DataError: names the field.
    """
    question_type = groups(words(row, "question_type"))["type"]
    question, options = split_options(words(row, "question"))
    return Sample(
        id=f"mmsi/{identity(row)}",
        task="mmsi",
        question=question,
        images=(),
        options=options,
        answer=gold_letter(row, "answer", options),
        answer_type=AnswerType.CHOICE,
        metadata={"question_type": question_type},
    )


def groups(question_type: str) -> dict[str, str]:
    """The type of an item; the files write it with an en dash. Raises DataError for an unknown one."""
    name = question_type.replace("–", "-")
    if name not in TYPES:
        raise DataError(f"question_type: expected one of the {len(TYPES)} of MMSI-Bench; got {shown(question_type)}")
    return {"type": name}


MMSI = Published(
    name="mmsi",
    task="mmsi",
    repository="RunsenXu/MMSI-Bench",
    folder="mmsi",
    fetch=("MMSI_Bench.parquet: 1,000 questions with their images, 0.3 GB",),
    files=("MMSI_Bench.parquet", "*.parquet", "test.jsonl"),
    unified="mmsi_bench.json",
    columns=("id", "images", "question_type", "question", "answer"),
    media="images",
    decode=decode,
    groups=groups,
)
