"""Which frames matter to a question, and the boxes that are drawn on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vilasr.tasks.asking.plan import PlannedMark, Step
from vilasr.tasks.asking.words import joined
from vilasr.types import Box

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vilasr.tasks.video.footage import Footage, Sighting

MAX_FRAMES = 6
"""Frames drawn on. Each is a turn and one more image of the rollout: with 32 frames, a mistake and this many the
rollout stays under the 42 images that the reward allows."""
GOOD = 0.9
"""A frame is drawn on for what it shows at least this completely, measured by the frame that shows most of it."""


def box_steps(
    footage: Footage,
    labels: Mapping[str, str],
    *,
    fixed: Mapping[str, Sighting] | None = None,
    numbered: bool = False,
) -> list[Step]:
    """One turn for each frame that matters: boxes on the named objects.

    A thing is named first, then the frame is, then its place: to look for what has a name is easier than to know
    which of several things will come next in a walk. So the order is that of `labels`, which is the question's.

    Args:
        labels: by name of object, what it is called on its box and in the thought, in the order of the question.
        fixed: by name, where it must be marked. For the rest, the fewest frames are taken that show all of them about
            as well as any do; marks on any other frame where they are clear count as much.
        numbered: the labels are "chair 1", "chair 2", which take no article.
    """
    places = fixed if fixed is not None else fewest_frames(footage, tuple(labels))
    by_frame: dict[int, list[str]] = {}
    for name in labels:
        by_frame.setdefault(places[name].frame, []).append(name)
    steps = []
    for frame, names in by_frame.items():
        marks = tuple(_mark(footage, places[name], labels[name], also=fixed is None, name=name) for name in names)
        steps.append(Step(says=_ways_to_say(frame, [labels[name] for name in names], numbered=numbered), marks=marks))
    return steps


def fewest_frames(footage: Footage, names: Sequence[str]) -> dict[str, Sighting]:
    """A frame for each name: greedily the one that shows most of those still missing, and shows them largest."""
    places: dict[str, Sighting] = {}
    while len(places) < len(names):
        by_frame: dict[int, dict[str, Sighting]] = {}
        for name in names:
            if name not in places:
                for sighting in _good(footage.clear[name]):
                    by_frame.setdefault(sighting.frame, {})[name] = sighting
        best = max(
            by_frame, key=lambda frame: (len(by_frame[frame]), sum(each.pixels for each in by_frame[frame].values()))
        )
        places |= by_frame[best]
    return places


def _good(clear: Sequence[Sighting]) -> list[Sighting]:
    best = max(sighting.shown for sighting in clear)
    return [sighting for sighting in clear if sighting.shown >= GOOD * best]


def _mark(footage: Footage, place: Sighting, label: str, *, also: bool, name: str) -> PlannedMark:
    others = [other for other in footage.clear[name] if other.frame != place.frame] if also else []
    return PlannedMark(mark=_box(place, label), also=tuple(_box(other, label) for other in others))


def _box(sighting: Sighting, label: str) -> Box:
    x1, y1, x2, y2 = sighting.box_px
    return Box(image_index=sighting.frame, box_px=(float(x1), float(y1), float(x2), float(y2)), label=label)


def _ways_to_say(frame: int, labels: Sequence[str], *, numbered: bool) -> tuple[str, ...]:
    article = "" if numbered else "the "
    at = [f"{article}{label} in image {frame} at {{{number}}}" for number, label in enumerate(labels)]
    short = ", ".join(f"{label} in image {frame} {{{number}}}" for number, label in enumerate(labels))
    return (f"I see {short}.", f"I find {joined(at)}.", f"There is {joined(at)}.")
