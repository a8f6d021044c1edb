"""Asking from Python."""

from __future__ import annotations

import asyncio
import io
import json

import pytest
from PIL import Image

import vilasr
from vilasr.api import OpenedPolicy, episode_config, make_sample, run_async, solve
from vilasr.drawing import PUBLISHED, load_image
from vilasr.env import Limits
from vilasr.errors import InputError
from vilasr.policies import ScriptedPolicy
from vilasr.types import AnswerType, ErrorKind, Line, Status

DRAW = """<think>I follow it.</think> Action: Path Tracer
```json
[{"index": 1, "start_point_2d": [10, 10], "end_point_2d": [50, 60], "label": "1"}]
```"""
ANSWER = "<think>There.</think> Action: Answer <answer>(B) there</answer>"
SIZE = (112, 84)
"""A size that a model sees as it is."""


def solve_with(script, *, options=("here", "there"), on_turn=None, **settings):
    sample = make_sample(Image.new("RGB", SIZE, "white"), "Where?", options)
    opened = OpenedPolicy(policy=ScriptedPolicy(script))
    return asyncio.run(solve(sample, opened, episode_config(opened, **settings), on_turn=on_turn))


# --- what comes back --------------------------------------------------------------------------------------------------


def test_a_result_has_the_answer_and_every_turn_with_its_pictures():
    result = solve_with([DRAW, ANSWER])
    assert (result.answer, result.status, result.num_turns, result.model) == ("B", Status.ANSWERED, 2, "scripted")
    first, last = result.turns
    assert first.thought == "I follow it."
    assert first.actions == (Line(image_index=1, start_px=(10, 10), end_px=(50, 60), label="1"),)
    assert [image.size for image in first.images] == [SIZE]
    assert first.images[0].getpixel((100, 10)) == (255, 255, 255)
    assert first.images[0].getpixel((30, 35)) != (255, 255, 255)
    assert (last.images, last.answer, last.error) == ((), "(B) there", None)
    assert result.rollout.turns == tuple(turn.turn for turn in result.turns)


def test_without_options_the_answer_is_in_the_models_words():
    assert solve_with([ANSWER], options=None).answer == "(B) there"


def test_a_mistake_is_in_its_turn():
    result = solve_with([DRAW, DRAW, ANSWER])
    assert [turn.error and turn.error.kind for turn in result.turns] == [None, ErrorKind.DUPLICATE_ACTION, None]
    assert "must differ from earlier ones" in result.to_json()["turns"][1]["error"]


def test_no_answer_is_none():
    result = solve_with([DRAW], limits=Limits(max_turns=1))
    assert (result.answer, result.status) == (None, Status.TRUNCATED_TURNS)
    assert result.to_json()["answer"] is None


def test_turns_are_told_as_they_happen():
    told = []
    result = solve_with([DRAW, ANSWER], on_turn=told.append)
    assert told == list(result.turns)


def test_the_published_style_draws_at_the_size_the_model_sees():
    sample = make_sample(Image.new("RGB", (1000, 1000), "white"), "Where?")
    opened = OpenedPolicy(policy=ScriptedPolicy([DRAW, ANSWER]))
    result = asyncio.run(solve(sample, opened, episode_config(opened, style="published")))
    assert result.style is PUBLISHED
    # The largest multiples of 28 within 1280 * 28 * 28 pixels: 1000 / 28 = 35.7, so 35 * 28.
    assert result.turns[0].images[0].size == (980, 980)


def test_saving_writes_pictures_json_and_page(tmp_path):
    page = solve_with([DRAW, ANSWER]).save(tmp_path / "new" / "folder")
    folder = page.parent
    assert sorted(path.name for path in folder.iterdir()) == [
        "index.html",
        "result.json",
        "turn-00-image-1.png",
        "turn-01-image-2.png",
    ]
    result = json.loads((folder / "result.json").read_text())
    assert load_image(folder / result["turns"][0]["images"][0]).size == SIZE
    assert "I follow it." in page.read_text()


def test_saving_again_leaves_no_picture_of_the_earlier_result(tmp_path):
    solve_with([DRAW, ANSWER]).save(tmp_path)
    solve_with([ANSWER]).save(tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["turn-00-image-1.png"]


def test_saving_into_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="expected a folder that can be written"):
        solve_with([ANSWER]).save(tmp_path / "file")


# --- what goes in -----------------------------------------------------------------------------------------------------


def test_images_may_be_paths_bytes_or_images_alone_or_in_a_list(tmp_path):
    image = Image.new("RGB", (8, 6), "red")
    image.save(tmp_path / "a.png")
    data = io.BytesIO()
    image.save(data, format="PNG")
    for source in (image, tmp_path / "a.png", str(tmp_path / "a.png"), data.getvalue()):
        assert [loaded.size for loaded in make_sample(source, "Where?").images] == [(8, 6)]
    assert len(make_sample([image, str(tmp_path / "a.png")], "Where?").images) == 2


def test_options_make_a_choice():
    image = Image.new("RGB", (8, 6))
    assert make_sample(image, "Where?", ["a", "b"]).answer_type is AnswerType.CHOICE
    assert make_sample(image, "Where?").answer_type is AnswerType.TEXT


@pytest.mark.parametrize(
    ("images", "question", "options", "message"),
    [
        ([], "Where?", None, "images: expected 1 to 45 images; got 0. Give an image."),
        (["a.png"] * 60, "Where?", None, "images: expected 1 to 45 images; got 60."),
        ("none.png", "Where?", None, "none.png: expected an image file; got no such file"),
        ([b"text"], "Where?", None, "image 1: expected an image"),
        ([3], "Where?", None, "image 1: expected a path, the bytes of a file, or an image; got int."),
        ("none.png", " ", None, "question: expected some text; got nothing."),
        ("none.png", "Where?", "AB", "options: expected a list of texts, none of them empty; got 'AB'."),
        ("none.png", "Where?", ["a", ""], "options: expected a list of texts, none of them empty"),
        ("none.png", "Where?", ["a"], "options: expected at least two, or none; got one."),
    ],
)
def test_bad_input_is_told_before_a_model_is_loaded(images, question, options, message):
    with pytest.raises(InputError) as caught:
        vilasr.ask(images, question, options, model="no-such-model")
    assert str(caught.value).startswith(message)


def test_a_negative_temperature_is_refused():
    sample = make_sample(Image.new("RGB", SIZE), "Where?")
    opened = OpenedPolicy(policy=ScriptedPolicy([ANSWER]))
    with pytest.raises(InputError, match="temperature: expected a number from 0; got -1"):
        asyncio.run(solve(sample, opened, episode_config(opened), temperature=-1))


# --- where it runs ----------------------------------------------------------------------------------------------------


def test_a_notebook_with_a_running_loop_can_ask():
    async def answer():
        return 7

    async def notebook():
        return run_async(answer())

    assert asyncio.run(notebook()) == 7


def test_a_users_question_may_take_twenty_turns_whatever_the_model():
    assert solve_with(["<think>Hm.</think>"] * 30, limits=Limits(max_errors=40)).num_turns == 20


def test_an_image_cannot_be_smaller_than_one_visual_token():
    with pytest.raises(InputError, match="max_pixels: expected at least 3136, the smallest image; got 100"):
        episode_config(OpenedPolicy(policy=ScriptedPolicy([ANSWER])), max_pixels=100)


def test_the_policy_decides_what_nobody_asked_for():
    opened = OpenedPolicy(policy=ScriptedPolicy([ANSWER]), max_context_tokens=4096)
    config = episode_config(opened)
    assert (config.protocol.name, config.limits.max_context_tokens, config.limits.max_turns) == ("compact", 4096, None)
    config = episode_config(
        opened, protocol="json", system_prompt="Look.", max_pixels=28 * 28 * 4, limits=Limits(max_turns=3)
    )
    assert (config.sizer.fit((640, 480)), opened.sizer.fit((640, 480))) == ((56, 28), (644, 476))
    assert (config.protocol.system, config.protocol.system_plain) == ("Look.", "Look.")
    assert (config.protocol.name, config.limits.max_turns) == ("json", 3)
