from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from vilasr.errors import DataError
from vilasr.scoring import is_reflective, mean_relative_accuracy, paper_reward, reflections, score_answer
from vilasr.scoring.mra import THRESHOLDS
from vilasr.types import (
    AnswerType,
    Box,
    ErrorKind,
    ImageRecipe,
    Line,
    Rollout,
    Sample,
    Status,
    Turn,
    TurnError,
)

PICTURE = Image.new("RGB", (64, 48))


def choice(answer="B"):
    return Sample(id="q", task="maze", question="?", images=(PICTURE,), options=("up", "down"), answer=answer)


def number(answer="4"):
    return Sample(id="n", task="static", question="?", images=(PICTURE,), answer=answer, answer_type=AnswerType.NUMBER)


def box(label, x=0.0, image=1):
    return Box(image_index=image, box_px=(x, 0.0, x + 10, 10.0), label=label)


def rollout(sample, *turns, status=Status.ANSWERED, bases=(1,) * 10):
    images = tuple(ImageRecipe(base=base, size=(64, 48)) for base in bases)
    return Rollout(sample=sample, status=status, images=images, turns=turns)


def draws(*actions):
    return Turn(context=(), text="", actions=actions)


def answers(text):
    return Turn(context=(), text="", answer=text)


def fails(kind):
    return Turn(context=(), text="", error=TurnError(kind, "no"))


# --- mean relative accuracy -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prediction", "truth", "expected"),
    [
        (3, 5, 0.3),
        (3, 4, 0.6),
        (5, 5, 1.0),
        (-5, -5, 1.0),
        (-5, 5, 0.0),
        (7.5, 5, 0.1),
        (7.6, 5, 0.0),
        (0, 0, 1.0),
        (0.5, 0, 0.1),  # truth 0: the absolute error
        (2, 0, 0.0),
        (float("nan"), 5, 0.0),
        (float("inf"), 5, 0.0),
    ],
)
def test_mean_relative_accuracy_by_hand(prediction, truth, expected):
    assert mean_relative_accuracy(prediction, truth) == expected


def test_the_thresholds_are_those_of_linspace_to_the_last_bit():
    assert list(THRESHOLDS) == np.linspace(0.5, 0.95, 10).tolist()


# --- scores -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sample", "answer", "value", "explanation"),
    [
        (choice(), "b.", 1.0, "B is right"),
        (choice(), "up", 0.0, "A is wrong; right is B"),
        (choice(), None, 0.0, "no answer; right is B"),
        (choice(), "A or B", 0.0, "ambiguous: A and B; right is B"),
        (choice(None), "B", None, "unscored: no gold answer"),
        (choice("E"), "B", None, "unscored: gold answer 'E': E is none of A-B"),
        (number(), "3 m", 0.6, "3.0 is 60% near; right is 4.0"),
        (number(), "4.0", 1.0, "4.0 is right"),
        (number("0"), "0", 1.0, "0.0 is right"),
        (number(""), "0", None, "unscored: gold answer '': no answer"),
        (number("1,200"), "1200", 1.0, "1200.0 is right"),
        (number("about 4"), "4", None, "unscored: gold answer 'about 4': more than a number"),
        (number("3 m or 4"), "4", None, "unscored: gold answer '3 m or 4': ambiguous: 3 and 4"),
    ],
)
def test_a_score_explains_itself(sample, answer, value, explanation):
    score = score_answer(sample, answer)
    assert (score.value, score.explanation) == (value, explanation)


def test_free_text_is_compared_without_case_and_spaces():
    sample = Sample(id="t", task="x", question="?", images=(PICTURE,), answer="Red chair", answer_type=AnswerType.TEXT)
    assert score_answer(sample, " red  chair. ").value == 1.0
    assert score_answer(sample, "red").value == 0.0


# --- the paper's reward -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "total", "correct", "form", "reason"),
    [
        (rollout(choice(), draws(box("a")), answers("B")), 2.0, 1.0, 1.0, ""),
        (rollout(choice(), answers("B")), 2.0, 1.0, 1.0, ""),
        (rollout(choice(), fails(ErrorKind.OFF_IMAGE), answers("B")), 1.0, 1.0, 0.0, ""),
        (rollout(choice(), answers("A")), 0.0, 0.0, 1.0, "A is wrong; right is B"),
        (rollout(number(), answers("3")), 1.6, 0.6, 1.0, ""),
        (
            rollout(choice(), draws(box("a")), status=Status.TRUNCATED_TURNS),
            0.0,
            0.0,
            1.0,
            "no answer: truncated_turns",
        ),
        (
            rollout(choice(), fails(ErrorKind.DUPLICATE_ACTION), answers("B")),
            0.0,
            1.0,
            0.0,
            "an action repeats an earlier one",
        ),
        (rollout(choice(), answers("B"), bases=(1,) * 42), 2.0, 1.0, 1.0, ""),
        (rollout(choice(), answers("B"), bases=(1,) * 43), 0.0, 1.0, 1.0, "43 images, at most 42 are rewarded"),
    ],
)
def test_the_papers_reward_by_hand(made, total, correct, form, reason):
    reward = paper_reward(made)
    assert (reward.total, reward.correct, reward.format, reward.reason) == (total, correct, form, reason)


def test_must_draw_gives_nothing_to_a_rollout_that_never_drew():
    assert paper_reward(rollout(choice(), answers("B")), must_draw=True).total == 0
    assert paper_reward(rollout(choice(), draws(box("a")), answers("B")), must_draw=True).total == 2


def test_beta_is_a_threshold_to_be_passed():
    assert paper_reward(rollout(number(), answers("3")), beta=0.6).total == 0
    assert paper_reward(rollout(number(), answers("3")), beta=0.5).total == 1.6


def test_a_sample_without_gold_has_no_reward_at_all():
    with pytest.raises(DataError, match="q: no reward, unscored: no gold answer"):
        paper_reward(rollout(choice(None), answers("B")))


# --- reflection -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("turns", "bases", "expected"),
    [
        ((draws(box("a")), draws(box("a", 5, image=2))), (1, 1, 1), [(1, "a", 0, 1)]),
        ((draws(box("a")), draws(box("b", 5, image=2))), (1, 1, 1), []),
        ((draws(box("a"), box("a", 5)), answers("B")), (1, 1), []),  # two instances in one turn
        ((draws(box("a")), draws(box("a", 5, image=2))), (1, 2, 1), []),  # another picture
        ((draws(box("a"), box("a", 5)), draws(box("a", 5, image=2))), (1, 1, 1), []),  # only repeats
        (
            (draws(box("a")), draws(Line(image_index=2, start_px=(0.0, 0.0), end_px=(10.0, 10.0), label="a"))),
            (1, 1, 1),
            [(1, "a", 0, 1)],
        ),
        (
            (draws(box("a")), draws(box("b", image=2)), draws(box("a", 5, image=1)), draws(box("a", 9, image=3))),
            (1, 1, 1, 1, 1),
            [(1, "a", 0, 2), (1, "a", 2, 3)],
        ),
        ((), (1,), []),
    ],
)
def test_reflection_is_the_same_label_drawn_differently_in_a_later_turn(turns, bases, expected):
    made = rollout(choice(), *turns, bases=bases)
    assert [(found.base, found.label, found.earlier, found.later) for found in reflections(made)] == expected
    assert is_reflective(made) is bool(expected)
