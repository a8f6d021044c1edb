"""The replacement rule: what a turn's actions do to the marks that are there."""

from vilasr.drawing import add_marks
from vilasr.types import Box, Line


def box(label, x=0):
    return Box(image_index=1, box_px=(x, 0, x + 10, 10), label=label)


def line(label, x=0):
    return Line(image_index=1, start_px=(x, 0), end_px=(x, 10), label=label)


def test_two_boxes_with_one_label_in_one_turn_stay_two():
    assert add_marks((), [box("chair", 1), box("chair", 2)]) == (box("chair", 1), box("chair", 2))


def test_a_later_box_replaces_the_first_of_its_label_in_place():
    before = (box("chair", 1), box("table", 2), box("chair", 3))
    assert add_marks(before, [box("chair", 4)]) == (box("chair", 4), box("table", 2), box("chair", 3))


def test_the_ith_replaces_the_ith_and_extra_ones_are_appended():
    before = (box("chair", 1), box("table", 2), box("chair", 3))
    after = add_marks(before, [box("chair", 4), box("lamp", 5), box("chair", 6), box("chair", 7)])
    assert after == (box("chair", 4), box("table", 2), box("chair", 6), box("lamp", 5), box("chair", 7))


def test_a_line_and_a_box_with_one_label_do_not_replace_each_other():
    assert add_marks((box("door", 1),), [line("door", 2)]) == (box("door", 1), line("door", 2))


def test_labels_are_compared_exactly():
    assert add_marks((box("chair", 1),), [box("Chair", 2)]) == (box("chair", 1), box("Chair", 2))


def test_no_actions_change_nothing():
    before = (box("chair", 1), line("way", 2))
    assert add_marks(before, []) == before


def test_marks_keep_the_action_objects():
    first, second = box("a"), Box(image_index=7, box_px=(1, 2, 3, 4), label="b")
    after = add_marks((first,), [second])
    assert after[0] is first
    assert after[1] is second
