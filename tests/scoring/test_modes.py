"""Each metric mode against the same catalogue of traps, and the published examples of what numbers are worth."""

from __future__ import annotations

from pathlib import Path

import pytest

from vilasr.errors import InputError
from vilasr.scoring import MODES, mean_relative_accuracy, score_answer
from vilasr.types import AnswerType, Sample

MODES_BY_COLUMN = ("default", "official", "lmms-eval", "vlmevalkit", "vilasr", "vilasr-reward")


def choice(task="vsi", options=("Apple", "red chair", "table", "left"), answer="B"):
    return Sample(id="c", task=task, question="?", images=(Path("1.png"),), options=options, answer=answer)


def number(task="vsi", answer="3", **metadata):
    kind = AnswerType.NUMBER
    return Sample(
        id="n", task=task, question="?", images=(Path("1.png"),), answer=answer, answer_type=kind, metadata=metadata
    )


def read(sample, text, mode):
    return score_answer(sample, text, mode=mode).extraction.value


def test_these_are_the_modes():
    assert MODES == MODES_BY_COLUMN


# --- choices: what is read, in VSI-Bench and wherever a mode has no rules of its own ----------------------------------

CHOICE_TRAPS = {
    #                       default official lmms-eval vlmevalkit vilasr vilasr-reward
    "": (None, None, None, None, None, None),
    "B": ("B", "B", "B", "B", "B", "B"),
    "b": ("B", "B", "B", "B", "B", None),
    " B \n": ("B", "B", "B", "B", "B", "B"),
    "B.": ("B", "B", "B", "B", "B", None),
    "(B)": ("B", None, None, "B", None, None),
    "**B**": ("B", None, None, "B", None, None),
    "`B`": ("B", None, None, "B", None, None),
    "Option B": ("B", None, None, "B", "O", None),
    "Because": (None, None, None, None, "B", None),
    "Apple is wrong, B": ("B", None, None, "B", "A", None),
    "<answer>B</answer>": ("B", "B", "B", "B", "B", "B"),
    "<answer>B": ("B", "B", "B", "B", "B", "B"),
    "C? <answer> (B) </answer>": ("B", None, None, "B", None, None),
    "<answer>C</answer> <answer>B</answer>": (None, "C", "C", "C", "C", "C"),
    "B. red chair": ("B", "B", "B", "B", "B", None),
    "B) red chair": ("B", None, None, "B", "B", None),
    "B, because it is near": ("B", None, None, "B", "B", None),
    "red chair": ("B", None, None, None, "R", None),
    "The answer is b.": ("B", None, None, "B", "T", None),
    "A or B": (None, "A", "A", None, "A", None),
    "B. Apple": (None, "B", "B", "B", "B", None),
    "not B": (None, None, None, "B", "N", None),
    "It is A.\nNo, it is B.": (None, None, None, "B", "I", None),
    "Option A: the red chair": ("A", None, None, None, "O", None),
    "two": (None, None, None, None, "T", None),
    "\uff22": ("B", None, None, None, None, None),  # full-width B
}


@pytest.mark.parametrize("text", CHOICE_TRAPS)
def test_traps_for_letters(text):
    assert tuple(read(choice(), text, mode) for mode in MODES_BY_COLUMN) == CHOICE_TRAPS[text]


# --- choices of SPAR-Bench and MMSI-Bench: (official SPAR, official MMSI) ---------------------------------------------

OTHER_CHOICE_TRAPS = {
    "": (None, None),
    "B": ("B", "B"),
    "b": ("B", None),
    "B.": ("B", "B"),
    "(B)": (None, "B"),
    "Option B": ("O", "B"),
    "Because": ("B", None),
    "Apple is wrong, B": ("A", "B"),
    "<answer>B</answer>": ("B", "B"),
    "``B``": (None, "B"),
    "A, no: ``B``": ("A", "B"),
    "`B`, not A": (None, "B"),
    "Not A but \\boxed{B}": ("N", "B"),
    "A chair, so B": ("A", "B"),  # a capital before a word is an article
    "A or B": ("A", "B"),
    "E": ("E", None),
}


@pytest.mark.parametrize("text", OTHER_CHOICE_TRAPS)
@pytest.mark.parametrize("mode", ["official", "lmms-eval"])
def test_traps_for_letters_of_spar_and_mmsi(text, mode):
    assert (read(choice("spar"), text, mode), read(choice("mmsi"), text, mode)) == OTHER_CHOICE_TRAPS[text]


@pytest.mark.parametrize("task", ["spar", "spar-tiny", "imported-spar_bench"])
def test_only_official_spar_counts_an_empty_answer_as_right(task):
    scores = [score_answer(choice(task), "", mode=mode) for mode in MODES]
    assert [score.value for score in scores] == [0, 1, 0, 0, 0, 0]
    assert scores[1].explanation == "empty, which official counts as right"
    assert score_answer(number(task), "", mode="official").value == 0


@pytest.mark.parametrize("task", ["vsi", "mmsi", "maze", "spatialeval"])
@pytest.mark.parametrize("mode", MODES)
def test_elsewhere_an_empty_answer_is_wrong_in_every_mode(task, mode):
    assert score_answer(choice(task), "", mode=mode).value == 0


@pytest.mark.parametrize("mode", MODES)
def test_a_rollout_that_never_answered_is_wrong_in_every_mode(mode):
    score = score_answer(choice("spar"), None, mode=mode)
    assert (score.value, score.explanation) == (0, "no answer; right is B")


@pytest.mark.parametrize("mode", MODES_BY_COLUMN)
@pytest.mark.parametrize("text", ["answer" + " " * 20_000 + "x", "option " * 3000, "((" * 10_000, "1 " * 10_000])
def test_a_long_answer_of_nothing_is_read_in_no_time(text, mode):
    assert score_answer(choice(), text, mode=mode).value == 0  # cubic patterns would take hours


@pytest.mark.parametrize("mode", MODES)
def test_what_has_no_gold_answer_is_unscored_in_every_mode(mode):
    assert score_answer(choice(answer=None), "B", mode=mode).value is None


# --- numbers ----------------------------------------------------------------------------------------------------------

NUMBER_TRAPS = {
    #                    default official lmms-eval vlmevalkit vilasr vilasr-reward, official SPAR one view, several
    "": (None, None, None, None, None, None, None, None),
    "3": (3, 3, 3, 3, 3, 3, 3, 3),
    "3.": (3, 3, 3, 3, 3, 3, 3, 3),
    "3.5 meters": (3.5, 3.5, 3.5, 3.5, None, 3.5, 3.5, 3.5),
    "3.5m": (3.5, None, None, 3.5, None, 3.5, 3.5, 3.5),
    "about 3": (3, None, None, 3, None, 3, 3, 3),
    "three": (3, None, None, 3, None, None, None, None),
    "twenty-one": (21, None, None, -1, None, None, None, None),
    "1,200": (1200, None, None, 200, None, 1, 1, 200),
    "1e3": (1000, 1000, 1000, 1000, 1000, 1, 1, 3),
    "-5": (-5, -5, -5, -5, -5, -5, 5, 5),
    "5%": (5, None, None, 5, None, 5, 5, 5),
    "5 to 6": (None, 5, 5, 6, None, 5, 5, 6),
    "5-6": (None, None, None, -6, None, 5, 5, 6),
    "12 m^2": (12, 12, 12, 2, None, 12, 12, 12),
    ".5": (0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 5, 5),
    "\u0663": (3, 3, 3, 3, 3, 3, 3, 3),  # Arabic-Indic
    "\uff14\uff12": (42, 42, 42, 42, 42, 42, 42, 42),  # full width
    "<answer>3</answer>": (3, 3, 3, 3, 3, 3, 3, 3),
    "nan": (None, None, None, None, None, None, None, None),
    "1e999": (None, None, None, None, None, 1, 1, 999),
    "Because": (None, None, None, None, None, None, None, None),
}


@pytest.mark.parametrize("text", NUMBER_TRAPS)
def test_traps_for_numbers(text):
    spar, several = (number("spar", question_type=f"depth_prediction_oc{end}") for end in ("", "_mv"))
    found = [read(number(), text, mode) for mode in MODES_BY_COLUMN]
    assert (*found, read(spar, text, "official"), read(several, text, "official")) == NUMBER_TRAPS[text]


@pytest.mark.parametrize(
    ("prediction", "truth", "official", "evaluation", "reward"),
    [
        ("3", "5", 0.3, 0.2, 0.2),
        ("3", "4", 0.6, 0.6, 0.5),
        ("5", "5", 1.0, 1.0, 1.0),
        ("7.5", "5", 0.1, 0.1, 0.0),
        ("0", "0", 1.0, 1.0, 1.0),
        ("0.5", "0", 0.1, 0.0, 0.0),  # the absolute error, or relative to 1e-8
        ("-5", "5", 0.0, 0.0, 0.0),
    ],
)
def test_what_a_number_is_worth_by_hand(prediction, truth, official, evaluation, reward):
    expected = {"vilasr": evaluation, "vilasr-reward": reward}
    for mode in MODES:
        score = score_answer(number(answer=truth), prediction, mode=mode).value
        assert score == expected.get(mode, official), mode


def test_single_precision_survives_what_it_cannot_hold():
    assert mean_relative_accuracy(1e300, 5, single=True) == 0
    assert mean_relative_accuracy(float("nan"), 5, single=True) == 0


# --- the interface ----------------------------------------------------------------------------------------------------


def test_default_is_the_mode_without_a_name():
    assert score_answer(choice(), "Option B") == score_answer(choice(), "Option B", mode="default")


def test_a_score_tells_value_parse_and_reason_in_any_mode():
    score = score_answer(number(), "<answer>3.5 meters</answer>", mode="official")
    assert (score.value, score.extraction.value, score.extraction.parsed) == (0.7, 3.5, "3.5 meters")
    assert (score.extraction.reason, score.explanation) == ("the first word", "3.5 is 70% near; right is 3.0")
    assert score_answer(number(), "so 3", mode="vilasr").explanation == "the whole answer: no number; right is 3.0"


def test_an_unknown_mode_is_told_with_those_there_are():
    with pytest.raises(InputError, match=r"metric mode: expected one of default, official, .*; got 'mine'"):
        score_answer(choice(), "B", mode="mine")


def test_the_examples_in_the_docs_hold():
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    _, examples = page.split("| answer | `default` |")
    rows = [line.split("|")[1:-1] for line in examples.splitlines() if line.startswith("| `")]
    columns = (("vsi", "default"), ("vsi", "official"), ("spar", "official"), ("mmsi", "official"))
    columns += (("vsi", "vlmevalkit"), ("vsi", "vilasr"), ("vsi", "vilasr-reward"))
    assert len(rows) == 8
    for answer, *cells in rows:
        sample_of = choice if "B" in answer else number
        for (task, mode), cell in zip(columns, cells, strict=True):
            value = read(sample_of(task), answer.strip(" `"), mode)
            shown = "\u2013" if value is None else value if isinstance(value, str) else f"{value:g}"
            assert cell.split(" (")[0].strip() in (shown, ""), (answer, task, mode)
