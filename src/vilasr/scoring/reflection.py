"""Reflection (paper, Eq. 5): a mark that a later step draws differently."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from vilasr.types import Action, Box, Rollout

Operation = tuple[str, tuple[float, ...]]
"""(kind, coordinates): what is drawn, without label and image index."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reflection:
    """The label `label` on base image `base`, drawn in turn `earlier` (from 0), drawn differently in turn `later`."""

    base: int
    label: str
    earlier: int
    later: int


def reflections(rollout: Rollout) -> tuple[Reflection, ...]:
    """Every correction: two turns with the same label and a different operation, on copies of the same base image.

    Several marks with one label in one turn are several instances, not a correction. A later turn that only repeats
    operations of the earlier one, on another copy, corrects nothing. A correction is paired with the nearest earlier
    turn that drew the label.
    """
    found = []
    seen: dict[tuple[int, str], tuple[int, set[Operation]]] = {}
    for number, turn in enumerate(rollout.turns):
        drawn: dict[tuple[int, str], set[Operation]] = defaultdict(set)
        for action in turn.actions:
            base = rollout.images[action.image_index - 1].base
            drawn[base, action.label].add(_operation(action))
        for (base, label), operations in drawn.items():
            if (base, label) in seen:
                earlier, known = seen[base, label]
                if operations - known:
                    found.append(Reflection(base=base, label=label, earlier=earlier, later=number))
            seen[base, label] = (number, operations)
    return tuple(found)


def is_reflective(rollout: Rollout) -> bool:
    """Whether the rollout corrects one of its marks at least once."""
    return bool(reflections(rollout))


def _operation(action: Action) -> Operation:
    points = action.box_px if isinstance(action, Box) else (*action.start_px, *action.end_px)
    return action.kind, points
