"""Advantages, computed by hand."""

from __future__ import annotations

import pytest

from vilasr.training.advantages import advantages, has_signal


def test_rewards_are_compared_to_the_mean_in_units_of_the_sample_standard_deviation():
    # mean 1, squared differences 1 + 0 + 1 over n - 1 = 2: standard deviation 1
    assert advantages([2.0, 1.0, 0.0]) == [1.0, 0.0, -1.0]
    # mean 0.5, squared differences 3 * 0.25 + 2.25 over 3: standard deviation 1
    assert advantages([0.0, 0.0, 2.0, 0.0]) == [-0.5, -0.5, 1.5, -0.5]


def test_without_scaling_they_are_differences_from_the_mean():
    assert advantages([2.0, 1.4, 0.2], scale="none") == pytest.approx([0.8, 0.2, -1.0])


@pytest.mark.parametrize("rewards", [[], [2.0], [0.0, 0.0], [1.1, 1.1, 1.1], [0.3, 0.1 + 0.2]])
@pytest.mark.parametrize("scale", ["std", "none"])
def test_a_group_without_variance_has_nothing_to_teach(rewards, scale):
    assert advantages(rewards, scale=scale) == [0.0] * len(rewards)
    assert not has_signal(rewards)


def test_a_pair_is_worth_the_same_however_small_its_difference():
    assert advantages([1.0, 0.9]) == pytest.approx([2**-0.5, -(2**-0.5)])
    assert has_signal([1.0, 0.9])
