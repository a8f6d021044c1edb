"""Samples of the video task, with answers computed again by other means than the task's own."""

from __future__ import annotations

import json
import math
import random
import re
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from vilasr.errors import InputError
from vilasr.tasks.scenes.render import renderer_for
from vilasr.tasks.video import VideoTask
from vilasr.tasks.video.filming import film
from vilasr.tasks.video.measures import counting
from vilasr.tasks.video.task import DIRECTION, QUESTIONS, question_type
from vilasr.types import AnswerType

TASK = VideoTask()
SMALL = {"size": "96", "frames": "8"}
NUM_EACH = 2
LEVELS = [name for name in QUESTIONS if name.startswith(DIRECTION)]


@pytest.fixture(scope="module")
def samples():
    cases = [({**SMALL, "question": question}, index) for question in QUESTIONS for index in range(NUM_EACH)]
    return [TASK.generate("train", index, 0, options) for options, index in cases]


def of_type(samples, *types):
    found = [sample for sample in samples if sample.metadata["question_type"] in types]
    assert len(found) == NUM_EACH * len(types)
    return found


def chosen(sample):
    return sample.options[ord(sample.answer) - ord("A")]


def surface(thing, rng, num=1500):
    """float [num, 3]: random points on the six sides of a box, in the world."""
    half = np.array(thing["size"]) / 2
    points = rng.uniform(-1, 1, (num, 3))
    points[np.arange(num), rng.integers(0, 3, num)] = rng.choice((-1, 1), num)
    points *= half
    cos, sin = math.cos(thing["yaw"]), math.sin(thing["yaw"])
    x, y = points[:, 0] * cos - points[:, 1] * sin, points[:, 0] * sin + points[:, 1] * cos
    return np.stack([x, y, points[:, 2]], axis=1) + thing["center"]


def sampled_gap(one, other):
    """m between the closest of many points on two boxes: never less than the truth, and not much more."""
    rng = np.random.default_rng(0)
    first, second = surface(one, rng), surface(other, rng)
    squares = (first**2).sum(1)[:, None] + (second**2).sum(1) - 2 * first @ second.T
    return math.sqrt(max(0.0, squares.min()))


def turned_up(stand, face, target):
    """The target, (x, y) in m, in a world turned and moved so that one stands at the origin and faces +y."""
    stand, face, target = (np.array(thing["center"][:2]) for thing in (stand, face, target))
    ahead = (face - stand) / np.linalg.norm(face - stand)
    return np.array([[ahead[1], -ahead[0]], [ahead[0], ahead[1]]]) @ (target - stand)


def test_a_sample_has_a_frame_for_each_step_of_the_walk(samples):
    for sample in samples:
        assert len(sample.images) == sample.metadata["frames"] == 8
        assert {image.size for image in sample.images} == {(96, 96)}
        assert json.loads(json.dumps(sample.metadata, allow_nan=False)) == sample.metadata
        assert len({image.tobytes() for image in sample.images}) == 8


def test_the_same_arguments_give_the_same_pixels_and_words():
    one, other = (TASK.generate("test", 5, 1, SMALL) for _ in range(2))
    assert replace(one, images=()) == replace(other, images=())
    assert [image.tobytes() for image in one.images] == [image.tobytes() for image in other.images]


def test_distances_agree_with_points_sampled_on_the_boxes(samples):
    for sample in of_type(samples, "object_abs_distance"):
        assert float(sample.answer) == pytest.approx(sampled_gap(*sample.metadata["objects"]), abs=0.2)


def test_the_nearest_of_four_is_nearest_by_points_sampled_on_the_boxes(samples):
    for sample in of_type(samples, "object_rel_distance"):
        anchor, *others = sample.metadata["objects"]
        nearest = min(others, key=lambda other: sampled_gap(anchor, other))
        assert chosen(sample) == nearest["phrase"]
        assert set(sample.options) == {other["phrase"] for other in others}


def test_directions_agree_with_a_world_turned_so_that_the_line_of_sight_is_y(samples):
    for sample in of_type(samples, *LEVELS):
        x, y = turned_up(*sample.metadata["objects"])
        side, end = ("left" if x < 0 else "right"), ("front" if y > 0 else "back")
        expected = {
            LEVELS[0]: side,
            LEVELS[1]: "back" if y < -abs(x) else side,
            LEVELS[2]: f"{end}-{side}",
        }[sample.metadata["question_type"]]
        assert chosen(sample) == expected


def test_sizes_are_the_longest_side_between_sampled_points(samples):
    for sample in of_type(samples, "object_size_estimation"):
        (thing,) = sample.metadata["objects"]
        points = surface({**thing, "yaw": 0.0}, np.random.default_rng(0))
        assert float(sample.answer) == pytest.approx(100 * np.ptp(points, axis=0).max(), abs=1.5)


def test_rooms_have_the_area_of_the_points_that_fall_in_them(samples):
    for sample in of_type(samples, "room_size_estimation"):
        outlines = [np.array(outline) for outline in sample.metadata["truth"]["outlines"]]
        low, high = np.min([each.min(0) for each in outlines], 0), np.max([each.max(0) for each in outlines], 0)
        points = np.random.default_rng(0).uniform(low, high, (20_000, 2))
        inside = np.zeros(len(points), bool)
        for outline in outlines:
            (x, y), odd = points.T, np.zeros(len(points), bool)
            for (x1, y1), (x2, y2) in zip(outline, np.roll(outline, -1, 0), strict=True):
                if y1 != y2:
                    odd ^= ((y1 > y) != (y2 > y)) & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
            inside |= odd
        assert float(sample.answer) == pytest.approx(inside.mean() * np.prod(high - low), rel=0.03)


def test_counts_are_of_the_objects_whose_labels_come_up_over_the_frames():
    for seed in range(NUM_EACH):
        rng = random.Random(seed)
        asked, footage, _ = film("object_counting", counting, rooms=None, num_frames=8, size=(96, 96), rng=rng)
        renderer = renderer_for((96, 96))
        renderer.load(footage.scene)
        shown = {
            number for camera in footage.cameras for number in np.unique(renderer.labels(camera)[0]) if number >= 0
        }
        categories = Counter(footage.scene.objects[number].category for number in shown)
        assert int(asked.answer) == categories[asked.truth["category"]]


def test_the_first_frames_are_in_the_order_of_the_answer(samples):
    for sample in of_type(samples, "obj_appearance_order"):
        firsts = {each["phrase"]: each["frames"][0] for each in sample.metadata["objects"]}
        assert chosen(sample).split(", ") == sorted(firsts, key=firsts.__getitem__)
        assert len(set(firsts.values())) == 4


def test_routes_turn_as_their_way_on_the_floor_does(samples):
    """The sign of the cross product of successive legs tells left from right, their dot product back."""
    for sample in of_type(samples, "route_planning"):
        places = [np.array(place) for place in sample.metadata["truth"]["way"]]
        legs = [there - here for here, there in pairwise(places)]
        turns = []
        for one, other in pairwise(legs):
            cross, dot = one[0] * other[1] - one[1] * other[0], one @ other
            turns.append("back" if dot < -abs(cross) else "left" if cross > 0 else "right")
        assert chosen(sample) == ", then ".join(f"turn {turn}" for turn in turns)


def test_everything_asked_about_is_boxed_where_it_is_clear(samples):
    for sample in samples:
        frames = {each["phrase"]: set(each["frames"]) for each in sample.metadata["objects"]}
        boxes = [mark for step in sample.metadata["plan"]["steps"] for mark in step["marks"] if mark["kind"] == "box"]
        for mark in boxes:
            if mark["label"] in frames:
                assert mark["image"] in frames[mark["label"]]
        assert len(boxes) == len(sample.metadata["objects"])


def test_each_thought_names_the_image_before_the_numbers_of_a_mark(samples):
    """The first mark of every frame, and every mark on another frame than the mark before it."""
    for sample in samples:
        for step in sample.metadata["plan"]["steps"]:
            images = [mark["image"] for mark in step["marks"]]
            for said in step["says"]:
                named = [
                    re.findall(r"[Ii]mage (\d+)", said.partition(f"{{{place}}}")[0]) for place in range(len(images))
                ]
                assert [int(numbers[-1]) for numbers in named] == images


def test_number_questions_have_no_options(samples):
    for sample in samples:
        assert (sample.answer_type is AnswerType.NUMBER) == (sample.options == ())


# --- options ---


def test_mixed_questions_are_the_eight_tasks_equally_and_direction_shares_one():
    rng = random.Random(0)
    counts = Counter(question_type("mixed", rng) for _ in range(24_000))
    assert set(counts) == set(QUESTIONS)
    for name, count in counts.items():
        assert count == pytest.approx(1000 if name in LEVELS else 3000, rel=0.12)
    assert {question_type(DIRECTION, rng) for _ in range(100)} == set(LEVELS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": "7"}, "option frames of task video: expected a whole number from 8 to 32; got '7'"),
        ({"size": "0"}, "option size of task video: expected 224 or 320x240 .*; got '0'"),
        ({"rooms": "3"}, "option rooms of task video: expected one of 1, 2, any; got '3'"),
        ({"question": "room"}, "option question of task video: expected one of object_counting, .*; got 'room'"),
        ({"colour": "red"}, "option of task video: expected one of question=.*; got 'colour'"),
    ],
)
def test_bad_options_are_refused_with_what_is_allowed(options, message):
    with pytest.raises(InputError, match=message):
        TASK.generate("train", 0, 0, options)


@pytest.mark.parametrize("size", ["64x1024", "1024x64"])
def test_pictures_too_flat_for_a_question_are_refused(size, monkeypatch):
    monkeypatch.setattr("vilasr.tasks.video.filming._MAX_SCENES", 1)
    message = (
        rf"a question of object_rel_distance can be .* none in 1 walks of 8 frames at {size} px. Give a larger size"
    )
    with pytest.raises(InputError, match=message):
        TASK.generate("train", 0, 0, {"size": size, "frames": "8", "question": "object_rel_distance"})
