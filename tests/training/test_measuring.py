"""Of which boxes a length is, in the words that demonstrations are said in."""

from __future__ import annotations

import re

import pytest

from vilasr.training.measuring import measured


def told(text):
    """[(length, [last word before each of its boxes])] of `text`, in which every bracket opens a box."""
    boxes = [found.start() for found in re.finditer(r"\[", text)]
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
        ("A [1, 2, 3, 4], B [5, 6, 7, 8].\nA 320 cm, B 90 cm: B is nearest.", [("320", ["A"]), ("90", ["B"])]),
        (
            "A [1, 2, 3, 4], B [5, 6, 7, 8].\nIt is 320 cm at A; 90 cm at B. The least is 90 cm at B.",
            [("320", ["A"]), ("90", ["B"])],
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


def test_things_of_one_class_are_told_apart_by_colour_and_the_last_box_of_a_thing_counts():
    text = "red mug [1, 1, 2, 2], blue mug [3, 3, 4, 4], blue mug [5, 5, 6, 6]. The blue mug is 50 cm away."
    boxes = [found.start() for found in re.finditer(r"\[", text)]
    assert list(measured(text, boxes)) == [(text.index("50"), [boxes[2]])]
