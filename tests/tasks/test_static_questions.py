"""Questions about hand-made worlds of blocks, with answers worked out by hand or by other means than the task's own."""

from __future__ import annotations

import itertools
import math
import random
import re
from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pytest
from cast_boxes import SIZE, block, from_south, scene_of, view_of
from PIL import Image

from vilasr.tasks.scenes.camera import look_at
from vilasr.tasks.scenes.rooms import kept_free
from vilasr.tasks.scenes.sight import MIN_SHOWN
from vilasr.tasks.scenes.world import Opening, Part, Shape
from vilasr.tasks.static import changes, comparisons, numbers, points, relations
from vilasr.tasks.static.cameras import CLEAR_OF_THINGS, CLEAR_OF_WALLS, is_free, low_camera, opposite_camera
from vilasr.tasks.static.dots import DOT_COLORS, dot_radius, paint_dots, place_for_dot
from vilasr.tasks.static.look import Stage
from vilasr.tasks.static.question import by_lot
from vilasr.tasks.static.survey import _Measured, survey
from vilasr.types import Line

SOUTH = from_south()


def stage_of(*objects, cameras=(SOUTH,)):
    """Looked at from the cameras in turn, again and again."""
    given = itertools.cycle(cameras)
    return Stage(scene_of(*objects), SIZE, new_camera=lambda: next(given), see=view_of)


def asked_often(asker, stage, num=40):
    questions = [asker(stage, random.Random(seed)) for seed in range(num)]
    assert None not in questions
    return questions


def said(question):
    return question.options["ABCD".index(question.answer)]


def surface(thing, num=9):
    """Points on all faces of an upright box, about `num` along each side."""
    axis = np.linspace(-0.5, 0.5, num)
    grid = np.stack(np.meshgrid(axis, axis, axis), -1).reshape(-1, 3)
    grid = grid[(np.abs(grid) == 0.5).any(1)] * np.array(thing["size"])
    cos, sin = math.cos(thing["yaw"]), math.sin(thing["yaw"])
    return grid @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]]) + np.array(thing["center"])


def gap(one, other):
    """Between sampled points: at least the true distance, and at most a grid step more."""
    return float(np.linalg.norm(surface(one)[:, None] - surface(other)[None], axis=2).min())


def in_camera(camera, point):
    """(right, forward on the ground) by turning the world until the camera looks along +y."""
    offset = complex(point[0] - camera.position[0], point[1] - camera.position[1]) * np.exp(-1j * camera.yaw)
    return offset.real, offset.imag


# --- a lesson ---------------------------------------------------------------------------------------------------------


def test_a_survey_tells_how_far_and_how_large_everything_is_that_it_names():
    """Of the chair 0.5 m is told as 50 cm, of the sofa 0.9 m as 89, of the bed 2 m as 200: steps of 6 %."""
    blocks = (
        block("chair_1", (-0.9, -0.9), (0.5, 0.4, 0.3)),
        block("sofa_1", (0.9, 0.3), (0.9, 0.6, 0.8)),
        block("bed_1", (-0.3, 1.9), (2.0, 0.6, 1.4)),
    )
    sides = {"50 cm for the chair", "89 cm for the sofa", "200 cm for the bed"}
    far = {"chair": (-0.9, -0.9, 0.15), "sofa": (0.9, 0.3, 0.4), "bed": (-0.3, 1.9, 0.7)}
    answers = Counter()
    for question in asked_often(survey, stage_of(*blocks)):
        (told,) = question.plan.concludes
        near, longest, found = re.split(r"(?<=[a-z])\. ", told)
        assert {*re.findall(r"[0-9]+ cm for the [a-z]+", longest)} == sides
        order = [each["name"].removesuffix("_1") for each in question.truth["objects"]]
        assert [each.mark.label for each in question.plan.steps[0].marks] == order
        if near.startswith("It is about"):  # from the camera, not along the view
            lengths = re.findall(r"([0-9]+) cm to the ([a-z]+)", near)
            assert [name for _, name in lengths] == order
            for length, name in lengths:
                assert int(length) == pytest.approx(100 * math.dist(SOUTH.position, far[name]), rel=0.03)
        if "largest" in question.text:
            assert said(question) == "bed"
        elif "nearest to the camera" in question.text or "line of sight" in question.text:
            assert said(question) == "chair"
        else:  # from one of them it is to the other two
            assert near.startswith(f"From the {order[0]} it is ")
            assert {*question.options} == {*order[1:]}
        assert found.endswith(f"the {said(question)}.")
        answers["largest" if "largest" in question.text else question.text.split("nearest")[1][:6]] += 1
    assert len(answers) == 3
    assert min(answers.values()) > 3


def test_a_survey_asks_for_nothing_that_is_told_by_the_same_number():
    """Both touch the bed: 0 cm. 26 and 30 mm are 3 cm, though the one is 1.15 times the other; 26 and 46 mm are not."""
    for gaps, told in (((0.0, 0.0), False), ((0.026, 0.030), False), ((0.026, 0.046), True)):
        things = tuple(block(f"{name}_1", (0, 0), (1, 1, 1)) for name in ("chair", "sofa"))
        measured = _Measured(things=things, lengths=gaps, text="", told="")
        assert measured.is_clear() is told


def test_a_survey_is_not_taken_where_two_are_about_as_near_and_as_large():
    blocks = [
        block(f"chair_{number}", (x, 0), (0.5, 0.5, 0.5), color=color)
        for number, (x, color) in enumerate([(-1, "red"), (0, "green"), (1, "blue")], 1)
    ]
    assert survey(stage_of(*blocks), random.Random(0)) is None
    assert survey(stage_of(*blocks[:2]), random.Random(0)) is None


# --- as the camera sees it --------------------------------------------------------------------------------------------


def test_left_is_left_in_the_picture_also_from_behind():
    blocks = (block("chair_1", (-1, 0), (0.5, 0.5, 0.8)), block("sofa_1", (1, 0), (0.9, 0.6, 0.8)))
    north = look_at((0.0, 3.5, 1.6), (0.0, 0.0, 0.3), fovy=60.0, size=SIZE)
    for camera, left in ((SOUTH, "chair_1"), (north, "sofa_1")):
        for question in asked_often(relations.left_right, stage_of(*blocks, cameras=(camera,))):
            first = question.truth["objects"][0]
            assert said(question) == ("left" if first["name"] == left else "right")
            assert first["phrase"] in question.text
            assert (in_camera(camera, first["center"])[0] < 0) == (said(question) == "left")
            line = question.plan.steps[1].marks[0].mark
            assert (line.end_px[0] < line.start_px[0]) == (said(question) == "left")


def test_left_and_right_are_not_asked_for_what_is_nearly_above_each_other():
    blocks = (block("chair_1", (-0.05, -1), (0.5, 0.5, 0.5)), block("sofa_1", (0.05, 1.5), (0.9, 0.6, 1.5)))
    assert relations.left_right(stage_of(*blocks), random.Random(0)) is None


@pytest.mark.parametrize("asker", [relations.left_right, relations.front_behind, relations.nearer_camera])
def test_a_thing_is_not_placed_against_what_carries_or_shelters_it(asker):
    """Seen from any side: the middles are far apart, and so are the depths."""
    desk = block("desk_1", (0, 0), (2.4, 2.4, 0.4))
    camera = look_at((0.0, -3.6, 2.2), (0.0, 0.0, 0.3), fovy=60.0, size=SIZE)
    for at in ((-1.0, -1.0), (0.9, 0.9)):
        on_it = block("apple_1", at, (0.35, 0.35, 0.35), support="desk_1", z=0.4)
        stage = stage_of(desk, on_it, cameras=(camera,))
        assert len(stage.look().askable()) == 2
        assert all(asker(stage, random.Random(seed)) is None for seed in range(10))


def test_left_and_right_are_not_asked_of_what_is_seen_across_the_other():
    blocks = (block("ball_1", (-0.5, -1), (0.4, 0.4, 0.3)), block("sofa_1", (0.6, 1), (4.0, 0.6, 0.8)))
    stage = stage_of(*blocks)
    assert len(stage.look().askable()) == 2
    assert relations.left_right(stage, random.Random(0)) is None


def test_questions_of_a_place_name_both_places():
    for text in relations.FRONT_BEHIND_TEXTS:
        assert "in front of" in text
        assert "behind" in text


@pytest.mark.parametrize(
    ("asker", "nearest"),
    [(relations.front_behind, {"in front"}), (relations.nearer_camera, {"chair", "sofa"})],
)
def test_nearness_to_the_camera_is_asked_both_ways_and_answered_by_the_turned_world(asker, nearest):
    blocks = (block("chair_1", (-0.7, -0.9), (0.5, 0.5, 0.7)), block("sofa_1", (0.6, 0.9), (0.9, 0.6, 0.8)))
    answers = Counter()
    for question in asked_often(asker, stage_of(*blocks)):
        camera = question.look.view.camera
        one, other = question.truth["objects"]
        is_nearer = in_camera(camera, one["center"])[1] < in_camera(camera, other["center"])[1]
        if asker is relations.front_behind:
            assert (said(question) in nearest) == is_nearer
        else:
            assert said(question) == (one if is_nearer else other)["phrase"]
            ranges = [math.dist(camera.position, each["center"]) for each in (one, other)]
            assert question.truth["value"] == pytest.approx(ranges)
        answers[one["name"], question.answer] += 1
    assert len(answers) == 4, "either is named first, and either answer is right"


def test_nearness_is_not_asked_where_there_is_no_other_side():
    """Both blocks stand at the north wall: no camera can be behind them."""
    blocks = (block("chair_1", (-0.7, 2.4), (0.5, 0.5, 0.7)), block("sofa_1", (0.8, 3.6), (0.9, 0.6, 0.8)))
    assert relations.front_behind(stage_of(*blocks), random.Random(0)) is None


def test_cameras_stay_clear_of_walls_and_things():
    scene = scene_of(block("sofa_1", (0, 0), (1, 1, 1)))
    beside = 0.5 + CLEAR_OF_THINGS
    assert is_free(scene, (beside + 0.01, 0, 0.5))
    assert not is_free(scene, (beside - 0.01, 0, 0.5))
    assert is_free(scene, (0, 0, 1 + CLEAR_OF_THINGS + 0.01))
    assert is_free(scene, (4 - CLEAR_OF_WALLS - 0.01, 0, 1))
    assert not is_free(scene, (4 - CLEAR_OF_WALLS + 0.01, 0, 1))
    assert not is_free(scene, (4.5, 0, 1))


def test_the_opposite_camera_looks_at_the_middle_from_the_other_side():
    one, other = block("chair_1", (-0.5, 0), (0.4, 0.4, 0.8)), block("sofa_1", (0.5, 0), (0.4, 0.4, 0.8))
    for seed in range(20):
        camera = opposite_camera(scene_of(one, other), SOUTH, one, other, random.Random(seed))
        assert camera.position[1] > 1.0
        assert camera.project((0.0, 0.0, 0.4)) == pytest.approx((60, 60), abs=0.01)


# --- as things are ----------------------------------------------------------------------------------------------------


def test_nearer_to_a_thing_is_answered_by_sampled_surfaces_in_either_of_two_worlds():
    blocks = (
        block("chair_1", (-1.2, 0.3), (0.5, 0.4, 0.7), yaw=0.4),
        block("stool_1", (1.4, -0.2), (0.4, 0.5, 0.5), yaw=1.1),
        block("table_1", (-0.2, 0.2), (0.5, 0.6, 0.6), yaw=-0.3),
    )
    nearest = Counter()
    for question in asked_often(comparisons.nearer_object, stage_of(*blocks), 25):
        one, other, third = question.truth["objects"]
        gaps = [gap(each, third) for each in (one, other)]
        assert question.truth["value"] == pytest.approx(gaps, abs=0.08)
        assert said(question) == (one if gaps[0] < gaps[1] else other)["phrase"]
        if third["name"] == "table_1":
            nearest[said(question)] += 1
    assert len(nearest) == 2


def test_the_larger_is_larger_in_its_longest_side_in_either_of_two_worlds():
    blocks = (block("chair_1", (-1, 0), (0.5, 0.5, 0.8)), block("sofa_1", (1, 0), (0.9, 0.6, 0.7)))
    larger = Counter()
    for question in asked_often(comparisons.size, stage_of(*blocks)):
        sides = {each["phrase"]: max(each["size"]) for each in question.truth["objects"]}
        short, long = sorted(sides.values())
        assert 1 + comparisons.LARGER[0] - 1e-3 <= long / short <= 1 + comparisons.LARGER[1] + 1e-3
        assert sides[said(question)] == long
        larger[said(question), question.answer] += 1
    assert len(larger) == 4


def test_sizes_that_cannot_be_confused_are_not_compared():
    blocks = (block("ball_1", (-1, 0), (0.3, 0.3, 0.3)), block("sofa_1", (1, 0), (1.8, 0.6, 0.7)))
    assert comparisons.size(stage_of(*blocks), random.Random(0)) is None


def table(at=(0.0, 0.0), yaw=0.0):
    """A top of 1.2 m x 0.8 m at 0.72 m, on four legs at its corners."""
    top = Part(shape=Shape.BOX, size=(0.6, 0.4, 0.02), position=(0, 0, 0.7), color=(1, 1, 1))
    legs = [
        Part(shape=Shape.BOX, size=(0.03, 0.03, 0.34), position=(x, y, 0.34), color=(1, 1, 1))
        for x in (-0.57, 0.57)
        for y in (-0.37, 0.37)
    ]
    return replace(block("table_1", at, (1.2, 0.8, 0.72), yaw=yaw), parts=(top, *legs))


def test_what_stands_on_a_table_can_be_put_under_it_but_not_into_its_legs():
    middle = block("vase_1", (0.1, 0.1), (0.2, 0.2, 0.3), support="table_1", z=0.72)
    moved = changes.put_under(scene_of(table(), middle), middle).named("vase_1")
    assert (moved.position, moved.support) == ((0.1, 0.1, 0.0), "floor")
    corner = block("vase_1", (0.5, 0.3), (0.2, 0.2, 0.3), support="table_1", z=0.72)
    assert changes.put_under(scene_of(table(), corner), corner) is None
    tall = block("vase_1", (0.1, 0.1), (0.2, 0.2, 0.69), support="table_1", z=0.72)
    assert changes.put_under(scene_of(table(), tall), tall) is None
    solid = block("table_1", (0, 0), (1.2, 0.8, 0.72))
    assert changes.put_under(scene_of(solid, middle), middle) is None
    in_the_way = block("ball_1", (0.1, 0.1), (0.3, 0.3, 0.3))
    assert changes.put_under(scene_of(table(), middle, in_the_way), middle) is None


def test_a_low_camera_sees_over_and_under_the_table():
    scene = scene_of(table())
    for seed in range(20):
        camera = low_camera(scene, scene.named("table_1"), SIZE, random.Random(seed))
        assert camera.position[2] > 0.72
        assert camera.project((0.0, 0.0, 0.0)) is not None
        assert math.dist(camera.position[:2], (0, 0)) <= 2.2


def test_things_change_places_only_where_they_fit():
    chair, stool = block("chair_1", (-1, 0), (0.5, 0.5, 0.8), yaw=0.3), block("stool_1", (1, 0), (0.3, 0.3, 0.4))
    scene = changes.swapped(scene_of(chair, stool), chair, stool)
    assert [(thing.position, thing.yaw) for thing in scene.objects] == [((1, 0, 0.0), 0.0), ((-1, 0, 0.0), 0.3)]
    close = block("ball_1", (1, 0.4), (0.4, 0.4, 0.4))
    assert changes.swapped(scene_of(chair, stool, close), chair, stool) is None
    at_wall = block("stool_1", (3.8, 0), (0.3, 0.3, 0.4))
    assert changes.swapped(scene_of(chair, at_wall), chair, at_wall) is None
    carried = block("vase_1", (-1, 0), (0.1, 0.1, 0.3), support="chair_1", z=0.8)
    assert changes.swapped(scene_of(chair, stool, carried), chair, stool) is None
    assert changes.swapped(scene_of(chair, stool, carried), carried, stool) is None


def test_things_change_places_only_where_doors_stay_free():
    chair, stool = block("chair_1", (-1, 0), (0.9, 0.9, 0.8)), block("stool_1", (0, -2.9), (0.3, 0.3, 0.4))
    scene = scene_of(chair, stool)
    door = Opening(kind="door", wall=0, along=4.0, width=0.9, bottom=0.0, height=2.0)
    (free,) = kept_free(replace(scene.rooms[0], openings=(door,)))
    assert free.center[1] + free.size[1] / 2 < stool.position[1] - 0.15, "the stool is clear of the door"
    assert changes.swapped(scene, chair, stool) is not None
    doored = replace(scene, rooms=(replace(scene.rooms[0], openings=(door,)),))
    assert changes.swapped(doored, chair, stool) is None
    window = replace(door, kind="window", bottom=0.9, height=1.0)
    assert changes.swapped(replace(scene, rooms=(replace(scene.rooms[0], openings=(window,)),)), chair, stool)


def test_what_belongs_to_a_wall_keeps_its_back_there_when_its_size_changes():
    desk, lamp = block("desk_1", (0, 3.6), (1.2, 0.6, 0.7)), block("chair_1", (2, 0), (0.4, 0.4, 1.0))
    scene = changes.resized(scene_of(desk, lamp), desk, 0.5, lamp, 1.5)
    small, large = scene.named("desk_1"), scene.named("chair_1")
    assert small.size == pytest.approx((0.6, 0.3, 0.35))
    assert small.position[1] + small.size[1] / 2 == pytest.approx(3.9)
    assert large.size == pytest.approx((0.6, 0.6, 1.5))
    assert large.position == (2, 0, 0.0)
    assert large.parts[0].size == pytest.approx((0.3, 0.3, 0.75))
    assert changes.resized(scene_of(desk, lamp), desk, 7.0, lamp, 1.0) is None


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_depth_is_measured_along_the_line_of_sight():
    level = look_at((0.0, -3.0, 0.5), (0.0, 0.0, 0.5), fovy=60.0, size=SIZE)
    (question,) = asked_often(numbers.depth, stage_of(block("cube_1", (1, 1), (0.6, 0.6, 1)), cameras=(level,)), 1)
    assert question.answer == "4.0"
    assert question.plan.steps[0].marks[0].mark.box_px == question.look.view.boxes_px["cube_1"]


def test_the_distance_of_turned_boxes_agrees_with_sampled_surfaces():
    for seed in range(6):
        rng = random.Random(seed)
        blocks = (
            block("chair_1", (-1, 0), (0.6, 0.4, 0.8), yaw=rng.uniform(-3, 3)),
            block("sofa_1", (1, 0.5), (1.2, 0.5, 0.6), yaw=rng.uniform(-3, 3)),
        )
        (question,) = asked_often(numbers.distance, stage_of(*blocks), 1)
        assert float(question.answer) == pytest.approx(gap(*question.truth["objects"]), abs=0.08)
        assert isinstance(question.plan.steps[1].marks[0].mark, Line)


def test_counts_are_those_of_the_labels():
    blocks = [block(f"cube_{n}", (0.9 * n - 2, 0.3 * n), (0.4, 0.4, 0.4)) for n in range(1, 4)]
    stage = stage_of(*blocks, block("sofa_1", (1.5, 1.5), (1.2, 0.5, 0.6)))
    counts = {}
    for question in asked_often(numbers.count, stage):
        seen = {stage.scene.objects[n].category for n in np.unique(question.look.view.labels) if n >= 0}
        labels = [stage.scene.objects[n].category for n in np.unique(question.look.view.labels) if n >= 0]
        assert question.truth["category"] in seen
        assert int(question.answer) == labels.count(question.truth["category"])
        counts[question.truth["category"]] = question.answer
        lefts = [mark.mark.box_px[0] for mark in question.plan.steps[0].marks]
        assert lefts == sorted(lefts)
    assert counts == {"cube": "3", "sofa": "1"}


def test_a_half_hidden_thing_of_a_category_is_not_counted_at_all():
    hidden = [block("cube_1", (-1, 0), (0.5, 0.5, 0.5)), block("cube_2", (1, 1.2), (0.5, 0.5, 0.3))]
    wall = block("wardrobe_1", (1.05, 0.7), (0.6, 0.2, 1.2))
    stage = stage_of(*hidden, wall)
    shown = stage.look().view.shown(hidden[1])
    assert 0 < shown < MIN_SHOWN
    categories = {q.truth["category"] for q in (numbers.count(stage, random.Random(n)) for n in range(40)) if q}
    assert categories == {"wardrobe"}


# --- points -----------------------------------------------------------------------------------------------------------


def four_blocks():
    sizes = {"chair_1": (-1.4, -0.6), "sofa_1": (-0.5, 0.4), "table_1": (0.5, 1.2), "stool_1": (1.1, -1.3)}
    return [block(name, at, (0.6, 0.6, 0.8)) for name, at in sizes.items()]


def test_the_marked_thing_is_the_one_whose_label_is_under_the_dot_wherever_it_is_listed():
    letters, things = Counter(), Counter()
    for question in asked_often(points.marked_point, stage_of(*four_blocks()), 120):
        ((x, y), _) = question.dots[0]
        under = question.look.scene.objects[question.look.view.labels[round(y), round(x)]]
        assert said(question) == under.category
        letters[question.answer] += 1
        things[under.category] += 1
    assert all(16 <= count <= 46 for counts in (letters, things) for count in counts.values())


def test_the_nearest_point_is_nearest_by_the_cast_rays():
    stage = stage_of(*four_blocks())
    questions = [points.nearest_point(stage, random.Random(seed)) for seed in range(40)]
    assert sum(question is not None for question in questions) >= 20
    for question in filter(None, questions):
        depths = [question.look.view.depth[round(y), round(x)] for (x, y), _ in question.dots]
        near, second = sorted(depths)[:2]
        assert "ABCD"[depths.index(near)] == question.answer
        assert second >= (1 + points.NEAREST) * near


def test_a_dot_covers_nothing_but_its_thing():
    look = stage_of(*four_blocks()).look()
    for number, thing in enumerate(look.scene.objects):
        x, y = place_for_dot(look, thing, 5, random.Random(number))
        assert (look.view.labels[round(y) - 5 : round(y) + 6, round(x) - 5 : round(x) + 6] == number).all()
    assert place_for_dot(look, look.scene.objects[0], 40, random.Random(0)) is None


def test_painted_dots_change_only_their_own_discs():
    grey = Image.new("RGB", (224, 224), (90, 90, 90))
    painted = np.array(paint_dots(grey, [((50.0, 60.0), ""), ((150.0, 100.0), "B")], DOT_COLORS["red"]))
    ys, xs = np.nonzero((painted != 90).any(2))
    distances = np.minimum(np.hypot(xs - 50, ys - 60), np.hypot(xs - 150, ys - 100))
    assert distances.max() <= max(dot_radius(grey.size), dot_radius(grey.size, "B")) + 1
    assert tuple(painted[60, 50]) == DOT_COLORS["red"]
    assert np.array(grey).max() == 90, "the picture itself is left as it was"


# --- words say nothing ------------------------------------------------------------------------------------------------


def test_a_lot_is_drawn_only_between_worlds_that_differ_in_nothing_but_the_answer():
    blocks = (block("chair_1", (-1, 0), (0.5, 0.5, 0.8)), block("sofa_1", (1, 0), (0.9, 0.6, 0.8)))
    question = relations.left_right(stage_of(*blocks), random.Random(0))
    other = replace(question, answer="A" if question.answer == "B" else "B")
    assert Counter(by_lot([question, other], random.Random(seed)).answer for seed in range(40)).total() == 40
    with pytest.raises(ValueError, match="worlds of one question"):
        by_lot([question, question], random.Random(0))
    with pytest.raises(ValueError, match="worlds of one question"):
        by_lot([question, replace(other, text="Another?")], random.Random(0))


@pytest.mark.parametrize("asker", [relations.front_behind, relations.nearer_camera, comparisons.size])
def test_given_the_words_either_answer_is_as_likely(asker):
    """Where a small thing always stands before a large one, words would tell, were the scene shown as it is."""
    answers = defaultdict(Counter)
    for seed in range(90):
        rng = random.Random(seed)
        blocks = (
            block("cone_1", (rng.uniform(-1, 0), -0.8), (0.5, 0.5, 0.6)),
            block("desk_1", (rng.uniform(0.3, 1), 0.7), (0.8, 0.5, 0.7)),
        )
        question = asker(stage_of(*blocks), rng)
        if question is not None:
            first = question.truth["objects"][0]["name"]
            answers[first][question.answer] += 1
    assert set(answers) == {"cone_1", "desk_1"}
    for counts in answers.values():
        assert counts.total() >= 20
        assert abs(counts["A"] / counts.total() - 0.5) < 0.3
