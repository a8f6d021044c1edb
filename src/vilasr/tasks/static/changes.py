"""Scenes in which something is otherwise: two things change places or sizes, what stood on a table stands under it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from vilasr.tasks.scenes.catalogue import CLASSES
from vilasr.tasks.scenes.geometry import contains, polygon_distance
from vilasr.tasks.scenes.rooms import kept_free
from vilasr.tasks.scenes.shapes import bounds
from vilasr.tasks.scenes.world import FLOOR, Part, Scene, SceneObject, Vec2, Vec3

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vilasr.tasks.scenes.geometry import OrientedBox

_TOUCH = 0.002
"""Overlaps up to this are contact, m."""


def swapped(scene: Scene, one: SceneObject, other: SceneObject) -> Scene | None:
    """The scene in which two things have changed places; None where they do not fit.

    Things that carry others stay where they are, and what belongs to a wall changes only with its like.
    """
    if (
        _carries(scene, one)
        or _carries(scene, other)
        or CLASSES[one.category].to_wall != CLASSES[other.category].to_wall
    ):
        return None
    if (one.support == FLOOR) != (other.support == FLOOR) or one.name == other.support or other.name == one.support:
        return None
    return _with(scene, (_at_place_of(other, one), _at_place_of(one, other)))


def resized(scene: Scene, one: SceneObject, factor: float, other: SceneObject, other_factor: float) -> Scene | None:
    """The scene in which two things are larger or smaller by factors; None where they do not fit or carry others."""
    if _carries(scene, one) or _carries(scene, other):
        return None
    return _with(scene, (_scaled(one, factor), _scaled(other, other_factor)))


def put_under(scene: Scene, thing: SceneObject) -> Scene | None:
    """The scene in which a thing stands on the floor under what it stood on; None where there is no room for it."""
    support = scene.named(thing.support)
    moved = replace(thing, position=(*thing.position[:2], support.position[2]), support=support.support)
    if _carries(scene, thing) or not _is_sheltered(moved, support):
        return None
    return _with(scene, (moved,), around=support)


def _at_place_of(thing: SceneObject, there: SceneObject) -> SceneObject:
    """The thing where the other one is, turned as it is, its back where the other's back is."""
    back = (there.size[1] - thing.size[1]) / 2 if CLASSES[thing.category].to_wall else 0.0
    return replace(thing, position=_moved_back(there, back), yaw=there.yaw, support=there.support)


def _moved_back(thing: SceneObject, by: float) -> Vec3:
    x, y, z = thing.position
    return (x - math.sin(thing.yaw) * by, y + math.cos(thing.yaw) * by, z)


def _scaled(thing: SceneObject, factor: float) -> SceneObject:
    """The thing in another size; what belongs to a wall keeps its back there."""
    back = thing.size[1] * (1 - factor) / 2 if CLASSES[thing.category].to_wall else 0.0
    return replace(
        thing,
        position=_moved_back(thing, back),
        size=_times(thing.size, factor),
        parts=tuple(_scaled_part(part, factor) for part in thing.parts),
    )


def _scaled_part(part: Part, factor: float) -> Part:
    return replace(part, size=_times(part.size, factor), position=_times(part.position, factor))


def _times(vector: Vec3, factor: float) -> Vec3:
    x, y, z = vector
    return (x * factor, y * factor, z * factor)


def _carries(scene: Scene, thing: SceneObject) -> bool:
    return any(each.support == thing.name for each in scene.objects)


def _with(scene: Scene, changed: Sequence[SceneObject], *, around: SceneObject | None = None) -> Scene | None:
    """The scene with some things replaced by name; None where one of them does not fit.

    A changed thing must lie within the room, clear of its doors, or on what it stands on, and meet no other thing;
    `around` is one whose box it may share, having been tested by parts.
    """
    by_name = {thing.name: thing for thing in changed}
    objects = tuple(by_name.get(thing.name, thing) for thing in scene.objects)
    new = replace(scene, objects=objects)
    free = [box for room in scene.rooms for box in kept_free(room)]
    for thing in changed:
        ground = [room.outline for room in scene.rooms] if thing.support == FLOOR else [_top(new, thing)]
        if ground and not any(all(contains(area, corner) for corner in thing.box.footprint()) for area in ground):
            return None
        if thing.support == FLOOR and any(_meet(thing.box, box) for box in free):
            return None
        if any(_meet(thing.box, each.box) for each in objects if each is not thing and each is not around):
            return None
    return new


def _top(scene: Scene, thing: SceneObject) -> tuple[Vec2, ...]:
    return scene.named(thing.support).box.footprint()


def _meet(one: OrientedBox, other: OrientedBox) -> bool:
    """Whether two boxes share more than a touch."""
    high = (one.size[2] + other.size[2]) / 2 - abs(one.center[2] - other.center[2])
    return high > _TOUCH and polygon_distance(one.footprint(-_TOUCH), other.footprint()) == 0.0


def _is_sheltered(thing: SceneObject, over: SceneObject) -> bool:
    """Whether a thing on the same ground as `over`, within its footprint, meets no part of it.

    Parts are taken as boxes along the axes of `over`, and so is the thing.
    """
    cos, sin = math.cos(over.yaw), math.sin(over.yaw)
    corners = [(x - over.position[0], y - over.position[1]) for x, y in thing.box.footprint()]
    xs = [cos * x + sin * y for x, y in corners]
    ys = [cos * y - sin * x for x, y in corners]
    low, high = (min(xs), min(ys), 0.0), (max(xs), max(ys), thing.size[2])
    for part in over.parts:
        part_low, part_high = bounds(part)
        if all(low[axis] < part_high[axis] and part_low[axis] < high[axis] for axis in range(3)):
            return False
    return True
