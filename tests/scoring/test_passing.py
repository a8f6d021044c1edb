"""pass@k, against all subsets of the attempts."""

from __future__ import annotations

from itertools import combinations
from statistics import fmean

import pytest

from vilasr.scoring import RolloutFacts, pass_at, sample_passes
from vilasr.types import Status


def facts(sample_id, sibling, score):
    counts = {"num_turns": 1, "num_drawings": 0, "num_drawn_images": 0, "is_reflective": False}
    return RolloutFacts(sample_id=sample_id, sibling=sibling, status=Status.ANSWERED, score=score, **counts)


@pytest.mark.parametrize("num_right", range(6))
@pytest.mark.parametrize("k", range(1, 6))
def test_it_is_the_share_of_the_subsets_with_a_right_one(k, num_right):
    attempts = [number < num_right for number in range(5)]
    assert pass_at(k, num=5, num_right=num_right) == pytest.approx(fmean(map(any, combinations(attempts, k))))


def test_samples_with_too_few_scored_attempts_are_left_out_and_partly_right_is_not_right():
    rows = [facts("a", 0, 1.0), facts("a", 1, 0.0), facts("b", 0, 0.7), facts("b", 1, 0.0), facts("c", 0, 1.0)]
    rows.append(facts("c", 1, None))
    assert sample_passes(rows, 1) == [0.5, 0.0, 1.0]
    assert sample_passes(rows, 2) == [1.0, 0.0]
