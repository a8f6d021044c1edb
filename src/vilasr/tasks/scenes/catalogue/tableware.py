"""What stands on a table: for eating, and for light."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from vilasr.tasks.scenes.catalogue.kinds import ObjectClass, Place, built
from vilasr.tasks.scenes.colors import CHARCOAL, CHROME, COFFEE, CREAM, LEAF, SOIL, darker, lighter, set_off
from vilasr.tasks.scenes.shapes import ball, egg, pillar, ring, rod
from vilasr.tasks.scenes.world import Finish

if TYPE_CHECKING:
    import random

    from vilasr.tasks.scenes.catalogue.kinds import Built
    from vilasr.tasks.scenes.world import Part, Rgb, Vec2, Vec3

GLOSSY = Finish.GLOSSY


def arc(middle: Vec3, radii: Vec2, turns: Vec2, radius: float, color: Rgb, *, steps: int = 6) -> list[Part]:
    """A bent rod in the x-z plane, from angle turns[0] to turns[1] (radians, 0 along +x, towards +z)."""
    angles = [turns[0] + (turns[1] - turns[0]) * step / steps for step in range(steps + 1)]
    points = [
        (middle[0] + radii[0] * math.cos(angle), middle[1], middle[2] + radii[1] * math.sin(angle)) for angle in angles
    ]
    return [rod(one, other, radius, color, GLOSSY, rounded=True) for one, other in pairwise(points)]


def mug(rng: random.Random, color: Rgb) -> Built:
    r, h = rng.uniform(0.038, 0.052), rng.uniform(0.085, 0.125)
    parts = [
        *ring((0.0, 0.0), (r, r), (0.0, h), 0.004, color, GLOSSY, num_panels=16),
        pillar((0.0, 0.0), r * 0.93, (0.002, h * 0.80), COFFEE, GLOSSY),
        *arc((r - 0.002, 0.0, h * 0.5), (h * 0.30, h * 0.33), (-1.5, 1.5), 0.006, color),
    ]
    return built(parts)


def bottle(rng: random.Random, color: Rgb) -> Built:
    r, h = rng.uniform(0.032, 0.048), rng.uniform(0.22, 0.34)
    parts = [
        pillar((0.0, 0.0), r, (0.0, h * 0.56), color, GLOSSY),
        egg((0.0, 0.0, h * 0.56), (r, r, h * 0.17), color, GLOSSY),
        pillar((0.0, 0.0), r * 0.36, (h * 0.60, h * 0.92), color, GLOSSY),
        pillar((0.0, 0.0), r * 0.42, (h * 0.92, h), set_off(color, 0.5)),
        pillar((0.0, 0.0), r * 1.015, (h * 0.20, h * 0.44), CREAM),
    ]
    return built(parts)


def bowl(rng: random.Random, color: Rgb) -> Built:
    r = rng.uniform(0.08, 0.15)
    h = r * rng.uniform(0.55, 0.75)
    parts = [
        pillar((0.0, 0.0), r * 0.50, (0.0, h * 0.12), color, GLOSSY),
        *ring((0.0, 0.0), (r * 0.50, r * 0.82), (h * 0.08, h * 0.45), 0.006, color, GLOSSY, num_panels=16),
        *ring((0.0, 0.0), (r * 0.82, r), (h * 0.43, h), 0.006, color, GLOSSY, num_panels=16),
    ]
    return built(parts)


def pan(rng: random.Random, color: Rgb) -> Built:
    r, h = rng.uniform(0.10, 0.15), rng.uniform(0.04, 0.06)
    grip = rng.uniform(0.16, 0.22)
    parts = [
        pillar((0.0, 0.0), r * 0.86, (0.0, 0.008), darker(color, 0.2), Finish.METAL),
        *ring((0.0, 0.0), (r * 0.86, r), (0.002, h), 0.005, color, GLOSSY, num_panels=18),
        pillar((0.0, 0.0), r * 0.84, (0.008, 0.010), CHARCOAL),
        rod((r - 0.01, 0.0, h * 0.8), (r + grip, 0.0, h * 1.2), 0.012, CHARCOAL, rounded=True),
    ]
    return built(parts)


def teapot(rng: random.Random, color: Rgb) -> Built:
    r = rng.uniform(0.065, 0.10)
    z = r * 0.86
    parts = [
        egg((0.0, 0.0, z), (r, r, r * 0.84), color, GLOSSY),
        pillar((0.0, 0.0), r * 0.62, (0.0, r * 0.2), color, GLOSSY),
        pillar((0.0, 0.0), r * 0.55, (z + r * 0.62, z + r * 0.80), set_off(color, 0.2), GLOSSY),
        egg((0.0, 0.0, z + r * 0.80), (r * 0.5, r * 0.5, r * 0.16), color, GLOSSY),
        ball((0.0, 0.0, z + r * 1.05), r * 0.14, set_off(color, 0.2), GLOSSY),
        rod((-r * 0.85, 0.0, z - r * 0.1), (-r * 1.35, 0.0, z + r * 0.35), r * 0.15, color, GLOSSY, rounded=True),
        rod((-r * 1.35, 0.0, z + r * 0.35), (-r * 1.55, 0.0, z + r * 0.70), r * 0.10, color, GLOSSY, rounded=True),
        *arc((r * 0.84, 0.0, z + r * 0.05), (r * 0.66, r * 0.50), (-1.7, 1.7), r * 0.09, color),
    ]
    return built(parts)


def vase(rng: random.Random, color: Rgb) -> Built:
    """With flowers."""
    r, h = rng.uniform(0.05, 0.08), rng.uniform(0.18, 0.28)
    parts = [
        pillar((0.0, 0.0), r * 0.62, (0.0, h * 0.07), color, GLOSSY),
        egg((0.0, 0.0, h * 0.43), (r, r, h * 0.42), color, GLOSSY),
        *ring((0.0, 0.0), (r * 0.50, r * 0.68), (h * 0.74, h), 0.004, color, GLOSSY),
        pillar((0.0, 0.0), r * 0.56, (h * 0.85, h * 0.92), SOIL),
    ]
    bloom = rng.choice(((0.92, 0.25, 0.35), (0.98, 0.82, 0.25), (0.95, 0.93, 0.95), (0.85, 0.50, 0.85)))
    turn = rng.uniform(0.0, math.tau)
    for flower in range(3):
        around = turn + flower * math.tau / 3
        out, up = r * rng.uniform(0.7, 1.1), h + rng.uniform(0.06, 0.11)
        tip = (out * math.cos(around), out * math.sin(around), up)
        parts.append(rod((0.0, 0.0, h * 0.90), tip, 0.004, LEAF))
        parts.append(egg(tip, (0.026, 0.026, 0.018), bloom))
        parts.append(ball((tip[0], tip[1], up + 0.012), 0.010, (0.95, 0.75, 0.15)))
    return built(parts)


def table_lamp(rng: random.Random, color: Rgb) -> Built:
    h, r = rng.uniform(0.32, 0.50), rng.uniform(0.10, 0.15)
    foot = rng.choice((CHROME, CHARCOAL, (0.70, 0.55, 0.35)))
    low = h * 0.54
    parts = [
        pillar((0.0, 0.0), r * 0.55, (0.0, 0.015), foot, Finish.METAL),
        egg((0.0, 0.0, low * 0.42), (r * 0.34, r * 0.34, low * 0.36), foot, GLOSSY),
        pillar((0.0, 0.0), 0.008, (0.01, h * 0.95), foot, Finish.METAL),
        ball((0.0, 0.0, h * 0.72), 0.03, (1.0, 0.97, 0.80)),
        rod((-r * 0.64, 0.0, h * 0.94), (r * 0.64, 0.0, h * 0.94), 0.003, foot),
        *ring((0.0, 0.0), (r, r * 0.62), (low, h), 0.004, color, Finish.FABRIC, num_panels=16),
    ]
    return built(parts)


def candle(rng: random.Random, color: Rgb) -> Built:
    """Burning, on a small dish."""
    r, h = rng.uniform(0.022, 0.038), rng.uniform(0.09, 0.20)
    parts = [
        pillar((0.0, 0.0), r * 1.9, (0.0, 0.006), CHROME, Finish.METAL),
        *ring((0.0, 0.0), (r * 1.8, r * 2.0), (0.004, 0.016), 0.003, CHROME, Finish.METAL, num_panels=14),
        pillar((0.0, 0.0), r, (0.006, h), color),
        pillar((0.0, 0.0), r * 0.75, (h, h + 0.002), lighter(color, 0.3)),
        pillar((0.0, 0.0), 0.0025, (h, h + 0.014), CHARCOAL),
        egg((0.0, 0.0, h + 0.026), (0.009, 0.009, 0.020), (1.0, 0.75, 0.20)),
        egg((0.0, 0.0, h + 0.020), (0.0095, 0.0095, 0.009), (1.0, 0.93, 0.60)),
    ]
    return built(parts)


def apple(rng: random.Random, color: Rgb) -> Built:
    r = rng.uniform(0.034, 0.046)
    z = r * 0.9
    parts = [
        egg((0.0, 0.0, z), (r, r, r * 0.88), color, GLOSSY),
        *(
            ball((r * 0.3 * math.cos(a), r * 0.3 * math.sin(a), z + r * 0.22), r * 0.68, color, GLOSSY)
            for a in (0.0, math.tau / 3, 2 * math.tau / 3)
        ),
        rod((0.0, 0.0, z + r * 0.75), (r * 0.1, 0.0, z + r * 1.3), 0.003, SOIL),
        egg((r * 0.38, 0.0, z + r * 1.12), (r * 0.36, r * 0.18, 0.003), LEAF, euler=(0.3, -0.4, 0.0)),
    ]
    return built(parts)


def banana(rng: random.Random, color: Rgb) -> Built:
    """Lying on its side."""
    reach, r = rng.uniform(0.075, 0.10), rng.uniform(0.015, 0.019)
    angles = [math.radians(20 + 140 * step / 7) for step in range(8)]
    points = [(reach * math.cos(a), reach * math.sin(a) * 0.8, r) for a in angles]
    parts: list[Part] = [
        rod(one, other, r * (1.0 - 0.09 * abs(number - 3)), color, rounded=True)
        for number, (one, other) in enumerate(pairwise(points))
    ]
    (x, y, z), (x2, y2, _) = points[-1], points[0]
    parts.append(rod((x, y, z), (x - 0.008, y - 0.03, z + 0.004), r * 0.45, darker(color, 0.3), rounded=True))
    parts.append(ball((x2 + r * 0.3, y2 - r * 0.5, z), r * 0.42, SOIL))
    return built(parts)


TABLEWARE = (
    ObjectClass(name="mug", plural="mugs", place=Place.TOP, make=mug),
    ObjectClass(name="bottle", plural="bottles", place=Place.TOP, make=bottle),
    ObjectClass(name="bowl", plural="bowls", place=Place.TOP, make=bowl),
    ObjectClass(name="pan", plural="pans", place=Place.TOP, make=pan),
    ObjectClass(name="teapot", plural="teapots", place=Place.TOP, make=teapot),
    ObjectClass(name="vase", plural="vases", place=Place.TOP, make=vase),
    ObjectClass(name="table lamp", plural="table lamps", place=Place.TOP, make=table_lamp),
    ObjectClass(name="candle", plural="candles", place=Place.TOP, make=candle),
    ObjectClass(name="apple", plural="apples", place=Place.TOP, make=apple, colors=("red", "green", "yellow")),
    ObjectClass(name="banana", plural="bananas", place=Place.TOP, make=banana, colors=("yellow",)),
)
