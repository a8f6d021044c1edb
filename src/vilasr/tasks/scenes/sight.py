"""What a view shows so well that it can be asked about: a box around it says which thing is meant, and where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from vilasr.tasks.scenes.geometry import stand_apart

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from vilasr.tasks.scenes.camera import Camera
    from vilasr.tasks.scenes.world import Scene, SceneObject

MIN_SHOWN = 0.5
"""A thing is well visible when at least so much of the box around all of it is in view (`View.shown`),"""
MIN_AREA = 0.0025
"""it covers so much of the picture (125 px of 224 x 224),"""
MIN_SIDE = 0.035
"""and each side of its visible box is so much of the picture's shorter side (8 px of 224),"""
MIN_SIDE_PX = 6
"""but at least this: whole pixels of a model's view, which may be smaller, cannot say where less begins and ends."""
MIN_FILL = 0.15
"""Of the pixels of that box, at least this share is the thing's own,"""
MIN_LEAD = 1.5
"""and so many times as many as any other thing's: two slivers of a thing on both sides of another do not count."""


class InSight(Protocol):
    """What is known of a view: a `View` is one; without labels, nothing is taken to hide anything else."""

    @property
    def camera(self) -> Camera: ...

    @property
    def boxes_px(self) -> Mapping[str, tuple[int, int, int, int]]: ...

    @property
    def pixels(self) -> Mapping[str, int]: ...

    @property
    def labels(self) -> NDArray[np.int16] | None: ...

    def shown(self, thing: SceneObject) -> float: ...


def is_well_visible(
    view: InSight, scene: Scene, thing: SceneObject, *, min_fill: float = MIN_FILL, min_lead: float = MIN_LEAD
) -> bool:
    """By the thresholds above; `scene` is the one that the view's labels count in."""
    if thing.name not in view.boxes_px:
        return False
    x1, y1, x2, y2 = view.boxes_px[thing.name]
    width, height = view.camera.size
    if (
        view.pixels[thing.name] < MIN_AREA * width * height
        or min(x2 - x1, y2 - y1) < max(MIN_SIDE_PX, MIN_SIDE * min(width, height))
        or view.shown(thing) < MIN_SHOWN
    ):
        return False
    if view.labels is None:
        return True
    counts = np.bincount(view.labels[y1:y2, x1:x2].ravel() + 1, minlength=len(scene.objects) + 1)[1:]
    number = scene.objects.index(thing)
    own, others = int(counts[number]), int(np.delete(counts, number).max(initial=0))
    return own >= min_fill * (x2 - x1) * (y2 - y1) and own >= min_lead * others


def can_be_sided(view: InSight, one: SceneObject, other: SceneObject) -> bool:
    """Whether "left of" and "right of" are said without doubt of two visible things: they stand apart, and neither is
    seen across all of the other's width."""
    (a1, _, a2, _), (b1, _, b2, _) = view.boxes_px[one.name], view.boxes_px[other.name]
    return ((a1 < b1 and a2 < b2) or (b1 < a1 and b2 < a2)) and stand_apart(one.box, other.box)
