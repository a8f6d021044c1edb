"""Mean relative accuracy: how a number is scored against the true one."""

from __future__ import annotations

import math

THRESHOLDS = (*(0.5 + step * ((0.95 - 0.5) / 9) for step in range(9)), 0.95)
"""0.50, 0.55, ..., 0.95: bit for bit what numpy's linspace(0.5, 0.95, 10) gives, without importing numpy."""


def mean_relative_accuracy(prediction: float, truth: float) -> float:
    """Share of the thresholds theta for which |prediction - truth| / |truth| <= 1 - theta, in 0..1.

    In float64. For a truth of 0 the relative error does not exist, and the absolute error takes its place. A prediction
    that is not finite scores 0. Source: the definition of the VSI-Bench authors.

    >>> mean_relative_accuracy(3, 5)  # an error of 0.4 passes theta = 0.50, 0.55 and 0.60
    0.3
    >>> mean_relative_accuracy(3, 4)
    0.6
    """
    if not math.isfinite(prediction):
        return 0.0
    error = abs(prediction - truth)
    if truth != 0:
        error /= abs(truth)
    return sum(error <= 1 - theta for theta in THRESHOLDS) / len(THRESHOLDS)
