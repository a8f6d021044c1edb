"""Two runs matched sample by sample, by hand."""

from __future__ import annotations

from vilasr.scoring import RolloutFacts, outcome_of, pair_samples, scores_by_sample, summarise
from vilasr.types import Status


def facts(sample_id, score, *, sibling=0, status=Status.ANSWERED, num_turns=2, num_drawings=1):
    counts = {"num_turns": num_turns, "num_drawings": num_drawings, "num_drawn_images": 1, "is_reflective": False}
    return RolloutFacts(sample_id=sample_id, sibling=sibling, status=status, score=score, **counts)


def test_what_both_have_scored_is_paired_and_the_rest_is_counted():
    first = [facts("a", 1.0), facts("b", 0.0), facts("c", 0.5), facts("d", None), facts("e", 1.0)]
    second = [facts("f", 1.0), facts("c", 1.0), facts("b", 0.0), facts("a", 0.0), facts("d", 1.0)]
    pairing = pair_samples(first, second)
    assert pairing.differences == {"c": 0.5, "b": 0.0, "a": -1.0}
    assert (pairing.num_shared, pairing.num_unscored) == (4, 1)
    assert (pairing.num_only_first, pairing.num_only_second) == (1, 1)


def test_siblings_are_averaged_before_they_are_paired():
    first = [facts("a", 1.0), facts("a", 0.0, sibling=1), facts("a", None, sibling=2)]
    assert scores_by_sample(first) == {"a": 0.5}
    assert pair_samples(first, [facts("a", 1.0)]).differences == {"a": 0.5}


def test_runs_without_a_common_sample_have_no_differences():
    pairing = pair_samples([facts("a", 1.0)], [facts("b", 1.0)])
    assert (pairing.differences, pairing.num_shared, pairing.num_only_first) == ({}, 0, 1)


def test_every_rollout_has_one_outcome_and_unscored_is_none_of_the_others():
    rows = [
        facts("a", 1.0),
        facts("b", 0.7),
        facts("c", 0.0),
        facts("d", 0.0, status=Status.TIMEOUT),
        facts("e", 0.0, status=Status.NO_ACTION),
        facts("f", None),
        facts("g", None, status=Status.TRUNCATED_TURNS),
    ]
    names = ["right", "partly", "wrong", "truncated", "error", "unscored", "unscored"]
    assert [outcome_of(row) for row in rows] == names
    assert summarise(rows).outcomes == {**dict.fromkeys(names, 1), "unscored": 2}


def test_rollouts_are_counted_by_turns_and_by_drawings():
    rows = [facts("a", 1.0, num_turns=4), facts("b", 1.0, num_drawings=0), facts("c", 1.0)]
    made = summarise(rows)
    assert (made.turn_counts, made.drawing_counts) == ({2: 2, 4: 1}, {0: 1, 1: 2})
