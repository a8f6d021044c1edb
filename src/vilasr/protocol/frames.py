"""Coordinate frames: what the model's numbers mean, converted here and nowhere else.

Three sizes meet: an image's *own* size (the program's `*_px`), its *model* size (what the policy is shown: sides that
are multiples of the vision tower's merged patch), and the numbers the model writes, which depend on the frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from vilasr.errors import InputError

if TYPE_CHECKING:
    from vilasr.types import Point, Size

MAX_ASPECT = 200
CLAMP_PX = 2.0
"""How far outside the image, in pixels of the model's image, a coordinate may lie and still be moved to the edge."""


class CoordinateFrame(StrEnum):
    PIXEL = "pixel"
    """Pixels of the image at model size (Qwen2.5-VL)."""
    THOUSANDTHS = "thousandths"
    """0 to 1000 along each side (Qwen3-VL)."""
    UNIT = "unit"
    """0 to 1 along each side."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizer:
    """The size at which a model sees an image: the arithmetic of Qwen's image processors.

    Attributes:
        factor: sides are multiples of it: patch size times merge size (28 for Qwen2.5-VL, 32 for Qwen3-VL).
        min_pixels, max_pixels: bounds of the area.

    >>> Sizer(factor=28).fit((640, 480))
    (644, 476)
    """

    factor: int = 28
    min_pixels: int = 56 * 56
    max_pixels: int = 1280 * 28 * 28

    def __post_init__(self) -> None:
        if self.factor < 1 or self.factor**2 > self.max_pixels or self.min_pixels > self.max_pixels:
            raise InputError(
                "sizer",
                expected="factor >= 1, factor * factor <= max_pixels and min_pixels <= max_pixels",
                got=f"factor={self.factor}, min_pixels={self.min_pixels}, max_pixels={self.max_pixels}",
            )

    def limited(self, max_pixels: int) -> Sizer:
        """With another upper bound; raises InputError for one below what the smallest image has."""
        least = max(self.factor**2, self.min_pixels)
        if max_pixels < least:
            raise InputError("max_pixels", expected=f"at least {least}, the smallest image", got=str(max_pixels))
        return replace(self, max_pixels=max_pixels)

    def fit(self, size: Size) -> Size:
        """(width, height) at model size for an image of `size`; raises InputError for a side ratio over 200."""
        width, height = size
        if min(size) < 1 or max(size) / min(size) > MAX_ASPECT:
            raise InputError(
                "image size",
                expected=f"sides of at least 1 pixel and a ratio of at most {MAX_ASPECT}",
                got=f"{width}x{height}",
                remedy="Crop or pad the image.",
            )
        f = self.factor
        fitted = (round(width / f) * f, round(height / f) * f)
        area = fitted[0] * fitted[1]
        if area > self.max_pixels:
            shrink = math.sqrt(width * height / self.max_pixels)
            return (max(f, math.floor(width / shrink / f) * f), max(f, math.floor(height / shrink / f) * f))
        if area < self.min_pixels:
            grow = math.sqrt(self.min_pixels / (width * height))
            return (math.ceil(width * grow / f) * f, math.ceil(height * grow / f) * f)
        return fitted


def frame_extent(frame: CoordinateFrame, model_size: Size) -> Size:
    """The largest (x, y) that the model may write: (224, 192), (1000, 1000) or (1, 1)."""
    if frame is CoordinateFrame.PIXEL:
        return model_size
    side = 1000 if frame is CoordinateFrame.THOUSANDTHS else 1
    return (side, side)


def to_frame(point_px: Point, image_size: Size, *, frame: CoordinateFrame, model_size: Size) -> tuple[float, float]:
    """The numbers the model would write for a point: whole numbers, or four decimals in the UNIT frame.

    >>> to_frame((320, 240), (640, 480), frame=CoordinateFrame.PIXEL, model_size=(224, 168))
    (112, 84)
    """
    extent = frame_extent(frame, model_size)
    x, y = (value * whole / own for value, whole, own in zip(point_px, extent, image_size, strict=True))
    if frame is CoordinateFrame.UNIT:
        return (round(x, 4), round(y, 4))
    return (math.floor(x + 0.5), math.floor(y + 0.5))


def from_frame(point: Point, image_size: Size, *, frame: CoordinateFrame, model_size: Size) -> Point:
    """The inverse of `to_frame`: pixels of the image at its own size, not rounded and not clamped."""
    extent = frame_extent(frame, model_size)
    x, y = (value * own / whole for value, whole, own in zip(point, extent, image_size, strict=True))
    return (x, y)
