"""Of which boxes a length is, and which name is read off a box, in the words that demonstrations are said in."""

from __future__ import annotations

import re

import pytest

from vilasr.training.measuring import found_in, lettered, measured, named_after


def brackets(text):
    """Where they open in `text`; every one opens a box."""
    return [found.start() for found in re.finditer(r"\[", text)]


def read_off(find, text):
    """[(word, number of its box from 1)] that `find` finds in `text`."""
    boxes = brackets(text)
    return [(re.match(r"\w+", text[word:])[0], boxes.index(box) + 1) for word, box in find(text, boxes)]


def told(text):
    """[(length, [last word before each of its boxes])] of `text`."""
    boxes = brackets(text)
    return [
        (re.match("[0-9]+", text[number:])[0], [text[:box].replace(" at ", " ").split()[-1] for box in of_things])
        for number, of_things in measured(text, boxes)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "I see cube [1, 2, 3, 4], mug [5, 6, 7, 8].\nIt is about 85 cm to the cube and 110 cm to the mug.",
            [("85", ["cube"]), ("110", ["mug"])],
        ),
        (
            "I see the book at [1, 2, 3, 4] and the cone at [5, 6, 7, 8]. The book measures 21 cm, the cone 35 cm.",
            [("21", ["book"]), ("35", ["cone"])],
        ),
        (
            "I see book [1, 2, 3, 4], cube [5, 6, 7, 8], clock [9, 9, 10, 10].\n"
            "From the clock it is 2 cm to the book, 38 cm to the cube.",
            [("2", ["book", "clock"]), ("38", ["cube"])],
        ),
        (
            "I see book [1, 2, 3, 4], cube [5, 6, 7, 8].\nIt is 38 cm to the book, 38 cm to the cube.\n"
            "The least is 38 cm to the book.",
            [("38", ["book"]), ("38", ["cube"])],
        ),
        (
            "I see book [1, 2, 3, 4], clock [9, 9, 10, 10].\nFrom the clock it is 2 cm to the book.\n"
            "The least is 2 cm to the book.",
            [("2", ["book", "clock"])],
        ),
        ("A [1, 2, 3, 4], B [5, 6, 7, 8].\nA 320 cm, B 90 cm: B is nearest.", [("320", ["A"]), ("90", ["B"])]),
        (
            "A [1, 2, 3, 4], B [5, 6, 7, 8].\nIt is 320 cm at A; 90 cm at B. The least is 90 cm at B.",
            [("320", ["A"]), ("90", ["B"])],
        ),
        (
            "In image 1, A at [1, 2, 3, 4] is the mug, B at [5, 6, 7, 8] is the mug.\nIt is 90 cm to B, 320 cm to A.",
            [("90", ["B"]), ("320", ["A"])],
        ),
        ("A is the mug at [1, 2, 3, 4].\nA 320 cm, C 90 cm: A is nearest.", [("320", ["mug"])]),
        ("I see candle [1, 2, 3, 4].\nIts middle is about 360 cm away, 3.6 m.", [("360", ["candle"])]),
        ("I see cup [1, 2, 3, 4], bowl [5, 6, 7, 8].\nThe gap is about 34 cm: 0.34 m.", [("34", ["bowl"])]),
        ("I see mug [1, 2, 3, 4], bowl [5, 6, 7, 8].\nThe gap is about 34 cm: 0.34 m.", [("34", ["mug", "bowl"])]),
        ("I see mug [1, 2, 3, 4].\nThe ball is 50 cm away.", []),
        ("It is 85 cm to the mug. I see mug [1, 2, 3, 4].", []),
        ("I see red mug [1, 2, 3, 4], blue mug [5, 6, 7, 8].\nThe blue mug is 50 cm away.", [("50", ["mug"])]),
    ],
)
def test_a_length_is_of_the_things_that_its_clause_names_or_else_its_sentence(text, expected):
    assert told(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The dot is at [1, 2, 3, 4]. Around it, at [5, 6, 7, 8], is the mug. It lies on the mug.", [("mug", 2)]),
        ("In image 1 the red box at [1, 2, 3, 4] holds the red mug.", [("red", 1), ("mug", 1)]),
        ("Image 1: at [1, 2, 3, 4], in the red box, is the black toy car.", [("black", 1), ("toy", 1)]),
        ("Image 2 shows the sink at [1, 2, 3, 4] and at [5, 6, 7, 8] the pink chair.", [("pink", 2), ("chair", 2)]),
        ("I see mug [1, 2, 3, 4], bowl [5, 6, 7, 8]. The bowl is nearer.", []),
        ("In image 2 the mug is at [1, 2, 3, 4], the bowl at [5, 6, 7, 8].", []),
    ],
)
def test_a_name_that_follows_a_box_is_read_off_that_box(text, expected):
    assert read_off(named_after, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I see red mug in image 12 [1, 2, 3, 4], vase in image 3 [5, 6, 7, 8].", [("12", 1), ("3", 2)]),
        ("I find chair 1 in image 4 at [1, 2, 3, 4] and chair 2 in image 4 at [5, 6, 7, 8].", [("4", 1), ("4", 2)]),
        ("In image 2 the mug is at [1, 2, 3, 4]. Image 3: mug [5, 6, 7, 8].", []),
        ("First seen: the mug in image 2, the vase in image 5.", []),
    ],
)
def test_the_image_in_which_a_named_thing_was_found_is_read_off_its_box(text, expected):
    assert read_off(found_in, text) == expected


def test_the_letter_that_a_picture_has_at_a_box_is_read_there():
    text = "The red box at [1, 2, 3, 4] holds the mug. This mug is at [5, 6, 7, 8], in box B. That is box B."
    assert read_off(lettered, text) == [("B", 2)]
    [(place, _)] = lettered(text, brackets(text))
    assert place == text.index("B.")


def test_things_of_one_class_are_told_apart_by_colour_and_the_last_box_of_a_thing_counts():
    text = "red mug [1, 1, 2, 2], blue mug [3, 3, 4, 4], blue mug [5, 5, 6, 6]. The blue mug is 50 cm away."
    boxes = brackets(text)
    assert list(measured(text, boxes)) == [(text.index("50"), [boxes[2]])]
