"""Options as the published files write them, read strictly: letters out of order are a DataError."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vilasr.errors import DataError
from vilasr.protocol import LETTERS

if TYPE_CHECKING:
    from collections.abc import Sequence

_MARKER = re.compile(r"(?:^|(?<=\s))\(?([A-Z])[.:)](?=\s|$)")
_LETTERED = re.compile(r"\s*\(?([A-Z])[.:)]+\s?(.*)", re.DOTALL)
_HEADING = re.compile(r"\s*(?:available\s+)?options\s*:?\s*$", re.IGNORECASE)


def split_options(text: str) -> tuple[str, tuple[str, ...]]:
    """A question that ends in its own options, and these, without letters; no options where it has none.

    >>> split_options("Where is it?\\nOptions: A: Left, B: Right while moving, C: Up")
    ('Where is it?', ('Left', 'Right while moving', 'Up'))
    >>> split_options("Which is nearer? A. bed (red) B. lamp (blue)")
    ('Which is nearer?', ('bed (red)', 'lamp (blue)'))

    Raises:
        DataError: letters that are not A, B, C, ... in this order; an option without text.
    """
    markers = list(_MARKER.finditer(text))
    letters = [marker[1] for marker in markers]
    if "A" in letters:  # a question may name things "A." and "B." before it comes to its options
        first = len(letters) - 1 - letters[::-1].index("A")
        if first == len(letters) - 1 and first > 0:
            raise _out_of_order(letters)
        markers, letters = markers[first:], letters[first:]
    if len(letters) < 2:
        return text.strip(), ()
    _check_order(letters)
    ends = [*(marker.start() for marker in markers[1:]), len(text)]
    found = [text[marker.end() : end].strip() for marker, end in zip(markers, ends, strict=True)]
    if all(option.endswith((",", ";")) for option in found[:-1]):  # a separator then, and no part of the option
        found = [*(option[:-1].rstrip() for option in found[:-1]), found[-1]]
    return _HEADING.sub("", text[: markers[0].start()]).strip(), _checked(found)


def without_letters(options: Sequence[str]) -> tuple[str, ...]:
    """The texts of listed options, without the letters that they may bear.

    >>> without_letters(["A. the chair", "B. the lamp"])
    ('the chair', 'the lamp')

    Raises:
        DataError: letters out of order, or only at some of the options; fewer than two; one without text.
    """
    if not 2 <= len(options) <= len(LETTERS):
        raise DataError(f"options: expected 2 to {len(LETTERS)}; got {len(options)}")
    lettered = [match for option in options if (match := _LETTERED.fullmatch(option))]
    if not lettered:
        return _checked([option.strip() for option in options])
    _check_order([match[1] for match in lettered])
    if len(lettered) < len(options):
        raise DataError(f"options: expected a letter at each or at none; got {len(lettered)} of {len(options)}")
    return _checked([match[2].strip() for match in lettered])


def _check_order(letters: Sequence[str]) -> None:
    if list(letters) != list(LETTERS[: len(letters)]):
        raise _out_of_order(letters)


def _out_of_order(letters: Sequence[str]) -> DataError:
    return DataError(f"options: expected the letters A, B, C, ... in order; got {', '.join(letters)}")


def _checked(options: Sequence[str]) -> tuple[str, ...]:
    for letter, option in zip(LETTERS, options, strict=False):
        if not option:
            raise DataError(f"options: expected a text for each; got none for {letter}")
    return tuple(options)
