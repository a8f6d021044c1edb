"""Options of a choice: shuffled so that the letter says nothing, and numbers that a guesser cannot tell apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence


def shuffled(right: str, wrong: Sequence[str], rng: random.Random) -> tuple[tuple[str, ...], str]:
    """(options, letter of the right one); every letter is equally likely.

    Raises:
        ValueError: two options with the same text.
    """
    options = [right, *wrong]
    if len(set(options)) < len(options):
        raise ValueError(f"options must differ: {options}")
    rng.shuffle(options)
    return tuple(options), letter(options.index(right))


def letter(position: int) -> str:
    """0 is "A"."""
    return chr(ord("A") + position)


def ordered(right: str, all_options: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """Options in their natural order (left before right, yes before no); the generator must balance the answers."""
    return tuple(all_options), letter(list(all_options).index(right))
