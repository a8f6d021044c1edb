"""Questions in the official layout, both ways."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vilasr.errors import DataError, InputError
from vilasr.integrations.official import decode_question, encode_question
from vilasr.types import AnswerType, Sample

IMAGES = (Path("a.png"),)
ROW = {
    "question": "Which is nearer to the camera?",
    "options": ["A. the chair", "B. the lamp"],
    "answer": "B",
    "problem_type": "multiple choice",
    "original_question_type": "nearer",
    "data_type": "single_view",
    "image_path": ["a.png"],
}


def decode(**changes):
    row = {key: value for key, value in (ROW | changes).items() if value is not ...}
    return decode_question(row, IMAGES, name="spar", number=7)


def test_a_row_becomes_a_sample_that_keeps_every_field():
    sample = decode(grid_size=None, scene="scene_7", difficulty=3)
    assert sample == Sample(
        id="spar/7",
        task="imported-spar",
        question="Which is nearer to the camera?",
        images=IMAGES,
        options=("the chair", "the lamp"),
        answer="B",
        answer_type=AnswerType.CHOICE,
        metadata={
            "question_type": "nearer",
            "official": {
                "problem_type": "multiple choice",
                "original_question_type": "nearer",
                "data_type": "single_view",
                "grid_size": None,
                "scene": "scene_7",
                "difficulty": 3,
            },
        },
    )


@pytest.mark.parametrize(
    ("options", "texts"),
    [
        (["A. left", "B. right"], ("left", "right")),
        (["(A) left", "(B) right"], ("left", "right")),
        (["A: left", "B:right"], ("left", "right")),
        (["left", "right"], ("left", "right")),
        (["A", "B"], ("A", "B")),
        (None, ()),
        ([], ()),
        (..., ()),
    ],
)
def test_options_lose_their_letters_when_each_bears_its_own(options, texts):
    assert decode(options=options).options == texts


@pytest.mark.parametrize(
    ("problem_type", "answer", "expected"),
    [
        ("multiple choice", "b", "B"),
        ("Multiple Choice", "(A)", "A"),
        ("multiple choice", "B. the lamp", "B"),
        ("multiple choice", "the lamp", "B"),
        ("multiple choice", "<answer> B </answer>", "B"),
        ("numerical", 3, "3"),
        ("numerical", "12", "12"),
        ("regression", 2.5, "2.5"),
        ("regression", "3.50", "3.50"),
        ("regression", "1,200", "1200"),
        ("regression", "<answer> 3.5 </answer>", "3.5"),
        ("vci", "move_right:0.3,rotate_up:10", "move_right:0.3,rotate_up:10"),
        ("free-form", " a red chair ", "a red chair"),
        ("free-form", None, None),
    ],
)
def test_answers_are_read_by_their_type(problem_type, answer, expected):
    assert decode(problem_type=problem_type, answer=answer).answer == expected


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"question": ...}, "question: no such field"),
        ({"question": 3}, "question: expected text; got 3"),
        ({"question": " "}, "question: expected some text; got none"),
        ({"question": "\ud800"}, "question: expected Unicode text; got half of a surrogate pair"),
        ({"problem_type": ...}, "problem_type: no such field"),
        ({"problem_type": "essay"}, "problem_type: expected one of multiple choice, numerical, "),
        ({"options": "A. x"}, "options: expected a list of texts; got 'A. x'"),
        ({"options": [1, 2]}, "options: expected text; got 1"),
        ({"options": ["x"] * 27}, "options: expected 2 to 26; got 27"),
        ({"options": ["A. the lamp"], "answer": "A"}, "options: expected 2 to 26; got 1"),
        ({"options": ["B. left", "A. right"]}, "options: expected the letters A, B, C, ... in order; got B, A"),
        ({"options": ["A. left", "C. right"]}, "options: expected the letters A, B, C, ... in order; got A, C"),
        ({"options": ["A. left", "right"]}, "options: expected a letter at each or at none; got 1 of 2"),
        ({"answer": ...}, "answer: no such field"),
        ({"answer": "C"}, "answer: expected one of the 2 options; got 'C'"),
        ({"answer": "Not sure, but B"}, "answer: expected one of the 2 options; got 'Not sure, but B'"),
        ({"answer": "Not sure, but B", "options": None}, "answer: expected the letter of an option; got 'Not sure"),
        ({"answer": 1}, "answer: expected text; got 1"),
        ({"answer": ["B"]}, "answer: expected text; got ['B']"),
        ({"answer": True, "problem_type": "numerical"}, "answer: expected a number; got True"),
        ({"answer": "many", "problem_type": "numerical"}, "answer: expected a number; got 'many'"),
        ({"answer": "about 3", "problem_type": "numerical"}, "answer: expected a number; got 'about 3'"),
        ({"answer": "3.5 meters", "problem_type": "regression"}, "answer: expected a number; got '3.5 meters'"),
        ({"answer": "", "problem_type": "free-form"}, "answer: expected one of type text; got ''"),
        ({"original_question_type": 3}, "original_question_type: expected text; got 3"),
        ({"original_question_type": "x\ud800"}, "original_question_type: expected Unicode text"),
        ({"vilasr": 3}, "vilasr: expected an object as JSON text; got 3"),
        ({"vilasr": "{"}, "vilasr: expected an object as JSON text; got '{'"),
        ({"vilasr": '{"metadata": {"x": NaN}}'}, "vilasr: expected an object as JSON text"),
        ({"vilasr": '{"metadata": []}'}, "vilasr: expected metadata to be an object; got []"),
        ({"vilasr": '{"metadata": {"question_type": 3}}'}, "question_type: expected text; got 3"),
        ({"vilasr": '{"metadata": {"question_type": "\\ud800"}}'}, "question_type: expected Unicode text"),
        ({"vilasr": '{"metadata": {}, "id": "x"}'}, "task: no such field"),
        ({"vilasr": '{"metadata": {}, "id": "", "task": "x"}'}, "vilasr: expected an id and a task; got no id"),
    ],
)
def test_a_bad_row_is_rejected_with_the_field(changes, reason):
    with pytest.raises(DataError) as error:
        decode(**changes)
    assert str(error.value).startswith(reason)


@pytest.mark.parametrize("kind", [None, "", ...])
def test_a_row_without_a_type_of_question_has_that_of_its_problem(kind):
    assert decode(original_question_type=kind).metadata["question_type"] == "multiple choice"


@pytest.mark.parametrize(
    ("answer", "answer_type", "options", "problem_type"),
    [
        ("B", AnswerType.CHOICE, (". x", "A) y"), "multiple choice"),
        ("12", AnswerType.NUMBER, (), "numerical"),
        ("1.25", AnswerType.NUMBER, (), "regression"),
        ("a chair", AnswerType.TEXT, (), "free-form"),
    ],
)
def test_a_sample_survives_the_layout(answer, answer_type, options, problem_type):
    sample = Sample(
        id="video/train/0/1",
        task="video",
        question="How\n many <image> chairs?",
        images=IMAGES * 2,
        options=options,
        answer=answer,
        answer_type=answer_type,
        metadata={"question_type": "count", "truth": {"boxes": [[1, 2.5]], "é": None}},
    )
    row = json.loads(json.dumps(encode_question(sample, ["images/1.png", "images/1.png"])))
    assert row["problem_type"] == problem_type
    assert row["data_type"] == "multi_view"
    assert row["original_question_type"] == "count"
    assert decode_question(row, IMAGES * 2, name="x", number=1) == sample


def test_an_imported_row_is_exported_with_its_own_fields():
    row = encode_question(decode(grid_size=5, problem_type="vci", answer="move_up:1", data_type="video"), ["b.png"])
    assert (row["problem_type"], row["data_type"], row["grid_size"]) == ("vci", "video", 5)
    assert row["original_question_type"] == "nearer"


def test_more_options_than_letters_do_not_fit():
    sample = Sample(id="x", task="x", question="?", images=IMAGES, options=("y",) * 27, answer="A")
    with pytest.raises(InputError, match="options of x: expected at most 26; got 27"):
        encode_question(sample, ["a.png"])
