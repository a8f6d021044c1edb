"""Boxes, distances and cameras, against numbers worked out by hand and against sampling."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vilasr.tasks.scenes.camera import Camera, look_at
from vilasr.tasks.scenes.geometry import OrientedBox, contains, distance, polygon_distance, separated, stand_apart
from vilasr.tasks.scenes.world import Room

QUARTER = math.pi / 2
SQUARE = ((0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0))
L_SHAPE = ((0.0, 0.0), (4.0, 0.0), (4.0, 1.0), (1.0, 1.0), (1.0, 3.0), (0.0, 3.0))


def box(x: float, y: float, z: float, w: float, d: float, h: float, yaw: float = 0.0) -> OrientedBox:
    return OrientedBox(center=(x, y, z), size=(w, d, h), yaw=yaw)


def camera(*, yaw: float = 0.0, pitch: float = 0.0, size: tuple[int, int] = (200, 100)) -> Camera:
    return Camera(position=(0.0, 0.0, 1.0), yaw=yaw, pitch=pitch, fovy=90.0, size=size)


def test_the_footprint_of_a_box_runs_counter_clockwise_and_turns_with_it() -> None:
    flat = box(1, 1, 0, 2, 4, 1).footprint()
    assert flat == ((0, -1), (2, -1), (2, 3), (0, 3))
    turned = box(1, 1, 0, 2, 4, 1, QUARTER).footprint()
    assert np.allclose(turned, ((3, 0), (3, 2), (-1, 2), (-1, 0)))
    assert np.allclose(box(1, 1, 0, 2, 4, 1).footprint(0.5)[0], (-0.5, -1.5))


def test_corners_are_the_footprint_below_and_above() -> None:
    corners = box(0, 0, 1, 2, 2, 2).corners()
    assert len(set(corners)) == 8
    assert {z for _, _, z in corners} == {0.0, 2.0}


def test_boxes_beside_each_other_are_as_far_apart_as_their_sides() -> None:
    assert distance(box(0, 0, 0.5, 2, 2, 1), box(5, 0, 0.5, 2, 2, 1)) == pytest.approx(3.0)


def test_boxes_across_a_corner_and_a_step_up_are_a_box_diagonal_apart() -> None:
    # Gaps of 2 along x, 3 along y and 6 along z: sqrt(4 + 9 + 36) = 7.
    assert distance(box(0, 0, 0.5, 2, 2, 1), box(4, 5, 7.5, 2, 2, 1)) == pytest.approx(7.0)


def test_a_box_turned_by_an_eighth_comes_nearer_by_its_corner() -> None:
    apart = distance(box(0, 0, 0.5, 2, 2, 1), box(5, 0, 0.5, 2, 2, 1, math.pi / 4))
    assert apart == pytest.approx(5 - 1 - math.sqrt(2))


@pytest.mark.parametrize("other", [box(1, 1, 0.5, 2, 2, 1), box(0, 0, 0.5, 0.2, 0.2, 0.2), box(2, 0, 0.5, 2, 2, 1)])
def test_boxes_that_overlap_contain_or_touch_each_other_are_0_apart(other: OrientedBox) -> None:
    assert distance(box(0, 0, 0.5, 2, 2, 1), other) == 0.0


def test_the_longest_side_is_the_size() -> None:
    assert box(0, 0, 0, 0.4, 1.9, 0.8).longest == 1.9


def test_a_polygon_is_separated_only_from_what_is_beyond_one_of_its_sides() -> None:
    assert separated(SQUARE, ((3, 0), (4, 0), (4, 1)))
    assert not separated(SQUARE, ((1, 1), (4, 0), (4, 1)))


def test_a_segment_is_a_polygon_of_two_corners() -> None:
    assert polygon_distance(SQUARE, ((3.0, -1.0), (3.0, 5.0))) == pytest.approx(1.0)
    assert polygon_distance(SQUARE, ((1.0, -1.0), (1.0, 5.0))) == 0.0


def test_boxes_stand_apart_when_neither_is_above_a_point_of_the_other() -> None:
    table = box(0, 0, 0.4, 2, 1, 0.8)
    assert not stand_apart(table, box(0.5, 0.2, 0.9, 0.2, 0.2, 0.2))
    assert not stand_apart(box(0.5, 0.2, 0.9, 0.2, 0.2, 0.2), table)
    assert not stand_apart(table, box(1.05, 0, 0.9, 0.2, 0.2, 0.2)), "it hangs over the edge"
    assert stand_apart(table, box(1.2, 0, 0.9, 0.2, 0.2, 0.2))
    assert not stand_apart(table, box(1.2, 0, 0.9, 0.4, 0.4, 0.2, yaw=math.pi / 4)), "turned, it reaches over the edge"


def test_a_point_in_the_notch_of_an_l_is_outside() -> None:
    assert contains(L_SHAPE, (0.5, 2.5))
    assert contains(L_SHAPE, (3.5, 0.5))
    assert not contains(L_SHAPE, (2.0, 2.0))
    assert not contains(L_SHAPE, (-0.1, 0.5))


def test_the_area_of_an_l_is_that_of_its_two_rectangles() -> None:
    assert Room(outline=L_SHAPE, height=2.5).area == pytest.approx(4 * 1 + 1 * 2)


places, lengths, turns = st.floats(-3, 3), st.floats(0.2, 2), st.floats(-4, 4)
boxes = st.builds(box, places, places, places, lengths, lengths, lengths, turns)


@settings(max_examples=40, deadline=None)
@given(boxes, boxes)
def test_the_distance_is_what_points_all_over_both_boxes_say(one: OrientedBox, other: OrientedBox) -> None:
    grid = np.stack(np.meshgrid(*[np.linspace(-0.5, 0.5, 7)] * 3), axis=-1).reshape(-1, 3)
    clouds = []
    for each in (one, other):
        cos, sin = math.cos(each.yaw), math.sin(each.yaw)
        turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
        clouds.append(grid * each.size @ turn.T + each.center)
    sampled = float(np.linalg.norm(clouds[0][:, None] - clouds[1][None], axis=2).min())
    assert distance(one, other) == pytest.approx(distance(other, one))
    # No point of a box is farther from a point of its grid than half a cell's diagonal.
    slack = sum(math.hypot(*(side / 12 for side in each.size)) for each in (one, other))
    assert distance(one, other) - 1e-9 <= sampled <= distance(one, other) + slack + 1e-9


def test_the_camera_axes_are_right_up_and_forward() -> None:
    assert np.allclose(camera().axes, np.array([(1, 0, 0), (0, 0, 1), (0, 1, 0)]))
    assert np.allclose(camera(yaw=QUARTER).axes, np.array([(0, 1, 0), (0, 0, 1), (-1, 0, 0)]))
    assert np.allclose(camera(pitch=-QUARTER).axes[2], (0, 0, -1))


@settings(max_examples=30, deadline=None)
@given(st.floats(-7, 7), st.floats(-1.5, 1.5))
def test_the_camera_axes_are_orthonormal_and_right_handed(yaw: float, pitch: float) -> None:
    axes = camera(yaw=yaw, pitch=pitch).axes
    assert np.allclose(axes @ axes.T, np.eye(3))
    assert np.allclose(np.cross(axes[0], axes[1]), -axes[2])


def test_a_point_falls_where_similar_triangles_say() -> None:
    # 90 degrees over 100 px: the focal length is 50 px. 4 m ahead, 1 m right, 0.5 m up: 12.5 px right, 6.25 px up.
    assert camera().focal_px == pytest.approx(50.0)
    assert camera().project((1.0, 4.0, 1.5)) == pytest.approx((112.5, 43.75))
    assert camera().seen_from((1.0, 4.0, 1.5)) == pytest.approx((1.0, 0.5, 4.0))
    assert camera().depth((1.0, 4.0, 1.5)) == pytest.approx(4.0)


def test_a_camera_turned_to_the_left_sees_what_is_left() -> None:
    assert camera(yaw=QUARTER).project((-4.0, 0.0, 1.0)) == pytest.approx((100.0, 50.0))
    assert camera(yaw=QUARTER).project((4.0, 0.0, 1.0)) is None


def test_look_at_puts_its_target_in_the_middle() -> None:
    aimed = look_at((1.0, 2.0, 3.0), (-2.0, 5.0, 0.5), fovy=60.0, size=(224, 168))
    assert aimed.project((-2.0, 5.0, 0.5)) == pytest.approx((112.0, 84.0))


def test_the_bounds_of_a_box_are_those_of_its_nearest_face_when_seen_straight_on() -> None:
    # The near face is 3 m ahead and 2 x 1 m: 50 / 3 px for each metre.
    assert camera().bounds_px(box(0, 4, 1, 2, 2, 1)) == pytest.approx(
        (100 - 50 / 3, 50 - 25 / 3, 100 + 50 / 3, 50 + 25 / 3)
    )
    assert camera().bounds_px(box(0, 0, 1, 2, 2, 1)) is None
