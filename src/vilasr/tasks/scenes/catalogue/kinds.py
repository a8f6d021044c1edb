"""What the catalogue says of a class of objects."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from vilasr.tasks.scenes.colors import ANY, shade
from vilasr.tasks.scenes.shapes import settled

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from vilasr.tasks.scenes.world import Part, Rgb, Vec3


class Place(StrEnum):
    """Where a class may stand: on the floor, on top of a carrier, or either."""

    FLOOR = "floor"
    TOP = "top"
    BOTH = "both"


@dataclass(frozen=True, kw_only=True, slots=True)
class Area:
    """A free rectangle in an object's own frame, centred on its x = y = 0, in m.

    Attributes:
        height: of the surface, for what is put on it; of the free space above the ground, for what is put under.
    """

    width: float
    depth: float
    height: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Built:
    """One object, in its own frame.

    Attributes:
        size: (width, depth, height) of the tight box around the parts, centred on x = y = 0, from z = 0.
        top: where things may be put on it.
        under: where things may be put under it.
    """

    parts: tuple[Part, ...]
    size: Vec3
    top: Area | None = None
    under: Area | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectClass:
    """A class of objects.

    Attributes:
        make: (random state, main colour) -> one of them; the main colour covers most of what is seen.
        to_wall: its back belongs to a wall.
        carries: every one of them has a top.
        shelters: every one of them has a free space under it.
        colors: words that can describe one of them.
    """

    name: str
    plural: str
    place: Place
    make: Callable[[random.Random, Rgb], Built]
    to_wall: bool = False
    carries: bool = False
    shelters: bool = False
    colors: tuple[str, ...] = ANY

    def build(self, rng: random.Random, color: str) -> Built:
        """A new one, in a shade of the colour that the word names."""
        return self.make(rng, shade(color, rng))


def built(parts: Sequence[Part], *, top: Area | None = None, under: Area | None = None) -> Built:
    """Parts in any place, moved to the object's own frame."""
    moved, size = settled(parts)
    return Built(parts=moved, size=size, top=top, under=under)
