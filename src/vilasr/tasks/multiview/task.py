"""The multi-view task: a scene, cameras around it, one question that needs more than one of their pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vilasr.errors import InputError
from vilasr.tasks.asking.grade import grade_plan
from vilasr.tasks.asking.plan import demonstrate_plan, plan_to_json
from vilasr.tasks.base import Demonstration, DrawingGrade, FramePoint, generator_for
from vilasr.tasks.multiview.cameras import MOVES, TURNS, glance, moved_camera, turned_camera
from vilasr.tasks.multiview.lessons import ask_again, ask_colored, ask_lettered, ask_present
from vilasr.tasks.multiview.options import KINDS, LESSONS, QUESTIONS, MultiviewOptions, read_options
from vilasr.tasks.multiview.questions_camera import ask_move, ask_turn
from vilasr.tasks.multiview.questions_measure import ask_depth, ask_distance, ask_order
from vilasr.tasks.multiview.questions_place import MATCHES, RELATIONS, ask_match, ask_relation
from vilasr.tasks.multiview.sight import corners_of, foreseen, sight
from vilasr.tasks.multiview.stage import Stage
from vilasr.tasks.multiview.tags import paint_tags
from vilasr.tasks.scenes.layout import make_room_scene, make_table_scene
from vilasr.tasks.scenes.render import renderer_for
from vilasr.tasks.scenes.walks import views_around
from vilasr.types import Rollout, Sample

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping, Sequence

    from PIL import Image

    from vilasr.tasks.multiview.question import Question
    from vilasr.tasks.scenes.camera import Camera
    from vilasr.tasks.scenes.render import Renderer
    from vilasr.tasks.scenes.world import Scene
    from vilasr.types import Json

MAX_SCENES = 400
"""Tried for one sample; at sensible sizes a few do."""
TRIES_PER_SCENE = 16
"""Sets of cameras tried in one scene, all made from the same views around it."""
NUM_OBJECTS = {"room": (9, 16), "table": (7, 12)}
"""(lowest, highest) number of things in a scene, by kind."""
_SCENES = {"room": make_room_scene, "table": make_table_scene}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Type:
    """A type of question.

    Attributes:
        ask: the question about a stage whose answer is the wish, or None.
        wishes: the answers that a lot decides between before there is a scene, so that they are balanced.
        zoom: (lowest, highest) share of the field of view that is kept, so that each image lacks what others show.
        second: makes the second camera of a pair from the first, for the questions about it.
    """

    ask: Callable[[Stage, str, random.Random], Question | None]
    wishes: tuple[str, ...] = ("",)
    zoom: tuple[float, float] = (0.55, 0.9)
    second: Callable[[Scene, Camera, str, random.Random], Camera | None] | None = None


_TYPES = {
    "camera_move": _Type(ask=ask_move, wishes=tuple(MOVES), second=moved_camera),
    "camera_turn": _Type(ask=ask_turn, wishes=tuple(TURNS), second=turned_camera),
    "matching": _Type(ask=ask_match, wishes=MATCHES, zoom=(0.85, 1.0)),
    "relative_position": _Type(ask=ask_relation, wishes=tuple(RELATIONS)),
    "depth": _Type(ask=ask_depth),
    "distance": _Type(ask=ask_distance),
    "order": _Type(ask=ask_order),
    "present": _Type(ask=ask_present, wishes=("1", "2", "3")),
    "lettered": _Type(ask=ask_lettered, wishes=tuple("ABCD")),
    "colored": _Type(ask=ask_colored, wishes=("0", "1", "2")),
    "again": _Type(ask=ask_again),
}
_MIXED = {"mixed": QUESTIONS, "lessons": LESSONS}


class MultiviewTask:
    """Two to four pictures of a room or a table top; seven types of question.

    `camera_move` and `camera_turn` between two images, `matching` of a thing in two, `relative_position` from a camera
    that does not see one of two things, `depth` (m along the line of sight, to the middle), `distance` (m between the
    closest points of two boxes), `order` by distance to a camera (straight, to the middles). Things are asked about
    where they are well visible (thresholds in `scenes.sight`), and across images only that share a well visible thing;
    how clear an answer must be is said in the modules of questions. What a choice asks about is boxed in the pictures
    and not named, so that nothing can be guessed from words.

    `present`, `lettered`, `colored` and `again` are lessons: they are asked where `question` names them.

    Options: `question` (a type, mixed or lessons: each as often), `views` (a number or a range), `kind` (room, table,
    any), `size` of the pictures.

    Metadata: `question_type`, `kind`, `size` [width, height], `plan`, `cameras` (of each image: position, yaw, pitch,
    fovy), `images` (those asked about), `objects` (name, phrase, category, center, size, yaw; first those that are
    asked about), `value` (the answer in the world), and what the type adds.
    """

    name = "multiview"
    version = 3

    def generate(self, split: str, index: int, seed: int, options: Mapping[str, str] | None = None) -> Sample:
        """Sample `index` of a split.

        Raises:
            InputError: for an unknown split or option, or a bad value; for a size, such as 1024x64, at which nothing
                can be asked; or when nothing can draw.
            MissingExtraError: mujoco is not installed.
        """
        chosen = read_options(tuple(sorted((options or {}).items())))
        rng = generator_for(self.name, self.version, split, seed, index)
        question_type = rng.choice(_MIXED[chosen.question]) if chosen.question in _MIXED else chosen.question
        stage, question = _find(question_type, chosen, rng)
        metadata: dict[str, Json] = {
            "question_type": question_type,
            "kind": stage.scene.kind,
            "size": list(stage.size),
            "plan": plan_to_json(question.plan),
            "cameras": [each.camera.to_json() for each in stage.sights],
            **question.truth,
        }
        return Sample(
            id=f"{self.name}/{split}/{seed}/{index}",
            task=self.name,
            question=question.text,
            images=_pictures(stage, question),
            options=question.options,
            answer=question.answer,
            answer_type=question.answer_type,
            metadata=metadata,
        )

    def demonstrate(
        self, sample: Sample, rng: random.Random, *, frame: FramePoint, drawing: bool = True, mistake: bool = False
    ) -> Demonstration:
        return demonstrate_plan(sample, rng, frame=frame, drawing=drawing, mistake=mistake)

    def grade_drawing(self, sample: Sample, rollout: Rollout) -> DrawingGrade:
        return grade_plan(sample, rollout)


def _find(question_type: str, options: MultiviewOptions, rng: random.Random) -> tuple[Stage, Question]:
    """Scenes and cameras until the question can be asked; what it is to be answered with is fixed from the start."""
    wanted = _TYPES[question_type]
    wish = rng.choice(wanted.wishes)
    num_views = rng.randint(*options.views)
    kind = options.kind if options.kind != "any" else rng.choice(KINDS)
    renderer = renderer_for(options.size)
    for _ in range(MAX_SCENES):
        scene = _SCENES[kind](rng, num_objects=NUM_OBJECTS[kind])
        ring = views_around(scene, rng, num_views if wanted.second is None else num_views - 1, options.size)
        found = _asked(renderer, scene, ring, wanted, wish, rng) if ring else None
        if found is not None:
            return found
    raise InputError(
        f"{question_type} of task multiview",
        expected=f"pictures that show enough to ask it, in one of {MAX_SCENES} scenes",
        got=f"none at {options.size[0]}x{options.size[1]} px",
        remedy="Give a size nearer to a square, or another type of question.",
    )


def _asked(
    renderer: Renderer, scene: Scene, ring: Sequence[Camera], wanted: _Type, wish: str, rng: random.Random
) -> tuple[Stage, Question] | None:
    """A question about the scene from cameras made of those in the ring; None when none can be asked.

    Labels are drawn image by image, as long as there would be something to ask if nothing hid anything in the rest.
    """
    renderer.load(scene)
    corners = corners_of(scene)
    for _ in range(TRIES_PER_SCENE):
        arranged = _arranged(scene, ring, wanted, wish, rng)
        if arranged is None:
            continue
        cameras, pair = arranged
        sights = [foreseen(scene, corners, camera) for camera in cameras]
        stage = Stage(scene, sights, pair)
        question = wanted.ask(stage, wish, rng)
        for images in _in_turn(len(cameras), pair if wanted.second is not None else ()):
            if question is None:
                break
            for image in images:
                sights[image - 1] = sight(renderer, scene, corners, cameras[image - 1])
            stage = Stage(scene, sights, pair)
            question = wanted.ask(stage, wish, rng)
        if question is not None:
            return stage, question
    return None


def _in_turn(num_images: int, pair: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The images that are drawn before it is asked again; those of a pair are compared, and so drawn together."""
    return [*([pair] if pair else []), *((image,) for image in range(1, num_images + 1) if image not in pair)]


def _arranged(
    scene: Scene, ring: Sequence[Camera], wanted: _Type, wish: str, rng: random.Random
) -> tuple[list[Camera], tuple[int, int]] | None:
    """The cameras in the order of their images, and the images before and after a move or turn, if it is asked about.

    None when there is no place for the second camera of the pair.
    """
    cameras = rng.sample(ring, len(ring))
    if wanted.second is None:
        return [glance(camera, wanted.zoom, rng) for camera in cameras], (1, 2)
    place = rng.randrange(len(cameras))
    second = wanted.second(scene, cameras[place], wish, rng)
    if second is None:
        return None
    cameras.insert(place + 1, second)
    return cameras, (place + 1, place + 2)


def _pictures(stage: Stage, question: Question) -> tuple[Image.Image, ...]:
    """What the cameras see, with the boxes that the question speaks of."""
    renderer = renderer_for(stage.size)
    renderer.load(stage.scene)
    return tuple(
        paint_tags(renderer.rgb(each.camera), [tag for tag in question.tags if tag.image_index == image])
        for image, each in enumerate(stage.sights, start=1)
    )
