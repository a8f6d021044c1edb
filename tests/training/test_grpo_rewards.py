"""Rewards of the third stage: the paper's by default, options one by one, and rollouts that have none."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import replace

import pytest
from PIL import Image

from vilasr.errors import DataError
from vilasr.scoring import paper_reward
from vilasr.tasks import task_named
from vilasr.training.grpo_config import RewardSection
from vilasr.training.grpo_metrics import describe_attempts
from vilasr.training.grpo_rewards import Attempt, Earned, num_said, reward_function, score_groups
from vilasr.types import ErrorKind, ImageRecipe, Line, Rollout, Sample, Status, Turn, TurnError, TurnTokens


def said(num):
    """A turn's record of `num` sampled tokens."""
    return TurnTokens(
        context_ids=array("i", [7]),
        token_ids=array("i", range(num)),
        logprobs=array("f", [-1.0] * num),
        loss_mask=array("b", [1] * num),
    )


def rollout(answer="A", *, status=Status.ANSWERED, error=False, drawn=False, tokens=(5, 3), sibling=0, gold="A"):
    image = Image.new("RGB", (56, 56))
    sample = Sample(id="q", task="maze", question="?", images=(image,), options=("x", "y"), answer=gold)
    line = Line(image_index=1, start_px=(1, 1), end_px=(9, 9), label="1")
    mistake = TurnError(ErrorKind.MALFORMED_JSON, "broken") if error else None
    return Rollout(
        sample=sample,
        sibling=sibling,
        status=status,
        reason="the engine stopped" if status is Status.POLICY_ERROR else "",
        images=(ImageRecipe(base=1, size=(56, 56)),),
        turns=(
            Turn(context=(), text="", actions=(line,) if drawn else (), error=mistake, tokens=said(tokens[0])),
            Turn(context=(), text="", answer=answer, tokens=said(tokens[1])),
        ),
    )


@pytest.mark.parametrize(
    ("attempt", "total"),
    [
        (rollout(), 2.0),
        (rollout(error=True), 1.0),
        (rollout("B"), 0.0),
        (rollout(status=Status.TRUNCATED_TURNS), 0.0),
    ],
)
def test_by_default_it_is_the_papers(attempt, total):
    earned = reward_function(RewardSection())(attempt)
    assert earned.total == paper_reward(attempt).total == total
    assert (earned.drawing, earned.penalty) == (None, 0.0)


def test_must_draw_gives_nothing_to_a_rollout_without_a_drawing():
    reward = reward_function(RewardSection(must_draw=True))
    assert reward(rollout()).total == 0.0
    assert reward(rollout(drawn=True)).total == 2.0


def test_length_is_taken_off_along_a_straight_line():
    reward = reward_function(RewardSection(length_penalty=0.5, free_length=8, max_length=12))
    assert [num_said(rollout(tokens=tokens)) for tokens in ((5, 3), (5, 5), (9, 9))] == [8, 10, 18]
    assert reward(rollout(tokens=(5, 3))).total == 2.0
    assert reward(rollout(tokens=(5, 5))).total == 1.75
    assert reward(rollout(tokens=(9, 9))) == Earned(total=1.5, correct=1.0, format=1.0, penalty=0.5)


def test_the_drawing_is_graded_against_the_truth_and_kept_apart():
    task = task_named("maze")
    sample = task.generate("train", 3, 0, {"question": "end"})
    bare = replace(rollout(sample.answer), sample=sample, images=(ImageRecipe(base=1, size=sample.images[0].size),))
    reward = reward_function(RewardSection(drawing=0.5))
    earned = reward(bare)
    assert (earned.total, earned.drawing) == (2.0, task.grade_drawing(sample, bare).score)
    assert reward(replace(bare, status=Status.TRUNCATED_TURNS)).drawing is None
    assert reward(rollout()).drawing is None  # a maze of other people, without the truth


def test_what_cannot_be_learned_from_is_left_out_and_counted():
    group = [
        rollout(sibling=0),
        rollout("B", sibling=1),
        rollout(status=Status.POLICY_ERROR, sibling=2),
        rollout(sibling=3, gold=None),
        rollout(sibling=4, tokens=(1, 1)),
    ]
    paper = reward_function(RewardSection())

    def reward(attempt):
        return Earned(total=float("nan"), correct=0, format=0) if attempt.sibling == 4 else paper(attempt)

    dropped = Counter()
    [scored] = score_groups([group], reward, scale="std", dropped=dropped)
    assert dropped == {"policy_error": 1, "no_gold_answer": 1, "reward_not_finite": 1}
    assert [attempt.rollout.sibling for attempt in scored] == [0, 1]
    assert [attempt.advantage for attempt in scored] == pytest.approx([2**-0.5, -(2**-0.5)])


def test_a_group_that_lost_all_rollouts_stays_as_an_empty_one():
    def reward(attempt):
        raise DataError("no truth")

    dropped = Counter()
    assert score_groups([[rollout(), rollout(sibling=1)]], reward, scale="std", dropped=dropped) == [[]]
    assert dropped == {"no_gold_answer": 2}


def test_reward_and_accuracy_are_told_for_all_and_for_each_task():
    def attempt(task, total, correct):
        played = rollout()
        played = replace(played, sample=replace(played.sample, task=task))
        return Attempt(rollout=played, earned=Earned(total=total, correct=correct, format=1.0))

    metrics = describe_attempts([attempt("maze", 1.5, 1.0), attempt("maze", 0.5, 0.0), attempt("static", 0.25, 0.25)])
    assert (metrics["reward"], metrics["reward_maze"], metrics["reward_static"]) == (0.75, 1.0, 0.25)
    assert (metrics["accuracy_maze"], metrics["accuracy_static"]) == (0.5, 0.25)
    assert metrics["accuracy"] == pytest.approx(1.25 / 3)
