"""A catalogue of traps for reading a number."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vilasr.scoring import extract_answer
from vilasr.types import AnswerType


def read(text):
    return extract_answer(text, AnswerType.NUMBER)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("3.", 3),
        ("3.5 meters", 3.5),
        ("3.5m", 3.5),
        ("about 3.5 m.", 3.5),
        (".5", 0.5),
        ("three", 3),
        ("Three chairs", 3),
        ("twenty-one", 21),
        ("twenty one", 21),
        ("one hundred and five", 105),
        ("two thousand three hundred", 2300),
        ("a hundred", 100),
        ("a dozen", 12),
        ("half", 0.5),
        ("half a meter", 0.5),
        ("two and a half", 2.5),
        ("2 and a half meters", 2.5),
        ("three point one four", 3.14),
        ("minus five", -5),
        ("minus 5", -5),
        ("zero", 0),
        ("0", 0),
        ("1,200", 1200),
        ("1,200,000.5", 1200000.5),
        ("1'200", 1200),
        ("1\u00a0200", 1200),
        ("1e3", 1000),
        ("1.5E-2", 0.015),
        ("1.5 x 10^3", 1500),
        ("1.5×10³", 1500),
        ("3 thousand", 3000),
        ("-5", -5),
        ("+5", 5),
        ("\u22125", -5),  # minus sign
        ("5%", 5),
        ("5 percent", 5),
        ("$5", 5),
        ("~5", 5),
        ("**5**", 5),
        (r"\boxed{5}", 5),
        ("3/4", 0.75),
        ("1 1/2", 1.5),
        ("2½", 2.5),
        ("½", 0.5),
        ("12 m²", 12),
        ("12 m^2", 12),
        ("12 m2", 12),
        ("12m2", 12),
        ("5m/s2", 5),
        ("chair2 is 3 m away", 3),
        ("IMG_0012.jpg shows 3", 3),
        ("the point 3 m away", 3),
        ("There are three (3) chairs", 3),
        ("3 chairs, so 3", 3),
        ("\u0663", 3),  # Arabic-Indic
        ("\u0967\u0968.\u096b", 12.5),  # Devanagari
        ("\uff14\uff12", 42),  # full width
        ("<answer>3.5</answer>", 3.5),
        ("I counted 4, then 5. <answer>5 chairs</answer>", 5),
        ("The answer is 7.", 7),
        ("007", 7),
    ],
)
def test_these_are_one_number(text, value):
    assert read(text).value == pytest.approx(value, rel=1e-15, abs=0)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "no answer"),
        ("", "no answer"),
        ("<answer></answer>", "no answer"),
        ("many", "no number that can be read"),
        ("someone", "no number that can be read"),
        ("nan", "no number that can be read"),
        ("inf", "no number that can be read"),
        ("1e999", "no number that can be read"),
        ("1/0", "no number that can be read"),
        ("1/" + "3" * 320, "no number that can be read"),
        ("1/" + "9" * 5000, "no number that can be read"),
        ("1e" + "9" * 5000, "no number that can be read"),
        ("1e-" + "9" * 5000, "no number that can be read"),
        ("1.2.3", "no number that can be read"),
        ("m2", "no number that can be read"),
        ("three quarters", "no number that can be read"),
        ("3 quarters", "no number that can be read"),
        ("three four", "no number that can be read"),
        ("one one", "no number that can be read"),
        ("5 to 6", "ambiguous: 5 and 6"),
        ("5-6", "ambiguous: 5 and 6"),
        ("5–6 m", "ambiguous: 5 and 6"),
        ("between five and six", None),
        ("5 or 6", "ambiguous: 5 and 6"),
        ("5 ± 1", "ambiguous: 1 and 5"),
        ("5 feet 11 inches", "ambiguous: 5 and 11"),
        ("5'11", "ambiguous: 5 and 11"),
        ("3,5", None),
        ("12,34", None),
        # A part that cannot be read leaves nothing that can.
        ("between 2,5 and 3", "no number that can be read"),
        ("3,5 or 4", "no number that can be read"),
        ("5x6", "no number that can be read"),
        ("3to5", "no number that can be read"),
        ("5..6", "no number that can be read"),
        ("2 000,5", "no number that can be read"),
        ("2\u2009000,5", "no number that can be read"),
        ("point five", "no number that can be read"),
        ("minus point five", "no number that can be read"),
        ("1_000", "no number that can be read"),
        ("0x10", "no number that can be read"),
        ("chair2.5 at 3 m", "no number that can be read"),
        ("1 200", "ambiguous: 1 and 200"),
        ("2+3 = 5", "ambiguous: 2 and 3 and 5"),
        ("3:45", "ambiguous: 3 and 45"),
        ("5 chairs at one table", "ambiguous: 1 and 5"),
    ],
)
def test_these_are_no_number_or_several(text, reason):
    extraction = read(text)
    assert extraction.value is None
    assert reason is None or extraction.reason == reason


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_that_python_prints_is_read_back(value):
    extraction = read(repr(value))
    if abs(value) < 1e300 and (value == 0 or abs(value) > 1e-300):
        assert extraction.value == pytest.approx(value, rel=1e-14)


@given(st.integers(-(10**12), 10**12))
def test_every_whole_number_with_separators_is_read_back(value):
    assert read(f"{value:,}").value == value


@given(st.text(alphabet="0123456789.,eE+-/^ xone twohalfdm²½٣'%", max_size=40))
def test_no_text_breaks_the_reader(text):
    value = read(text).value
    assert value is None or (isinstance(value, float) and math.isfinite(value))


@given(st.text(max_size=60))
def test_no_text_breaks_the_choice_reader(text):
    assert extract_answer(text, AnswerType.CHOICE, ("x", "y")).value in (None, "A", "B")
