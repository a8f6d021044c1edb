"""Where things are to each other across views, and which may be boxed, on scenes small enough to check by hand."""

from __future__ import annotations

import random

import pytest
from handmade_stage import CAMERA, stage, thing

from vilasr.tasks.multiview.questions_measure import ask_order
from vilasr.tasks.multiview.questions_place import MATCHES, ask_match, is_beside, relation

# --- relative position ---


def test_what_lies_on_a_desk_is_not_left_of_it():
    desk, apple = thing("desk", 1, 4, (1.6, 0.8, 0.7)), thing("apple", 0.4, 4, (0.1, 0.1, 0.1), z=0.7)
    assert not is_beside(apple, desk, CAMERA)
    assert not is_beside(desk, apple, CAMERA)
    assert is_beside(thing("apple", -0.4, 4, (0.1, 0.1, 0.1)), desk, CAMERA)


def test_a_thing_before_a_wide_bed_is_neither_left_nor_right_of_it():
    """The bed reaches from 0 to 2.4 m aside at 5 m; a chair at 2 m and 0.4 m aside covers directions within that."""
    bed, chair = thing("bed", 1.2, 6, (2.4, 2.0, 0.5)), thing("chair", 0.4, 2, (0.3, 0.3, 0.8))
    two = stage([bed, chair], {}, {})
    assert not is_beside(chair, bed, CAMERA)
    assert relation(two, chair, bed, 1) is None
    aside = thing("chair", -0.6, 2, (0.3, 0.3, 0.8))
    assert is_beside(aside, bed, CAMERA)
    assert relation(stage([bed, aside], {}, {}), aside, bed, 1) == "left nearer"


# --- matching ---


CHAIRS = [thing("chair", x, 4, number=x, color=color) for x, color in ((1, "red"), (2, "red"), (3, "blue"))]
OTHERS = [thing(category, 0, 5, color="red") for category in ("bed", "desk", "sofa")]
ROW = {each.name: (2 + 16 * place, 40, 14 + 16 * place, 60) for place, each in enumerate([*CHAIRS, *OTHERS])}


def test_half_of_the_matching_questions_want_a_box_with_the_same_kind_of_thing():
    assert sum(wish.endswith("alike") for wish in MATCHES) / len(MATCHES) == 0.5
    assert sorted(wish[0] for wish in MATCHES) == list("AABBCCDD")


def test_a_chair_is_matched_among_chairs_and_may_have_a_twin_there():
    """A chair shares its boxes with both others of its kind and one more thing; the twin takes part by its place."""
    two = stage([*CHAIRS, *OTHERS], ROW, ROW)
    matched = set()
    for seed in range(40):
        asked = ask_match(two, "C alike", random.Random(seed))
        assert asked.answer == "C"
        assert asked.truth["alike"] == 2
        (facts,) = asked.truth["objects"]
        matched.add((facts["name"], facts["phrase"]))
        assert asked.truth["boxes_px"][2] == list(ROW[facts["name"]])
    assert matched == {("chair_1", "red chair"), ("chair_2", "red chair"), ("chair_3", "blue chair")}


def test_without_a_second_thing_of_its_kind_none_is_matched_among_alike():
    things = [CHAIRS[0], *OTHERS]
    row = {each.name: ROW[each.name] for each in things}
    two = stage(things, row, row)
    assert ask_match(two, "A alike", random.Random(0)) is None
    assert ask_match(two, "A", random.Random(0)).truth["alike"] == 0


# --- boxes ---


@pytest.mark.parametrize(
    ("hidden", "visible_well", "stands_out"), [(5, True, True), (6, True, False), (12, False, False)]
)
def test_a_thing_stands_out_when_its_box_shows_three_times_as_much_of_it_as_of_anything_else(
    hidden, visible_well, stands_out
):
    """Of 20 columns the lamp before it hides 5: 600 px against 200; 6: 560 against 240; 12: 320 against 480."""
    bed, lamp = thing("bed", 0, 5), thing("lamp", 0, 4)
    boxes = {"bed_1": (20, 20, 40, 60), "lamp_1": (24, 20, 24 + hidden, 60)}
    one = stage([bed, lamp], boxes)
    assert (bed in one.visible(1)) == visible_well
    assert one.stands_out(bed, 1) == stands_out


@pytest.mark.parametrize(("hidden", "asked"), [(5, True), (6, False)])
def test_an_order_asks_only_about_what_stands_out_in_its_box(hidden, asked):
    """At 2, 2.1, 3 and 4.5 m: without the desk, no three are each 1.2 times as far as the one before."""
    things = [thing("bed", 0, 2), thing("lamp", 0, 2.1), thing("desk", 0, 3), thing("sofa", 0, 4.5)]
    here = {"bed_1": (70, 20, 90, 60), "desk_1": (20, 20, 40, 60), "lamp_1": (24, 20, 24 + hidden, 60)}
    there = {name: here[name] for name in ("desk_1", "lamp_1")} | {"sofa_1": (50, 20, 70, 60)}
    question = ask_order(stage(things, here, there), "", random.Random(0))
    assert (question is not None) == asked
    if question is not None:
        assert [facts["category"] for facts in question.truth["objects"]][1:] == ["desk", "sofa"]
