"""SpatialEval (MilaWang/SpatialEval): photographs (`spatialreal`, 135 questions), mazes, maps and grids (1,500 each).

{"id": "mazenav.vqa.0.1", "text": "... Available options:\\nA. 0\\nB. 2\\nC. 1\\nD. 3", "image": {"bytes": ...},
 "oracle_answer": "2", "oracle_option": "B", "oracle_full_answer": "B. 2"}. All parts lie in one file; the id says which
part a row is of. Source: the dataset's card.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from vilasr.benchmarks.published import Published
from vilasr.integrations.fields import gold_letter, words
from vilasr.integrations.options import split_options
from vilasr.types import AnswerType, Sample

if TYPE_CHECKING:
    from vilasr.benchmarks.files import Values


def decode(row: Values) -> Sample:
    """The sample of a row, without its image.

    Raises:
        DataError: names the field.
    """
    identity = words(row, "id")
    question, options = split_options(words(row, "text"))
    part, *_, number = identity.split(".")
    return Sample(
        id=f"spatialeval/{identity}",
        task="spatialeval",
        question=question,
        images=(),
        options=options,
        answer=gold_letter(row, "oracle_option", options),
        answer_type=AnswerType.CHOICE,
        metadata={"question_type": part if part == "spatialreal" else f"{part}.{number}"},
    )


def groups(question_type: str) -> dict[str, str]:
    """The part, and in the generated parts which of the questions about an image it is."""
    return {"question": question_type}


def _belongs(part: str, row: Values) -> bool:
    return str(row.get("id", "")).partition(".")[0] == part


def _part(name: str, part: str, num: int) -> Published:
    return Published(
        name=name,
        task="spatialeval",
        repository="MilaWang/SpatialEval",
        folder="spatialeval",
        fetch=(f"vqa/test-*.parquet: 4,635 questions with their images, 0.7 GB; {num:,} of them are {name}",),
        files=("vqa/test-*.parquet", "test-*.parquet", "vqa.jsonl", "test.jsonl"),
        unified=f"SpatialEval_{part}.json",
        columns=("id", "text", "image", "oracle_option"),
        media="image",
        decode=decode,
        groups=groups,
        belongs=partial(_belongs, part),
    )


SPATIALEVAL = _part("spatialeval", "spatialreal", 135)
SPATIALEVAL_MAZE = _part("spatialeval-maze", "mazenav", 1500)
SPATIALEVAL_MAP = _part("spatialeval-map", "spatialmap", 1500)
SPATIALEVAL_GRID = _part("spatialeval-grid", "spatialgrid", 1500)
