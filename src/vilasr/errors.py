"""The errors of the package, drawn as a tree:

    VilasrError
    ├── InputError           bad input or usage; the command line exits with 2
    │   └── MissingExtraError   an optional dependency is not installed
    ├── DataError            one row, rollout or sample is broken; the rest goes on
    └── InvariantError       a bug of ours, or of an engine: never caught, never hidden

A mistake of the *model* is none of these: it is an observation (see `vilasr.env`).
"""

from __future__ import annotations


class VilasrError(Exception):
    """Base of every error this package raises on purpose."""


class InputError(VilasrError):
    """Bad input: names it, says what was expected, what was found and what to do.

    >>> print(InputError("--frames", expected="a whole number from 1", got="0", remedy="Give --frames 16."))
    --frames: expected a whole number from 1; got 0. Give --frames 16.
    """

    def __init__(self, what: str, *, expected: str, got: str, remedy: str = "") -> None:
        self.what, self.expected, self.got, self.remedy = what, expected, got, remedy
        message = f"{what}: expected {expected}; got {got}."
        super().__init__(f"{message} {remedy}" if remedy else message)


class MissingExtraError(InputError):
    """An optional dependency is needed and not installed."""

    def __init__(self, feature: str, *, package: str, extra: str) -> None:
        super().__init__(
            feature,
            expected=f"the package {package!r}",
            got="no such package installed",
            remedy=f"Run: pip install 'vilasr[{extra}]'.",
        )


class DataError(VilasrError):
    """One row, rollout or sample cannot be used. Counted and reported, never silently dropped."""


class InvariantError(VilasrError):
    """Something that cannot happen did: image pads and grids disagree, a mask has the wrong length."""
