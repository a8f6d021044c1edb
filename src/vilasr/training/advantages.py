"""What a rollout is worth compared to its siblings: (S - mean) / std within the group (paper, section 3.4).

>>> advantages([2.0, 0.0, 2.0, 0.0])
[0.8660254037844386, -0.8660254037844386, 0.8660254037844386, -0.8660254037844386]
"""

from __future__ import annotations

from statistics import fmean, stdev
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

Scale = Literal["std", "none"]

SMALLEST_STD = 1e-6
"""Rewards that differ by less are equal: what is left is rounding."""


def advantages(rewards: Sequence[float], *, scale: Scale = "std") -> list[float]:
    """The advantage of each rollout of one group; all 0 where the rewards are equal, or where there is only one.

    Args:
        rewards: finite.
        scale: "std" divides by the sample standard deviation (over n - 1, as trainers in use do); "none" leaves the
            difference from the mean as it is, so that nearly settled groups do not count as much as open ones.
    """
    if not has_signal(rewards):
        return [0.0] * len(rewards)
    mean = fmean(rewards)
    unit = stdev(rewards) if scale == "std" else 1.0
    return [(reward - mean) / unit for reward in rewards]


def has_signal(rewards: Sequence[float]) -> bool:
    """Whether there is anything to learn from a group: whether its rewards differ.

    >>> has_signal([2.0, 2.0]), has_signal([1.0]), has_signal([]), has_signal([2.0, 1.0])
    (False, False, False, True)
    """
    return len(rewards) > 1 and stdev(rewards) > SMALLEST_STD
