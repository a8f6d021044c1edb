"""What a world is made of: plain records, known exactly. Nothing here draws or needs a renderer.

Metres, z up, the floor at z = 0. A yaw is in radians, counter-clockwise seen from above; at yaw 0 an object's front
faces -y, its width runs along x and its depth along y.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from vilasr.tasks.scenes.camera import Camera
    from vilasr.tasks.scenes.geometry import OrientedBox

Vec2 = tuple[float, float]
Vec3 = tuple[float, float, float]
Rgb = tuple[float, float, float]
"""Each from 0 to 1."""

FLOOR = "floor"
"""What an object on the ground stands on; otherwise the name of another object."""


class Shape(StrEnum):
    """A primitive, and what `Part.size` means for it."""

    BOX = "box"
    """Half extents (x, y, z)."""
    CYLINDER = "cylinder"
    """(radius, half height, 0), along the part's z."""
    SPHERE = "sphere"
    """(radius, 0, 0)."""
    ELLIPSOID = "ellipsoid"
    """Half axes (x, y, z)."""
    CAPSULE = "capsule"
    """(radius, half length without the caps, 0), along the part's z."""


class Finish(StrEnum):
    """How a surface looks beside its colour."""

    PLAIN = "plain"
    WOOD = "wood"
    FABRIC = "fabric"
    METAL = "metal"
    GLOSSY = "glossy"


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One primitive of an object, in the object's own frame: the origin at the centre of its footprint, z = 0 below.

    Attributes:
        position: centre of the primitive.
        euler: rotations about the object's x, y and z, radians, applied in that order.
    """

    shape: Shape
    size: Vec3
    position: Vec3
    color: Rgb
    finish: Finish = Finish.PLAIN
    euler: Vec3 = (0.0, 0.0, 0.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class SceneObject:
    """A thing that can be asked about.

    Attributes:
        name: unique in its scene, "chair_2".
        category: what people call it, "chair"; a key of the catalogue.
        color: its colour in a word, "red".
        position: centre of the footprint, on the surface that it stands on.
        size: (width, depth, height) of the box around all parts, in the object's own frame.
        support: FLOOR, or the name of the object that it stands on.
    """

    name: str
    category: str
    color: str
    position: Vec3
    yaw: float
    size: Vec3
    parts: tuple[Part, ...]
    support: str = FLOOR

    @property
    def box(self) -> OrientedBox:
        from vilasr.tasks.scenes.geometry import OrientedBox

        x, y, z = self.position
        return OrientedBox(center=(x, y, z + self.size[2] / 2), size=self.size, yaw=self.yaw)

    @property
    def center(self) -> Vec3:
        x, y, z = self.position
        return (x, y, z + self.size[2] / 2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Opening:
    """A door or a window in a wall: `wall` is the index of the outline's side, `along` where its middle is, in m from
    the start of that side."""

    kind: str
    wall: int
    along: float
    width: float
    bottom: float
    height: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """Walls around a floor.

    Attributes:
        outline: corners of the floor, counter-clockwise seen from above; side i runs from corner i to corner i + 1.
        height: of the walls.
    """

    outline: tuple[Vec2, ...]
    height: float
    openings: tuple[Opening, ...] = ()

    @property
    def area(self) -> float:
        """m^2, by the shoelace formula."""
        ends = (*self.outline[1:], self.outline[0])
        return sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(self.outline, ends, strict=True)) / 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Light:
    position: Vec3
    direction: Vec3
    brightness: float
    casts_shadow: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """How everything that is not an object looks: colours and textures of floor and walls, from `texture_seed`."""

    floor_color: Rgb
    wall_color: Rgb
    floor_pattern: str
    texture_seed: int
    lights: tuple[Light, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """A world at rest.

    Attributes:
        kind: "room" or "table".
        rooms: one, or two that share a doorway.
    """

    kind: str
    rooms: tuple[Room, ...]
    objects: tuple[SceneObject, ...]
    surroundings: Surroundings

    def named(self, name: str) -> SceneObject:
        return next(thing for thing in self.objects if thing.name == name)

    def of_category(self, category: str) -> tuple[SceneObject, ...]:
        return tuple(thing for thing in self.objects if thing.category == category)


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """One picture of a scene, with everything that is known of it.

    Attributes:
        boxes_px: by name of object, (x1, y1, x2, y2) around its visible pixels, x2 and y2 one past the last; absent
            where nothing is visible.
        pixels: by name, how many pixels of it are visible.
        depth: float32 [height, width], m from the camera's plane.
        labels: int16 [height, width]: index into `scene.objects`, -1 for the rest.
    """

    camera: Camera
    image: Image
    boxes_px: Mapping[str, tuple[int, int, int, int]]
    pixels: Mapping[str, int]
    depth: NDArray[np.float32] = field(repr=False)
    labels: NDArray[np.int16] = field(repr=False)

    def shown(self, thing: SceneObject) -> float:
        """How much of an object is in view, 0 to 1: its visible box over the box of all of it, also what is outside."""
        if thing.name not in self.boxes_px:
            return 0.0
        x1, y1, x2, y2 = self.boxes_px[thing.name]
        whole = self.camera.bounds_px(thing.box)
        if whole is None:
            return 0.0
        area = max(1e-9, (whole[2] - whole[0]) * (whole[3] - whole[1]))
        return min(1.0, (x2 - x1) * (y2 - y1) / area)
