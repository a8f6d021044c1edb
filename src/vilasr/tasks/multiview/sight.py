"""What one camera has in sight: as the labels show it, or, before they are drawn, as geometry foresees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vilasr.tasks.scenes.render import visible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from vilasr.tasks.scenes.camera import Camera
    from vilasr.tasks.scenes.render import Renderer
    from vilasr.tasks.scenes.world import Scene, SceneObject

_NEAR = 0.05
_LIKELY_FILL = 0.5
"""Share of its box that a thing is foreseen to cover."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sight:
    """Attributes:
    boxes_px, pixels: by name, as in `View`.
    shares: by name, as `View.shown`; 0 for what is partly behind the camera.
    labels: int16 [height, width], as in `View`; None when only foreseen.
    """

    camera: Camera
    boxes_px: Mapping[str, tuple[int, int, int, int]]
    pixels: Mapping[str, int]
    shares: Mapping[str, float]
    labels: NDArray[np.int16] | None = None

    def shown(self, thing: SceneObject) -> float:
        """As `View.shown`."""
        return self.shares.get(thing.name, 0.0)


def corners_of(scene: Scene) -> NDArray[np.float64]:
    """float64 [things, 8, 3]: the corners of their boxes."""
    return np.array([thing.box.corners() for thing in scene.objects])


def sight(renderer: Renderer, scene: Scene, corners: NDArray[np.float64], camera: Camera) -> Sight:
    """What the labels show; the renderer has loaded the scene."""
    labels, _ = renderer.labels(camera)
    boxes, pixels = visible(scene, labels)
    whole = dict(zip((thing.name for thing in scene.objects), _bounds(corners, camera), strict=True))
    shares = {name: _share(box, whole[name]) for name, box in boxes.items()}
    return Sight(camera=camera, boxes_px=boxes, pixels=pixels, shares=shares, labels=labels)


def foreseen(scene: Scene, corners: NDArray[np.float64], camera: Camera) -> Sight:
    """What would be in sight if nothing hid anything else: a cheap test of whether it is worth drawing the labels."""
    width, height = camera.size
    boxes, pixels, shares = {}, {}, {}
    for thing, whole in zip(scene.objects, _bounds(corners, camera), strict=True):
        if np.isnan(whole[0]):
            # Partly behind the camera: it may be in the picture, and is in no case well visible.
            boxes[thing.name], pixels[thing.name], shares[thing.name] = (0, 0, 1, 1), 1, 0.0
            continue
        x1, y1 = max(0, int(whole[0])), max(0, int(whole[1]))
        x2, y2 = min(width, int(whole[2]) + 1), min(height, int(whole[3]) + 1)
        if x1 < x2 and y1 < y2:
            boxes[thing.name] = (x1, y1, x2, y2)
            pixels[thing.name] = int(_LIKELY_FILL * (x2 - x1) * (y2 - y1))
            shares[thing.name] = _share(boxes[thing.name], whole)
    return Sight(camera=camera, boxes_px=boxes, pixels=pixels, shares=shares)


def _bounds(corners: NDArray[np.float64], camera: Camera) -> NDArray[np.float64]:
    """float64 [things, 4]: (x1, y1, x2, y2) in px around all of each thing, unclipped; NaN where a part is behind."""
    right, up, forward = np.moveaxis((corners - camera.position) @ camera.axes.T, -1, 0)
    scale = camera.focal_px / np.where(forward < _NEAR, np.nan, forward)
    xs, ys = camera.size[0] / 2 + right * scale, camera.size[1] / 2 - up * scale
    return np.stack([xs.min(axis=1), ys.min(axis=1), xs.max(axis=1), ys.max(axis=1)], axis=1)


def _share(box: tuple[int, int, int, int], whole: NDArray[np.float64]) -> float:
    if np.isnan(whole[0]):
        return 0.0
    area = max(1e-9, float((whole[2] - whole[0]) * (whole[3] - whole[1])))
    return min(1.0, (box[2] - box[0]) * (box[3] - box[1]) / area)
