"""Means, differences and conclusions, with numbers that can be checked by eye."""

from __future__ import annotations

import pytest

from vilasr.experiments.intervals import Difference, Verdict, conclusion, difference_of, mean_of


def items(*values):
    return {f"item-{number:03d}": value for number, value in enumerate(values)}


def test_a_mean_is_over_items_with_the_spread_between_seeds():
    made = mean_of({0: items(1.0, 0.0, 0.0, 1.0), 1: items(1.0, 1.0, 0.0, 1.0)})
    assert made.value == 0.625  # of 1, 0.5, 0, 1
    assert made.spread == pytest.approx(0.25 / 2**0.5)  # of 0.5 and 0.75
    assert made.seeds == (0, 1)
    assert made.num_items == 4
    low, high = made.ci95
    assert 0 <= low < 0.625 < high <= 1


def test_equal_shares_have_wilsons_interval_and_equal_counts_have_no_width():
    right = mean_of({0: items(1.0, 1.0, 1.0)})
    assert right.ci95 == (pytest.approx(3 / 6.8416), 1.0)
    assert mean_of({0: items(2.0, 2.0, 2.0)}, are_shares=False).ci95 == (2.0, 2.0)


def test_what_cannot_be_known_is_none():
    assert mean_of({}) is None
    assert mean_of({0: {}}) is None
    alone = mean_of({None: items(0.5)})
    assert (alone.ci95, alone.spread, alone.seeds) == (None, None, ())
    assert difference_of({0: items(1.0)}, {0: items(0.0)}) is None
    assert difference_of({0: items(1.0, 1.0)}, {1: items(0.0, 0.0)}) is None
    assert difference_of({}, {None: items(0.0, 0.0)}) is None


def test_a_difference_is_of_the_same_items_and_seeds():
    ours = {0: items(1.0, 1.0, 0.0), 1: items(1.0, 1.0, 1.0), 2: items(0.0, 0.0, 0.0)}
    theirs = {0: items(0.0, 1.0, 0.0, 1.0), 1: items(0.0, 0.0, 0.0, 1.0)}
    made = difference_of(ours, theirs)
    assert made.by_seed == pytest.approx({0: 1 / 3, 1: 1.0})
    assert made.value == pytest.approx(2 / 3)
    assert made.num_items == 3


def test_a_model_without_seeds_is_compared_with_each_seed_of_the_other():
    seeded, single = {0: items(1.0, 1.0), 1: items(1.0, 0.0)}, {None: items(0.0, 0.0)}
    assert difference_of(seeded, single).by_seed == {0: 1.0, 1: 0.5}
    assert difference_of(single, seeded).by_seed == {0: -1.0, 1: -0.5}
    assert difference_of(single, {None: items(1.0, 0.5)}).by_seed == {}


def test_with_one_seed_the_interval_is_that_of_paired_items():
    # 20 of 100 items are gained, 5 lost: 0.15, standard error root((0.25 - 0.15^2) / 100) = 0.0477.
    ours, theirs = items(*[1.0] * 20, *[0.0] * 80), items(*[0.0] * 20, *[1.0] * 5, *[0.0] * 75)
    made = difference_of({0: ours}, {0: theirs})
    low, high = made.ci95
    assert made.value == pytest.approx(0.15)
    assert (low, high) == pytest.approx((0.15 - 1.96 * 0.0477, 0.15 + 1.96 * 0.0477), abs=0.02)
    assert made.verdict is Verdict.HIGHER
    assert difference_of({0: theirs}, {0: ours}).verdict is Verdict.LOWER


def test_a_gain_in_two_seeds_of_three_is_not_enough_however_many_items_there_are():
    better, same = items(*[1.0] * 500), items(*[0.0] * 500)
    theirs = dict.fromkeys((0, 1, 2), same)
    assert difference_of({0: better, 1: better, 2: same}, theirs).verdict is Verdict.OPEN
    assert difference_of({0: better, 1: better, 2: better}, theirs).verdict is Verdict.HIGHER


def test_a_factor_asks_whether_one_is_a_multiple_of_the_other():
    half, fifth = items(*[1.0, 0.0] * 50), items(*[1.0, 0.0, 0.0, 0.0, 0.0] * 20)
    made = difference_of({0: half}, {0: fifth}, factor=2)
    assert made.value == pytest.approx(0.5 - 2 * 0.2)
    assert difference_of({0: half}, {0: half}, factor=2).verdict is Verdict.LOWER


def test_no_difference_anywhere_is_not_shown():
    assert difference_of({0: items(1.0, 0.0)}, {0: items(1.0, 0.0)}).verdict is Verdict.OPEN


@pytest.mark.parametrize(
    ("ci95", "by_seed", "said"),
    [
        (
            (0.05, 0.2),
            {0: 0.1, 1: 0.2},
            "Yes: b - a = +12.0 points (95 % interval +5.0 to +20.0; 40 items; above 0 in 2 of",
        ),
        (
            (-0.3, -0.01),
            {},
            "No, the opposite: b - a = +12.0 points (95 % interval -30.0 to -1.0; 40 items; no seeds).",
        ),
        ((0.0, 0.2), {0: 0.1, 1: -0.2}, "Not shown, the interval of the difference contains 0: b - a = +12.0 points"),
        ((-0.1, 0.2), {3: 0.1}, "1 seed, which says nothing about others)."),
    ],
)
def test_the_conclusion_follows_from_the_interval_alone(ci95, by_seed, said):
    made = Difference(value=0.12, ci95=ci95, by_seed=by_seed, num_items=40)
    assert said in conclusion(made, model="b", against="a")


def test_a_factor_and_a_unit_are_told():
    made = Difference(value=1.5, ci95=(0.5, 2.0), by_seed={0: 1.5, 1: 1.5}, num_items=40)
    told = conclusion(made, model="b", against="a", factor=2, unit="drawings a rollout", scale=1)
    assert told.startswith("Yes: b - 2 x a = +1.5 drawings a rollout (95 % interval +0.5 to +2.0;")
