"""Answers of the multi-view task, computed again from the cameras and things in the metadata, by other means."""

from __future__ import annotations

import math
import re
from itertools import chain, product

import numpy as np
import pytest

pytest.importorskip("mujoco")

from vilasr.tasks.multiview import QUESTIONS, MultiviewTask

NUM = 4


@pytest.fixture(scope="module")
def samples():
    task = MultiviewTask()
    return {
        question: [task.generate("train", index, 7, {"question": question, "size": "112"}) for index in range(NUM)]
        for question in QUESTIONS
    }


def chosen(sample):
    return sample.options["ABCD".index(sample.answer)]


def into_camera(camera, point):
    """(right, forward, up) of a point of the world: the world shifted, turned back by the yaw, then by the pitch."""
    back = np.array(
        [
            [math.cos(camera["yaw"]), math.sin(camera["yaw"]), 0.0],
            [-math.sin(camera["yaw"]), math.cos(camera["yaw"]), 0.0],
            [0.0, 0.0, 1.0],
        ]
    )
    level = np.array(
        [
            [1.0, 0.0, 0.0],
            [0.0, math.cos(camera["pitch"]), math.sin(camera["pitch"])],
            [0.0, -math.sin(camera["pitch"]), math.cos(camera["pitch"])],
        ]
    )
    return level @ back @ (np.array(point) - np.array(camera["position"]))


def untilted(camera):
    return {**camera, "pitch": 0.0}


def pixel(camera, size, point):
    right, forward, up = into_camera(camera, point)
    focal = size[1] / 2 / math.tan(math.radians(camera["fovy"]) / 2)
    return size[0] / 2 + focal * right / forward, size[1] / 2 - focal * up / forward


def surface(thing, steps=15):
    """Points of the six faces of a thing's box, [n, 3]."""
    line = np.linspace(-0.5, 0.5, steps)
    unit = np.array([point for point in product(line, line, line) if max(abs(value) for value in point) == 0.5])
    cos, sin = math.cos(thing["yaw"]), math.sin(thing["yaw"])
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    return unit * np.array(thing["size"]) @ turn.T + np.array(thing["center"])


def test_the_move_is_where_the_second_camera_stands_in_the_frame_of_the_first(samples):
    for sample in samples["camera_move"]:
        one, other = (sample.metadata["cameras"][image - 1] for image in sample.metadata["images"])
        right, forward, up = into_camera(untilted(one), other["position"])
        assert up == pytest.approx(0)
        way = ("to the right" if right > 0 else "to the left") if abs(right) > abs(forward) else ""
        assert chosen(sample) == (way or ("forward" if forward > 0 else "backward"))
        assert min(abs(right), abs(forward)) < 0.25 * max(abs(right), abs(forward))


def test_a_move_is_told_by_what_a_near_thing_did_against_a_far_one_whichever_way_it_went(samples):
    told = {
        "slid left": "to the right",
        "slid right": "to the left",
        "grew": "forward",
        "shrank": "backward",
    }
    for sample in samples["camera_move"]:
        near, far = sample.metadata["objects"]
        for image in sample.metadata["images"]:
            camera = sample.metadata["cameras"][image - 1]
            assert into_camera(camera, far["center"])[1] >= 1.2 * into_camera(camera, near["center"])[1]
        assert [len(step["marks"]) for step in sample.metadata["plan"]["steps"]] == [2, 2]
        for concluded in sample.metadata["plan"]["concludes"]:
            (did,) = re.findall(rf"near {near['phrase']} ({'|'.join(told)})\b", concluded)
            assert told[did] == chosen(sample)


def test_the_turn_is_where_the_second_camera_looks_in_the_frame_of_the_first(samples):
    for sample in samples["camera_turn"]:
        one, other = (sample.metadata["cameras"][image - 1] for image in sample.metadata["images"])
        gaze = np.array([-math.sin(other["yaw"]), math.cos(other["yaw"]), 0.0])
        right = into_camera(untilted(one), gaze + np.array(one["position"]))[0]
        assert chosen(sample) == ("to the right" if right > 0 else "to the left")
        assert 9 < abs(math.degrees(math.asin(right))) < 33


def test_the_lettered_box_that_matches_is_where_the_thing_projects_to(samples):
    for sample in samples["matching"]:
        (thing,) = sample.metadata["objects"]
        x, y = pixel(
            sample.metadata["cameras"][sample.metadata["images"][1] - 1], sample.metadata["size"], thing["center"]
        )
        boxes = sample.metadata["boxes_px"]
        middles = [((x1 + x2) / 2, (y1 + y2) / 2) for x1, y1, x2, y2 in boxes]
        away = [
            math.hypot(x - middle[0], y - middle[1]) / math.hypot(b[2] - b[0], b[3] - b[1])
            for middle, b in zip(middles, boxes, strict=True)
        ]
        gold = "ABCD".index(sample.answer)
        x1, y1, x2, y2 = boxes[gold]
        assert x1 - 0.2 * (x2 - x1) <= x <= x2 + 0.2 * (x2 - x1)
        assert y1 - 0.2 * (y2 - y1) <= y <= y2 + 0.2 * (y2 - y1)
        assert away[gold] < 0.6


def test_the_relation_holds_after_turning_the_world_into_the_first_camera(samples):
    for sample in samples["relative_position"]:
        camera = untilted(sample.metadata["cameras"][sample.metadata["images"][0] - 1])
        thing, anchor = (into_camera(camera, each["center"]) for each in sample.metadata["objects"][:2])
        side = "left" if thing[0] < anchor[0] else "right"
        depth = "nearer to" if thing[1] < anchor[1] else "farther from"
        assert chosen(sample) == f"to its {side} and {depth} that camera"
        assert thing[1] > 0
        ratio = thing[1] / anchor[1]
        assert max(ratio, 1 / ratio) > 1.2


def test_a_relation_follows_from_lengths_that_are_told_of_each_thing(samples):
    for sample in samples["relative_position"]:
        camera = untilted(sample.metadata["cameras"][sample.metadata["images"][0] - 1])
        thing, anchor = (into_camera(camera, each["center"]) for each in sample.metadata["objects"][:2])
        for concluded in sample.metadata["plan"]["concludes"]:
            told = [int(length) for length in re.findall(r"(\d+) cm", concluded)]
            true = [100 * length for length in (anchor[1], thing[1], abs(anchor[0]), abs(thing[0]))]
            assert told == pytest.approx(true, abs=5.1)
            assert re.findall(r"cm (left|right)", concluded) == [
                "left" if x < 0 else "right" for x in (anchor[0], thing[0])
            ]


def test_the_depth_is_the_way_ahead_in_the_frame_of_the_camera(samples):
    for sample in samples["depth"]:
        camera = sample.metadata["cameras"][sample.metadata["images"][0] - 1]
        assert float(sample.answer) == pytest.approx(
            into_camera(camera, sample.metadata["objects"][0]["center"])[1], abs=0.051
        )


def test_the_distance_is_that_of_the_closest_points_of_two_surfaces(samples):
    for sample in samples["distance"]:
        one, other = (surface(each) for each in sample.metadata["objects"][:2])
        sampled = min(float(np.linalg.norm(other - point, axis=1).min()) for point in one)
        # A point of a grid is at most half a diagonal of a grid cell from the closest point of its face.
        slack = sum(math.hypot(*sorted(each["size"])[1:]) / 14 for each in sample.metadata["objects"][:2]) / 2
        assert sampled - slack - 0.051 <= float(sample.answer) <= sampled + 0.051


def test_the_order_is_that_of_straight_lines_from_the_camera(samples):
    for sample in samples["order"]:
        position = np.array(sample.metadata["cameras"][sample.metadata["camera"] - 1]["position"])
        by_letter = {
            letter: float(np.linalg.norm(np.array(thing["center"]) - position))
            for letter, thing in zip(chosen(sample).split(", "), sample.metadata["objects"], strict=True)
        }
        assert list(by_letter) == sorted(by_letter, key=by_letter.__getitem__)
        assert sorted(by_letter) == ["A", "B", "C"]


def test_distances_are_told_in_the_order_of_the_letters_and_then_sorted(samples):
    for sample in samples["order"]:
        for concluded in sample.metadata["plan"]["concludes"]:
            told = re.findall(r"([ABC]) (\d+) cm", concluded) or [
                (letter, length) for length, letter in re.findall(r"(\d+) cm to ([ABC])", concluded)
            ]
            assert [letter for letter, _ in told] == ["A", "B", "C"]
            by_distance = sorted(told, key=lambda each: int(each[1]))
            assert ", ".join(letter for letter, _ in by_distance) == chosen(sample)


def test_each_thought_names_the_image_before_the_numbers_of_a_mark(samples):
    for sample in chain.from_iterable(samples.values()):
        for step in sample.metadata["plan"]["steps"]:
            for said in step["says"]:
                for place, mark in enumerate(step["marks"]):
                    before = said.partition(f"{{{place}}}")[0]
                    assert int(re.findall(r"[Ii]mage (\d+)", before)[-1]) == mark["image"]


def test_boxes_that_the_question_speaks_of_are_in_the_pictures(samples):
    """The letters' colours are there: A to D in the second image, red in the first."""
    for sample in samples["matching"]:
        one, other = (np.asarray(sample.images[image - 1]) for image in sample.metadata["images"])
        assert (one == (255, 40, 40)).all(axis=2).sum() > 30
        for colour in ((255, 196, 0), (0, 220, 255), (120, 255, 60), (255, 90, 230)):
            assert (other == colour).all(axis=2).sum() > 30
