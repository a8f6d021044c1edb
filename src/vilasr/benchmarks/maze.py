"""What reports want to know about a maze rollout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vilasr.errors import DataError
from vilasr.scoring import RolloutFacts, extract_answer, facts_of
from vilasr.tasks import DrawingGrade, task_named
from vilasr.types import Box

if TYPE_CHECKING:
    from vilasr.types import Rollout, Sample

LENGTH_BUCKETS = ((2, 4), (5, 8), (9, 13), (14, 20))


def maze_facts(rollout: Rollout, *, drawing: bool) -> RolloutFacts:
    """Score, groups, drawing grade and agreement of one rollout; `drawing` says whether it was allowed to draw."""
    groups = maze_groups(rollout.sample)
    try:
        grade = task_named("maze").grade_drawing(rollout.sample, rollout) if drawing else None
    except DataError:  # mazes of other people come without the truth about their cells
        grade = None
    if grade is None:
        return facts_of(rollout, groups=groups)
    return facts_of(rollout, groups=groups, grade=grade, agrees=drawing_agrees(rollout, grade))


def maze_groups(sample: Sample) -> tuple[str, ...]:
    """Names of the groups of a sample, from its metadata; a key that is not there gives no group."""
    known = sample.metadata
    groups = []
    if isinstance(known.get("heldout"), bool) and isinstance(known.get("n"), int):
        styles, sizes = "held-out" if known["heldout"] else "seen", "3-6" if known["n"] <= 6 else "7-8"
        groups.append(f"part={styles} styles, sizes {sizes}")
    groups += [
        f"{name}={known[key]}"
        for name, key in (("question", "question_type"), ("size", "n"), ("style", "style"), ("algorithm", "algorithm"))
        if isinstance(known.get(key), (str, int))
    ]
    length = known.get("length")
    if isinstance(length, int):
        groups += [f"length={low}-{high}" for low, high in LENGTH_BUCKETS if low <= length <= high]
    return tuple(groups)


def drawing_agrees(rollout: Rollout, grade: DrawingGrade) -> bool | None:
    """Whether the answer is the one that the marks on the last image show, right or wrong.

    "end": the letter where the last line ends. "shortest": the number of lines. "valid": a box stands for "No". None
    without an answer or without marks.
    """
    answer = extract_answer(rollout.answer, rollout.sample.answer_type, rollout.sample.options).value
    if answer is None or not grade.num_graded:
        return None
    question = rollout.sample.metadata.get("question_type")
    if question == "end":
        return bool(grade.details.get("ends_in") == answer)
    if question == "shortest":
        return answer == grade.num_graded
    has_box = any(isinstance(mark, Box) for mark in rollout.images[-1].instances)
    chosen = dict(zip("AB", rollout.sample.options, strict=False)).get(str(answer))
    return has_box == (chosen == "No")
