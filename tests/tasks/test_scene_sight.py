"""What counts as well visible, in hand-made worlds of blocks."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from cast_boxes import SIZE, block, from_south, scene_of, view_of

from vilasr.tasks.scenes.camera import Camera
from vilasr.tasks.scenes.sight import MIN_FILL, MIN_LEAD, MIN_SHOWN, can_be_sided, is_well_visible
from vilasr.tasks.scenes.world import View

LEVEL = Camera(position=(0.0, -3.0, 0.5), yaw=0.0, pitch=0.0, fovy=60.0, size=SIZE)


def painted(*things, view):
    """The view with rectangles (name, box) of the scene's things painted into its labels, one over the other."""
    labels = np.full((SIZE[1], SIZE[0]), -1, np.int16)
    names = [thing.name for thing in things]
    for name, (x1, y1, x2, y2) in view:
        labels[y1:y2, x1:x2] = names.index(name)
    boxes, pixels = {}, {}
    for number, name in enumerate(names):
        rows, columns = np.nonzero(labels == number)
        boxes[name] = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
        pixels[name] = len(rows)
    seen = view_of(scene_of(*things), LEVEL)
    return View(camera=LEVEL, image=seen.image, boxes_px=boxes, pixels=pixels, depth=seen.depth, labels=labels)


def test_two_slivers_on_both_sides_of_another_thing_are_not_well_visible():
    shelf, screen = block("shelf_1", (0, 1), (2.0, 0.4, 0.8)), block("screen_1", (0, 0), (1.1, 0.1, 1.0))
    scene = scene_of(shelf, screen)
    view = view_of(scene, LEVEL)
    assert view.shown(shelf) > MIN_SHOWN, "the box around both slivers is nearly whole"
    assert not is_well_visible(view, scene, shelf)
    assert is_well_visible(view, scene, screen)
    narrower = scene_of(shelf, block("screen_1", (0, 0), (0.3, 0.1, 1.0)))
    assert is_well_visible(view_of(narrower, LEVEL), narrower, shelf)
    assert is_well_visible(replace(view, labels=None), scene, shelf), "unlabelled, nothing hides it"


# The chair's box is 40 x 40 px; 37 x 40 of it are the table's in the first case: 120 px are left of 1600, 7.5 %.
@pytest.mark.parametrize(
    ("table", "fill", "lead"),
    [((43, 40, 80, 80), 0.075, 0.08), ((56, 40, 80, 80), 0.4, 0.667), ((64, 40, 80, 80), 0.6, 1.5)],
)
def test_a_thing_fills_its_box_and_leads_there(table, fill, lead):
    chair, desk = block("chair_1", (0, 0), (1.0, 1.0, 1.0)), block("desk_1", (1, 0), (0.5, 0.5, 0.5))
    corner = ("chair_1", (79, 79, 80, 80))
    view = painted(chair, desk, view=[("chair_1", (40, 40, 80, 80)), ("desk_1", table), corner])
    scene = scene_of(chair, desk)
    assert view.pixels["chair_1"] / 1600 == pytest.approx(fill, abs=0.001)
    assert view.pixels["chair_1"] / view.pixels["desk_1"] == pytest.approx(lead, abs=0.01)
    assert is_well_visible(view, scene, chair) == (fill >= MIN_FILL and lead >= MIN_LEAD)
    assert not is_well_visible(view, scene, chair, min_lead=3.0)
    assert not is_well_visible(view, scene, chair, min_fill=0.7)


def test_what_is_small_or_cut_off_or_out_of_sight_is_not_well_visible():
    near = block("chair_1", (0, 0), (0.5, 0.5, 0.8))
    far = block("cup_1", (-0.8, 3), (0.1, 0.1, 0.1))
    cut = block("sofa_1", (2.2, 0), (1.6, 0.6, 0.8))
    behind = block("lamp_1", (0, -3.6), (0.3, 0.3, 1.4))
    scene = scene_of(near, far, cut, behind)
    view = view_of(scene, LEVEL)
    assert [is_well_visible(view, scene, thing) for thing in scene.objects] == [True, False, False, False]


@pytest.mark.parametrize(("side", "is_seen"), [(5, False), (6, True)])
def test_in_a_small_picture_a_box_has_six_pixels_at_least(side, is_seen):
    # 3.5 % of 64 px would be 2.2.
    chair = block("chair_1", (0, 0), (1.0, 1.0, 1.0))
    small = SimpleNamespace(
        camera=replace(LEVEL, size=(64, 64)),
        boxes_px={"chair_1": (10, 10, 40, 10 + side)},
        pixels={"chair_1": 30 * side},
        labels=None,
        shown=lambda thing: 1.0,
    )
    assert is_well_visible(small, scene_of(chair), chair) == is_seen


def test_sides_are_told_of_things_beside_each_other_only():
    south = from_south()
    desk, apple = block("desk_1", (0, 0), (1.2, 0.6, 0.7)), block("apple_1", (-0.4, 0), (0.1, 0.1, 0.1), z=0.7)
    ball = block("ball_1", (0.2, -0.9), (0.3, 0.3, 0.3))
    chair = block("chair_1", (1.2, 0.2), (0.5, 0.5, 0.8))
    view = view_of(scene_of(desk, apple, ball, chair), south)
    assert can_be_sided(view, desk, chair)
    assert can_be_sided(view, chair, desk)
    assert can_be_sided(view, apple, ball)
    assert not can_be_sided(view, apple, desk), "it stands on it"
    assert not can_be_sided(view, ball, desk), "the desk is seen on both sides of it"
    assert not can_be_sided(view, desk, ball)
