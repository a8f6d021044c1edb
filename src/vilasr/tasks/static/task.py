"""The static task: options, samples, and the way to demonstrations and grades."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from vilasr.errors import InputError
from vilasr.tasks.asking.grade import grade_plan
from vilasr.tasks.asking.plan import demonstrate_plan, plan_to_json
from vilasr.tasks.base import Demonstration, DrawingGrade, FramePoint, generator_for
from vilasr.tasks.options import SIZE_TAKES, OptionReader
from vilasr.tasks.scenes.layout import make_room_scene, make_table_scene
from vilasr.tasks.scenes.render import renderer_for
from vilasr.tasks.scenes.walks import random_camera
from vilasr.tasks.static import comparisons, numbers, points, relations
from vilasr.tasks.static.dots import DOT_COLORS, paint_dots
from vilasr.tasks.static.look import Stage
from vilasr.tasks.static.survey import survey
from vilasr.types import Sample

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

    from vilasr.tasks.scenes.camera import Camera
    from vilasr.tasks.scenes.render import Renderer
    from vilasr.tasks.scenes.world import Scene, View
    from vilasr.tasks.static.question import Question
    from vilasr.types import Rollout, Size

_ASKERS: dict[str, Callable[[Stage, random.Random], Question | None]] = {
    "left_right": relations.left_right,
    "front_behind": relations.front_behind,
    "nearer_camera": relations.nearer_camera,
    "nearest_point": points.nearest_point,
    "nearer_object": comparisons.nearer_object,
    "size": comparisons.size,
    "count": numbers.count,
    "depth": numbers.depth,
    "distance": numbers.distance,
    "marked_point": points.marked_point,
    "support": comparisons.support,
}
"""By type; None where a scene has nothing that can be asked without doubt."""
QUESTIONS = tuple(_ASKERS)
_LESSONS = {"survey": survey}
LESSONS = tuple(_LESSONS)
SCENES = {
    "room": partial(make_room_scene, num_objects=(7, 15)),
    "table": partial(make_table_scene, num_objects=(4, 10)),
}

_ALLOWED = {
    "question": "|".join((*QUESTIONS, "mixed", *LESSONS)),
    "kind": "|".join((*SCENES, "any")),
    "size": SIZE_TAKES,
}
_MAX_SCENES = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class StaticOptions:
    """Read from strings by `read_options`; `size` is (width, height) in pixels."""

    question: str = "mixed"
    kind: str = "any"
    size: Size = (224, 224)


class StaticTask:
    """One picture of a procedural room or table top; eleven types of question.

    Options: `question` (a type; mixed: all equally; survey: the lesson of `static.survey`), `kind` of scene (any: rooms
    and table tops equally), `size`.

    Objects are asked about where they are seen well (thresholds in `scenes.sight`) and where nothing else in the scene
    has the same name; how clear an answer must be is said at the head of `relations`, `comparisons`, `points` and
    `numbers`.
    Depths are to the middle of an object's box along the line of sight, distances between the closest points of two
    boxes, sizes the longest side of a box.
    """

    name = "static"
    version = 2

    def generate(self, split: str, index: int, seed: int, options: Mapping[str, str] | None = None) -> Sample:
        """Sample `index` of a split.

        `metadata`: "question_type", "kind" of scene, "size" [w, h], "plan", "camera", and what the answer was computed
        from: "value", and by type "objects" (name, phrase, centre, size, yaw, support, box), "point_px" and others.

        Raises:
            InputError: for an unknown split or option, a bad value, or when nothing can draw.
            MissingExtraError: mujoco is not installed.
        """
        chosen = read_options(tuple(sorted((options or {}).items())))
        rng = generator_for(self.name, self.version, split, seed, index)
        question_type = rng.choice(QUESTIONS) if chosen.question == "mixed" else chosen.question
        kind = rng.choice(list(SCENES)) if chosen.kind == "any" else chosen.kind
        renderer = renderer_for(chosen.size)
        question = _asked(question_type, kind, renderer, rng)
        camera = question.look.view.camera
        renderer.load(question.look.scene)
        picture = paint_dots(renderer.rgb(camera), question.dots, DOT_COLORS[question.dot_color])
        return Sample(
            id=f"{self.name}/{split}/{seed}/{index}",
            task=self.name,
            question=question.text,
            images=(picture,),
            options=question.options,
            answer=question.answer,
            answer_type=question.answer_type,
            metadata={
                "question_type": question_type,
                "kind": kind,
                "size": list(chosen.size),
                "plan": plan_to_json(question.plan),
                "camera": camera.to_json(),
                **question.truth,
            },
        )

    def demonstrate(
        self, sample: Sample, rng: random.Random, *, frame: FramePoint, drawing: bool = True, mistake: bool = False
    ) -> Demonstration:
        return demonstrate_plan(sample, rng, frame=frame, drawing=drawing, mistake=mistake)

    def grade_drawing(self, sample: Sample, rollout: Rollout) -> DrawingGrade:
        return grade_plan(sample, rollout)


def _asked(question_type: str, kind: str, renderer: Renderer, rng: random.Random) -> Question:
    """The first question that can be asked without doubt, over scenes and cameras.

    Raises:
        InputError: there is none: in pictures of a few rows, or of a few columns, nothing is seen well.
    """
    ask = (_ASKERS | _LESSONS)[question_type]
    for _ in range(_MAX_SCENES):
        scene = SCENES[kind](rng)
        stage = Stage(
            scene,
            renderer.size,
            new_camera=partial(random_camera, scene, rng, renderer.size),
            see=partial(_seen, renderer),
        )
        question = ask(stage, rng)
        if question is not None:
            return question
    raise InputError(
        "options of task static",
        expected=f"pictures of which a {question_type} question can be asked without doubt",
        got=f"none in {_MAX_SCENES} scenes of kind {kind} at {renderer.size[0]}x{renderer.size[1]} px",
        remedy="Give a larger size, or sides that differ less.",
    )


def _seen(renderer: Renderer, scene: Scene, camera: Camera) -> View:
    """Most views lead to no question: pictures are drawn for those that do."""
    renderer.load(scene)
    return renderer.look(camera)


@lru_cache
def read_options(pairs: tuple[tuple[str, str], ...]) -> StaticOptions:
    """The options from (key, value) pairs, with defaults for the rest; raises InputError."""
    read, default = OptionReader("static", dict(pairs), _ALLOWED), StaticOptions()
    return StaticOptions(
        question=read.one_of("question", (*QUESTIONS, "mixed", *LESSONS), default.question),
        kind=read.one_of("kind", (*SCENES, "any"), default.kind),
        size=read.picture_size(default.size),
    )
