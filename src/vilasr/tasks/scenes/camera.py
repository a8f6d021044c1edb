"""A pinhole camera: where it stands, where it looks, and where in its picture a point of the world falls."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vilasr.tasks.scenes.geometry import OrientedBox
    from vilasr.tasks.scenes.world import Vec3
    from vilasr.types import Json

_NEAR = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class Camera:
    """Level (no roll); pixels are square.

    Attributes:
        position: m.
        yaw: where it looks, seen from above: 0 along +y, counter-clockwise, radians.
        pitch: upwards is positive, radians.
        fovy: vertical field of view, degrees.
        size: (width, height) of the picture in pixels.
    """

    position: Vec3
    yaw: float
    pitch: float
    fovy: float
    size: tuple[int, int]

    def to_json(self) -> Json:
        """For metadata; not the size."""
        return {"position": list(self.position), "yaw": self.yaw, "pitch": self.pitch, "fovy": self.fovy}

    @property
    def axes(self) -> NDArray[np.float64]:
        """float64 [3, 3]: unit vectors to the right, up and forward, in world coordinates."""
        cos_yaw, sin_yaw = math.cos(self.yaw), math.sin(self.yaw)
        cos_pitch, sin_pitch = math.cos(self.pitch), math.sin(self.pitch)
        right = (cos_yaw, sin_yaw, 0.0)
        forward = (-sin_yaw * cos_pitch, cos_yaw * cos_pitch, sin_pitch)
        up = (sin_yaw * sin_pitch, -cos_yaw * sin_pitch, cos_pitch)
        return np.array([right, up, forward])

    @property
    def focal_px(self) -> float:
        return self.size[1] / 2 / math.tan(math.radians(self.fovy) / 2)

    def seen_from(self, point: Vec3) -> tuple[float, float, float]:
        """(right, up, forward) of a point of the world, m from the camera."""
        right, up, forward = self.axes @ (np.array(point) - np.array(self.position))
        return float(right), float(up), float(forward)

    def project(self, point: Vec3) -> tuple[float, float] | None:
        """Pixel (x, y) of a point of the world, which may lie outside the picture; None behind the camera."""
        right, up, forward = self.seen_from(point)
        if forward < _NEAR:
            return None
        scale = self.focal_px / forward
        return (self.size[0] / 2 + right * scale, self.size[1] / 2 - up * scale)

    def depth(self, point: Vec3) -> float:
        """m along the line of sight, from the camera's plane."""
        return self.seen_from(point)[2]

    def bounds_px(self, box: OrientedBox) -> tuple[float, float, float, float] | None:
        """(x1, y1, x2, y2) around a box, unclipped; None when a part of it is behind the camera."""
        right, up, forward = self.axes @ (np.array(box.corners()) - self.position).T
        if forward.min() < _NEAR:
            return None
        scale = self.focal_px / forward
        x, y = self.size[0] / 2 + right * scale, self.size[1] / 2 - up * scale
        return (float(x.min()), float(y.min()), float(x.max()), float(y.max()))


def look_at(position: Vec3, target: Vec3, *, fovy: float, size: tuple[int, int]) -> Camera:
    """A camera at `position` with `target` in the middle of its picture."""
    x, y, z = (there - here for there, here in zip(target, position, strict=True))
    return Camera(position=position, yaw=math.atan2(-x, y), pitch=math.atan2(z, math.hypot(x, y)), fovy=fovy, size=size)
