"""What a walk through a scene shows: which objects, on which frames, how well. Questions are asked about this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vilasr.tasks.asking.words import uniquely_named
from vilasr.tasks.scenes.sight import is_well_visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vilasr.tasks.scenes.camera import Camera
    from vilasr.tasks.scenes.world import Scene, SceneObject, View


@dataclass(frozen=True, kw_only=True, slots=True)
class Sighting:
    """An object on one frame.

    Attributes:
        frame: 1-based, as the images of the sample are counted.
        box_px: around its visible pixels, x2 and y2 one past the last.
        pixels: how many of its pixels are visible.
        shown: 0 to 1, see `View.shown`.
        clear: it is well visible, by the thresholds of `scenes.sight`.
    """

    frame: int
    box_px: tuple[int, int, int, int]
    pixels: int
    shown: float
    clear: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Footage:
    """A walk, seen and labelled.

    Attributes:
        cameras: of the frames, in order.
        sightings: by name of object, every frame that shows a pixel of it, in order; absent for what is never seen.
        clear: the well-visible ones among them, the one with most pixels first; absent for what is never clear.
        phrases: by name, what a clear object is called so that no other object of the whole scene could be meant.
    """

    scene: Scene
    cameras: tuple[Camera, ...]
    sightings: Mapping[str, tuple[Sighting, ...]]
    clear: Mapping[str, tuple[Sighting, ...]]
    phrases: Mapping[str, str]

    @property
    def askable(self) -> tuple[SceneObject, ...]:
        """The objects that are clear on a frame and have a name of their own."""
        return tuple(thing for thing in self.scene.objects if thing.name in self.phrases)

    @property
    def size(self) -> tuple[int, int]:
        return self.cameras[0].size


def footage_of(scene: Scene, views: Sequence[View]) -> Footage:
    """What the views of a walk show."""
    seen: dict[str, tuple[Sighting, ...]] = {}
    for thing in scene.objects:
        found = tuple(
            _sighting(scene, thing, frame, view) for frame, view in enumerate(views, 1) if view.pixels.get(thing.name)
        )
        if found:
            seen[thing.name] = found
    clear = {
        name: tuple(sorted((each for each in found if each.clear), key=lambda each: (-each.pixels, each.frame)))
        for name, found in seen.items()
        if any(each.clear for each in found)
    }
    phrases = {name: phrase for name, phrase in uniquely_named(scene.objects).items() if name in clear}
    return Footage(
        scene=scene, cameras=tuple(view.camera for view in views), sightings=seen, clear=clear, phrases=phrases
    )


def _sighting(scene: Scene, thing: SceneObject, frame: int, view: View) -> Sighting:
    return Sighting(
        frame=frame,
        box_px=view.boxes_px[thing.name],
        pixels=view.pixels[thing.name],
        shown=view.shown(thing),
        clear=is_well_visible(view, scene, thing),
    )
