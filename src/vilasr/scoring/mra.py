"""Mean relative accuracy: how a number is scored against the true one."""

from __future__ import annotations

import math
from array import array

THRESHOLDS = (*(0.5 + step * ((0.95 - 0.5) / 9) for step in range(9)), 0.95)
"""0.50, 0.55, ..., 0.95: bit for bit what numpy's linspace(0.5, 0.95, 10) gives, without importing numpy."""


def mean_relative_accuracy(prediction: float, truth: float, *, single: bool = False, strict: bool = False) -> float:
    """Share of the thresholds theta for which |prediction - truth| / |truth| <= 1 - theta, in 0..1.

    In float64. For a truth of 0 the relative error does not exist, and the absolute error takes its place. A prediction
    that is not finite scores 0. Source: the definition of the VSI-Bench authors. The two options are departures of the
    published ViLaSR code.

    Args:
        single: in float32, with 1e-8 added to |truth|, 0 or not.
        strict: `<` in place of `<=`.

    >>> mean_relative_accuracy(3, 5)  # an error of 0.4 passes theta = 0.50, 0.55 and 0.60
    0.3
    >>> mean_relative_accuracy(3, 5, single=True)  # in float32, 1 - 0.6 is a little less than 0.4
    0.2
    >>> mean_relative_accuracy(3, 4), mean_relative_accuracy(3, 4, single=True, strict=True)
    (0.6, 0.5)
    """
    if not math.isfinite(prediction):
        return 0.0
    if single:
        error, limits = _single_error(prediction, truth), _SINGLE_LIMITS
    else:
        error, limits = abs(prediction - truth), _LIMITS
        if truth != 0:
            error /= abs(truth)
    passed = sum(error < limit for limit in limits) if strict else sum(error <= limit for limit in limits)
    return passed / len(limits)


def _single(value: float) -> float:
    """The nearest float32. Rounding after each step of a double computation is float32 arithmetic, bit for bit."""
    return array("f", (value,))[0]


def _single_error(prediction: float, truth: float) -> float:
    truth = _single(truth)
    return _single(_single(abs(_single(prediction) - truth)) / _single(abs(truth) + _single(1e-8)))


_LIMITS = tuple(1 - theta for theta in THRESHOLDS)
_SINGLE_LIMITS = tuple(_single(1 - _single(theta)) for theta in THRESHOLDS)
