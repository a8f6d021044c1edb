"""A scene as cameras see it: what a picture shows well enough to be asked about, and what it is called."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vilasr.tasks.asking.plan import PlannedMark, Step
from vilasr.tasks.asking.words import listed, uniquely_named
from vilasr.tasks.scenes.sight import is_well_visible
from vilasr.types import Box, Line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vilasr.tasks.scenes.camera import Camera
    from vilasr.tasks.scenes.world import Scene, SceneObject, View
    from vilasr.types import Json, Point, Size


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """A scene as one camera sees it.

    Attributes:
        phrases: by name of object, what it is called without an article; objects that have a twin are absent.
    """

    scene: Scene
    view: View
    phrases: Mapping[str, str]

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the picture."""
        return self.view.camera.size

    def is_clear(self, thing: SceneObject) -> bool:
        """Whether it is seen well, by the thresholds of `scenes.sight`."""
        return is_well_visible(self.view, self.scene, thing)

    def can_be_asked(self, thing: SceneObject) -> bool:
        return thing.name in self.phrases and self.is_clear(thing)

    def askable(self) -> list[SceneObject]:
        """Everything that has a name of its own and is seen well, in the order of the scene."""
        return [thing for thing in self.scene.objects if self.can_be_asked(thing)]

    # --- measures ---

    def middle_px(self, thing: SceneObject) -> Point:
        """Of its visible box."""
        x1, y1, x2, y2 = self.view.boxes_px[thing.name]
        return ((x1 + x2) / 2, (y1 + y2) / 2)

    def depth(self, thing: SceneObject) -> float:
        """Of its centre, m along the line of sight."""
        return self.view.camera.depth(thing.center)

    def range(self, thing: SceneObject) -> float:
        """From the camera to its centre, m."""
        return math.dist(self.view.camera.position, thing.center)

    def front(self, thing: SceneObject) -> float:
        """Depth of what is nearest of its visible surface, m; the 5 % nearest pixels do not count."""
        number = self.scene.objects.index(thing)
        return float(np.percentile(self.view.depth[self.view.labels == number], 5))

    # --- what plans are made of ---

    def box(self, thing: SceneObject, label: str | None = None) -> PlannedMark:
        """Its visible box, labelled with what it is called."""
        x1, y1, x2, y2 = self.view.boxes_px[thing.name]
        return PlannedMark(mark=Box(image_index=1, box_px=(x1, y1, x2, y2), label=label or self.phrases[thing.name]))

    def boxes(self, things: Sequence[SceneObject]) -> Step:
        """The turn that finds things by name."""
        phrases = [self.phrases[thing.name] for thing in things]
        places = [f"{{{number}}}" for number in range(len(things))]
        short = ", ".join(f"{phrase} {place}" for phrase, place in zip(phrases, places, strict=True))
        at = listed([f"{phrase} at {place}" for phrase, place in zip(phrases, places, strict=True)])
        return Step(
            says=(f"I see {short}.", f"I see {at}.", f"The picture shows {at}."),
            marks=tuple(self.box(thing) for thing in things),
        )

    def line(self, start: SceneObject, end: SceneObject, label: str, says: Sequence[str]) -> Step:
        """The turn that joins the middles of two visible boxes."""
        line = Line(image_index=1, start_px=self.middle_px(start), end_px=self.middle_px(end), label=label)
        return Step(says=tuple(says), marks=(PlannedMark(mark=line),))

    def facts(self, things: Sequence[SceneObject]) -> list[Json]:
        """What is true of things, for the metadata: enough to compute the answer again."""
        return [
            {
                "name": thing.name,
                "phrase": self.phrases.get(thing.name),
                "center": [round(value, 4) for value in thing.center],
                "size": [round(value, 4) for value in thing.size],
                "yaw": round(thing.yaw, 5),
                "support": thing.support,
                "box_px": list(self.view.boxes_px[thing.name]),
            }
            for thing in things
        ]


class Stage:
    """A scene that can be looked at from as many cameras as a question needs.

    Attributes:
        size: (width, height) of every picture.
        phrases: what things are called, by name; also in changed scenes, so that words cannot tell which was changed.
    """

    def __init__(
        self,
        scene: Scene,
        size: Size,
        *,
        new_camera: Callable[[], Camera],
        see: Callable[[Scene, Camera], View],
    ) -> None:
        self.scene, self.size = scene, size
        self.phrases = uniquely_named(scene.objects)
        self._new_camera, self._see = new_camera, see

    def look(self) -> Look:
        """From another camera each time."""
        return self.look_at(self.scene, self._new_camera())

    def look_at(self, scene: Scene, camera: Camera) -> Look:
        """At the scene, or at one with the same things in it."""
        return Look(scene=scene, view=self._see(scene, camera), phrases=self.phrases)
