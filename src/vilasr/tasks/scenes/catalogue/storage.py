"""Tables, and furniture that holds things."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vilasr.tasks.scenes.catalogue.kinds import Area, ObjectClass, Place, built
from vilasr.tasks.scenes.catalogue.seats import legs
from vilasr.tasks.scenes.colors import CHARCOAL, CHROME, COLORS, darker, luminance, set_off
from vilasr.tasks.scenes.shapes import ball, pillar, slab
from vilasr.tasks.scenes.world import Finish

if TYPE_CHECKING:
    import random

    from vilasr.tasks.scenes.catalogue.kinds import Built
    from vilasr.tasks.scenes.world import Part, Rgb


def handle_color(color: Rgb) -> Rgb:
    return CHROME if luminance(color) < 0.6 else CHARCOAL


def table(rng: random.Random, color: Rgb) -> Built:
    """A rectangular one on four legs, with a free space under it."""
    w, d, h = rng.uniform(0.80, 1.80), rng.uniform(0.65, 0.95), rng.uniform(0.66, 0.78)
    t, leg = rng.uniform(0.03, 0.05), rng.uniform(0.05, 0.08)
    x, y, rail = w / 2, d / 2, 0.06
    wood = Finish.WOOD
    parts = [slab((-x, x), (-y, y), (h - t, h), color, wood)]
    parts += legs(w - 0.06, d - 0.06, h - t, leg, color, wood)
    a, b, side = x - 0.04, y - 0.04, darker(color, 0.1)
    parts += [slab((-a, a), (s * b - 0.01, s * b + 0.01), (h - t - rail, h - t), side, wood) for s in (-0.98, 0.98)]
    parts += [slab((s * a - 0.01, s * a + 0.01), (-b, b), (h - t - rail, h - t), side, wood) for s in (-0.99, 0.99)]
    free = 0.06 + 2 * leg
    return built(
        parts,
        top=Area(width=w, depth=d, height=h),
        under=Area(width=w - free, depth=d - free, height=h - t - rail),
    )


def desk(rng: random.Random, color: Rgb) -> Built:
    """A top on a block of drawers and a side, open in the middle."""
    w, d, h = rng.uniform(1.05, 1.60), rng.uniform(0.55, 0.75), rng.uniform(0.70, 0.78)
    x, y, t, drawers = w / 2, d / 2, 0.035, 0.40
    wood = Finish.WOOD
    parts = [
        slab((-x, x), (-y, y), (h - t, h), color, wood),
        slab((-x + 0.01, -x + 0.05), (-y + 0.02, y - 0.02), (0.0, h - t), color, wood),
        slab((x - drawers, x - 0.01), (-y + 0.03, y - 0.02), (0.0, h - t), color, wood),
        slab((-x + 0.05, x - drawers), (y - 0.06, y - 0.04), (h * 0.35, h - t), darker(color, 0.1), wood),
    ]
    if rng.random() < 0.5:
        parts = [_mirrored(part) for part in parts]
        span = (-x + 0.01, -x + drawers)
    else:
        span = (x - drawers, x - 0.01)
    parts += _drawers(span, -y + 0.03, (0.02, h - t - 0.02), 3, color)
    return built(parts, top=Area(width=w, depth=d - 0.02, height=h))


def cabinet(rng: random.Random, color: Rgb) -> Built:
    """A low one with drawers, or with two doors."""
    w, d, h = rng.uniform(0.70, 1.40), rng.uniform(0.38, 0.52), rng.uniform(0.70, 1.00)
    x, y, foot = w / 2, d / 2, 0.07
    wood = Finish.WOOD
    parts = [
        slab((-x, x), (-y, y), (h - 0.03, h), set_off(color, 0.15), wood),
        slab((-x + 0.01, x - 0.01), (-y + 0.02, y), (foot, h - 0.03), color, wood),
        *legs(w - 0.06, d - 0.06, foot, 0.05, darker(color, 0.3), wood),
    ]
    front, z = -y + 0.02, (foot + 0.02, h - 0.05)
    if rng.random() < 0.6:
        columns = 1 if w < 1.0 else 2
        pitch = (w - 0.04) / columns
        for column in range(columns):
            low = -x + 0.02 + column * pitch
            parts += _drawers((low, low + pitch), front, z, 3, color)
    else:
        parts += _doors((-x + 0.02, x - 0.02), front, z, 2, color)
    return built(parts, top=Area(width=w, depth=d - 0.02, height=h))


def wardrobe(rng: random.Random, color: Rgb) -> Built:
    w, d, h = rng.uniform(0.90, 1.80), rng.uniform(0.52, 0.64), rng.uniform(1.80, 2.15)
    x, y, wood = w / 2, d / 2, Finish.WOOD
    parts = [
        slab((-x + 0.02, x - 0.02), (-y + 0.03, y), (0.08, h - 0.05), color, wood),
        slab((-x, x), (-y, y), (h - 0.05, h), set_off(color, 0.15), wood),
        slab((-x + 0.01, x - 0.01), (-y + 0.02, y), (0.0, 0.08), set_off(color, 0.25), wood),
        *_doors((-x + 0.04, x - 0.04), -y + 0.03, (0.11, h - 0.08), 2 if w < 1.3 else 3, color),
    ]
    return built(parts)


def bookshelf(rng: random.Random, color: Rgb) -> Built:
    """Open in front, with rows of books."""
    w, d, h = rng.uniform(0.60, 1.10), rng.uniform(0.26, 0.34), rng.uniform(1.30, 2.00)
    x, y, t, wood = w / 2, d / 2, 0.03, Finish.WOOD
    num = 4 if h < 1.6 else 5
    pitch = (h - t) / num
    parts = [
        *(slab((a, a + t), (-y, y), (0.0, h), color, wood) for a in (-x, x - t)),
        slab((-x + t, x - t), (y - 0.015, y), (0.0, h), darker(color, 0.2), wood),
        *(slab((-x + t, x - t), (-y, y - 0.015), (s * pitch, s * pitch + t), color, wood) for s in range(num + 1)),
    ]
    for shelf in range(num):
        parts += _books(rng, (-x + t, x - t), (-y + 0.03, y - 0.02), (shelf * pitch + t, (shelf + 1) * pitch))
    return built(parts)


def _books(rng: random.Random, x: tuple[float, float], y: tuple[float, float], z: tuple[float, float]) -> list[Part]:
    """A row of books that leaves the end of its shelf free."""
    parts = []
    at, end = x[0] + 0.01, x[1] - (x[1] - x[0]) * rng.uniform(0.05, 0.45)
    while at + 0.07 < end:
        thick, high = rng.uniform(0.035, 0.065), (z[1] - z[0]) * rng.uniform(0.62, 0.88)
        color = rng.choice(COLORS[rng.choice(("red", "green", "blue", "brown", "white", "orange", "black"))])
        parts.append(slab((at, at + thick), (y[0] + rng.uniform(0.0, 0.03), y[1]), (z[0], z[0] + high), color))
        at += thick + 0.003
    return parts


def _drawers(x: tuple[float, float], front: float, z: tuple[float, float], num: int, color: Rgb) -> list[Part]:
    """Fronts with a knob, one above the other, 15 mm before `front`."""
    pitch = (z[1] - z[0]) / num
    face, knob = set_off(color, 0.12), handle_color(color)
    parts = []
    for drawer in range(num):
        low = z[0] + drawer * pitch
        parts.append(
            slab(
                (x[0] + 0.01, x[1] - 0.01), (front - 0.015, front), (low + 0.01, low + pitch - 0.01), face, Finish.WOOD
            )
        )
        parts.append(ball((sum(x) / 2, front - 0.015, low + pitch / 2), 0.018, knob, Finish.METAL))
    return parts


def _doors(x: tuple[float, float], front: float, z: tuple[float, float], num: int, color: Rgb) -> list[Part]:
    """Doors with a panel and a handle, side by side, 15 mm before `front`."""
    pitch = (x[1] - x[0]) / num
    face, grip = set_off(color, 0.12), handle_color(color)
    middle = sum(z) / 2
    parts = []
    for door in range(num):
        low, high = x[0] + door * pitch + 0.006, x[0] + (door + 1) * pitch - 0.006
        at = high - 0.05 if door % 2 == 0 else low + 0.05
        parts.append(slab((low, high), (front - 0.015, front), z, face, Finish.WOOD))
        parts.append(
            slab(
                (low + 0.09, high - 0.09),
                (front - 0.020, front - 0.01),
                (z[0] + 0.09, z[1] - 0.09),
                darker(face, 0.08),
                Finish.WOOD,
            )
        )
        parts.append(pillar((at, front - 0.03), 0.010, (middle - 0.08, middle + 0.08), grip, Finish.METAL))
    return parts


def _mirrored(part: Part) -> Part:
    x, y, z = part.position
    return replace(part, position=(-x, y, z))


STORAGE = (
    ObjectClass(name="table", plural="tables", place=Place.FLOOR, make=table, carries=True, shelters=True),
    ObjectClass(name="desk", plural="desks", place=Place.FLOOR, make=desk, to_wall=True, carries=True),
    ObjectClass(name="cabinet", plural="cabinets", place=Place.FLOOR, make=cabinet, to_wall=True, carries=True),
    ObjectClass(name="wardrobe", plural="wardrobes", place=Place.FLOOR, make=wardrobe, to_wall=True),
    ObjectClass(name="bookshelf", plural="bookshelves", place=Place.FLOOR, make=bookshelf, to_wall=True),
)
