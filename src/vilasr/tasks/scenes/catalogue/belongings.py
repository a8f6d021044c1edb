"""Things of the desk, toys, and plain bodies."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from vilasr.tasks.scenes.catalogue.kinds import ObjectClass, Place, built
from vilasr.tasks.scenes.colors import CHARCOAL, CHROME, PAPER, SCREEN, STEEL, lighter, set_off
from vilasr.tasks.scenes.shapes import ball, egg, pillar, ring, rod, slab
from vilasr.tasks.scenes.world import Finish

if TYPE_CHECKING:
    import random

    from vilasr.tasks.scenes.catalogue.kinds import Built
    from vilasr.tasks.scenes.world import Rgb

GLOSSY = Finish.GLOSSY
RIBBONS: tuple[Rgb, ...] = ((0.95, 0.80, 0.25), (0.95, 0.95, 0.95), (0.85, 0.15, 0.20))


def book(rng: random.Random, color: Rgb) -> Built:
    """Lying, closed; the spine to the left."""
    w, d, h = rng.uniform(0.13, 0.22), rng.uniform(0.19, 0.30), rng.uniform(0.02, 0.05)
    x, y, cover = w / 2, d / 2, 0.004
    parts = [
        *(slab((-x, x), (-y, y), (z, z + cover), color) for z in (0.0, h - cover)),
        slab((-x - 0.001, -x + cover), (-y, y), (0.0, h), color),
        slab((-x + cover, x - 0.005), (-y + 0.005, y - 0.005), (cover, h - cover), PAPER),
        slab((-x * 0.6, x * 0.7), (y * 0.25, y * 0.55), (h - 0.001, h + 0.0015), set_off(color, 0.5)),
        slab((-x * 0.6, x * 0.7), (y * 0.05, y * 0.12), (h - 0.001, h + 0.0015), set_off(color, 0.5)),
    ]
    return built(parts)


def laptop(rng: random.Random, color: Rgb) -> Built:
    w = rng.uniform(0.30, 0.40)
    d = w * 0.68
    x, y, t = w / 2, d / 2, 0.016
    lean = rng.uniform(0.15, 0.45)
    lid = (y + math.sin(lean) * d / 2, t + math.cos(lean) * d / 2)
    glass = (y + math.sin(lean) * d / 2 - math.cos(lean) * 0.0045, lid[1] + math.sin(lean) * 0.0045)
    keys = set_off(color, 0.6)
    parts = [
        slab((-x, x), (-y, y), (0.0, t), color, Finish.METAL),
        slab(
            (-x, x),
            (lid[0] - 0.004, lid[0] + 0.004),
            (lid[1] - d / 2, lid[1] + d / 2),
            color,
            Finish.METAL,
            euler=(-lean, 0.0, 0.0),
        ),
        slab(
            (-x + 0.012, x - 0.012),
            (glass[0] - 0.001, glass[0] + 0.001),
            (glass[1] - d / 2 + 0.014, glass[1] + d / 2 - 0.012),
            (0.25, 0.45, 0.70),
            GLOSSY,
            euler=(-lean, 0.0, 0.0),
        ),
        *(
            slab((-x * 0.86, x * 0.86), (b, b + d * 0.10), (t - 0.001, t + 0.002), keys)
            for b in (y * 0.62, y * 0.34, y * 0.06, -y * 0.22)
        ),
        slab((-x * 0.28, x * 0.28), (-y * 0.88, -y * 0.36), (t - 0.001, t + 0.001), set_off(color, 0.2)),
    ]
    return built(parts)


def clock(rng: random.Random, color: Rgb) -> Built:
    """A round alarm clock with two bells."""
    r = rng.uniform(0.05, 0.08)
    z, back = r * 1.12, 0.025
    face = (0.97, 0.96, 0.93)
    parts = [
        rod((0.0, -back, z), (0.0, back, z), r, color, GLOSSY),
        rod((0.0, -back - 0.002, z), (0.0, 0.0, z), r * 0.82, face),
        *(rod((s * r * 0.5, 0.0, r * 0.4), (s * r * 0.75, 0.0, 0.005), 0.006, color) for s in (-1, 1)),
        *(
            egg(
                (s * r * 0.62, 0.0, z + r * 0.98),
                (r * 0.38, r * 0.38, r * 0.26),
                color,
                GLOSSY,
                euler=(0.0, s * 0.5, 0.0),
            )
            for s in (-1, 1)
        ),
        rod((0.0, 0.0, z + r), (0.0, 0.0, z + r * 1.3), 0.005, STEEL, rounded=True),
    ]
    for tick in range(12):
        turn = tick * math.tau / 12
        at = (r * 0.70 * math.sin(turn), r * 0.70 * math.cos(turn))
        parts.append(rod((at[0], -back - 0.004, z + at[1]), (at[0], -back, z + at[1]), r * 0.05, SCREEN))
    for reach, thick in ((0.42, 0.06), (0.62, 0.04)):
        turn = rng.uniform(0.0, math.tau)
        end = (r * reach * math.sin(turn), -back - 0.004, z + r * reach * math.cos(turn))
        parts.append(rod((0.0, -back - 0.004, z), end, r * thick, SCREEN, rounded=True))
    return built(parts)


def toy_car(rng: random.Random, color: Rgb) -> Built:
    """Facing left."""
    w = rng.uniform(0.16, 0.30)
    x, y, wheel = w / 2, w * 0.21, w * 0.095
    low, belt, roof = wheel * 0.8, w * 0.24, w * 0.38
    parts = [
        slab((-x, x), (-y, y), (low, belt), color, GLOSSY),
        slab((-x * 0.40, x * 0.72), (-y * 0.86, y * 0.86), (belt, roof - 0.012), (0.35, 0.48, 0.58), GLOSSY),
        slab((-x * 0.36, x * 0.68), (-y * 0.90, y * 0.90), (roof - 0.014, roof), color, GLOSSY),
        *(
            slab((a * x - 0.006, a * x + 0.006), (-y * 0.89, y * 0.89), (belt, roof - 0.002), color, GLOSSY)
            for a in (-0.36, 0.16, 0.68)
        ),
        *(
            rod((-x, s * y * 0.62, belt * 0.72), (-x - 0.004, s * y * 0.62, belt * 0.72), w * 0.035, (1.0, 0.95, 0.7))
            for s in (-1, 1)
        ),
        *(slab((a - 0.004, a + 0.004), (-y * 0.96, y * 0.96), (low, low + w * 0.05), CHROME) for a in (-x, x)),
    ]
    for a in (-x * 0.60, x * 0.60):
        for s in (-1, 1):
            parts.append(rod((a, s * y * 0.75, wheel), (a, s * (y + 0.008), wheel), wheel, CHARCOAL))
            parts.append(rod((a, s * y * 0.75, wheel), (a, s * (y + 0.011), wheel), wheel * 0.5, CHROME))
    return built(parts)


def teddy_bear(rng: random.Random, color: Rgb) -> Built:
    """Sitting."""
    h = rng.uniform(0.20, 0.45)
    u = h / 10
    soft, muzzle = Finish.FABRIC, lighter(color, 0.4)
    parts = [
        egg((0.0, 0.2 * u, 2.7 * u), (2.2 * u, 1.9 * u, 2.7 * u), color, soft),
        egg((0.0, -1.2 * u, 2.8 * u), (1.3 * u, 0.75 * u, 1.7 * u), muzzle, soft),
        ball((0.0, 0.0, 7.0 * u), 2.0 * u, color, soft),
        egg((0.0, -1.7 * u, 6.5 * u), (0.9 * u, 0.75 * u, 0.7 * u), muzzle, soft),
        egg((0.0, -2.4 * u, 6.75 * u), (0.35 * u, 0.25 * u, 0.25 * u), SCREEN),
        *(ball((s * 0.75 * u, -1.72 * u, 7.6 * u), 0.26 * u, SCREEN, GLOSSY) for s in (-1, 1)),
        *(egg((s * 1.55 * u, 0.1 * u, 8.7 * u), (0.85 * u, 0.45 * u, 0.85 * u), color, soft) for s in (-1, 1)),
        *(egg((s * 1.55 * u, -0.3 * u, 8.7 * u), (0.5 * u, 0.25 * u, 0.5 * u), muzzle, soft) for s in (-1, 1)),
        *(
            rod((s * 1.8 * u, 0.0, 4.3 * u), (s * 2.7 * u, -1.3 * u, 2.6 * u), 0.75 * u, color, soft, rounded=True)
            for s in (-1, 1)
        ),
        *(
            rod(
                (s * 1.4 * u, -0.6 * u, 0.95 * u),
                (s * 2.0 * u, -3.0 * u, 0.95 * u),
                0.95 * u,
                color,
                soft,
                rounded=True,
            )
            for s in (-1, 1)
        ),
        *(egg((s * 2.15 * u, -3.8 * u, 0.95 * u), (0.6 * u, 0.2 * u, 0.6 * u), muzzle, soft) for s in (-1, 1)),
    ]
    return built(parts)


def gift_box(rng: random.Random, color: Rgb) -> Built:
    w, d, h = rng.uniform(0.15, 0.34), rng.uniform(0.15, 0.34), rng.uniform(0.12, 0.28)
    x, y, lid = w / 2, d / 2, h * 0.22
    ribbon = rng.choice([tone for tone in RIBBONS if math.dist(tone, color) > 0.4])
    band, e = 0.018, 0.003
    parts = [
        slab((-x + 0.006, x - 0.006), (-y + 0.006, y - 0.006), (0.0, h - lid), color),
        slab((-x, x), (-y, y), (h - lid, h), set_off(color, 0.1)),
        slab((-band, band), (-y - e, y + e), (0.0, h + e), ribbon, GLOSSY),
        slab((-x - e, x + e), (-band, band), (0.0, h + e), ribbon, GLOSSY),
        *(
            egg((s * 0.035, 0.0, h + 0.022), (0.034, 0.014, 0.018), ribbon, GLOSSY, euler=(0.0, -s * 0.4, 0.4))
            for s in (-1, 1)
        ),
        ball((0.0, 0.0, h + 0.012), 0.014, ribbon, GLOSSY),
    ]
    return built(parts)


def play_ball(rng: random.Random, color: Rgb) -> Built:
    """With a band around it."""
    r = rng.uniform(0.05, 0.12)
    parts = [ball((0.0, 0.0, r), r, color, GLOSSY)]
    tilt = rng.uniform(0.3, 0.9)
    axis = (r * 0.09 * math.sin(tilt), 0.0, r * 0.09 * math.cos(tilt))
    low = (-axis[0], 0.0, r - axis[2])
    parts.append(rod(low, (axis[0], 0.0, r + axis[2]), r * 1.004, lighter(color, 0.55), GLOSSY))
    return built(parts)


def traffic_cone(rng: random.Random, color: Rgb) -> Built:
    h = rng.uniform(0.22, 0.55)
    r = h * rng.uniform(0.26, 0.32)
    foot = h * 0.06
    white = (0.95, 0.95, 0.94) if max(color) - min(color) > 0.2 or max(color) < 0.5 else CHARCOAL
    parts = [slab((-r * 1.3, r * 1.3), (-r * 1.3, r * 1.3), (0.0, foot), color)]
    cuts = (0.0, 0.42, 0.66, 1.0)
    for number, (low, high) in enumerate(pairwise(cuts)):
        radii = (r * (1 - 0.86 * low), r * (1 - 0.86 * high))
        z = (foot + (h - foot) * low, foot + (h - foot) * high)
        parts += ring((0.0, 0.0), radii, z, r * 0.06, white if number == 1 else color, num_panels=16)
    parts.append(pillar((0.0, 0.0), r * 0.13, (h * 0.9, h * 0.995), color))
    return built(parts)


def cube(rng: random.Random, color: Rgb) -> Built:
    side = rng.uniform(0.10, 0.24) / 2
    return built([slab((-side, side), (-side, side), (0.0, 2 * side), color, rng.choice((Finish.PLAIN, GLOSSY)))])


def cylinder(rng: random.Random, color: Rgb) -> Built:
    r = rng.uniform(0.05, 0.12)
    return built([pillar((0.0, 0.0), r, (0.0, r * rng.uniform(1.6, 3.2)), color, rng.choice((Finish.PLAIN, GLOSSY)))])


BELONGINGS = (
    ObjectClass(name="book", plural="books", place=Place.TOP, make=book),
    ObjectClass(
        name="laptop", plural="laptops", place=Place.TOP, make=laptop, colors=("white", "black", "pink", "blue", "red")
    ),
    ObjectClass(name="clock", plural="clocks", place=Place.TOP, make=clock),
    ObjectClass(name="toy car", plural="toy cars", place=Place.BOTH, make=toy_car),
    ObjectClass(name="teddy bear", plural="teddy bears", place=Place.BOTH, make=teddy_bear),
    ObjectClass(name="gift box", plural="gift boxes", place=Place.BOTH, make=gift_box),
    ObjectClass(name="ball", plural="balls", place=Place.BOTH, make=play_ball),
    ObjectClass(name="cone", plural="cones", place=Place.BOTH, make=traffic_cone),
    ObjectClass(name="cube", plural="cubes", place=Place.BOTH, make=cube),
    ObjectClass(name="cylinder", plural="cylinders", place=Place.BOTH, make=cylinder),
)
