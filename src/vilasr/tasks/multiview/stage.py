"""What may be asked about some views of a scene: which things are well visible where, and what they are called.

Images are numbered from 1, as in the questions.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vilasr.tasks.asking.plan import PlannedMark, Step
from vilasr.tasks.asking.words import describe, joined, uniquely_named
from vilasr.tasks.scenes.sight import is_well_visible
from vilasr.types import Box, Line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vilasr.tasks.multiview.sight import Sight
    from vilasr.tasks.scenes.camera import Camera
    from vilasr.tasks.scenes.world import Scene, SceneObject, Vec2
    from vilasr.types import Json, Point

ALONE_FILL, ALONE_LEAD = 0.3, 3.0
"""A thing stands out when it covers at least this share of its visible box, and so many times as many pixels of it as
any other thing: drawn into the picture, the box alone says which thing is meant."""
STEADY = 1.2
"""Two views show a thing equally when the shares of it in view differ by at most this factor."""
TRACE = 0.0004
"""A thing with fewer of the picture's pixels than this (20 at 224 x 224) goes unnoticed: it needs no name."""


class Stage:
    """A scene, what its cameras have in sight, and a name for what can be told apart by colour and category.

    `pair` are the two images between which the camera was moved or turned on purpose, if it was.
    """

    def __init__(self, scene: Scene, sights: Sequence[Sight], pair: tuple[int, int] = (1, 2)) -> None:
        """`sights`: of each image."""
        self.scene = scene
        self.pair = pair
        self.sights = tuple(sights)
        self.size = sights[0].camera.size
        area = self.size[0] * self.size[1]
        noticed = [
            thing for thing in scene.objects if any(each.pixels.get(thing.name, 0) >= TRACE * area for each in sights)
        ]
        self._names = uniquely_named(noticed)
        self._visible = tuple(
            tuple(thing for thing in noticed if is_well_visible(each, scene, thing)) for each in sights
        )

    @property
    def num_images(self) -> int:
        return len(self.sights)

    def camera(self, image: int) -> Camera:
        return self.sights[image - 1].camera

    def name(self, thing: SceneObject) -> str:
        """Without an article: "red chair"; one that has a twin is called the same."""
        return self._names.get(thing.name, describe(thing))

    def visible(self, image: int) -> tuple[SceneObject, ...]:
        """The things that are well visible in an image."""
        return self._visible[image - 1]

    def seen(self, image: int) -> list[SceneObject]:
        """The things that are well visible in an image and have a name of their own."""
        return [thing for thing in self.visible(image) if thing.name in self._names]

    def whole(self, one: int, other: int) -> list[SceneObject]:
        """What is well visible in both images, clear of their borders, and hidden about as much in one as in the other:
        the visible boxes can be compared."""
        return [
            thing
            for thing in self.shared(one, other)
            if all(self._is_clear(thing, image) for image in (one, other))
            and 1 / STEADY <= self.sights[one - 1].shown(thing) / self.sights[other - 1].shown(thing) <= STEADY
        ]

    def _is_clear(self, thing: SceneObject, image: int) -> bool:
        x1, y1, x2, y2 = self.box_px(thing, image)
        return x1 > 0 and y1 > 0 and x2 < self.size[0] and y2 < self.size[1]

    def stands_out(self, thing: SceneObject, image: int) -> bool:
        """Whether a box in the picture is enough to say which thing is meant."""
        return is_well_visible(self.sights[image - 1], self.scene, thing, min_fill=ALONE_FILL, min_lead=ALONE_LEAD)

    def depth(self, thing: SceneObject, image: int) -> float:
        """m from the camera's plane to the thing's middle."""
        return self.camera(image).depth(thing.center)

    def is_absent(self, thing: SceneObject, image: int) -> bool:
        """Whether not one pixel of an image shows the thing."""
        return self.sights[image - 1].pixels.get(thing.name, 0) == 0

    def shared(self, one: int, other: int) -> list[SceneObject]:
        """What is well visible in both images: without such things nothing ties the views together."""
        return [thing for thing in self.seen(one) if thing in self.seen(other)]

    def only_in(self, one: int, other: int) -> list[SceneObject]:
        """What is well visible in image `one` and absent from image `other`."""
        return [thing for thing in self.seen(one) if self.is_absent(thing, other)]

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Every ordered pair of different images that share a well visible thing."""
        for one in range(1, self.num_images + 1):
            for other in range(1, self.num_images + 1):
                if one != other and self.shared(one, other):
                    yield one, other

    # --- marks ---

    def box_px(self, thing: SceneObject, image: int) -> tuple[int, int, int, int]:
        return self.sights[image - 1].boxes_px[thing.name]

    def middle_px(self, thing: SceneObject, image: int) -> Point:
        x1, y1, x2, y2 = self.box_px(thing, image)
        return ((x1 + x2) / 2, (y1 + y2) / 2)

    def box(self, thing: SceneObject, image: int) -> PlannedMark:
        """A box around what an image shows of the thing, labelled with its name."""
        return PlannedMark(mark=Box(image_index=image, box_px=self.box_px(thing, image), label=self.name(thing)))

    def tag(self, thing: SceneObject, image: int, label: str) -> Box:
        """A box around what an image shows of the thing, to be painted into the picture."""
        return Box(image_index=image, box_px=self.box_px(thing, image), label=label)

    def shift(self, thing: SceneObject, one: int, other: int) -> PlannedMark:
        """A line in image `other` from where the thing was in image `one` to where it is now."""
        start, end = self.middle_px(thing, one), self.middle_px(thing, other)
        return PlannedMark(mark=Line(image_index=other, start_px=start, end_px=end, label=self.name(thing)))

    def facts(self, *things: SceneObject) -> list[Json]:
        """What is true of things, for metadata."""
        return [
            {
                "name": thing.name,
                "phrase": self.name(thing),
                "category": thing.category,
                "center": list(thing.center),
                "size": list(thing.size),
                "yaw": thing.yaw,
            }
            for thing in things
        ]


def lettered_step(
    stage: Stage,
    placed: Sequence[tuple[SceneObject, int]],
    letters: Sequence[str],
    image: int,
    *,
    called: Callable[[SceneObject], str] | None = None,
) -> Step:
    """The turn that boxes the things of one image and says which letter each has; `called`, if not by its name."""
    name = called or stage.name
    found = ((mark, thing) for (thing, shown_in), mark in zip(placed, letters, strict=True) if shown_in == image)
    here = sorted(found, key=lambda each: each[0])
    at = [f"{mark} at {{{place}}} is the {name(thing)}" for place, (mark, thing) in enumerate(here)]
    return Step(
        says=(f"In image {image}, {joined(at)}.", f"Image {image}: {', '.join(at)}."),
        marks=tuple(stage.box(thing, image) for _, thing in here),
    )


def lettered_tags(stage: Stage, placed: Sequence[tuple[SceneObject, int]], letters: Sequence[str]) -> tuple[Box, ...]:
    """The boxes with letters that are painted into the pictures."""
    return tuple(stage.tag(thing, image, mark) for (thing, image), mark in zip(placed, letters, strict=True))


def named_images(images: Sequence[int]) -> str:
    """ "image 1", "image 1 and image 3"."""
    return joined([f"image {image}" for image in images])


def step_again(stage: Stage, thing: SceneObject, image: int, *, mark: str = "") -> Step:
    """The turn that boxes in another image what was boxed in the one before; `mark` is the letter of its box there."""
    name, within = stage.name(thing), f", in box {mark}" if mark else ""
    return Step(
        says=(
            f"In image {image} the same {name} is at {{0}}{within}.",
            f"Image {image} shows this {name} at {{0}}{within}.",
        ),
        marks=(stage.box(thing, image),),
    )


def ahead(place: Vec2, camera: Camera) -> Vec2:
    """(right, forward) of a place on the ground in m, as the camera looks: its tilt is ignored."""
    dx, dy = place[0] - camera.position[0], place[1] - camera.position[1]
    cos, sin = math.cos(camera.yaw), math.sin(camera.yaw)
    return (dx * cos + dy * sin, dy * cos - dx * sin)


def far(thing: SceneObject, camera: Camera) -> float:
    """m from the camera to the thing's middle, in a straight line."""
    return math.dist(thing.center, camera.position)
