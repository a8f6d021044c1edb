from __future__ import annotations

import math
from pathlib import Path

import pytest
from PIL import Image

from vilasr.errors import DataError, InputError
from vilasr.lmms_eval.requests import Request, cut, make_sample, read_request, sampling_of, unused_settings
from vilasr.types import AnswerType, SamplingParams

PICTURE = Image.new("RGB", (56, 28))


def request_for(visuals):
    return Request(task="t", split="test", doc_id=3, text="Where?", settings={}, visuals=lambda: visuals)


def test_an_instance_becomes_a_sample_of_its_document():
    documents = {"vsibench": {"test": [{"video": "no.mp4"}, {"video": "yes.mp4"}]}}
    arguments = ("How many?", {"temperature": 0}, lambda document: [document["video"]], 1, "vsibench", "test")
    request = read_request(arguments, documents)
    sample = make_sample(request)
    assert request.settings == {"temperature": 0}
    assert (sample.id, sample.task, sample.question) == ("vsibench/test/1", "vsibench", "How many?")
    assert sample.images == (Path("yes.mp4"),)
    assert (sample.answer, sample.answer_type, sample.options) == (None, AnswerType.TEXT, ())


def test_pictures_stay_as_the_task_gives_them():
    assert make_sample(request_for([PICTURE, "a.png", Path("b.mp4")])).images == (PICTURE, Path("a.png"), Path("b.mp4"))


@pytest.mark.parametrize("visuals", [None, [], ()])
def test_a_task_without_pictures_gives_a_sample_without_images(visuals):
    assert make_sample(request_for(visuals)).images == ()


@pytest.mark.parametrize(
    ("visuals", "message"),
    [
        ("a.png", "visual: expected a list; got str"),
        ([PICTURE, {"array": [], "sampling_rate": 1}], "visual 2: .* got dict with array, sampling_rate"),
        ([[PICTURE]], "visual 1: .* got list"),
        ([""], "visual 1: .* got str"),
    ],
)
def test_anything_but_pictures_and_videos_is_told(visuals, message):
    with pytest.raises(DataError, match=message):
        make_sample(request_for(visuals))


def test_whatever_the_code_of_a_task_raises_concerns_its_request_alone():
    request = Request(task="t", split="test", doc_id=0, text="?", settings={}, visuals=lambda: 1 // 0)
    with pytest.raises(DataError, match=r"task: its pictures cannot be had \(ZeroDivisionError: "):
        make_sample(request)


@pytest.mark.parametrize(
    ("settings", "max_tokens", "expected"),
    [
        ({}, None, SamplingParams(temperature=0.0, top_p=1.0, max_tokens=1024)),
        # Greedy, so the nucleus says nothing; 16 tokens hold an answer, and no thought.
        ({"temperature": 0, "top_p": 0, "max_new_tokens": 16}, None, SamplingParams(max_tokens=1024)),
        ({"temperature": None, "top_p": None, "max_new_tokens": 4096}, None, SamplingParams(max_tokens=4096)),
        ({"temperature": 0.7, "top_p": 0.9}, None, SamplingParams(temperature=0.7, top_p=0.9, max_tokens=1024)),
        ({"max_new_tokens": 4096}, 300, SamplingParams(max_tokens=300)),
    ],
)
def test_settings_of_a_task_become_sampling_parameters(settings, max_tokens, expected):
    assert sampling_of(settings, max_tokens) == expected


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": "hot"}, "temperature: expected a number from 0; got 'hot'"),
        ({"temperature": math.nan}, "temperature: expected a number from 0; got nan"),
        ({"temperature": -1}, "temperature: expected a number from 0; got -1"),
        ({"temperature": 1, "top_p": 0}, "top_p: expected a number above 0 up to 1; got 0"),
        ({"temperature": 1, "top_p": 1.5}, "top_p: expected a number above 0 up to 1; got 1.5"),
        ({"max_new_tokens": math.inf}, "max_new_tokens: expected a number from 0; got inf"),
        ({"max_new_tokens": 10**400}, "max_new_tokens: expected a number from 0; got 1000"),
    ],
)
def test_a_setting_that_is_no_number_in_its_range_is_refused(settings, message):
    with pytest.raises(InputError, match=f"generation_kwargs: {message}"):
        sampling_of(settings)


def test_settings_that_ask_for_what_is_not_done_are_named():
    done = {"temperature": 1, "top_p": 1, "max_new_tokens": 8, "until": [], "do_sample": True, "num_beams": 1}
    assert unused_settings(done | {"patience": None}) == []
    assert unused_settings({"num_beams": 4, "repetition_penalty": 1.1}) == ["num_beams=4", "repetition_penalty=1.1"]


@pytest.mark.parametrize(
    ("text", "until", "expected"),
    [
        ("B. Because", ["\n\n", "."], "B"),
        ("one, two. three", [".", ","], "one"),
        ("B", None, "B"),
        ("B", [""], "B"),
        ("B\n\nC", "\n\n", "B"),
    ],
)
def test_an_answer_ends_before_the_first_stop_string(text, until, expected):
    assert cut(text, until) == expected
