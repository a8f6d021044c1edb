"""A catalogue of traps for reading the letter of an option."""

from __future__ import annotations

import pytest

from vilasr.scoring import extract_answer
from vilasr.types import AnswerType

OPTIONS = ("Apple", "red chair", "table", "left")


def read(text, options=OPTIONS):
    return extract_answer(text, AnswerType.CHOICE, options)


@pytest.mark.parametrize(
    "text",
    [
        "B",
        "b",
        "B.",
        "(B)",
        "[B]",
        "B)",
        " B \n",
        "Option B",
        "option b.",
        "Answer: B",
        "The answer is B",
        "the answer is B.",
        "The correct answer is (B).",
        "So the answer is: B",
        "My final answer is option B",
        "I choose B",
        "**B**",
        "`B`",
        r"\boxed{B}",
        r"$\boxed{B}$",
        r"\boxed{\text{B}}",
        "B. red chair",
        "(B) red chair",
        "B: Red Chair.",
        "B - red chair",
        "B, because it is near",
        "red chair",
        "Red  Chair.",
        "The answer is red chair",
        "Apple is wrong, B",
        "It's B",
        "B is right",
        "I think B",
        "The apple is far, so it must be (B)",
        "<answer>B</answer>",
        "<answer> (B) </answer>",
        "<answer>B",
        "A red chair",  # an article, not the letter
        "The answer is a red chair.",
        "not the apple but B",
        "nothing but B",
        "none other than B",
        "By elimination B is right",
        "What is left when the rest is eliminated is B",
        "It does not fit. B",
        "B rather than the table",
        "B? Yes",
        "A is tempting, C too. <answer>B</answer>",
        "<answer>B</answer> or <answer>B</answer>",
        "\uff22",  # full-width B
    ],
)
def test_these_all_say_b(text):
    assert read(text).value == "B"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "no answer"),
        ("", "no answer"),
        ("  \n", "no answer"),
        ("<answer></answer>", "no answer"),
        ("B <answer> </answer>", "no answer"),
        ("<answer>A</answer><answer>B</answer>", "ambiguous: several different answer tags"),
        ("Because", "no option named"),
        ("Definitely", "no option named"),
        ("BC", "no option named"),
        ("chair", "no option named"),
        ("a chair", "no option named"),
        ("A stool", "no option named"),
        ("A red chair is nearest.", "no option named"),
        ("It is far. A lamp is near.", "no option named"),
        ("A chair, so B", "ambiguous: A and B"),
        ("C-shaped", "no option named"),
        ("I'd say so", "no option named"),
        ("\u0412", "no option named"),  # Cyrillic
        ("?", "no option named"),
        ("2", "no option named"),
        ("E", "E is none of A-D"),
        ("(e)", "E is none of A-D"),
        ("The answer is F.", "F is none of A-D"),
        ("A or B", "ambiguous: A and B"),
        ("a or B", "ambiguous: A and B"),
        ("b or C", "ambiguous: B and C"),
        ("b, c", "ambiguous: B and C"),
        ("A) or B)", "ambiguous: A and B"),
        ("A/B", "ambiguous: A and B"),
        ("A, B, C", "ambiguous: A and B and C"),
        ("not A but B", "ambiguous: A and B"),
        ("B, not C", "ambiguous: B and C"),
        ("A is wrong, B", "ambiguous: A and B"),
        ("The answer is A or D", "ambiguous: A and D"),
        ("B. Apple", "ambiguous: the letter B with the text of option A"),
        ("not B", "B is named as wrong"),
        ("The answer is not B", "B is named as wrong"),
        ("It isn't (B)", "B is named as wrong"),
        ("B is wrong", "B is named as wrong"),
        ("B can't be", "B is named as wrong"),
        ("B is the wrong answer", "B is named as wrong"),
        ("B has been ruled out", "B is named as wrong"),
        ("option B is eliminated", "B is named as wrong"),
        ("B? No.", "B is named as wrong"),
        ("not the option B", "B is named as wrong"),
        ('not "B"', "B is named as wrong"),
        ("It is not quite B", "B is named as wrong"),
        ("I don't think it's B", "B is named as wrong"),
        ("I do not think that the answer is B", "B is named as wrong"),
        ("I ruled out B", "B is named as wrong"),
        ("I rule B out", "B is named as wrong"),
        ("All except for B", "B is named as wrong"),
        ("anything but B", "B is named as wrong"),
        ("All of the options but B", "B is named as wrong"),
        ("Everything other than B", "B is named as wrong"),
        ("instead of B", "B is named as wrong"),
    ],
)
def test_these_say_nothing_and_the_reason_tells_why(text, reason):
    extraction = read(text)
    assert extraction.value is None
    assert extraction.reason == reason


@pytest.mark.parametrize(
    "text",
    ["A is right", "A it is", "A because it is near", "A, the apple", "Option A seems right", "A\nbecause", "It is A"],
)
def test_these_all_say_a(text):
    assert read(text).value == "A"


def test_a_letter_wins_over_an_equal_option_text_because_the_prompt_asks_for_the_letter():
    assert read("A", ("B", "A")).value == "A"


def test_the_text_of_two_equal_options_is_ambiguous():
    assert read("left", ("left", "left", "up")).reason == "ambiguous: the text of options A and B"


def test_without_known_options_any_letter_counts():
    assert read("(G)", ()).value == "G"


def test_yes_is_read_as_the_option_of_that_text():
    assert read("Yes.", ("yes", "no")).value == "A"
    assert read("no", ("yes", "no")).value == "B"


def test_the_looked_at_text_is_kept():
    assert read("far <answer> b. </answer>").parsed == "b."
