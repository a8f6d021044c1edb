"""Furnishes rooms and table tops: every object stands on something, and no two are in the same place."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from vilasr.tasks.scenes.catalogue import CLASSES, Area, Built, ObjectClass, Place
from vilasr.tasks.scenes.geometry import OrientedBox, contains, polygon_distance, sides
from vilasr.tasks.scenes.lighting import surroundings
from vilasr.tasks.scenes.rooms import inward, kept_free, make_rooms, point_on, small_room
from vilasr.tasks.scenes.world import FLOOR, Room, Scene, SceneObject

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from vilasr.tasks.scenes.world import Vec2, Vec3

GAP = 0.04
"""At least this far apart, m, stand two things on the floor."""
GAP_ON_TOP = 0.015
WALL_GAP = 0.03
"""Between the skirting of a wall and the back of what stands against it."""
_CALM = ("brown", "white", "black")
_COPIES = (1, 1, 1, 2, 2, 3, 4)
_TRIES_PER_OBJECT = 40
_SHARE_ON_TOP = 0.4
"""How often a thing that may stand on the floor or on a carrier goes onto one, if there is one."""


def make_room_scene(rng: random.Random, *, num_objects: tuple[int, int], num_rooms: int = 1) -> Scene:
    """One or two furnished rooms.

    Args:
        num_objects: (lowest, highest) wished number; a full room holds fewer.
        num_rooms: 1, or 2 joined by a doorway.
    """
    rooms = make_rooms(rng, num_rooms)
    layout = _Layout(rooms)
    classes = _some_classes(rng, rng.randint(*num_objects))
    for kind in classes:
        layout.add(kind, _free_color(kind, layout.objects, rng), rng)
    return Scene(kind="room", rooms=rooms, objects=tuple(layout.objects), surroundings=surroundings(rooms, rng))


def make_table_scene(rng: random.Random, *, num_objects: tuple[int, int]) -> Scene:
    """A table or desk with small things on it and at times under it; `num_objects` counts these, without the table."""
    rooms = (small_room(rng),)
    layout = _Layout(rooms)
    carrier = CLASSES[rng.choice(("table", "table", "desk"))]
    while not layout.objects:
        layout.add(carrier, _free_color(carrier, (), rng), rng)
    small = [kind for kind in CLASSES.values() if kind.place is not Place.FLOOR]
    target = rng.randint(*num_objects)
    for kind in rng.choices(small, k=3 * target):
        if len(layout.objects) > target:
            break
        under = kind.place is Place.BOTH and rng.random() < 0.3
        layout.add(kind, _free_color(kind, layout.objects, rng), rng, where="under" if under else "top")
    return Scene(kind="table", rooms=rooms, objects=tuple(layout.objects), surroundings=surroundings(rooms, rng))


def _some_classes(rng: random.Random, count: int) -> list[ObjectClass]:
    """Classes to place, the big ones first; some twice or more, so that counting is worth asking."""
    num_top, num_either = (round(count * rng.uniform(0.12, 0.3)) for _ in range(2))
    numbers = {Place.FLOOR: count - num_top - num_either - 1, Place.BOTH: num_either, Place.TOP: num_top}
    wanted = [CLASSES[rng.choice(("table", "desk", "cabinet"))]]
    for place, number in numbers.items():
        drawn: list[ObjectClass] = []
        for kind in rng.sample(list(CLASSES.values()), len(CLASSES)):
            if kind.place is place and len(drawn) < number:
                drawn += [kind] * min(rng.choice(_COPIES), number - len(drawn))
        wanted += sorted(drawn, key=lambda kind: not kind.to_wall)
    return wanted


def _free_color(kind: ObjectClass, others: Sequence[SceneObject], rng: random.Random) -> str:
    """A colour that no other of its class has, most of the time, so that it can be named; what carries things is
    often of wood."""
    taken = {other.color for other in others if other.category == kind.name}
    free = [color for color in kind.colors if color not in taken]
    if kind.carries and rng.random() < 0.4:
        free = [color for color in free if color in _CALM] or free
    return rng.choice(free if free and rng.random() < 0.85 else list(kind.colors))


@dataclass(slots=True)
class _Layout:
    """What stands where so far."""

    rooms: tuple[Room, ...]
    objects: list[SceneObject] = field(default_factory=list)
    built: dict[str, Built] = field(default_factory=dict)
    kept_free: list[OrientedBox] = field(init=False)

    def __post_init__(self) -> None:
        self.kept_free = [box for room in self.rooms for box in kept_free(room)]

    def add(self, kind: ObjectClass, color: str, rng: random.Random, *, where: str | None = None) -> None:
        """Places one more object, or none when no free place was found for it.

        Args:
            where: "floor", "top" or "under"; None draws one of those that the class allows.
        """
        built = kind.build(rng, color)
        number = 1 + sum(other.category == kind.name for other in self.objects)
        thing = SceneObject(
            name=f"{kind.name.replace(' ', '_')}_{number}",
            category=kind.name,
            color=color,
            position=(0.0, 0.0, 0.0),
            yaw=0.0,
            size=built.size,
            parts=built.parts,
        )
        where = where or self._somewhere(kind, rng)
        for _ in range(_TRIES_PER_OBJECT):
            placed = self._on_floor(thing, kind, rng) if where == "floor" else self._at_carrier(thing, where, rng)
            if placed is not None and self._is_free(placed, sheltered=where == "under"):
                self.objects.append(placed)
                self.built[placed.name] = built
                return

    def _somewhere(self, kind: ObjectClass, rng: random.Random) -> str:
        if kind.place is Place.FLOOR:
            return "floor"
        if kind.place is Place.TOP:
            return "top"
        drawn = rng.random()
        if drawn < _SHARE_ON_TOP:
            return "top"
        return "under" if drawn < 1.5 * _SHARE_ON_TOP else "floor"

    def _on_floor(self, thing: SceneObject, kind: ObjectClass, rng: random.Random) -> SceneObject | None:
        room = rng.choice(self.rooms)
        against_wall = kind.to_wall or (kind.carries and rng.random() < 0.4)
        if against_wall:
            placed = _against_wall(thing, room, rng)
        else:
            xs, ys = zip(*room.outline, strict=True)
            yaw = rng.choice((0, 1, 2, 3)) * math.pi / 2 + rng.gauss(0, 0.25)
            placed = replace(
                thing, position=(rng.uniform(min(xs), max(xs)), rng.uniform(min(ys), max(ys)), 0.0), yaw=yaw
            )
        return placed if placed is not None and is_inside(placed.box, room) else None

    def _at_carrier(self, thing: SceneObject, where: str, rng: random.Random) -> SceneObject | None:
        """On the free rectangle of a carrier, or on the floor under it; wholly inside of the rectangle."""
        areas = [(each, _area(self.built[each.name], where)) for each in self.objects]
        known = [(each, area) for each, area in areas if area is not None]
        if not known:
            return None
        carrier, area = rng.choice(known)
        turn = rng.uniform(-math.pi, math.pi)
        half_w, half_d = _turned_half(thing.size, turn)
        room_w, room_d = area.width / 2 - half_w - GAP_ON_TOP, area.depth / 2 - half_d - GAP_ON_TOP
        if min(room_w, room_d) < 0 or (where == "under" and thing.size[2] > area.height - GAP_ON_TOP):
            return None
        x, y = rng.uniform(-room_w, room_w), rng.uniform(-room_d, room_d)
        cos, sin = math.cos(carrier.yaw), math.sin(carrier.yaw)
        cx, cy, cz = carrier.position
        height = area.height if where == "top" else 0.0
        position = (cx + cos * x - sin * y, cy + sin * x + cos * y, cz + height)
        support = carrier.name if where == "top" else FLOOR
        return replace(thing, position=position, yaw=carrier.yaw + turn, support=support)

    def _is_free(self, placed: SceneObject, *, sheltered: bool) -> bool:
        """Whether nothing else is there. What carries or shelters it has kept that place free of its own parts."""
        on_floor = placed.support == FLOOR
        box = placed.box
        if on_floor and any(_too_close(box, kept, 0.0) for kept in self.kept_free):
            return False
        for other in self.objects:
            if other.name == placed.support or (sheltered and self.built[other.name].under and _shelters(other, box)):
                continue
            if _too_close(box, other.box, GAP if on_floor else GAP_ON_TOP):
                return False
        return True


def is_inside(box: OrientedBox, room: Room, margin: float = WALL_GAP - 0.005) -> bool:
    """Whether a box stands in a room, each of its sides moved out by `margin`."""
    footprint = box.footprint(margin)
    if not all(contains(room.outline, corner) for corner in footprint):
        return False
    return not any(contains(footprint, corner) for corner in room.outline)


def _against_wall(thing: SceneObject, room: Room, rng: random.Random) -> SceneObject | None:
    """With its back to a wall, where no door and, for tall things, no window is."""
    wall = rng.randrange(len(room.outline))
    length = math.dist(*sides(room.outline)[wall])
    reach = thing.size[0] / 2 + WALL_GAP
    if length < 2 * reach:
        return None
    along = rng.uniform(reach, length - reach)
    for opening in room.openings:
        near = opening.wall == wall and abs(opening.along - along) < (opening.width + thing.size[0]) / 2 + 0.08
        if near and opening.bottom < thing.size[2]:
            return None
    (x, y), (nx, ny) = point_on(room, wall, along), inward(room, wall)
    away = thing.size[1] / 2 + WALL_GAP + rng.uniform(0.0, 0.03)
    return replace(thing, position=(x + nx * away, y + ny * away, 0.0), yaw=math.atan2(nx, -ny))


def _area(built: Built, where: str) -> Area | None:
    return built.top if where == "top" else built.under


def _turned_half(size: Vec3, turn: float) -> Vec2:
    cos, sin = abs(math.cos(turn)), abs(math.sin(turn))
    return (cos * size[0] + sin * size[1]) / 2, (sin * size[0] + cos * size[1]) / 2


def _too_close(one: OrientedBox, other: OrientedBox, gap: float) -> bool:
    if abs(one.center[2] - other.center[2]) >= (one.size[2] + other.size[2]) / 2:
        return False
    apart = math.hypot(one.center[0] - other.center[0], one.center[1] - other.center[1])
    if apart > (math.hypot(*one.size[:2]) + math.hypot(*other.size[:2])) / 2 + gap:
        return False
    return polygon_distance(one.footprint(), other.footprint()) <= gap


def _shelters(other: SceneObject, box: OrientedBox) -> bool:
    """Whether a box stands wholly within the footprint of an object."""
    outline = other.box.footprint()
    return all(contains(outline, corner) for corner in box.footprint())
