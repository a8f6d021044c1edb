"""The video task: options, samples, and the way to demonstrations and grades."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from vilasr.tasks.asking.grade import grade_plan
from vilasr.tasks.asking.plan import demonstrate_plan, plan_to_json
from vilasr.tasks.base import Demonstration, DrawingGrade, FramePoint, generator_for
from vilasr.tasks.options import SIZE_TAKES, OptionReader
from vilasr.tasks.video import measures, relations
from vilasr.tasks.video.appearance import appearance_order
from vilasr.tasks.video.filming import film
from vilasr.tasks.video.routes import route_planning, some_turns
from vilasr.types import Sample

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    from vilasr.tasks.video.filming import Asker
    from vilasr.tasks.video.footage import Footage
    from vilasr.types import Json, Rollout

_ASKERS: Mapping[str, Asker] = {
    "object_counting": measures.counting,
    "object_abs_distance": measures.absolute_distance,
    "object_size_estimation": measures.object_size,
    "room_size_estimation": measures.room_size,
    "object_rel_distance": relations.relative_distance,
    "object_rel_direction_easy": relations.direction_easy,
    "object_rel_direction_medium": relations.direction_medium,
    "object_rel_direction_hard": relations.direction_hard,
    "obj_appearance_order": appearance_order,
}
ROUTE = "route_planning"
QUESTIONS = (*_ASKERS, ROUTE)
"""By VSI-Bench's names."""
DIRECTION = "object_rel_direction"
FRAMES = (8, 32)

_ALLOWED = {
    "question": "|".join((*QUESTIONS, DIRECTION, "mixed")),
    "frames": f"{FRAMES[0]}-{FRAMES[1]} (a number)",
    "size": SIZE_TAKES,
    "rooms": "1|2|any",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoOptions:
    """Read from strings by `read_options`."""

    question: str = "mixed"
    frames: int = 16
    size: tuple[int, int] = (224, 224)
    rooms: int | None = None


class VideoTask:
    """Walks through furnished rooms, and the question types of VSI-Bench.

    Options: `question` (a type; object_rel_direction: its three levels equally; mixed: the eight tasks equally, as
    VSI-Bench weighs them), `frames`, `size` of each, `rooms` (any: two in a third of the walks).
    """

    name = "video"
    version = 2

    def generate(self, split: str, index: int, seed: int, options: Mapping[str, str] | None = None) -> Sample:
        """Sample `index` of a split.

        `metadata`: "question_type", "size" [w, h] of every frame, "frames", "rooms", "plan", "objects" (those that it
        is about, in order: name, category, phrase, box) and "truth", by type of question.

        Raises:
            InputError: for an unknown split or option, or a bad value; for a size, such as 1024x64, at which nothing
                can be asked; or when nothing can draw.
            MissingExtraError: mujoco is not installed.
        """
        chosen = read_options(tuple(sorted((options or {}).items())))
        rng = generator_for(self.name, self.version, split, seed, index)
        question = question_type(chosen.question, rng)
        asked, footage, images = film(
            question,
            asker_for(question, rng),
            rooms=chosen.rooms,
            num_frames=chosen.frames,
            size=chosen.size,
            rng=rng,
        )
        return Sample(
            id=f"{self.name}/{split}/{seed}/{index}",
            task=self.name,
            question=asked.text,
            images=images,
            options=asked.options,
            answer=asked.answer,
            answer_type=asked.answer_type,
            metadata={
                "question_type": question,
                "size": list(chosen.size),
                "frames": chosen.frames,
                "rooms": len(footage.scene.rooms),
                "plan": plan_to_json(asked.plan),
                "objects": [_object_to_json(footage, name) for name in asked.names],
                "truth": dict(asked.truth),
            },
        )

    def demonstrate(
        self, sample: Sample, rng: random.Random, *, frame: FramePoint, drawing: bool = True, mistake: bool = False
    ) -> Demonstration:
        return demonstrate_plan(sample, rng, frame=frame, drawing=drawing, mistake=mistake)

    def grade_drawing(self, sample: Sample, rollout: Rollout) -> DrawingGrade:
        return grade_plan(sample, rollout)


def question_type(wanted: str, rng: random.Random) -> str:
    """The type of one sample: drawn before the scene, so that hard ones are not rarer."""
    levels = [name for name in QUESTIONS if name.startswith(DIRECTION)]
    if wanted == "mixed":
        wanted = rng.choice([*(name for name in QUESTIONS if name not in levels), DIRECTION])
    return rng.choice(levels) if wanted == DIRECTION else wanted


def asker_for(question: str, rng: random.Random) -> Asker:
    """What asks questions of a type. The turns of a route are drawn here, before any scene is made."""
    return partial(route_planning, turns=some_turns(rng)) if question == ROUTE else _ASKERS[question]


def _object_to_json(footage: Footage, name: str) -> Json:
    thing = footage.scene.named(name)
    return {
        "name": name,
        "category": thing.category,
        "phrase": footage.phrases.get(name, thing.category),
        "center": [round(value, 4) for value in thing.center],
        "size": [round(value, 4) for value in thing.size],
        "yaw": round(thing.yaw, 5),
        "frames": sorted(sighting.frame for sighting in footage.clear[name]),
    }


@lru_cache
def read_options(pairs: tuple[tuple[str, str], ...]) -> VideoOptions:
    """The options from (key, value) pairs, with defaults for the rest; raises InputError."""
    read, default = OptionReader("video", dict(pairs), _ALLOWED), VideoOptions()
    return VideoOptions(
        question=read.one_of("question", (*QUESTIONS, DIRECTION, "mixed"), default.question),
        frames=read.number("frames", FRAMES, default.frames),
        size=read.picture_size(default.size),
        rooms={"1": 1, "2": 2, "any": None}[read.one_of("rooms", ("1", "2", "any"), "any")],
    )
