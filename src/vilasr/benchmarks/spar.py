"""SPAR-Bench (jasonzhango/SPAR-Bench): 7,211 questions of 20 tasks about one or several views; and its Tiny part.

{"id": 17, "img_type": "multi_view", "format_type": "select", "task": "position_matching", "source": "scannet",
 "image": [{"bytes": ...}, {"bytes": ...}], "question": "... A. (12,40),(80,210) B. ...", "answer": "B"}.
Eleven tasks are choices with their options in the question, eight are numbers, and one is a list of camera movements,
"move_right:0.3,rotate_up:10". Source: the dataset's card.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from vilasr.benchmarks.aggregate import Aggregation, MeanOf
from vilasr.benchmarks.fields import gold, identity
from vilasr.benchmarks.published import Published
from vilasr.errors import DataError
from vilasr.integrations.fields import shown, words
from vilasr.integrations.options import split_options
from vilasr.types import AnswerType, Sample

if TYPE_CHECKING:
    from vilasr.benchmarks.files import Values

LOW = (
    *("depth_prediction_oc", "depth_prediction_oo", "distance_prediction_oc", "distance_prediction_oo"),
    *("depth_prediction_oc_mv", "depth_prediction_oo_mv", "distance_prediction_oc_mv", "distance_prediction_oo_mv"),
)
VIEW_CHANGE = "view_change_infer"
MIDDLE = (VIEW_CHANGE, "position_matching", "camera_motion_infer")
HIGH = (
    *("distance_infer_center_oo", "distance_infer_center_oo_mv"),
    *("obj_spatial_relation_oo", "obj_spatial_relation_oc_mv", "obj_spatial_relation_oo_mv"),
    *("spatial_imagination_oc", "spatial_imagination_oo", "spatial_imagination_oc_mv", "spatial_imagination_oo_mv"),
)
TASKS = (*LOW, *MIDDLE, *HIGH)
IN_THOUSANDTHS = ("position_matching", "camera_motion_infer")
THOUSANDTHS = "Coordinates run from 0 to 1000 along each side of an image, from its top-left corner."

_INSTRUCTION = re.compile(
    r"\s*(?:Your answer can only include one of options? [A-Z, or]+"
    r"|Answer using a single number and nothing else)\.?\s*$"
)


def decode(row: Values) -> Sample:
    """The sample of a row, without its images.

    Raises:
        DataError: names the field.
    """
    task = words(row, "task")
    groups(task)
    question = ask(words(row, "question"), task)
    answer_type = answer_type_of(task)
    options: tuple[str, ...] = ()
    if answer_type is AnswerType.CHOICE:
        question, options = split_options(question)
    return Sample(
        id=f"spar/{identity(row)}",
        task="spar",
        question=question,
        images=(),
        options=options,
        answer=gold(row, "answer", answer_type, options),
        answer_type=answer_type,
        metadata={"question_type": task, **{key: row.get(key) for key in ("img_type", "format_type", "source")}},
    )


def ask(question: str, task: str) -> str:
    """The question, after what its coordinates mean, without how to answer: that is said by our protocols."""
    plain = _INSTRUCTION.sub("", question)
    return f"{THOUSANDTHS} {plain}" if task in IN_THOUSANDTHS else plain


def groups(task: str) -> dict[str, str]:
    """The task of an item. Raises DataError for an unknown one."""
    if task not in TASKS:
        raise DataError(f"task: expected one of the {len(TASKS)} of SPAR-Bench; got {shown(task)}")
    return {"task": task}


def answer_type_of(task: str) -> AnswerType:
    """Numbers at the low level, movements for a view change, choices elsewhere."""
    if task in LOW:
        return AnswerType.NUMBER
    return AnswerType.TEXT if task == VIEW_CHANGE else AnswerType.CHOICE


def _level(name: str, tasks: tuple[str, ...]) -> MeanOf:
    return MeanOf(f"level={name}", tuple(f"task={task}" for task in tasks))


SPAR = Published(
    name="spar",
    task="spar",
    repository="jasonzhango/SPAR-Bench",
    folder="spar",
    fetch=("data/test-*.parquet: 7,211 questions with their images, 1.84 GB",),
    files=("data/test-*.parquet", "test-*.parquet", "test.parquet", "test.jsonl"),
    unified="spar_bench.json",
    columns=("id", "task", "image", "question", "answer"),
    media="image",
    decode=decode,
    groups=groups,
    answer_type=answer_type_of,
    names={"vci": VIEW_CHANGE},
    ask=ask,
    aggregation=Aggregation(
        overall=MeanOf("overall", tuple(f"task={task}" for task in TASKS)),
        others=(_level("Low", LOW), _level("Middle", MIDDLE), _level("High", HIGH)),
    ),
)
SPAR_TINY = replace(
    SPAR,
    name="spar-tiny",
    repository="jasonzhango/SPAR-Bench-Tiny",
    folder="spar-tiny",
    fetch=("data/test-*.parquet: 1,000 questions, 50 of each task, with their images",),
    unified="spar_bench_tiny.json",
)
