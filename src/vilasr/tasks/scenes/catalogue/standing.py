"""Lamps, plants and other things that stand about on the floor."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vilasr.tasks.scenes.catalogue.kinds import ObjectClass, Place, built
from vilasr.tasks.scenes.colors import CHARCOAL, CHROME, LEAF, SOIL, STEEL, darker, lighter, set_off
from vilasr.tasks.scenes.shapes import ball, egg, pillar, ring, rod, slab
from vilasr.tasks.scenes.world import Finish

if TYPE_CHECKING:
    import random

    from vilasr.tasks.scenes.catalogue.kinds import Built
    from vilasr.tasks.scenes.world import Rgb

TERRACOTTA: Rgb = (0.70, 0.36, 0.22)
BULB: Rgb = (1.0, 0.97, 0.80)


def floor_lamp(rng: random.Random, color: Rgb) -> Built:
    h, r = rng.uniform(1.35, 1.75), rng.uniform(0.17, 0.24)
    shade = rng.uniform(0.26, 0.36)
    pole = rng.choice((CHARCOAL, CHROME))
    parts = [
        pillar((0.0, 0.0), 0.14, (0.0, 0.025), pole, Finish.METAL),
        pillar((0.0, 0.0), 0.014, (0.02, h), pole, Finish.METAL),
        ball((0.0, 0.0, h - shade * 0.5), 0.05, BULB),
        rod((-r * 0.66, 0.0, h - 0.02), (r * 0.66, 0.0, h - 0.02), 0.004, pole),
        *ring((0.0, 0.0), (r, r * 0.66), (h - shade, h), 0.006, color, Finish.FABRIC, num_panels=16),
    ]
    return built(parts)


def plant(rng: random.Random, color: Rgb) -> Built:
    """Leaves around a stem, in a pot."""
    h, r = rng.uniform(0.60, 1.40), rng.uniform(0.13, 0.19)
    pot = rng.uniform(0.22, 0.32)
    clay = rng.choice((TERRACOTTA, (0.85, 0.84, 0.80), (0.30, 0.30, 0.32)))
    parts = [
        *ring((0.0, 0.0), (r * 0.72, r * 0.93), (0.0, pot - 0.04), 0.02, clay),
        pillar((0.0, 0.0), r, (pot - 0.05, pot), clay),
        pillar((0.0, 0.0), r * 0.88, (pot, pot + 0.003), SOIL),
        rod((0.0, 0.0, pot), (0.0, 0.0, h * 0.85), 0.014, darker(LEAF, 0.3)),
    ]
    leaves = 16
    turn = rng.uniform(0.0, math.tau)
    for leaf in range(leaves):
        share = leaf / (leaves - 1)
        around = turn + leaf * 2.4
        lift = 0.25 + 0.95 * share
        length = (0.42 - 0.16 * share) * (0.5 + 0.5 * h) * rng.uniform(0.85, 1.1) / 2
        base = pot + 0.08 + (h * 0.82 - pot - 0.08) * share
        out = length * math.cos(lift)
        parts.append(
            egg(
                (out * math.cos(around), out * math.sin(around), base + length * math.sin(lift)),
                (length, length * 0.36, 0.012),
                rng.choice((color, lighter(color, 0.12), darker(color, 0.12))),
                euler=(0.0, -lift, around),
            )
        )
    return built(parts)


def trash_bin(rng: random.Random, color: Rgb) -> Built:
    """An open one, wider above, with a crumpled paper in it, or a pedal bin with a lid."""
    r, h = rng.uniform(0.12, 0.19), rng.uniform(0.30, 0.60)
    if rng.random() < 0.5:
        parts = [
            *ring((0.0, 0.0), (r * 0.78, r), (0.0, h), 0.008, color, num_panels=16),
            pillar((0.0, 0.0), r * 0.75, (0.005, 0.02), darker(color, 0.3)),
            ball((r * 0.2, 0.0, h * 0.65 + r * 0.4), r * 0.5, (0.95, 0.95, 0.93)),
            ball((-r * 0.35, r * 0.2, h * 0.65 + r * 0.3), r * 0.38, (0.90, 0.90, 0.86)),
            pillar((0.0, 0.0), r * 0.90, (h * 0.6, h * 0.65), CHARCOAL),
        ]
    else:
        parts = [
            pillar((0.0, 0.0), r, (0.02, h * 0.86), color, Finish.GLOSSY),
            pillar((0.0, 0.0), r * 0.96, (0.0, 0.02), CHARCOAL),
            pillar((0.0, 0.0), r * 1.03, (h * 0.86, h * 0.90), CHARCOAL),
            egg((0.0, 0.0, h * 0.90), (r, r, h * 0.10), color, Finish.GLOSSY),
            slab((-0.035, 0.035), (-r - 0.05, -r + 0.03), (0.015, 0.035), CHARCOAL),
        ]
    return built(parts)


def suitcase(rng: random.Random, color: Rgb) -> Built:
    """Upright, on wheels, with its handle out."""
    w, d, h = rng.uniform(0.36, 0.50), rng.uniform(0.20, 0.28), rng.uniform(0.50, 0.70)
    x, y, wheel = w / 2, d / 2, 0.03
    top = wheel + h
    parts = [
        slab((-x, x), (-y, y), (wheel + 0.01, top), color, Finish.GLOSSY),
        slab((-x - 0.003, x + 0.003), (-0.012, 0.012), (wheel + 0.008, top + 0.003), CHARCOAL),
        *(ball((a, b, wheel), wheel, CHARCOAL) for a in (-x + 0.05, x - 0.05) for b in (-y + 0.04, y - 0.04)),
        *(pillar((a, y - 0.04), 0.009, (top, top + 0.28), STEEL, Finish.METAL) for a in (-0.09, 0.09)),
        rod((-0.10, y - 0.04, top + 0.28), (0.10, y - 0.04, top + 0.28), 0.016, CHARCOAL, rounded=True),
        rod((-0.07, -0.03, top + 0.012), (0.07, -0.03, top + 0.012), 0.012, CHARCOAL, rounded=True),
    ]
    ribs = 5
    parts += [
        slab((a - 0.012, a + 0.012), (-y - 0.006, y + 0.006), (wheel + 0.05, top - 0.04), set_off(color, 0.18))
        for a in ((rib - 2) * w * 0.18 for rib in range(ribs))
    ]
    return built(parts)


def ladder(rng: random.Random, color: Rgb) -> Built:
    """A stepladder."""
    w, h, spread = rng.uniform(0.40, 0.52), rng.uniform(1.0, 1.8), rng.uniform(0.22, 0.32)
    x = w / 2
    parts = [slab((-x * 0.86, x * 0.86), (-0.10, 0.10), (h - 0.05, h), color)]
    for s in (-1, 1):
        parts.append(rod((s * x, -spread * h, 0.02), (s * x * 0.8, -0.07, h - 0.03), 0.022, color))
        parts.append(rod((s * x, spread * h * 0.8, 0.02), (s * x * 0.8, 0.07, h - 0.03), 0.016, STEEL, Finish.METAL))
    steps = max(3, round(h / 0.27) - 1)
    for step in range(1, steps + 1):
        share = step / (steps + 1)
        reach, y, z = x * (1 - 0.2 * share), -spread * h + (spread * h - 0.07) * share, h * share
        parts.append(slab((-reach, reach), (y - 0.045, y + 0.045), (z - 0.014, z + 0.014), color))
    middle = (spread * h * 0.8 + 0.07) / 2
    parts.append(rod((-x * 0.9, middle, h * 0.5), (x * 0.9, middle, h * 0.5), 0.012, STEEL))
    return built(parts)


STANDING = (
    ObjectClass(name="floor lamp", plural="floor lamps", place=Place.FLOOR, make=floor_lamp),
    ObjectClass(name="plant", plural="plants", place=Place.FLOOR, make=plant, colors=("green",)),
    ObjectClass(name="trash bin", plural="trash bins", place=Place.FLOOR, make=trash_bin),
    ObjectClass(name="suitcase", plural="suitcases", place=Place.FLOOR, make=suitcase),
    ObjectClass(name="ladder", plural="ladders", place=Place.FLOOR, make=ladder),
)
