"""What people sit and lie on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vilasr.tasks.scenes.catalogue.kinds import Area, ObjectClass, Place, built
from vilasr.tasks.scenes.colors import CHARCOAL, CREAM, WOODS, darker, lighter, set_off
from vilasr.tasks.scenes.shapes import egg, pillar, rod, settled, slab
from vilasr.tasks.scenes.world import Finish

if TYPE_CHECKING:
    import random

    from vilasr.tasks.scenes.catalogue.kinds import Built
    from vilasr.tasks.scenes.world import Part, Rgb


def legs(width: float, depth: float, height: float, thickness: float, color: Rgb, finish: Finish) -> list[Part]:
    """Four square legs at the corners of a width x depth rectangle, inside it."""
    x, y, t = width / 2, depth / 2, thickness
    return [slab((a, a + t), (b, b + t), (0.0, height), color, finish) for a in (-x, x - t) for b in (-y, y - t)]


def chair(rng: random.Random, color: Rgb) -> Built:
    w, d, seat = rng.uniform(0.40, 0.48), rng.uniform(0.42, 0.50), rng.uniform(0.43, 0.48)
    h, t = seat + rng.uniform(0.38, 0.52), rng.uniform(0.035, 0.045)
    x, y = w / 2, d / 2
    parts = legs(w, d, seat - 0.03, t, color, Finish.WOOD)
    parts += [
        slab((-x, x), (-y, y), (seat - 0.035, seat), color, Finish.WOOD),
        *(slab((a, a + t), (y - t, y), (seat, h), color, Finish.WOOD) for a in (-x, x - t)),
    ]
    if rng.random() < 0.5:
        parts.append(slab((-x + t, x - t), (y - t * 0.8, y - t * 0.2), (seat + 0.14, h - 0.01), color, Finish.WOOD))
    else:
        rails = 3
        pitch = (h - seat - 0.10) / rails
        for rail in range(rails):
            low = seat + 0.10 + rail * pitch
            parts.append(
                slab((-x + t, x - t), (y - t * 0.8, y - t * 0.2), (low, low + pitch * 0.6), color, Finish.WOOD)
            )
    if rng.random() < 0.4:
        parts.append(slab((-x + 0.02, x - 0.02), (-y + 0.02, y - t - 0.01), (seat, seat + 0.03), set_off(color)))
    return built(parts)


def upholstered(rng: random.Random, color: Rgb, *, width: float, num_cushions: int) -> Built:
    """A sofa, or an armchair: base, back, arms, seat cushions and back cushions."""
    d, h = rng.uniform(0.80, 0.95), rng.uniform(0.75, 0.90)
    arm, back, foot = rng.uniform(0.13, 0.20), rng.uniform(0.16, 0.22), rng.uniform(0.05, 0.12)
    seat, arm_top = rng.uniform(0.40, 0.46), rng.uniform(0.56, 0.64)
    x, y = width / 2, d / 2
    soft = Finish.FABRIC
    leg = rng.choice((*WOODS, CHARCOAL))
    inset = 0.05
    parts = [
        pillar((a, b), 0.022, (0.0, foot + 0.01), leg) for a in (-x + inset, x - inset) for b in (-y + inset, y - inset)
    ]
    parts += [
        slab((-x + arm, x - arm), (-y + 0.02, y - back), (foot, seat - 0.13), darker(color, 0.12), soft),
        slab((-x + arm, x - arm), (y - back, y), (foot, h), color, soft),
    ]
    for a in (-x, x - arm):
        parts.append(slab((a, a + arm), (-y, y), (foot, arm_top - arm / 2), color, soft))
        middle = a + arm / 2
        parts.append(
            rod((middle, -y - 0.004, arm_top - arm / 2), (middle, y + 0.004, arm_top - arm / 2), arm / 2, color, soft)
        )
    pitch = (width - 2 * arm) / num_cushions
    for cushion in range(num_cushions):
        low = -x + arm + cushion * pitch
        across = (low + 0.008, low + pitch - 0.008)
        parts.append(slab(across, (-y - 0.015, y - back), (seat - 0.13, seat), lighter(color, 0.08), soft))
        parts.append(
            slab(across, (y - back - 0.13, y - back + 0.02), (seat + 0.01, h - 0.06), color, soft, euler=(-0.12, 0, 0))
        )
    return built(parts)


def armchair(rng: random.Random, color: Rgb) -> Built:
    return upholstered(rng, color, width=rng.uniform(0.80, 1.00), num_cushions=1)


def sofa(rng: random.Random, color: Rgb) -> Built:
    width = rng.uniform(1.50, 2.30)
    return upholstered(rng, color, width=width, num_cushions=2 if width < 1.9 else 3)


def stool(rng: random.Random, color: Rgb) -> Built:
    """Round, on four legs that lean outwards, joined by rungs."""
    r, h = rng.uniform(0.16, 0.20), rng.uniform(0.44, 0.66)
    leg, spread, neck, rung = 0.017, r * 0.85, r * 0.6, h * rng.uniform(0.28, 0.42)
    metal = rng.random() < 0.5
    finish = Finish.METAL if metal else Finish.WOOD
    frame = set_off(color, 0.12) if metal else color
    parts = [pillar((0.0, 0.0), r, (h - 0.05, h), color, Finish.FABRIC if metal else Finish.WOOD)]
    at = spread + (neck - spread) * rung / h
    corners = [(1, 1), (-1, 1), (-1, -1), (1, -1)]
    for (x, y), (next_x, next_y) in zip(corners, (*corners[1:], corners[0]), strict=True):
        parts.append(rod((x * spread, y * spread, 0.0), (x * neck, y * neck, h - 0.04), leg, frame, finish))
        parts.append(rod((x * at, y * at, rung), (next_x * at, next_y * at, rung), leg * 0.7, frame, finish))
    return built(parts, top=Area(width=r * 1.4, depth=r * 1.4, height=settled(parts)[1][2]))


def bench(rng: random.Random, color: Rgb) -> Built:
    w, d, h = rng.uniform(1.0, 1.6), rng.uniform(0.34, 0.44), rng.uniform(0.42, 0.48)
    t = 0.06
    x, y = w / 2, d / 2
    planks, gap = 3, 0.012
    pitch = (d + gap) / planks
    parts = [
        slab((-x, x), (-y + plank * pitch, -y + (plank + 1) * pitch - gap), (h - 0.04, h), color, Finish.WOOD)
        for plank in range(planks)
    ]
    for a in (-x + 0.06, x - 0.06 - t):
        parts.append(slab((a, a + t), (-y + 0.02, y - 0.02), (h - 0.10, h - 0.04), color, Finish.WOOD))
        parts += [slab((a, a + t), (b, b + t), (0.0, h - 0.04), color, Finish.WOOD) for b in (-y + 0.02, y - 0.02 - t)]
    inner = w - 2 * (0.06 + t)
    return built(parts, top=Area(width=w, depth=d, height=h), under=Area(width=inner, depth=d - 0.04, height=h - 0.04))


def bed(rng: random.Random, color: Rgb) -> Built:
    w, d = rng.choice((rng.uniform(0.90, 1.10), rng.uniform(1.40, 1.80))), rng.uniform(1.95, 2.15)
    head, mattress = rng.uniform(0.75, 1.05), rng.uniform(0.46, 0.54)
    x, y, top = w / 2, d / 2, mattress
    wood, soft = rng.choice(WOODS), Finish.FABRIC
    parts = [
        slab((-x, x), (y - 0.06, y), (0.0, head), wood, Finish.WOOD),
        *(slab((a, a + 0.07), (-y + 0.02, -y + 0.09), (0.0, 0.16), wood, Finish.WOOD) for a in (-x + 0.02, x - 0.09)),
        slab((-x + 0.01, x - 0.01), (-y + 0.01, y - 0.06), (0.14, top - 0.22), wood, Finish.WOOD),
        slab((-x + 0.02, x - 0.02), (-y + 0.02, y - 0.06), (top - 0.22, top), CREAM, soft),
        slab((-x, x), (-y, y - 0.62), (top - 0.28, top + 0.03), color, soft),
        slab((-x - 0.003, x + 0.003), (y - 0.78, y - 0.60), (top - 0.26, top + 0.04), set_off(color, 0.2), soft),
    ]
    pillows = 1 if w < 1.2 else 2
    pitch = (w - 0.10) / pillows
    for pillow in range(pillows):
        low = -x + 0.05 + pillow * pitch
        parts.append(
            egg((low + pitch / 2, y - 0.30, mattress + 0.05), (pitch / 2 - 0.02, 0.20, 0.08), CREAM, Finish.FABRIC)
        )
    return built(parts)


SEATS = (
    ObjectClass(name="chair", plural="chairs", place=Place.FLOOR, make=chair),
    ObjectClass(name="armchair", plural="armchairs", place=Place.FLOOR, make=armchair),
    ObjectClass(name="sofa", plural="sofas", place=Place.FLOOR, make=sofa, to_wall=True),
    ObjectClass(name="stool", plural="stools", place=Place.FLOOR, make=stool, carries=True),
    ObjectClass(name="bench", plural="benches", place=Place.FLOOR, make=bench, carries=True, shelters=True),
    ObjectClass(name="bed", plural="beds", place=Place.FLOOR, make=bed, to_wall=True),
)
