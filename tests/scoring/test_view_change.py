from __future__ import annotations

from pathlib import Path

import pytest

from vilasr.scoring import extract_view_change, score_answer
from vilasr.types import AnswerType, Sample

GOLD = "move_right:0.4,rotate_left:20"


def view_change(answer=GOLD, question_type="view_change_infer"):
    kind = AnswerType.TEXT
    metadata = {"question_type": question_type}
    return Sample(
        id="v", task="spar", question="?", images=(Path("1.png"),), answer=answer, answer_type=kind, metadata=metadata
    )


@pytest.mark.parametrize(
    "text",
    [
        "move_right:0.4,rotate_left:20",
        "move_right: 0.4, rotate_left: 20",
        "rotate_left:20.0,move_right:.4",
        "Move right: 0.4 m; rotate left: 20 degrees.",
        "move_right=0.4\nrotate_left=20°",
        "<answer>move_right:0.4,rotate_left:20</answer>",
        "`move_right:0.4`, `rotate_left:20`",
        "move_right:0.4,rotate_left:20,rotate_left:20",
        "move_left:-0.4,rotate_right:\u221220",
        "move_right:0.5,move_left:0.1,rotate_left:20,move_up:0",
    ],
)
def test_these_are_the_gold_moves(text):
    score = score_answer(view_change(), text)
    assert score.value == pytest.approx(1), score.explanation


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no answer"),
        ("none", "no move that can be read: 'none'"),
        ("move_right", "no move that can be read: 'move_right'"),
        ("move_right:far", "no move that can be read: 'move_right:far'"),
        ("move_sideways:1", "no move that can be read: 'move_sideways:1'"),
        ("rotate_forward:1", "no move that can be read: 'rotate_forward:1'"),
        ("move_right:1e999", "no move that can be read: 'move_right:1e999'"),
        ("move_right:1,200", "no move that can be read: '200'"),
        ("move_right:1 to 2", "no move that can be read: 'move_right:1 to 2'"),
        ("move_right:1,move_right:2", "ambiguous: move_right twice"),
        ("<answer>move_up:1</answer><answer>move_up:2</answer>", "ambiguous: several different answer tags"),
    ],
)
def test_these_are_none_in_default_and_the_reason_tells_why(text, reason):
    extraction = extract_view_change(text)
    assert (extraction.value, extraction.reason) == (None, reason)
    assert score_answer(view_change(), text).value == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("move_right:0.4,rotate_left:20", (1, 1, 1, 1, 1, 0)),
        # 0.09 too little is 0.23 of the truth, which passes six thresholds; 0.29 of the prediction passes five.
        ("move_right:0.31,rotate_left:20", (0.92, 0.9, 0.92, 0.92, 0.92, 0)),
        # Without a turn: nothing of 20 is right; relative to the prediction, 0, the error of 20 is absolute.
        ("move_right:0.4", (0.8, 0.8, 0.8, 0.8, 0.8, 0)),
        # 0.1 up, where nothing moves: an absolute error of 0.1 passes nine; relative to itself, or to 1e-8, none.
        ("move_right:0.4,rotate_left:20,move_up:0.1", (0.98, 0.8, 0.98, 0.98, 0.8, 0)),
        # A space makes another name for all who do not strip it: as if it did not turn.
        ("move_right:0.4, rotate_left:20", (1, 0.8, 0.8, 1, 0.8, 0)),
        # A unit cannot be read: nothing at all, or a move the less.
        ("move_right:0.4 m,rotate_left:20", (1, 0, 0, 0.8, 0, 0)),
        # Nothing to read is nothing, or no move: right on the three axes that do not move.
        ("", (0, 0, 0, 0.6, 0, 0)),
        ("I do not know", (0, 0, 0, 0.6, 0, 0)),
    ],
)
def test_what_view_changes_are_worth_by_hand(text, expected):
    modes = ("default", "official", "lmms-eval", "vlmevalkit", "vilasr", "vilasr-reward")
    assert tuple(score_answer(view_change(), text, mode=mode).value for mode in modes) == pytest.approx(expected)


def test_a_gold_answer_that_is_no_moves_leaves_the_sample_unscored():
    score = score_answer(view_change(answer="to the right"), GOLD)
    assert score.value is None
    assert "unscored: gold answer 'to the right': no move" in score.explanation


def test_other_texts_are_compared_as_texts():
    assert score_answer(view_change(question_type="caption"), "move_right:0.4, rotate_left:20").value == 0
    assert score_answer(view_change(question_type="vci"), "move_right:0.4, rotate_left:20").value == 1
