"""The official ViLaSR layout of questions (RL data and benchmarks), both ways.

{"question": "Which is nearer?", "options": ["A. the chair", "B. the lamp"], "answer": "A",
 "problem_type": "multiple choice", "original_question_type": "nearer", "data_type": "single_view",
 "image_path": ["images/<key>.png"], "grid_size": null, "vilasr": "{...}"}

What the layout has no field for (id, task, metadata) travels as JSON text under "vilasr": text, because readers that
guess a schema from the rows (Arrow) choke on objects that differ from row to row.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from vilasr.errors import DataError, InputError
from vilasr.integrations.fields import gold_letter, gold_letter_alone, gold_number, shown, text_of
from vilasr.integrations.json_rows import parse_row
from vilasr.integrations.options import without_letters
from vilasr.protocol import LETTERS
from vilasr.scoring import extract_answer
from vilasr.types import AnswerType, Sample

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vilasr.types import Json

EXTRA = "vilasr"
TYPE = "original_question_type"
ANSWER_TYPES = {
    "multiple choice": AnswerType.CHOICE,
    "numerical": AnswerType.NUMBER,
    "regression": AnswerType.NUMBER,
    "free-form": AnswerType.TEXT,
    "vci": AnswerType.TEXT,
}
KNOWN = ("question", "options", "answer", "problem_type", "image_path", EXTRA)
"""Fields that become parts of the sample; all others are kept in its metadata."""

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)", re.ASCII)


# --- out --------------------------------------------------------------------------------------------------------------


def encode_question(sample: Sample, image_paths: Sequence[str]) -> dict[str, Json]:
    """The row of a sample; `image_paths` are relative to the folder of the export. InputError: too many options."""
    if len(sample.options) > len(LETTERS):
        raise InputError(f"options of {sample.id}", expected=f"at most {len(LETTERS)}", got=str(len(sample.options)))
    metadata = sample.metadata
    official = metadata.get("official")
    kept: Mapping[str, Json] = official if isinstance(official, dict) else {}
    cells = metadata.get("n") if sample.task == "maze" else kept.get("grid_size")
    return {
        "question": sample.question,
        "options": [f"{letter}. {option}" for letter, option in zip(LETTERS, sample.options, strict=False)],
        "answer": sample.answer,
        "problem_type": kept.get("problem_type", _problem_type(sample)),
        TYPE: str(metadata.get("question_type", sample.task)),
        "data_type": kept.get("data_type", "multi_view" if len(sample.images) > 1 else "single_view"),
        "image_path": list(image_paths),
        "grid_size": cells,
        EXTRA: json.dumps({"id": sample.id, "task": sample.task, "metadata": dict(metadata)}, allow_nan=False),
    }


def _problem_type(sample: Sample) -> str:
    if sample.answer_type is AnswerType.CHOICE:
        return "multiple choice"
    if sample.answer_type is AnswerType.TEXT:
        return "free-form"
    return "numerical" if re.fullmatch(r"-?\d+", sample.answer or "") else "regression"


# --- in ---------------------------------------------------------------------------------------------------------------


def decode_question(row: Mapping[str, Json], images: tuple[Path, ...], *, name: str, number: int) -> Sample:
    """The sample of a row, which is row `number` of the file called `name`.

    Raises:
        DataError: anything missing, of a wrong type, or an answer that its type does not allow; names the field.
    """
    question = text_of(row, "question")
    if not question.strip():
        raise DataError("question: expected some text; got none")
    problem_type = text_of(row, "problem_type")
    answer_type = ANSWER_TYPES.get(problem_type.lower())
    if answer_type is None:
        raise DataError(f"problem_type: expected one of {', '.join(ANSWER_TYPES)}; got {shown(problem_type)}")
    options = _options(row) if answer_type is AnswerType.CHOICE else ()
    extra = extra_of(row)
    if extra is not None:
        metadata = extra["metadata"]
    else:
        rest = {key: value for key, value in row.items() if key not in KNOWN}
        kind = None if row.get(TYPE) is None else text_of(row, TYPE)
        metadata = {
            "question_type": kind or problem_type,
            "official": {"problem_type": problem_type, **rest},
        }
    return Sample(
        id=extra["id"] if extra is not None else f"{name}/{number}",
        task=extra["task"] if extra is not None else imported_task(name),
        question=question,
        images=images,
        options=options,
        answer=_answer(row, answer_type, options),
        answer_type=answer_type,
        metadata=metadata,
    )


def imported_task(name: str) -> str:
    """The task of samples from a file of that name: never one of ours, whose ground truth they do not have."""
    return f"imported-{name}"


def is_imported(task: str) -> bool:
    """Whether a task is that of samples which came without one of ours."""
    return task.startswith(imported_task(""))


def extra_of(row: Mapping[str, Json]) -> dict[str, Json] | None:
    """What an export of ours put under "vilasr": "id", "task" and "metadata" at least; None where there is nothing."""
    if row.get(EXTRA) is None:
        return None
    try:
        extra = parse_row(text_of(row, EXTRA).encode())
    except DataError as error:
        raise DataError(f"{EXTRA}: expected an object as JSON text; got {shown(row[EXTRA])}") from error
    metadata = extra.get("metadata")
    if not isinstance(metadata, dict):
        raise DataError(f"{EXTRA}: expected metadata to be an object; got {shown(metadata)}")
    if "question_type" in metadata:
        text_of(metadata, "question_type")
    for key in ("id", "task"):
        if not text_of(extra, key):
            raise DataError(f"{EXTRA}: expected an id and a task; got no {key}")
    return extra


def _options(row: Mapping[str, Json]) -> tuple[str, ...]:
    """The texts without their letters. None, an empty list, or no such field: they stand in the question."""
    value = row.get("options")
    if value is None or value == []:
        return ()
    if not isinstance(value, list):
        raise DataError(f"options: expected a list of texts; got {shown(value)}")
    return without_letters([text_of({"options": option}, "options") for option in value])


def _answer(row: Mapping[str, Json], answer_type: AnswerType, options: tuple[str, ...]) -> str | None:
    """The gold answer as a sample has it: a letter, a number, a text; None where the row says that it is not known."""
    if "answer" not in row:
        raise DataError("answer: no such field")
    value = row["answer"]
    if value is None:
        return None
    if answer_type is AnswerType.CHOICE:
        return gold_letter(row, "answer", options) if options else gold_letter_alone(row, "answer")
    if answer_type is AnswerType.NUMBER:
        number = gold_number(row, "answer")
        is_plain = isinstance(value, str) and _NUMBER.fullmatch(value.strip())
        return value.strip() if is_plain else number
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    found = extract_answer(str(value) if is_number else text_of(row, "answer"), answer_type)
    if not isinstance(found.value, str):
        raise DataError(f"answer: expected one of type {answer_type}; got {shown(value)}: {found.reason}")
    return found.value
