"""The contact sheet as text: what is in the file, before any browser reads it."""

import json
import re
from dataclasses import replace

import pytest
from rollouts_by_hand import HOSTILE, corrected_maze, missing_image, two_rooms

from vilasr.drawing import DEFAULT
from vilasr.errors import InputError
from vilasr.viewer import write_preview
from vilasr.viewer.preview import finished_drawings


@pytest.fixture
def page(tmp_path):
    def make(*rollouts):
        write_preview(tmp_path / "preview.html", rollouts, title="mazes", about="2 of 10", style=DEFAULT)
        return (tmp_path / "preview.html").read_text(encoding="utf-8")

    return make


def data(html, name):
    return json.loads(re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', html).group(1))


def pictures(html):
    return re.findall(r'id="picture-\d+">(data:image/webp;base64,[^<]+)<', html)


def test_a_sample_is_shown_with_its_question_options_answer_and_what_is_said(page):
    html = page(corrected_maze())
    sample = data(html, "sample-0")
    assert data(html, "preview") == {"num": 1, "about": "2 of 10"}
    assert (sample["id"], sample["type"], sample["answer"]) == ("maze/test/0/17", "choice", "B")
    assert sample["options"][1] == "next to the red cell"
    assert sample["says"][-1] == "The end is not on the red cell, but close to it."


def test_of_several_drawings_on_an_image_only_the_last_is_shown(page):
    html = page(corrected_maze())
    sample = data(html, "sample-0")
    assert [image["drawn"] for image in sample["images"]] == [False, True]
    assert sample["images"][1]["marks"] == [
        "line 'step 1'",
        "line 'step 2'",
        "line 'step 3'",
        "line 'step 4'",
        "box 'end'",
    ]
    assert len(pictures(html)) == 2


def test_drawings_stand_in_the_order_of_the_images_they_are_on():
    rollout = two_rooms()
    backwards = replace(rollout, images=(*rollout.images[:2], *reversed(rollout.images[2:])))
    assert [recipe.base for recipe in finished_drawings(backwards)] == sorted(
        {recipe.base for recipe in rollout.images[2:]}
    )


def test_the_type_of_the_question_is_the_metadatas(page):
    rollout = corrected_maze()
    typed = replace(rollout, sample=replace(rollout.sample, metadata={"question_type": "end"}))
    assert data(page(typed), "sample-0")["type"] == "end"


def test_hostile_text_adds_no_markup(page):
    rollout = corrected_maze()
    sample = replace(
        rollout.sample,
        question=HOSTILE,
        options=(HOSTILE,) * 4,
        answer=HOSTILE,
        id=HOSTILE,
        metadata={"question_type": HOSTILE},
    )
    tags = re.findall(r"<[a-zA-Z!/][^>]*>", page(replace(rollout, sample=sample)))
    assert not [tag for tag in tags if "onerror" in tag or "src=x" in tag]
    assert sum(tag == "</script>" for tag in tags) == sum(tag.startswith("<script") for tag in tags)


def test_a_missing_image_is_named_and_the_page_is_made(page, tmp_path):
    [image] = data(page(missing_image(tmp_path)), "sample-0")["images"]
    assert image["picture"] is None
    assert "expected an image file; got no such file" in image["problem"]


def test_a_place_that_cannot_be_written_is_an_input_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="expected a file that can be written"):
        write_preview(tmp_path / "file" / "p.html", [], title="", about="", style=DEFAULT)
