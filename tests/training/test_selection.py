"""Each rule on rollouts made by hand, the balance, and the counts of the report."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from picky import CONFIG, NONSENSE, box, plain, played, reflecting, two_marks, wrong
from pydantic import ValidationError

from vilasr.tasks import task_named
from vilasr.training.balance import balanced
from vilasr.training.demonstrations import play
from vilasr.training.rejection_config import BalanceSection, SelectSection
from vilasr.training.selection import correction_gains, drawing_score, judge, rules_for
from vilasr.training.selection_report import as_markdown, report_on
from vilasr.types import Status


def failures(rollout, **rules):
    return dict(judge(rollout, rules_for(SelectSection(**rules))).failures)


# --- rules ------------------------------------------------------------------------------------------------------------


def test_a_right_rollout_that_corrects_a_mark_passes_every_rule_there_is():
    assert failures(reflecting()) == {}
    assert failures(reflecting(), nearer=True, min_steps=4, valid_marks=True, min_drawing=1.0) == {}


@pytest.mark.parametrize(
    ("rollout", "expected"),
    [
        (plain(), {"reflective": "no mark is corrected"}),
        (wrong(), {"correct": "wrong", "reflective": "no mark is corrected"}),
        (played(box("A", 50, 50), box("A", 60, 60, 2), "many"), {"correct": "no readable answer"}),
        (
            played(box("A", 50, 50), NONSENSE, box("A", 60, 60, 2), "2"),
            {"well-formed": "no_action"},
        ),
        (
            played(box("A", 50, 50), box("A", 60, 60, 2)),  # still running: as if its turns had run out
            {"correct": "no answer: truncated_turns", "well-formed": "truncated_turns"},
        ),
        (
            replace(reflecting(), status=Status.POLICY_ERROR, reason="the server is gone"),
            {"ran": "policy_error", "correct": "no answer: policy_error", "well-formed": "policy_error"},
        ),
        (replace(reflecting(), sample=replace(two_marks(), answer=None)), {"correct": "no gold answer"}),
    ],
    ids=["plain", "wrong", "unreadable", "mistake", "unanswered", "machine", "unscored"],
)
def test_what_a_rollout_fails_is_named_with_its_reason(rollout, expected):
    assert failures(rollout) == expected


def test_a_number_is_correct_from_the_score_that_is_asked_for():
    near = replace(reflecting(), sample=replace(two_marks(), answer="2.2"))  # off by 9 %: passes 0.50 to 0.90
    assert failures(near) == {"correct": "wrong"}
    assert failures(near, min_score=0.9) == {}


def test_steps_are_turns_with_the_answer():
    assert failures(plain(), reflective=False, min_steps=2) == {}
    assert failures(plain(), reflective=False, min_steps=3) == {"steps": "fewer than 3 turns"}


def test_a_drawing_is_graded_as_it_stands_at_the_end():
    half = played(box("A", 50, 50), "2")
    assert drawing_score(half) == 0.5
    assert failures(half, reflective=False, min_drawing=0.5) == {}
    assert failures(half, reflective=False, min_drawing=0.6) == {"drawing": "grade below 0.6"}


def test_every_mark_that_stands_must_be_true_of_the_world_however_many_are_not_drawn():
    rules = {"reflective": False, "valid_marks": True}
    assert failures(played(box("A", 50, 50), "2"), **rules) == {}
    assert failures(played(box("A", 90, 90), box("A", 50, 50, 2), "2"), **rules) == {}  # put right
    assert failures(played((box("A", 50, 50), box("B", 90, 90)), "2"), **rules) == {"valid": "a mark is wrong"}


def test_a_line_of_a_maze_must_begin_and_end_in_the_central_region_of_its_cells():
    task = task_named("maze")
    sample = task.generate("train", 0, 0, {"question": "end"})
    demonstration = play(task, sample, random.Random(0), CONFIG).rollout
    assert failures(demonstration, reflective=False, valid_marks=True, min_steps=3) == {}
    last = demonstration.images[-1]
    line = last.instances[-1]
    cell_px = sample.metadata["xs"][1] - sample.metadata["xs"][0]
    for cells, expected in ((0.3, {}), (0.4, {"valid": "a mark is wrong"})):
        x, y = line.end_px
        moved = replace(line, end_px=(x + cells * cell_px, y))
        images = (*demonstration.images[:-1], replace(last, instances=(*last.instances[:-1], moved)))
        assert failures(replace(demonstration, images=images), reflective=False, valid_marks=True) == expected


@pytest.mark.parametrize("sample", [replace(two_marks(), task="photos"), replace(two_marks(), task="maze")])
def test_a_sample_without_truth_has_no_wrong_mark_and_passes_no_rule_that_grades(sample):
    rollout = replace(reflecting(), sample=sample)
    told = failures(rollout, nearer=True, min_drawing=0.1, valid_marks=True)
    assert told == {"drawing": "no truth to grade by", "nearer": "no truth to grade by"}


# --- corrections against the truth ------------------------------------------------------------------------------------


def test_a_correction_is_worth_what_it_adds_to_the_grade():
    assert correction_gains(reflecting()) == [0.5]
    assert correction_gains(plain()) == []


def test_what_a_turn_draws_besides_its_correction_does_not_count():
    rollout = played(box("A", 50, 50), (box("A", 90, 90, 2), box("B", 150, 150, 2)), "2")
    assert drawing_score(rollout) == 0.5  # A lost, B won
    assert correction_gains(rollout) == [-0.5]
    assert failures(rollout, nearer=True) == {"nearer": "farther from the truth"}


def test_a_correction_made_on_the_clean_picture_loses_the_marks_that_are_not_there():
    rollout = played((box("A", 50, 50), box("B", 90, 90)), box("B", 150, 150, 1), "2")
    assert correction_gains(rollout) == [0.0]  # B won, A is not on that picture
    assert failures(rollout, nearer=True) == {"nearer": "no nearer to the truth"}


def test_one_correction_to_the_worse_spoils_one_to_the_better():
    away = played(box("A", 90, 90), box("A", 50, 50, 2), box("A", 90, 90, 3), "2")
    assert correction_gains(away) == [0.5, -0.5]
    assert failures(away, nearer=True) == {"nearer": "farther from the truth"}
    idle = played(box("A", 90, 90), box("A", 50, 50, 2), box("A", 51, 50, 3), "2")
    assert correction_gains(idle) == [0.5, 0.0]
    assert failures(idle, nearer=True) == {}


# --- balance ----------------------------------------------------------------------------------------------------------


def judged(*rollouts, **rules):
    return [judge(rollout, rules_for(SelectSection(**rules))) for rollout in rollouts]


def pick(judgements, *, seed=0, select=None, **balance):
    return balanced(judgements, select=select or SelectSection(), balance=BalanceSection(**balance), seed=seed)


def test_so_many_of_a_question_are_taken_whatever_the_order_and_others_by_another_seed():
    judgements = judged(*[reflecting(number, sibling) for number in range(3) for sibling in range(4)])
    found = pick(judgements, max_per_question=2)
    assert [key[0] for key in found.kept] == ["marks/0"] * 2 + ["marks/1"] * 2 + ["marks/2"] * 2
    assert found.left_out == {"more than 2 of one question": 6}
    assert pick(judgements[::-1], max_per_question=2) == found
    assert len({pick(judgements, max_per_question=2, seed=seed).kept for seed in range(5)}) > 1


def test_a_stratum_is_a_task_a_question_type_and_a_length():
    long = played(*[box("A", 50 + shift, 50, 1 + shift) for shift in range(5)], "2", sample=two_marks(9))
    other = reflecting(8, metadata={**two_marks().metadata, "question_type": "other"})
    judgements = judged(*[reflecting(number) for number in range(4)], long, other)  # 4, 6 and 4 turns
    kept = pick(judgements, max_per_stratum=1, turns_per_stratum=5).kept
    assert {"marks/8", "marks/9"} < {key[0] for key in kept}
    assert len(kept) == 3
    assert pick(judgements, max_per_stratum=1, turns_per_stratum=6).left_out == {
        "more than 1 of one task, question type and length": 4
    }


def test_plain_rollouts_fill_up_to_their_share_and_take_no_place():
    select = SelectSection(plain_share=0.25, nearer=True)
    rollouts = [reflecting(number) for number in range(3)] + [plain(number) for number in range(3, 7)] + [wrong(7)]
    judgements = judged(*rollouts, plain_share=0.25, nearer=True)
    found = pick(judgements, select=select)
    assert (len(found.kept), found.num_plain) == (4, 1)
    assert found.left_out == {"beyond the share of plain ones": 3}
    assert pick(judgements).num_plain == 0
    crowded = judged(reflecting(), plain(sibling=1), plain_share=0.5)
    assert pick(crowded, select=SelectSection(plain_share=0.5), max_per_question=1).kept == (("marks/0", 0),)


def test_a_correction_that_leads_away_is_no_plain_rollout():
    away = played(box("A", 50, 50), box("A", 90, 90, 2), "2", sample=two_marks(1))
    select = SelectSection(plain_share=0.5, nearer=True)
    assert pick(judged(reflecting(), away, plain_share=0.5, nearer=True), select=select).num_plain == 0


@pytest.mark.parametrize("rules", [{"nearer": True}, {"plain_share": 0.1}])
def test_rules_about_corrections_need_the_rule_of_reflection(rules):
    with pytest.raises(ValidationError, match="need reflective = true"):
        SelectSection(reflective=False, **rules)


# --- the report -------------------------------------------------------------------------------------------------------

# Question 0: right with a correction, right without, wrong; question 1: right without, wrong, nonsense that is told;
# and one attempt that the machine failed.
SIX = [
    reflecting(0, 0),
    plain(0, 1),
    wrong(0, 2),
    plain(1, 0),
    wrong(1, 1),
    played(NONSENSE, "1", sample=two_marks(1), sibling=2),
    replace(plain(2, 0), status=Status.POLICY_ERROR),
]


@pytest.fixture(scope="module")
def report():
    judgements = judged(*SIX)
    names = [rule.name for rule in rules_for(SelectSection())]
    return report_on(judgements, pick(judgements), rule_names=names, num_siblings=3)


def test_rules_stand_in_line_and_each_is_counted_alone_and_over_all_too(report):
    counts = {
        rule.name: (rule.came, rule.failed, rule.failed_at_all, rule.failed_alone, rule.reasons)
        for rule in report.rules
    }
    assert counts == {
        "ran": (7, 1, 1, 0, {"policy_error": 1}),
        "correct": (6, 3, 4, 0, {"wrong": 3}),
        "well-formed": (3, 0, 2, 0, {}),
        "reflective": (3, 2, 6, 2, {"no mark is corrected": 2}),
    }
    assert report.hardest.name == "correct"


def test_groups_tell_what_was_sampled_and_leave_out_what_the_machine_failed(report):
    everything, marks = report.groups
    assert (everything.name, marks.name) == ("all", "marks count")
    assert (everything.questions, everything.rollouts, everything.passed, everything.kept) == (3, 7, 1, 1)
    assert everything.pass_1.mean == pytest.approx((2 / 3 + 1 / 3) / 2)
    assert everything.pass_k.mean == 1.0
    assert everything.reflection_rate == pytest.approx(1 / 6)
    assert everything.mean_drawings == pytest.approx((3 + 2 + 1 + 2 + 1 + 0) / 6)
    assert everything.mean_turns == pytest.approx((4 + 2 + 2 + 2 + 2 + 2) / 6)


def test_the_tables_say_it_to_people(report):
    text = as_markdown(report)
    assert "7 rollouts of 3 questions; 1 passed every rule, 1 are kept." in text
    assert "| correct     | 6    | 3      | 3      | 4             | 0            | wrong 3" in text
    assert "pass@3" in text
    assert "| all         | 3         | 7        | 50.0 (" in text
