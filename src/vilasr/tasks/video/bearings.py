"""Directions on the floor, as someone sees them who stands somewhere and faces something."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vilasr.tasks.scenes.world import Vec2


def bearing(stand: Vec2, face: Vec2, target: Vec2) -> float:
    """Degrees from the line of sight to the target: 0 ahead, positive to the left, in (-180, 180].

    >>> bearing((0, 0), (0, 1), (-1, 0)), bearing((0, 0), (0, 1), (0, -1))
    (90.0, 180.0)
    """
    ahead = math.atan2(face[1] - stand[1], face[0] - stand[0])
    there = math.atan2(target[1] - stand[1], target[0] - stand[0])
    degrees = math.degrees(there - ahead)
    return 180 - (180 - degrees) % 360


def left_or_right(angle: float, margin: float) -> str | None:
    """Which side; None within `margin` degrees of straight ahead or straight back."""
    if not margin <= abs(angle) <= 180 - margin:
        return None
    return "left" if angle > 0 else "right"


def left_right_or_back(angle: float, margin: float) -> str | None:
    """Back from 135 degrees on; None within `margin` of that, or of straight ahead."""
    if abs(angle) >= 135 + margin:
        return "back"
    if not margin <= abs(angle) <= 135 - margin:
        return None
    return "left" if angle > 0 else "right"


def quadrant(angle: float, margin: float) -> str | None:
    """Front-left and so on; None within `margin` degrees of an axis."""
    if abs(angle) % 90 < margin or abs(angle) % 90 > 90 - margin:
        return None
    return ("front" if abs(angle) < 90 else "back") + ("-left" if angle > 0 else "-right")
