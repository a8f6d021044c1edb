"""When a drawing repeats itself.

A duplicate is an action that was executed before exactly as it is (same image index, coordinates and label), in an
earlier turn or in this one; or, where a turn would leave an image as it was, the first of its actions there. Stating an
existing mark again beside a changed one is not a duplicate: with two marks of one label, the second is moved by stating
both.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vilasr.drawing import add_marks

if TYPE_CHECKING:
    from collections.abc import Sequence, Set

    from vilasr.types import Action, ImageRecipe


def find_duplicate(actions: Sequence[Action], *, executed: Set[Action], recipes: Sequence[ImageRecipe]) -> int | None:
    """Position in `actions` of the first duplicate; None when there is none.

    Args:
        executed: every action executed before in this episode.
        recipes: images 1..N, as they are before this turn.
    """
    seen = set(executed)
    for position, action in enumerate(actions):
        if action in seen:
            return position
        seen.add(action)
    for index in {action.image_index for action in actions}:
        marks = tuple(_placeless(mark) for mark in recipes[index - 1].instances)
        here = [_placeless(action) for action in actions if action.image_index == index]
        if add_marks(marks, here) == marks:
            return next(position for position, action in enumerate(actions) if action.image_index == index)
    return None


def _placeless(mark: Action) -> Action:
    """The mark as such: on a drawn image, marks remember the index on which they were drawn."""
    return replace(mark, image_index=1)
