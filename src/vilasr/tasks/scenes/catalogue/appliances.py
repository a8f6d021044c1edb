"""What has pipes or plugs: kitchen, bathroom, television, piano."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vilasr.tasks.scenes.catalogue.kinds import ObjectClass, Place, built
from vilasr.tasks.scenes.catalogue.storage import handle_color
from vilasr.tasks.scenes.colors import CHARCOAL, CHROME, SCREEN, STEEL, WOODS, darker, lighter, set_off
from vilasr.tasks.scenes.shapes import ball, egg, pillar, ring, rod, slab
from vilasr.tasks.scenes.world import Finish

if TYPE_CHECKING:
    import random

    from vilasr.tasks.scenes.catalogue.kinds import Built
    from vilasr.tasks.scenes.world import Rgb

WATER: Rgb = (0.55, 0.75, 0.85)
ENAMELS = ("white", "red", "blue", "black", "green", "yellow", "pink", "orange")


def refrigerator(rng: random.Random, color: Rgb) -> Built:
    w, d, h = rng.uniform(0.58, 0.85), rng.uniform(0.60, 0.75), rng.uniform(1.55, 1.95)
    x, y, glossy = w / 2, d / 2, Finish.GLOSSY
    split = h * rng.uniform(0.62, 0.70)
    front = -y + 0.05
    grip = handle_color(color)
    parts = [
        slab((-x, x), (front, y), (0.04, h), darker(color, 0.12), glossy),
        slab((-x + 0.02, x - 0.02), (front + 0.02, y - 0.02), (0.0, 0.04), CHARCOAL),
        slab((-x, x), (-y, front - 0.006), (0.06, split - 0.008), color, glossy),
        slab((-x, x), (-y, front - 0.006), (split + 0.008, h), color, glossy),
    ]
    for low, high in ((split - 0.48, split - 0.08), (split + 0.06, split + 0.30)):
        at = (-x + 0.07, -y - 0.035)
        parts.append(pillar(at, 0.013, (low, high), grip, Finish.METAL))
        parts += [rod((*at, z), (at[0], -y, z), 0.010, grip, Finish.METAL) for z in (low + 0.02, high - 0.02)]
    return built(parts)


def stove(rng: random.Random, color: Rgb) -> Built:
    w, d, h = rng.uniform(0.58, 0.78), rng.uniform(0.58, 0.66), rng.uniform(0.86, 0.94)
    x, y, glossy = w / 2, d / 2, Finish.GLOSSY
    parts = [
        slab((-x, x), (-y + 0.03, y), (0.05, h), color, glossy),
        slab((-x + 0.03, x - 0.03), (-y + 0.06, y), (0.0, 0.05), CHARCOAL),
        slab((-x + 0.015, x - 0.015), (-y + 0.045, y - 0.07), (h, h + 0.008), CHARCOAL, glossy),
        slab((-x, x), (y - 0.06, y), (h, h + 0.12), color, glossy),
        slab((-x + 0.015, x - 0.015), (-y + 0.005, -y + 0.03), (0.10, h - 0.20), lighter(color, 0.1), glossy),
        slab((-x + 0.10, x - 0.10), (-y, -y + 0.01), (0.22, h - 0.36), SCREEN, glossy),
        rod((-x + 0.06, -y - 0.03, h - 0.26), (x - 0.06, -y - 0.03, h - 0.26), 0.013, CHROME, Finish.METAL),
        *(
            rod((s * (x - 0.09), -y - 0.03, h - 0.26), (s * (x - 0.09), -y + 0.01, h - 0.26), 0.010, CHROME)
            for s in (-1, 1)
        ),
    ]
    for a in (-x * 0.48, x * 0.48):
        for b in (-y * 0.50, y * 0.36):
            parts.append(pillar((a, b), 0.085, (h + 0.008, h + 0.016), STEEL, Finish.METAL))
            parts.append(pillar((a, b), 0.060, (h + 0.010, h + 0.019), CHARCOAL))
    for knob in range(4):
        at = (knob - 1.5) * w * 0.22
        parts.append(rod((at, -y + 0.03, h - 0.09), (at, -y, h - 0.09), 0.026, CHARCOAL))
    return built(parts)


def washing_machine(rng: random.Random, color: Rgb) -> Built:
    w, d, h = rng.uniform(0.56, 0.64), rng.uniform(0.54, 0.64), rng.uniform(0.82, 0.90)
    x, y, glossy = w / 2, d / 2, Finish.GLOSSY
    middle = h * 0.45
    r = w * 0.34
    parts = [
        slab((-x, x), (-y + 0.02, y), (0.03, h), color, glossy),
        slab((-x + 0.03, x - 0.03), (-y + 0.05, y - 0.03), (0.0, 0.03), CHARCOAL),
        slab((-x + 0.01, x - 0.01), (-y + 0.01, -y + 0.03), (h - 0.13, h - 0.015), set_off(color, 0.2), glossy),
        rod((0.0, -y + 0.03, middle), (0.0, -y - 0.005, middle), r, CHROME, Finish.METAL),
        rod((0.0, -y + 0.02, middle), (0.0, -y - 0.012, middle), r * 0.80, CHARCOAL, glossy),
        egg((0.0, -y - 0.005, middle), (r * 0.66, 0.04, r * 0.66), (0.30, 0.38, 0.46), glossy),
        rod((x * 0.5, -y + 0.02, h - 0.07), (x * 0.5, -y - 0.015, h - 0.07), 0.035, CHROME, Finish.METAL),
        slab((-x * 0.85, -x * 0.25), (-y + 0.004, -y + 0.02), (h - 0.105, h - 0.04), lighter(color, 0.3), glossy),
    ]
    return built(parts)


def television(rng: random.Random, color: Rgb) -> Built:
    """A flat screen on a low stand."""
    w = rng.uniform(0.90, 1.50)
    screen, low = w * 0.56, rng.uniform(0.42, 0.55)
    x, bottom = w / 2, low + 0.07
    wood = rng.choice(WOODS)
    s = x * rng.uniform(0.85, 1.0)
    parts = [
        slab((-s, s), (-0.20, 0.20), (low - 0.03, low), wood, Finish.WOOD),
        slab((-s, s), (-0.20, 0.20), (0.06, 0.09), wood, Finish.WOOD),
        *(slab((a, a + 0.03), (-0.20, 0.20), (0.0, low - 0.03), wood, Finish.WOOD) for a in (-s, s - 0.03, -0.015)),
        slab((-s + 0.03, s - 0.03), (0.17, 0.19), (0.09, low - 0.03), darker(wood, 0.2), Finish.WOOD),
        slab((-x * 0.30, x * 0.30), (-0.09, 0.09), (low, low + 0.015), color),
        slab((-0.05, 0.05), (0.0, 0.03), (low, bottom + 0.1), color),
        slab((-x, x), (-0.02, 0.02), (bottom, bottom + screen), color, Finish.GLOSSY),
        slab((-x + 0.02, x - 0.02), (-0.024, 0.0), (bottom + 0.03, bottom + screen - 0.02), SCREEN, Finish.GLOSSY),
    ]
    return built(parts)


def sink(rng: random.Random, color: Rgb) -> Built:
    """A basin on a pedestal, with a tap."""
    w, d, h = rng.uniform(0.50, 0.68), rng.uniform(0.40, 0.50), rng.uniform(0.80, 0.88)
    x, y, t, glossy = w / 2, d / 2, 0.035, Finish.GLOSSY
    shelf = 0.10
    parts = [
        *ring((0.0, 0.04), (0.10, 0.08), (0.0, h * 0.4), 0.02, color, glossy),
        *ring((0.0, 0.04), (0.08, 0.13), (h * 0.4, h - 0.15), 0.02, color, glossy),
        slab((-x + 0.03, x - 0.03), (-y + 0.03, y), (h - 0.16, h - 0.11), color, glossy),
        *(slab((a, a + t), (-y, y), (h - 0.13, h), color, glossy) for a in (-x, x - t)),
        slab((-x + t, x - t), (-y, -y + t), (h - 0.13, h), color, glossy),
        slab((-x + t, x - t), (y - shelf, y), (h - 0.13, h), color, glossy),
        pillar((0.0, -0.02), 0.022, (h - 0.11, h - 0.107), CHARCOAL),
        pillar((0.0, y - 0.05), 0.015, (h, h + 0.13), CHROME, Finish.METAL),
        rod((0.0, y - 0.05, h + 0.13), (0.0, y - 0.20, h + 0.10), 0.013, CHROME, Finish.METAL, rounded=True),
        *(pillar((a, y - 0.05), 0.024, (h, h + 0.045), CHROME, Finish.METAL) for a in (-0.10, 0.10)),
    ]
    return built(parts)


def bathtub(rng: random.Random, color: Rgb) -> Built:
    w, d, h = rng.uniform(1.45, 1.80), rng.uniform(0.70, 0.82), rng.uniform(0.52, 0.62)
    x, y, t, glossy = w / 2, d / 2, 0.07, Finish.GLOSSY
    water = h - rng.uniform(0.12, 0.2)
    parts = [
        *(slab((-x, x), b, (0.05, h), color, glossy) for b in ((-y, -y + t), (y - t, y))),
        *(slab(a, (-y + t, y - t), (0.05, h), color, glossy) for a in ((-x, -x + t), (x - t, x))),
        *(
            slab((-x - 0.02, x + 0.02), b, (h - 0.04, h), lighter(color, 0.1), glossy)
            for b in ((-y - 0.02, -y + t), (y - t, y + 0.02))
        ),
        *(
            slab(a, (-y + t, y - t), (h - 0.04, h), lighter(color, 0.1), glossy)
            for a in ((-x - 0.02, -x + t), (x - t, x + 0.02))
        ),
        slab((-x + t, x - t), (-y + t, y - t), (0.05, water), WATER, glossy),
        *(ball((a, b, 0.045), 0.045, CHROME, Finish.METAL) for a in (-x + 0.1, x - 0.1) for b in (-y + 0.1, y - 0.1)),
        pillar((x - t / 2, 0.0), 0.018, (h, h + 0.16), CHROME, Finish.METAL),
        rod((x - t / 2, 0.0, h + 0.16), (x - t - 0.13, 0.0, h + 0.12), 0.016, CHROME, Finish.METAL, rounded=True),
        *(pillar((x - t / 2, b), 0.028, (h, h + 0.05), CHROME, Finish.METAL) for b in (-0.13, 0.13)),
    ]
    return built(parts)


def toilet(rng: random.Random, color: Rgb) -> Built:
    """A bowl with its seat down, and a tank behind."""
    w, bowl, h = rng.uniform(0.36, 0.44), rng.uniform(0.38, 0.43), rng.uniform(0.74, 0.84)
    r, glossy = w / 2, Finish.GLOSSY
    seat = set_off(color, 0.10)
    parts = [
        *ring((0.0, 0.0), (r * 0.66, r * 0.60), (0.0, bowl * 0.4), 0.02, color, glossy),
        *ring((0.0, 0.0), (r * 0.60, r * 0.95), (bowl * 0.4, bowl), 0.02, color, glossy),
        slab((-r * 0.7, r * 0.7), (0.0, r + 0.18), (bowl * 0.45, bowl), color, glossy),
        slab((-r * 0.55, r * 0.55), (0.0, r + 0.16), (0.0, bowl * 0.5), color, glossy),
        egg((0.0, -0.04, bowl + 0.008), (r, r * 1.25, 0.032), seat, glossy),
        egg((0.0, -0.04, bowl + 0.03), (r * 0.96, r * 1.20, 0.026), color, glossy),
        slab((-r * 1.02, r * 1.02), (r + 0.02, r + 0.20), (bowl - 0.01, h - 0.03), color, glossy),
        slab((-r * 1.08, r * 1.08), (r + 0.01, r + 0.21), (h - 0.03, h), seat, glossy),
        pillar((0.0, r + 0.11), 0.022, (h, h + 0.01), CHROME, Finish.METAL),
    ]
    return built(parts)


def piano(rng: random.Random, color: Rgb) -> Built:
    """An upright one."""
    w, d, h = rng.uniform(1.30, 1.52), rng.uniform(0.56, 0.66), rng.uniform(1.05, 1.30)
    x, y, glossy = w / 2, d / 2, Finish.GLOSSY
    keys = 0.70
    depth = 0.26
    body = -y + depth
    white = 21
    pitch = (w - 0.14) / white
    parts = [
        slab((-x, x), (body, y), (0.0, h - 0.03), color, glossy),
        slab((-x - 0.015, x + 0.015), (body - 0.015, y), (h - 0.03, h), color, glossy),
        slab((-x, x), (-y, body), (keys - 0.09, keys - 0.02), color, glossy),
        *(slab((a, a + 0.06), (-y, body), (keys - 0.02, keys + 0.06), color, glossy) for a in (-x, x - 0.06)),
        *(slab((a, a + 0.06), (-y, -y + 0.06), (0.0, keys - 0.09), color, glossy) for a in (-x, x - 0.06)),
        slab((-x + 0.12, x - 0.12), (body - 0.008, body), (0.18, keys - 0.15), lighter(color, 0.08), glossy),
        slab((-x + 0.12, x - 0.12), (body - 0.03, body), (keys + 0.14, keys + 0.16), lighter(color, 0.12), glossy),
    ]
    for key in range(white):
        low = -x + 0.07 + key * pitch
        parts.append(
            slab((low + 0.002, low + pitch - 0.002), (-y + 0.02, body), (keys - 0.02, keys), (0.95, 0.95, 0.92))
        )
        if key % 7 not in (2, 6):
            parts.append(slab((low + pitch * 0.7, low + pitch * 1.3), (-y + 0.11, body), (keys, keys + 0.012), SCREEN))
    return built(parts)


APPLIANCES = (
    ObjectClass(
        name="refrigerator", plural="refrigerators", place=Place.FLOOR, make=refrigerator, to_wall=True, colors=ENAMELS
    ),
    ObjectClass(name="stove", plural="stoves", place=Place.FLOOR, make=stove, to_wall=True, colors=ENAMELS),
    ObjectClass(
        name="washing machine",
        plural="washing machines",
        place=Place.FLOOR,
        make=washing_machine,
        to_wall=True,
        colors=ENAMELS,
    ),
    ObjectClass(
        name="television", plural="televisions", place=Place.FLOOR, make=television, to_wall=True, colors=("black",)
    ),
    ObjectClass(name="sink", plural="sinks", place=Place.FLOOR, make=sink, to_wall=True, colors=ENAMELS),
    ObjectClass(name="bathtub", plural="bathtubs", place=Place.FLOOR, make=bathtub, to_wall=True, colors=ENAMELS),
    ObjectClass(name="toilet", plural="toilets", place=Place.FLOOR, make=toilet, to_wall=True, colors=ENAMELS),
    ObjectClass(
        name="piano",
        plural="pianos",
        place=Place.FLOOR,
        make=piano,
        to_wall=True,
        colors=("black", "brown", "white", "red"),
    ),
)
