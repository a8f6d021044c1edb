"""The question types of the video task, on scenes small enough to check by hand."""

from __future__ import annotations

import math
import random
import re

import numpy as np
import pytest

from vilasr.tasks.scenes.camera import Camera
from vilasr.tasks.scenes.world import Room, Scene, SceneObject, Surroundings, View
from vilasr.tasks.video import appearance, measures, relations, routes
from vilasr.tasks.video.bearings import bearing, left_or_right, left_right_or_back, quadrant
from vilasr.tasks.video.footage import Footage, Sighting, footage_of
from vilasr.tasks.video.marking import box_steps
from vilasr.tasks.video.walls import best_walls

PLAIN = Surroundings(floor_color=(1, 1, 1), wall_color=(1, 1, 1), floor_pattern="plain", texture_seed=0, lights=())
SIX_BY_FIVE = Room(outline=((0, 0), (6, 0), (6, 5), (0, 5)), height=2.5)


def thing(category, x, y, size=(0.4, 0.4, 0.8), *, number=1, color="red", yaw=0.0):
    return SceneObject(
        name=f"{category}_{number}", category=category, color=color, position=(x, y, 0.0), yaw=yaw, size=size, parts=()
    )


def footage(things, frames=None, *, cameras=(), rooms=(SIX_BY_FIVE,)):
    """Every thing is clear on frame 1, or on those that `frames` gives by name; the boxes are all alike."""
    frames = frames or {}
    scene = Scene(kind="room", rooms=rooms, objects=tuple(things), surroundings=PLAIN)
    seen = {
        each.name: tuple(
            Sighting(frame=frame, box_px=(10, 20, 60, 80), pixels=2000, shown=1.0, clear=True)
            for frame in frames.get(each.name, (1,))
        )
        for each in things
    }
    still = Camera(position=(3, 2.5, 1.5), yaw=0.0, pitch=0.0, fovy=60, size=(224, 224))
    return Footage(
        scene=scene,
        cameras=tuple(cameras) or (still,),
        sightings=seen,
        clear=seen,
        phrases={each.name: each.category for each in things},
    )


def chosen(asked):
    return asked.options[ord(asked.answer) - ord("A")]


# --- numbers ---


def test_all_chairs_of_the_scene_are_counted_and_each_is_boxed_once_on_the_fewest_frames():
    chairs = [thing("chair", x, 1, number=x) for x in (1, 2, 3)]
    film = footage([*chairs, thing("bed", 5, 4)], {"chair_1": (1, 4), "chair_2": (2, 4), "chair_3": (7,)})
    asked = measures.counting(film, random.Random(0))
    assert asked.answer == "3"
    assert "chairs" in asked.text
    marks = [mark for step in asked.plan.steps for mark in step.marks]
    drawn = [(each.mark.image_index, each.mark.label) for each in marks]
    assert drawn == [(4, "chair 1"), (4, "chair 2"), (7, "chair 3")]
    assert [[other.image_index for other in each.also] for each in marks] == [[1], [2], []]


def test_a_category_with_an_object_that_is_never_clear_is_not_counted():
    chairs = [thing("chair", x, 1, number=x) for x in (1, 2)]
    film = footage(chairs)
    hidden = Footage(
        scene=film.scene,
        cameras=film.cameras,
        sightings=film.sightings,
        clear={"chair_1": film.clear["chair_1"]},
        phrases={},
    )
    assert measures.counting(film, random.Random(0)) is not None
    assert measures.counting(hidden, random.Random(0)) is None


def test_a_distance_is_between_the_edges_of_two_boxes():
    film = footage([thing("chair", 1, 1), thing("bed", 4, 1, (2.0, 1.0, 0.5))])
    asked = measures.absolute_distance(film, random.Random(0))
    assert asked.answer == "1.8"  # 3 m between the middles, less 0.2 m and 1 m
    assert "metres" in asked.text


def test_things_that_stand_together_have_no_distance():
    assert measures.absolute_distance(footage([thing("chair", 1, 1), thing("bed", 1.6, 1)]), random.Random(0)) is None


def test_a_size_is_the_longest_side_in_centimetres():
    asked = measures.object_size(footage([thing("bed", 3, 3, (1.4, 2.05, 0.5))]), random.Random(0))
    assert asked.answer == "205"
    assert "longest in depth" in asked.plan.concludes[1]


def test_a_room_seen_from_its_corners_has_its_area_and_a_line_along_two_walls():
    far = Camera(position=(3, 0.3, 1.5), yaw=0.0, pitch=-0.2, fovy=75, size=(224, 224))
    aside = Camera(position=(0.3, 2.5, 1.5), yaw=-math.pi / 2, pitch=-0.2, fovy=75, size=(224, 224))
    asked = measures.room_size(footage([], cameras=(far, aside)), random.Random(0))
    assert asked.answer == "30.0"
    (step,) = asked.plan.steps
    assert [(each.mark.image_index, each.mark.label) for each in step.marks] == [(1, "long wall"), (2, "short wall")]
    assert measures.room_size(footage([], cameras=(far, far)), random.Random(0)) is None


def test_the_foot_of_a_wall_is_marked_from_corner_to_corner():
    """From 4 m, with a focal length of 112 px: 1.5 m below the eye is 42 px below the middle, 3 m aside are 84 px."""
    camera = Camera(position=(3, 1, 1.5), yaw=0.0, pitch=0.0, fovy=90, size=(224, 224))
    turned = Camera(position=(5.5, 2.5, 1.5), yaw=math.pi / 2, pitch=0.0, fovy=90, size=(224, 224))
    long, short = best_walls(SIX_BY_FIVE, (camera, turned))
    assert (long.frame, long.length, long.shown) == (1, 6, 1.0)
    assert sorted([long.start_px, long.end_px]) == [pytest.approx((28, 154)), pytest.approx((196, 154))]
    assert (short.frame, short.length) == (2, 5)


def test_a_wall_of_which_a_part_is_in_the_picture_is_called_that():
    """From 1.2 m before it, looking down, 80 degrees show 2.8 m of the short wall."""
    far = Camera(position=(3, 0.3, 1.5), yaw=0.0, pitch=-0.2, fovy=75, size=(224, 224))
    near = Camera(position=(1.2, 2.5, 1.5), yaw=math.pi / 2, pitch=-0.4, fovy=80, size=(224, 224))
    asked = measures.room_size(footage([], cameras=(far, near)), random.Random(0))
    (step,) = asked.plan.steps
    assert step.says == (
        "In image 1 the line {0} follows the long wall, 6.00 m in all; "
        "in image 2 the line {1} follows part of the short wall, 5.00 m in all.",
        "Walls: image 1 {0} is 6.00 m, image 2 {1} is part of 5.00 m.",
    )


def test_the_sides_of_a_rectangle_multiply_to_its_area():
    far = Camera(position=(3, 0.3, 1.5), yaw=0.0, pitch=-0.2, fovy=75, size=(224, 224))
    aside = Camera(position=(0.3, 2.5, 1.5), yaw=-math.pi / 2, pitch=-0.2, fovy=75, size=(224, 224))
    asked = measures.room_size(footage([], cameras=(far, aside)), random.Random(0))
    assert asked.plan.concludes == (
        "6.00 times 5.00 is about 30.0 square metres.",
        "6.00 times 5.00 is about 30.0. The floor has 30.0 square metres.",
    )


def test_of_an_l_shape_the_missing_corner_is_taken_off():
    corner = Room(outline=((0, 0), (6, 0), (6, 3), (4, 3), (4, 5), (0, 5)), height=2.5)
    assert measures._product(corner) == "6.00 times 5.00 less a corner of 4.0 is about 26.0"


def test_rooms_are_numbered_as_the_video_comes_to_them():
    """The second room of the scene is filmed first."""
    other = Room(outline=((6.2, 0), (10.2, 0), (10.2, 5), (6.2, 5)), height=2.5)
    views = [
        Camera(position=(x, y, 1.5), yaw=yaw, pitch=-0.2, fovy=75, size=(224, 224))
        for middle, edge in ((8.2, 6.5), (3, 0.3))
        for x, y, yaw in ((middle, 0.3, 0.0), (edge, 2.5, -math.pi / 2))
    ]
    asked = measures.room_size(footage([], cameras=views, rooms=(SIX_BY_FIVE, other)), random.Random(0))
    assert asked.answer == "50.0"
    assert [mark.mark.image_index for mark in asked.plan.steps[0].marks] == [2, 1]
    assert [mark.mark.label for mark in asked.plan.steps[1].marks] == ["room 2 long wall", "room 2 short wall"]
    assert asked.plan.steps[0].says[1].startswith("Room 1 walls: image 2 {0} is ")
    assert asked.plan.concludes[0] == (
        "Room 1: 5.00 times 4.00 is about 20.0. Room 2: 6.00 times 5.00 is about 30.0. Together 50.0 square metres."
    )


# --- nearest ---


def four_corners():
    """Each of four things in the corners has an anchor of its own 1 m away."""
    corners = {"bed": (0.5, 0.5), "desk": (5.5, 0.5), "sofa": (5.5, 4.5), "stove": (0.5, 4.5)}
    anchors = {"mug": (1.5, 0.5), "vase": (4.5, 0.5), "lamp": (4.5, 4.5), "ball": (1.5, 4.5)}
    return [thing(name, *place) for name, place in (corners | anchors).items()]


def test_the_nearest_of_four_is_each_of_them_equally_often():
    film, wins = footage(four_corners()), {}
    pairs = {"mug": "bed", "vase": "desk", "lamp": "sofa", "ball": "stove"}
    pairs |= {winner: anchor for anchor, winner in pairs.items()}
    for seed in range(400):
        asked = relations.relative_distance(film, random.Random(seed))
        anchor = asked.names[0].removesuffix("_1")
        assert len(asked.options) == 4
        if pairs[anchor] in asked.options:
            assert chosen(asked) == pairs[anchor]
        wins[asked.answer] = wins.get(asked.answer, 0) + 1
    assert min(wins.values()) > 70


def test_two_things_about_as_near_are_not_asked_about():
    gaps = {("mug", "bed"): 1.0, ("mug", "desk"): 1.25, ("mug", "sofa"): 3.0, ("mug", "stove"): 3.0}
    things = [thing("bed", 0, 0), thing("desk", 0, 0), thing("sofa", 0, 0), thing("stove", 0, 0)]
    named = {(f"{one}_1", f"{other}_1"): gap for (one, other), gap in gaps.items()}
    assert relations._nearest(thing("mug", 0, 0), things, named) is None
    assert relations._nearest(thing("mug", 0, 0), things, named | {("mug_1", "desk_1"): 1.31}) == "bed_1"


# --- directions ---


@pytest.mark.parametrize(
    ("target", "angle"), [((0, 2), 0), ((-1, 1), 45), ((-1, 0), 90), ((-1, -1), 135), ((0, -1), 180), ((1, 0), -90)]
)
def test_a_bearing_is_in_degrees_to_the_left_of_the_line_of_sight(target, angle):
    assert bearing((0, 0), (0, 1), target) == pytest.approx(angle)
    turned, moved = [(-y + 5, x - 7) for x, y in ((0, 1), target)]
    assert bearing((5, -7), turned, moved) == pytest.approx(angle)


def test_angles_near_a_border_have_no_answer():
    assert [left_or_right(angle, 15) for angle in (14, 16, 164, 166, -90)] == [None, "left", "left", None, "right"]
    assert [left_right_or_back(angle, 15) for angle in (14, 119, 121, 149, 151, -170, -60)] == [
        None, "left", None, None, "back", "back", "right",
    ]  # fmt: skip
    assert [quadrant(angle, 15) for angle in (14, 45, 76, 91, 135, 170, -30, -100, -120)] == [
        None, "front-left", None, None, "back-left", None, "front-right", None, "back-right",
    ]  # fmt: skip


def test_someone_by_the_bed_who_faces_the_desk_has_the_sofa_at_the_left():
    bed, desk, sofa = thing("bed", 1, 1), thing("desk", 5, 1), thing("sofa", 1.5, 4)
    side, angle = relations.direction_of(bed, desk, sofa, left_or_right)
    assert (side, round(angle)) == ("left", 81)  # atan2(3, 0.5)
    side, angle = relations.direction_of(desk, bed, sofa, quadrant)
    assert (side, round(angle)) == ("front-right", -41)  # atan2(3, 3.5)


def test_no_direction_where_it_depends_on_the_corner_one_stands_at():
    bed, desk, sofa = thing("bed", 1, 1, (0.4, 3.0, 0.5)), thing("desk", 5, 1), thing("sofa", 2, 1.5)
    assert relations.direction_of(bed, desk, sofa, left_or_right) == (None, pytest.approx(26.57, abs=0.01))
    small = thing("bed", 1, 1)
    assert relations.direction_of(small, desk, sofa, left_or_right)[0] == "left"


def test_front_and_back_are_asked_equally_often_though_most_things_are_in_front():
    things = [thing("bed", 3, 1), thing("desk", 3, 4), thing("mug", 0.8, 0.3), thing("sofa", 1, 3), thing("vase", 5, 3)]
    sides = [
        chosen(asked)
        for seed in range(300)
        if (asked := relations.direction_hard(footage(things), random.Random(seed))) is not None
    ]
    assert sum(side.startswith("back") for side in sides) / len(sides) == pytest.approx(0.5, abs=0.1)


# --- appearance ---


def test_the_order_of_appearance_is_by_first_clear_frame():
    things = [thing(name, 1, 1) for name in ("bed", "desk", "sofa", "stove")]
    film = footage(things, {"bed_1": (5, 6), "desk_1": (2, 5), "sofa_1": (9,), "stove_1": (3,)})
    asked = appearance.appearance_order(film, random.Random(0))
    assert chosen(asked) == "desk, stove, bed, sofa"
    assert asked.truth == {"frames": [2, 3, 5, 9]}
    first = {"bed": 5, "desk": 2, "sofa": 9, "stove": 3}
    asked_in_order = sorted(first, key=asked.text.index)
    assert [step.marks[0].mark.image_index for step in asked.plan.steps] == [first[name] for name in asked_in_order]
    assert all(sorted(option.split(", ")) == ["bed", "desk", "sofa", "stove"] for option in asked.options)
    for concluded in asked.plan.concludes:
        assert re.findall(r"the (\w+) in image (\d)", concluded) == [(n, str(first[n])) for n in asked_in_order]
        assert concluded.endswith("desk, stove, bed, sofa.")


def test_things_that_appear_together_or_by_and_by_have_no_order():
    things = [thing(name, 1, 1) for name in ("bed", "desk", "sofa", "stove")]
    together = footage(things, {"bed_1": (2,), "desk_1": (2,), "sofa_1": (9,), "stove_1": (3,)})
    assert appearance.appearance_order(together, random.Random(0)) is None
    part = Sighting(frame=1, box_px=(0, 0, 20, 20), pixels=26, shown=0.2, clear=False)
    speck = Sighting(frame=1, box_px=(0, 0, 5, 5), pixels=25, shown=0.1, clear=False)
    film = footage(things, {thing.name: (number,) for number, thing in enumerate(things, 2)})
    for before, num in ((part, 3), (speck, 4)):
        sightings = {**film.sightings, "bed_1": (before, *film.sightings["bed_1"])}
        seen = Footage(
            scene=film.scene, cameras=film.cameras, sightings=sightings, clear=film.clear, phrases=film.phrases
        )
        assert len(appearance.first_frames(seen)) == num


# --- routes ---


def test_a_route_turns_at_the_stops_and_keeps_clear_of_things():
    """From the bed east to the desk; then north to the sofa is left, back west past the bed to the stove is back."""
    bed, desk = thing("bed", 2.5, 1), thing("desk", 5, 1)
    things = [bed, desk, thing("sofa", 4.6, 4), thing("stove", 0.8, 2)]
    film = footage(things)
    floor = routes.Floor(film)
    leg = floor.leg((3.05, 1), desk)
    assert leg.end == pytest.approx((4.45, 1))
    assert floor.leg((0.5, 1), desk) is None  # through the bed
    assert floor.leg((4.0, 1), desk) is None  # no way to go
    for turn, goal in (("left", "sofa_1"), ("back", "stove_1")):
        asked = next(
            asked
            for seed in range(100)
            if (asked := routes.route_planning(film, random.Random(seed), turns=(turn,))) and asked.names[0] == "bed_1"
        )
        assert asked.names == ("bed_1", "desk_1", goal)
        assert sorted(asked.options) == ["turn back", "turn left", "turn right"]
        assert chosen(asked) == f"turn {turn}"
        assert len(asked.truth["way"]) == 3
    assert routes.route_planning(film, random.Random(0), turns=("right", "right")) is None


def test_turns_between_aside_and_back_are_not_asked():
    angles = (30, 40, -119, 121, 149, -151)
    assert [routes.turn_of(angle) for angle in angles] == [None, "left", "right", None, None, "back"]


@pytest.mark.parametrize(("yaw", "expected"), [(0.0, 1.0), (math.pi / 2, 0.25), (math.pi / 4, math.sqrt(2) / 4)])
def test_the_reach_of_a_thing_is_from_its_middle_to_its_edge(yaw, expected):
    """2 m wide and 0.5 m deep, seen from +x."""
    assert routes.reach(thing("desk", 1, 1, (2.0, 0.5, 0.7), yaw=yaw), (4, 1)) == pytest.approx(expected)


# --- frames ---


def test_the_fewest_frames_that_show_everything_are_drawn_on():
    things = [thing(name, 1, 1) for name in ("bed", "desk", "sofa")]
    film = footage(things, {"bed_1": (1, 3), "desk_1": (2, 3), "sofa_1": (3, 5)})
    (step,) = box_steps(film, {each.name: each.category for each in things})
    assert [each.mark.image_index for each in step.marks] == [3, 3, 3]
    assert step.says == (
        "I see bed in image 3 {0}, desk in image 3 {1}, sofa in image 3 {2}.",
        "I find the bed in image 3 at {0}, the desk in image 3 at {1} and the sofa in image 3 at {2}.",
        "There is the bed in image 3 at {0}, the desk in image 3 at {1} and the sofa in image 3 at {2}.",
    )


def test_things_are_told_in_the_order_of_the_question_and_not_of_the_video():
    things = [thing(name, 1, 1) for name in ("sofa", "bed", "desk")]
    film = footage(things, {"bed_1": (1,), "desk_1": (5,), "sofa_1": (5,)})
    steps = box_steps(film, {each.name: each.category for each in things})
    assert [[(each.mark.image_index, each.mark.label) for each in step.marks] for step in steps] == [
        [(5, "sofa"), (5, "desk")],
        [(1, "bed")],
    ]


def test_counted_things_have_numbers_and_no_article():
    film = footage([thing("chair", x, 1, number=x) for x in (1, 2)])
    (step,) = measures.counting(film, random.Random(0)).plan.steps
    assert step.says[1] == "I find chair 1 in image 1 at {0} and chair 2 in image 1 at {1}."


# --- what is clear ---


def test_two_ends_of_a_thing_behind_another_are_no_clear_sight_of_it():
    """20 x 40 px of a bed on each side of a wardrobe make a box as wide as the whole bed, which is mostly wardrobe."""
    bed, wardrobe = thing("bed", 3, 5, (2.0, 1.0, 0.8)), thing("wardrobe", 3, 3, (0.6, 0.5, 1.4))
    scene = Scene(kind="room", rooms=(SIX_BY_FIVE,), objects=(bed, wardrobe), surroundings=PLAIN)
    camera = Camera(position=(3, 0.5, 0.4), yaw=0.0, pitch=0.0, fovy=60, size=(224, 224))
    labels = np.full((224, 224), -1, np.int16)
    labels[92:132, 62:162] = 0
    whole = seen(scene, camera, labels, bed=(62, 92, 162, 132))
    assert whole.clear["bed_1"][0].shown == 1.0
    labels[60:180, 82:142] = 1
    hidden = seen(scene, camera, labels, bed=(62, 92, 162, 132), wardrobe=(82, 60, 142, 180))
    (sighting,) = hidden.sightings["bed_1"]
    assert (sighting.shown, sighting.pixels, sighting.clear) == (1.0, 1600, False)
    assert set(hidden.clear) == set(hidden.phrases) == {"wardrobe_1"}


def seen(scene, camera, labels, **boxes):
    pixels = {each.name: int((labels == number).sum()) for number, each in enumerate(scene.objects)}
    boxes = {f"{name}_1": box for name, box in boxes.items()}
    view = View(camera=camera, image=None, boxes_px=boxes, pixels=pixels, depth=None, labels=labels)
    return footage_of(scene, [view])
