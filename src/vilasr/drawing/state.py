"""The state of an image is its clean base and its marks; this is how marks change. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vilasr.types import Action


def add_marks(instances: tuple[Action, ...], actions: Sequence[Action]) -> tuple[Action, ...]:
    """The marks of an image after one turn's `actions` on it.

    The i-th action of a label and kind replaces the i-th mark of that label and kind where it stands in the drawing
    order; further ones are added on top. So several boxes with one label in one turn are several marks, and the same
    label in a later turn moves a mark.

    Example: on [chair a, chair b, table], the turn [chair c] gives [chair c, chair b, table], and the turn
    [chair c, chair d, chair e] gives [chair c, chair d, table, chair e].
    """
    places: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, mark in enumerate(instances):
        places[mark.kind, mark.label].append(place)
    marks = list(instances)
    num_seen: dict[tuple[str, str], int] = defaultdict(int)
    for action in actions:
        key = action.kind, action.label
        nth = num_seen[key]
        num_seen[key] += 1
        if nth < len(places[key]):
            marks[places[key][nth]] = action
        else:
            marks.append(action)
    return tuple(marks)
