"""Colours, patterns and lights of a place."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vilasr.tasks.scenes.textures import FLOORS
from vilasr.tasks.scenes.world import Light, Room, Surroundings

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from vilasr.tasks.scenes.world import Rgb

_WOOD: tuple[Rgb, ...] = ((0.76, 0.58, 0.40), (0.62, 0.45, 0.30), (0.48, 0.33, 0.22), (0.85, 0.72, 0.55))
_STONE: tuple[Rgb, ...] = ((0.82, 0.80, 0.77), (0.66, 0.67, 0.69), (0.76, 0.68, 0.58), (0.60, 0.66, 0.66))
_WOOL: tuple[Rgb, ...] = ((0.62, 0.60, 0.58), (0.45, 0.50, 0.60), (0.62, 0.48, 0.44), (0.50, 0.58, 0.48))
_FLOOR_COLORS = {"planks": _WOOD, "carpet": _WOOL}
_WALL_COLORS: tuple[Rgb, ...] = (
    (0.92, 0.90, 0.86),
    (0.86, 0.88, 0.90),
    (0.80, 0.86, 0.82),
    (0.90, 0.84, 0.76),
    (0.76, 0.82, 0.88),
    (0.90, 0.82, 0.80),
    (0.84, 0.82, 0.88),
)


def surroundings(rooms: Sequence[Room], rng: random.Random) -> Surroundings:
    pattern = rng.choice(FLOORS)
    return Surroundings(
        floor_color=_nearby(rng.choice(_FLOOR_COLORS.get(pattern, _STONE)), rng),
        wall_color=_nearby(rng.choice(_WALL_COLORS), rng),
        floor_pattern=pattern,
        texture_seed=rng.getrandbits(32),
        lights=_lights(rooms, rng),
    )


def _nearby(color: Rgb, rng: random.Random) -> Rgb:
    red, green, blue = (min(1.0, max(0.0, tone + rng.uniform(-0.04, 0.04))) for tone in color)
    return (red, green, blue)


def _lights(rooms: Sequence[Room], rng: random.Random) -> tuple[Light, ...]:
    """One that casts shadows from above, slanting, and a lamp under the ceiling of each room."""
    corners = [corner for room in rooms for corner in room.outline]
    x, y = (sum(axis) / len(corners) for axis in zip(*corners, strict=True))
    heading, slope = rng.uniform(0, 2 * math.pi), rng.uniform(0.35, 0.7)
    main = Light(
        position=(x - 3 * slope * math.cos(heading), y - 3 * slope * math.sin(heading), 3.0),
        direction=(slope * math.cos(heading), slope * math.sin(heading), -1.0),
        brightness=rng.uniform(0.36, 0.46),
        casts_shadow=True,
    )
    lamps = [
        Light(
            position=(*_middle(room, rng), room.height - 0.5),
            direction=(0.0, 0.0, -1.0),
            brightness=rng.uniform(0.30, 0.40) / len(rooms) ** 0.5,
            casts_shadow=False,
        )
        for room in rooms
    ]
    return (main, *lamps)


def _middle(room: Room, rng: random.Random) -> tuple[float, float]:
    xs, ys = zip(*room.outline, strict=True)
    return (sum(xs) / len(xs) + rng.uniform(-0.6, 0.6), sum(ys) / len(ys) + rng.uniform(-0.6, 0.6))
