"""One row of each original schema, as a sample; and rows that must not become one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))
from published_files import LETTERED, mmsi_row, spar_row, spatialeval_row, vsi_row

from vilasr.benchmarks import mmsi, spar, spatialeval, vsi
from vilasr.errors import DataError
from vilasr.integrations.fields import gold_letter
from vilasr.integrations.options import split_options, without_letters
from vilasr.types import AnswerType


def test_a_number_of_vsi():
    sample = vsi.decode(vsi_row(7))
    assert (sample.id, sample.task, sample.answer, sample.answer_type) == ("vsi/7", "vsi", "4", AnswerType.NUMBER)
    assert sample.question == "The images are frames of one video, in order. How many chairs are there?"
    assert sample.images == (Path("scannet/scene1.mp4"),)
    assert sample.metadata["question_type"] == "object_counting"


@pytest.mark.parametrize(
    ("truth", "answer"),
    [(4, "4"), (2.50, "2.5"), ("4", "4"), (" -1.50 ", "-1.5"), ("1,200", "1200"), ("2e1", "20"), ("3.", "3")],
)
def test_a_number_may_be_one_or_a_text_that_is_one(truth, answer):
    assert vsi.decode(vsi_row(0, ground_truth=truth)).answer == answer
    assert vsi.decode(vsi_row(0, ground_truth=f"<answer> {truth} </answer>")).answer == answer


def test_a_choice_of_vsi():
    sample = vsi.decode(vsi_row(0, "object_rel_direction_hard"))
    assert (sample.options, sample.answer) == (("bed", "lamp", "door", "sink"), "B")
    assert vsi.groups("object_rel_direction_hard") == {"task": "object_rel_direction_hard"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"question_type": "colour"}, "question_type: expected one of the ten of VSI-Bench; got 'colour'"),
        ({"ground_truth": "many"}, "ground_truth: expected a number; got 'many'"),
        ({"ground_truth": None}, "ground_truth: expected a number; got None"),
        ({"ground_truth": "about 3"}, "ground_truth: expected a number; got 'about 3'"),
        ({"ground_truth": "3 m or 4"}, "ground_truth: expected a number; got '3 m or 4'"),
        ({"ground_truth": "3 m"}, "ground_truth: expected a number; got '3 m'"),
        ({"ground_truth": "three"}, "ground_truth: expected a number; got 'three'"),
        ({"ground_truth": "3,5"}, "ground_truth: expected a number; got '3,5'"),
        ({"ground_truth": "1e999"}, "ground_truth: expected a number; got '1e999'"),
        ({"ground_truth": float("nan")}, "ground_truth: expected a number; got nan"),
        ({"ground_truth": True}, "ground_truth: expected a number; got True"),
        ({"ground_truth": 10**400}, f"ground_truth: expected a number that fits in a float; got 1{'0' * 76}..."),
        ({"question": " "}, "question: expected some text; got none"),
        ({"question": 3}, "question: expected text; got 3"),
        ({"id": None}, "id: expected text; got None"),
        ({"scene_name": ""}, "scene_name: expected some text; got none"),
    ],
)
def test_a_broken_number_of_vsi_names_its_field(changes, reason):
    with pytest.raises(DataError) as caught:
        vsi.decode(vsi_row(0) | changes)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ground_truth": "E"}, "ground_truth: expected one of the 4 options; got 'E'"),
        ({"ground_truth": "chair"}, "ground_truth: expected one of the 4 options; got 'chair'"),
        ({"options": None}, "options: expected a list of texts; got None"),
        ({"options": ["A. bed"]}, "options: expected 2 to 26; got 1"),
        ({"options": ["A. bed", 3]}, "options: expected text; got 3"),
        ({"options": ["A. bed", "C. lamp"]}, "options: expected the letters A, B, C, ... in order; got A, C"),
        ({"options": ["A. bed", "lamp"]}, "options: expected a letter at each or at none; got 1 of 2"),
        ({"options": ["A. bed", "B."]}, "options: expected a text for each; got none for B"),
    ],
)
def test_a_broken_choice_of_vsi_names_its_field(changes, reason):
    with pytest.raises(DataError) as caught:
        vsi.decode(vsi_row(0, "route_planning") | changes)
    assert str(caught.value) == reason


def test_a_number_of_spar_says_itself_how_to_answer_and_so_do_our_protocols():
    sample = spar.decode(spar_row(17))
    assert (sample.id, sample.question, sample.answer) == ("spar/17", "How deep is the bed?", "1.5")
    assert sample.answer_type is AnswerType.NUMBER
    assert sample.metadata["question_type"] == "depth_prediction_oc"


def test_a_choice_of_spar_has_its_options_in_the_question():
    sample = spar.decode(spar_row(1, "position_matching"))
    assert sample.question.startswith("Coordinates run from 0 to 1000")
    assert sample.question.endswith("Which is closer?")
    assert (sample.options, sample.answer) == (("bed", "lamp"), "B")
    assert spar.decode(spar_row(1, "spatial_imagination_oo")).question == "Which is closer?"


def test_a_view_change_of_spar_is_a_list_of_movements():
    sample = spar.decode(spar_row(2, "view_change_infer"))
    assert (sample.answer_type, sample.options) == (AnswerType.TEXT, ())
    assert sample.answer == "move_right:0.3,rotate_up:10.0"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (spar_row(0, task="depth"), "task: expected one of the 20 of SPAR-Bench; got 'depth'"),
        (spar_row(0, answer="near"), "answer: expected a number; got 'near'"),
        (spar_row(0, "camera_motion_infer", answer="C"), "answer: expected one of the 2 options; got 'C'"),
        (
            spar_row(0, "view_change_infer", answer="jump:3"),
            "answer: expected movements such as move_right:0.3,rotate_up:10; got 'jump:3'",
        ),
    ],
)
def test_a_broken_row_of_spar_names_its_field(row, reason):
    with pytest.raises(DataError) as caught:
        spar.decode(row)
    assert str(caught.value) == reason


def test_a_row_of_mmsi():
    sample = mmsi.decode(mmsi_row(5))
    assert (sample.id, sample.question, sample.answer) == ("mmsi/5", "In which direction do you move?", "C")
    assert sample.options == ("Left", "Right while turning", "Up", "Down")
    assert mmsi.groups("Positional Relationship (Cam.–Obj.)") == {"type": "Positional Relationship (Cam.-Obj.)"}
    assert len(mmsi.TYPES) == 11
    with pytest.raises(DataError, match="question_type: expected one of the 11 of MMSI-Bench; got 'Colour'"):
        mmsi.decode(mmsi_row(5, "Colour"))


@pytest.mark.parametrize("question", ["Which way?", "Which way? A: left", "Which way? B: left"])
@pytest.mark.parametrize("answer", ["A", "D", "Q"])
def test_a_choice_without_two_options_is_refused(question, answer):
    for decode, row in (
        (mmsi.decode, mmsi_row(0, question=question, answer=answer)),
        (spar.decode, spar_row(0, "position_matching", question=question, answer=answer)),
        (spatialeval.decode, spatialeval_row(0, text=question, oracle_option=answer)),
    ):
        with pytest.raises(DataError, match="options: expected at least two; got none"):
            decode(row)


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        *(("B", "B"), ("b", "B"), ("(B)", "B"), ("B.", "B"), ("B. right", "B"), ("(B) Right.", "B"), ("right", "B")),
        *(("a chair", "D"), ("A: a lamp", "A"), ("<answer>C</answer>", "C")),
    ],
)
def test_the_right_option_by_its_letter_or_its_text(answer, letter):
    assert gold_letter({"answer": answer}, "answer", ("a lamp", "right", "chair", "a chair")) == letter


@pytest.mark.parametrize(
    "answer", ["Not sure but B", "B or C", "B. left", "B. wrong", "F", "The answer is B", "chair", "BB", "same"]
)
def test_what_only_mentions_an_option_is_no_ground_truth(answer):
    with pytest.raises(DataError, match="answer: expected one of the 5 options; got"):
        gold_letter({"answer": answer}, "answer", ("left", "right", "same", "Same", "A chair"))


def test_a_row_of_spatialeval():
    sample = spatialeval.decode(spatialeval_row(3, "mazenav"))
    assert (sample.id, sample.question, sample.answer) == (
        "spatialeval/mazenav.vqa.3.0",
        "How many cups are there?",
        "B",
    )
    assert sample.options == ("one", "two", "three", "four.")
    assert sample.metadata["question_type"] == "mazenav.0"
    assert spatialeval.decode(spatialeval_row(3)).metadata["question_type"] == "spatialreal"


@pytest.mark.parametrize(
    ("text", "question", "options"),
    [
        ("Which? A. bed B. lamp", "Which?", ("bed", "lamp")),
        ("Q?\nA. left, above, \nB. left, , closer\nC. right", "Q?", ("left, above,", "left, , closer", "right")),
        ("Of A. and B., which? Options: (A) bed (B) lamp", "Of A. and B., which?", ("bed", "lamp")),
        ("Which? Options: A: bed; B: lamp; C: none", "Which?", ("bed", "lamp", "none")),
        ("Which one is it?", "Which one is it?", ()),
        ("Seen from camera A. which is it?", "Seen from camera A. which is it?", ()),
        ("", "", ()),
    ],
)
def test_options_inside_a_question(text, question, options):
    assert split_options(text) == (question, options)


@pytest.mark.parametrize("text", ["Q? A. x C. y B. z", "Q? B. x C. y", "Q? B. x A. y", "A. x B. y D. z", "A. x A. y"])
def test_letters_out_of_order_are_refused(text):
    with pytest.raises(DataError, match=r"options: expected the letters A, B, C, \.\.\. in order; got"):
        split_options(text)


def test_listed_options_lose_their_letters_where_all_have_one():
    assert without_letters(LETTERED) == ("bed", "lamp", "door", "sink")
    assert without_letters(["(A) bed", "(B) lamp"]) == ("bed", "lamp")
    assert without_letters(["bed", "a lamp"]) == ("bed", "a lamp")
