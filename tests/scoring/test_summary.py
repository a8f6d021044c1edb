from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vilasr.scoring import DIFFERENCE_BOUNDS, RolloutFacts, bootstrap_interval, estimate, summarise, wilson_interval
from vilasr.types import Status


def facts(sample_id, score, *, sibling=0, status=Status.ANSWERED, groups=(), **other):
    counts = {"num_turns": 2, "num_drawings": 3, "num_drawn_images": 1, "is_reflective": False}
    return RolloutFacts(
        sample_id=sample_id, sibling=sibling, status=status, score=score, groups=groups, **(counts | other)
    )


def test_mean_and_standard_error_by_hand():
    made = estimate([1.0, 0.0, 1.0, 0.0])
    assert made.mean == 0.5
    assert made.stderr == pytest.approx((1 / 3) ** 0.5 / 2)  # standard deviation with n - 1, over root 4


def test_the_interval_is_seeded_and_near_the_normal_one():
    values = [1.0] * 60 + [0.0] * 40
    low, high = bootstrap_interval(values, seed=1)
    assert bootstrap_interval(values, seed=1) == (low, high)
    assert low == pytest.approx(0.6 - 1.96 * 0.049, abs=0.02)
    assert high == pytest.approx(0.6 + 1.96 * 0.049, abs=0.02)


def test_less_than_two_samples_say_nothing_about_the_spread():
    assert (estimate([1.0]).mean, estimate([1.0]).stderr, estimate([1.0]).ci95) == (1.0, None, (0.0, 1.0))
    assert (estimate([]).mean, estimate([]).num) == (None, 0)


def test_equal_scores_have_wilsons_interval_and_not_one_without_width():
    # 3 of 3: n / (n + z^2) = 3 / 6.8416; 0 of 3 is its mirror image.
    right, wrong = estimate([1.0] * 3), estimate([0.0] * 3)
    assert (right.interval, right.ci95) == ("wilson", (pytest.approx(0.438494), 1.0))
    assert (wrong.interval, wrong.ci95) == ("wilson", (0.0, pytest.approx(1 - 0.438494)))
    assert estimate([1.0] * 10).ci95[0] == pytest.approx(10 / 13.8416)
    # Scores between 0 and 1: 2 of 4 by Wilson (Newcombe 1998, method 3), 0.15 to 0.85.
    assert estimate([0.5] * 4).ci95 == pytest.approx((0.150036, 0.849964), abs=1e-5)


def test_scores_that_differ_keep_the_bootstrap_and_so_do_differences():
    assert estimate([1.0, 1.0, 0.0]).interval == "bootstrap"
    assert estimate([1.0, 1.0, 0.0]).ci95 == bootstrap_interval([1.0, 1.0, 0.0])
    same = estimate([0.0] * 3, bounds=DIFFERENCE_BOUNDS)
    assert (same.interval, same.ci95) == ("bootstrap", (0.0, 0.0))
    assert (estimate([1.0]).interval, estimate([]).interval) == ("range", "range")


@given(st.integers(min_value=1, max_value=10**6), st.floats(min_value=0, max_value=1))
def test_wilsons_interval_holds_the_share_and_stays_between_0_and_1(num, share):
    low, high = wilson_interval(share, num)
    assert 0 <= low <= share <= high <= 1
    assert low < high


def test_siblings_are_averaged_before_the_uncertainty_is_taken():
    rows = [facts("a", 1.0), facts("a", 1.0, sibling=1), facts("b", 0.0), facts("b", 1.0, sibling=1)]
    made = summarise(rows)
    assert (made.num_samples, made.num_rollouts) == (2, 4)
    assert (made.score.mean, made.score.num) == (0.75, 2)
    assert made.score.stderr == pytest.approx(0.25)  # of 1 and 0.5: 0.3536 / root 2


def test_unscored_is_not_zero_and_no_answer_is():
    rows = [facts("a", 1.0), facts("b", None), facts("c", 0.0, status=Status.TRUNCATED_TURNS)]
    made = summarise(rows)
    assert (made.score.mean, made.num_unscored) == (0.5, 1)


def test_rates_are_shares_of_all_rollouts_and_add_up_to_one():
    statuses = [Status.ANSWERED, Status.TRUNCATED_TURNS, Status.TIMEOUT, Status.POLICY_ERROR, Status.NO_ACTION]
    rows = [facts(str(number), 0.0, status=status) for number, status in enumerate(statuses)]
    made = summarise(rows)
    assert (made.answered_rate, made.truncated_rate, made.error_rate) == (0.2, 0.4, 0.4)
    assert made.statuses["timeout"] == 1


def test_groups_and_means_by_hand():
    rows = [
        facts("a", 1.0, groups=("size=3",), num_turns=4, is_reflective=True, drawing_score=1.0, agrees=True),
        facts("b", 0.0, groups=("size=3", "style=x"), num_drawings=0, errors=("off_image", "off_image"), agrees=False),
    ]
    made = summarise(rows)
    assert {name: (group.mean, group.num) for name, group in made.groups.items()} == {
        "size=3": (0.5, 2),
        "style=x": (0.0, 1),
    }
    assert (made.mean_turns, made.mean_drawings, made.reflection_rate) == (3.0, 1.5, 0.5)
    assert (made.drawing_score, made.drawing_agreement) == (1.0, 0.5)
    assert made.errors == {"off_image": 2}


def test_nothing_at_all_is_summarised_without_a_crash():
    assert summarise([]).score.mean is None
