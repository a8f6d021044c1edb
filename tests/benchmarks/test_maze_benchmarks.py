from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from vilasr.benchmarks import benchmark_named, facts_for
from vilasr.env import Episode
from vilasr.protocol import COMPACT, format_turn, to_frame
from vilasr.tasks import task_named
from vilasr.types import Status

MAZES = ("maze", "maze-ood", "maze-valid", "maze-shortest")


def play(sample, *, answer=None, drawing=True):
    """The demonstration of a sample, played; with `answer` in place of the right one."""
    episode = Episode(sample)
    episode.reset()

    def frame(image, point):
        sizes = {"image_size": episode.sizes[0], "model_size": episode.model_sizes[0]}
        return to_frame(point, sizes["image_size"], frame=COMPACT.frame, model_size=sizes["model_size"])

    for turn in task_named("maze").demonstrate(sample, random.Random(0), frame=frame, drawing=drawing):
        text = format_turn(
            turn.thought,
            actions=turn.actions,
            answer=None if turn.answer is None else answer or turn.answer,
            protocol=COMPACT,
            sizes=episode.sizes,
            model_sizes=episode.model_sizes,
        )
        episode.step(text)
    return episode.rollout()


@pytest.mark.parametrize("name", MAZES)
def test_a_benchmark_is_the_same_every_time_and_its_ids_are_its_own(name):
    benchmark = benchmark_named(name)
    once, again = list(benchmark.samples(6)), list(benchmark.samples(6))
    assert [sample.id for sample in once] == [f"{name}/test/0/{index}" for index in range(6)]
    assert [(one.question, one.answer, one.images[0].tobytes()) for one in once] == [
        (other.question, other.answer, other.images[0].tobytes()) for other in again
    ]
    assert next(benchmark.samples(1, seed=1)).images[0].tobytes() != once[0].images[0].tobytes()


def test_samples_come_one_by_one_and_the_default_is_all():
    benchmark = benchmark_named("maze")
    assert benchmark.num == 2000
    assert next(benchmark.samples()).id == "maze/test/0/0"


@pytest.mark.parametrize("name", MAZES)
def test_the_demonstration_scores_full_draws_right_and_agrees(name):
    for sample in benchmark_named(name).samples(8):
        facts = facts_for(play(sample))
        assert (facts.status, facts.score) == (Status.ANSWERED, 1.0)
        assert facts.drawing_score >= 0.95
        assert facts.agrees in (True, None)  # a valid path needs no mark
        assert facts.errors == ()


def test_a_wrong_answer_scores_nothing_and_disagrees_with_a_right_drawing():
    sample = next(benchmark_named("maze").samples())
    wrong = "A" if sample.answer != "A" else "B"
    facts = facts_for(play(sample, answer=wrong))
    assert (facts.score, facts.drawing_score, facts.agrees) == (0.0, 1.0, False)


def test_without_drawing_nothing_is_graded():
    rollout = play(next(benchmark_named("maze").samples()), drawing=False)
    facts = facts_for(rollout, drawing=False)
    assert (facts.score, facts.drawing_score, facts.agrees, facts.num_drawings) == (1.0, None, None, 0)


def test_out_of_distribution_holds_its_parts_in_equal_rhythm():
    groups = Counter(
        group
        for sample in benchmark_named("maze-ood").samples(40)
        for group in facts_for(play(sample)).groups
        if group.startswith("part=")
    )
    assert groups == {
        "part=held-out styles, sizes 3-6": 20,
        "part=seen styles, sizes 7-8": 10,
        "part=held-out styles, sizes 7-8": 10,
    }


def test_groups_come_from_the_metadata():
    sample = next(benchmark_named("maze").samples())
    sample = replace(sample, metadata={"n": 4, "heldout": False, "length": 6, "style": "plot", "question_type": "end"})
    kinds = facts_for(play(next(benchmark_named("maze").samples()))).groups
    assert {group.partition("=")[0] for group in kinds} == {"part", "question", "size", "style", "algorithm", "length"}
    rollout = replace(play(next(benchmark_named("maze").samples())), sample=sample)
    assert facts_for(rollout).groups == (
        "part=seen styles, sizes 3-6",
        "question=end",
        "size=4",
        "style=plot",
        "length=5-8",
    )
    assert facts_for(rollout).drawing_score is None  # no truth, no grade
