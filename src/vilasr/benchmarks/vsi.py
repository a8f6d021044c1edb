"""VSI-Bench (nyu-visionx/VSI-Bench): 5,130 questions about 288 videos of rooms; and its debiased part.

{"id": 0, "dataset": "arkitscenes", "scene_name": "41069025", "question_type": "object_counting",
 "question": "How many chair(s) are in this room?", "options": null, "ground_truth": "4"}, with the video in
arkitscenes/41069025.mp4. Eight tasks; relative direction is the mean of three levels. Source: the dataset's card.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vilasr.benchmarks.aggregate import Aggregation, MeanOf
from vilasr.benchmarks.fields import gold, identity, listed
from vilasr.benchmarks.published import Published
from vilasr.errors import DataError
from vilasr.integrations.fields import shown, words
from vilasr.integrations.options import without_letters
from vilasr.types import AnswerType, Sample

if TYPE_CHECKING:
    from vilasr.benchmarks.files import Values

NUMERIC = ("object_counting", "object_abs_distance", "object_size_estimation", "room_size_estimation")
LEVELS = ("object_rel_direction_easy", "object_rel_direction_medium", "object_rel_direction_hard")
CHOICE = ("object_rel_distance", *LEVELS, "route_planning", "obj_appearance_order")
OPENING = "The images are frames of one video, in order."

AGGREGATION = Aggregation(
    overall=MeanOf(
        "overall",
        (
            *(f"task={name}" for name in (*NUMERIC, "object_rel_distance")),
            MeanOf("task=object_rel_direction", tuple(f"task={name}" for name in LEVELS)),
            "task=route_planning",
            "task=obj_appearance_order",
        ),
    )
)


def decode(row: Values) -> Sample:
    """The sample of a row; its image is the path of the video in the folder.

    Raises:
        DataError: names the field.
    """
    question_type = words(row, "question_type")
    groups(question_type)
    answer_type = answer_type_of(question_type)
    options = without_letters(listed(row, "options")) if answer_type is AnswerType.CHOICE else ()
    dataset, scene = words(row, "dataset"), words(row, "scene_name")
    return Sample(
        id=f"vsi/{identity(row)}",
        task="vsi",
        question=ask(words(row, "question"), question_type),
        images=(Path(dataset) / f"{scene}.mp4",),
        options=options,
        answer=gold(row, "ground_truth", answer_type, options),
        answer_type=answer_type,
        metadata={"question_type": question_type, "dataset": dataset, "scene_name": scene},
    )


def ask(question: str, question_type: str) -> str:
    """The question, after what its images are."""
    return f"{OPENING} {question}"


def groups(question_type: str) -> dict[str, str]:
    """The task of an item. Raises DataError for an unknown type."""
    if question_type not in (*NUMERIC, *CHOICE):
        expected = "one of the ten of VSI-Bench"
        raise DataError(f"question_type: expected {expected}; got {shown(question_type)}")
    return {"task": question_type}


def answer_type_of(question_type: str) -> AnswerType:
    """Four types are numbers, all others choices."""
    return AnswerType.NUMBER if question_type in NUMERIC else AnswerType.CHOICE


_VIDEOS = "arkitscenes.zip, scannet.zip, scannetpp.zip: 288 videos; unpack them in the same folder (arkitscenes/*.mp4)"

VSI = Published(
    name="vsi",
    task="vsi",
    repository="nyu-visionx/VSI-Bench",
    folder="vsi",
    fetch=("test.jsonl: 5,130 questions", _VIDEOS),
    files=("test.jsonl", "test-*.parquet", "data/test-*.parquet"),
    unified="vsi_bench.json",
    columns=("id", "dataset", "scene_name", "question_type", "question", "options", "ground_truth"),
    media=None,
    decode=decode,
    groups=groups,
    answer_type=answer_type_of,
    ask=ask,
    aggregation=AGGREGATION,
)
VSI_DEBIASED = replace(
    VSI,
    name="vsi-debiased",
    fetch=("test_debiased.parquet: 2,363 questions, without those that can be guessed", _VIDEOS),
    files=("test_debiased.parquet", "test_debiased.jsonl"),
    unified="vsi_bench_debiased.json",
)
