"""Which rollouts are worth learning from: rules with names, each a pure function of one rollout.

rules = rules_for(SelectSection())
judgement = judge(rollout, rules)
judgement.failures          # {"reflective": "no mark is corrected"}: passes every other rule
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vilasr.drawing import add_marks
from vilasr.errors import DataError
from vilasr.scoring import reflections, score_answer
from vilasr.tasks import TASK_NAMES, task_named
from vilasr.types import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vilasr.tasks import DrawingGrade
    from vilasr.training.rejection_config import SelectSection
    from vilasr.types import Rollout

Key = tuple[str, int]
"""(sample id, sibling)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """`why_not(rollout)` is "" for a rollout that passes, or the reason in a few words that many rollouts share."""

    name: str
    why_not: Callable[[Rollout], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What selection, balance and report need of one rollout.

    Attributes:
        question_type: from the sample's metadata; "" where it has none.
        num_turns: the answer's included.
        num_drawings: executed actions.
        is_reflective: known also where reflection is no rule.
        failures: name of each rule that it fails -> why; in the order of the rules.
    """

    key: Key
    task: str
    question_type: str
    num_turns: int
    num_drawings: int
    is_reflective: bool
    failures: Mapping[str, str]

    @property
    def is_correct(self) -> bool:
        return "correct" not in self.failures

    @property
    def is_plain(self) -> bool:
        """Passes every rule but that of reflection, and what depends on it."""
        return "reflective" in self.failures and self.failures.keys() <= {"reflective", "nearer"}


def rules_for(section: SelectSection) -> tuple[Rule, ...]:
    """The rules in force, in the order in which they are reported."""
    rules = [
        Rule(name="ran", why_not=why_not_run),
        Rule(name="correct", why_not=lambda rollout: why_not_correct(rollout, section.min_score)),
        Rule(name="well-formed", why_not=why_not_well_formed),
    ]
    if section.min_steps:
        rules.append(Rule(name="steps", why_not=lambda rollout: why_too_short(rollout, section.min_steps)))
    if section.valid_marks:
        rules.append(Rule(name="valid", why_not=why_mark_wrong))
    min_drawing = section.min_drawing
    if min_drawing is not None:
        rules.append(Rule(name="drawing", why_not=lambda rollout: why_drawn_wrong(rollout, min_drawing)))
    if section.reflective:
        rules.append(Rule(name="reflective", why_not=why_not_reflective))
    if section.nearer:
        rules.append(Rule(name="nearer", why_not=why_not_nearer))
    return tuple(rules)


def judge(rollout: Rollout, rules: Sequence[Rule]) -> Judgement:
    """Put a rollout to every rule, whether or not it failed one before."""
    reasons = {rule.name: rule.why_not(rollout) for rule in rules}
    return Judgement(
        key=(rollout.sample.id, rollout.sibling),
        task=rollout.sample.task,
        question_type=str(rollout.sample.metadata.get("question_type", "")),
        num_turns=len(rollout.turns),
        num_drawings=len(rollout.actions),
        is_reflective=not why_not_reflective(rollout),
        failures={name: reason for name, reason in reasons.items() if reason},
    )


# --- the rules --------------------------------------------------------------------------------------------------------


def why_not_run(rollout: Rollout) -> str:
    """A failure of the machine is none of the policy."""
    return rollout.status.value if rollout.status is Status.POLICY_ERROR else ""


def why_not_correct(rollout: Rollout, min_score: float = 1.0) -> str:
    if rollout.status is not Status.ANSWERED:
        return f"no answer: {rollout.status.value}"
    score = score_answer(rollout.sample, rollout.answer)
    if score.value is None:
        return "no gold answer"
    if score.extraction.value is None:
        return "no readable answer"
    return "" if score.value >= min_score else "wrong"


def why_not_well_formed(rollout: Rollout) -> str:
    """Every turn could be executed, and the last one answered."""
    error = next((turn.error for turn in rollout.turns if turn.error is not None), None)
    if error is not None:
        return error.kind.value
    return "" if rollout.status is Status.ANSWERED else rollout.status.value


def why_too_short(rollout: Rollout, min_steps: int) -> str:
    return "" if len(rollout.turns) >= min_steps else f"fewer than {min_steps} turns"


def why_mark_wrong(rollout: Rollout) -> str:
    """Every mark that stands is true of the world. Where the truth is not known, no mark is wrong."""
    grade = drawing_grade(rollout)
    return "a mark is wrong" if grade is not None and grade.num_valid < grade.num_graded else ""


def why_drawn_wrong(rollout: Rollout, min_drawing: float) -> str:
    score = drawing_score(rollout)
    if score is None:
        return "no truth to grade by"
    return "" if score >= min_drawing else f"grade below {min_drawing:g}"


def why_not_reflective(rollout: Rollout) -> str:
    return "" if reflections(rollout) else "no mark is corrected"


def why_not_nearer(rollout: Rollout) -> str:
    """Some turn's corrections raise the grade of the drawing, and no turn's lower it."""
    gains = correction_gains(rollout)
    if gains is None:
        return "no truth to grade by"
    if not gains:
        return "no mark is corrected"
    if min(gains) < 0:
        return "farther from the truth"
    return "" if max(gains) > 0 else "no nearer to the truth"


# --- drawings against the truth ---------------------------------------------------------------------------------------


def drawing_grade(rollout: Rollout) -> DrawingGrade | None:
    """The task's grade of what is drawn; None where the sample does not carry the truth."""
    if rollout.sample.task not in TASK_NAMES:
        return None
    try:
        return task_named(rollout.sample.task).grade_drawing(rollout.sample, rollout)
    except DataError:
        return None


def drawing_score(rollout: Rollout) -> float | None:
    """The score of that grade, 0..1."""
    grade = drawing_grade(rollout)
    return None if grade is None else grade.score


def correction_gains(rollout: Rollout) -> list[float] | None:
    """For each turn that corrects: what its corrections alone, without what else it draws, add to the grade.

    None where the sample does not carry the truth.
    """
    corrected: dict[int, set[tuple[int, str]]] = {}
    for reflection in reflections(rollout):
        corrected.setdefault(reflection.later, set()).add((reflection.base, reflection.label))
    gains = []
    for number, labels in corrected.items():
        before = drawing_score(before_turn(rollout, number))
        after = drawing_score(after_corrections(rollout, number, labels))
        if before is None or after is None:
            return None
        gains.append(after - before)
    return gains


def before_turn(rollout: Rollout, number: int) -> Rollout:
    """The rollout as it stood before turn `number` (from 0), which drew."""
    first_new = rollout.turns[number].new_images[0]
    return replace(rollout, turns=rollout.turns[:number], images=rollout.images[: first_new - 1])


def after_corrections(rollout: Rollout, number: int, labels: set[tuple[int, str]]) -> Rollout:
    """The rollout after turn `number`, had that turn drawn nothing but the `labels`, each (base image, label)."""
    turn = rollout.turns[number]
    actions = tuple(
        action for action in turn.actions if (rollout.images[action.image_index - 1].base, action.label) in labels
    )
    images = list(rollout.images[: turn.new_images[-1]])
    for index in turn.new_images:
        image = images[index - 1]
        drawn = [action for action in actions if action.image_index == image.parent]
        parent = images[(image.parent or image.base) - 1]
        images[index - 1] = replace(image, instances=add_marks(parent.instances, drawn))
    turns = (*rollout.turns[:number], replace(turn, actions=actions))
    return replace(rollout, turns=turns, images=tuple(images))
