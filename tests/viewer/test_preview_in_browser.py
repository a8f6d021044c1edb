"""The contact sheet in Chromium."""

from dataclasses import replace

import pytest
from rollouts_by_hand import HOSTILE, corrected_maze, two_rooms

from vilasr.drawing import DEFAULT
from vilasr.types import AnswerType
from vilasr.viewer import write_preview


def typed(rollout, name, **changes):
    return replace(rollout, sample=replace(rollout.sample, metadata={"question_type": name}, **changes))


@pytest.fixture
def sheet(browser, tmp_path):
    """Opens the page of some demonstrations."""

    def open_page(*rollouts, fragment=""):
        write_preview(tmp_path / "p.html", rollouts, title="mazes", about="3 of 10 samples", style=DEFAULT)
        browser.open(tmp_path / "p.html", fragment)
        return browser

    return open_page


def num_shown(browser):
    return browser.run("[...document.querySelectorAll('.sample')].filter((card) => card.offsetHeight > 0).length")


def test_pictures_question_options_and_answer_are_on_the_screen(sheet):
    browser = sheet(typed(corrected_maze(), "path_end"))
    assert "path end" in browser.text(".sample-head")
    assert browser.text(".question-text").startswith("You start on the green cell")
    assert browser.text(".option.gold") == "B\nnext to the red cell"
    assert browser.text(".drawn figcaption") == "Ground truth"
    assert browser.run("[...document.images].filter((i) => i.id !== 'zoom-image').every((i) => i.naturalWidth === 224)")
    assert browser.complaints() == []
    assert len(browser.requests()) == 1  # the page itself


def test_a_number_is_shown_as_the_answer(sheet):
    number = typed(corrected_maze(), "length", options=(), answer="7", answer_type=AnswerType.NUMBER)
    assert sheet(number).text(".answer-line") == "Answer\n7"


def test_a_click_on_a_type_shows_its_samples_alone_and_the_address_remembers_it(sheet):
    rollouts = (typed(corrected_maze(), "end"), typed(corrected_maze(), "valid"), typed(two_rooms(), "end"))
    browser = sheet(*rollouts)
    labels = browser.run("[...document.querySelectorAll('.types label')].map((label) => label.innerText)")
    assert labels == ["all 3", "end 2", "valid 1"]
    assert num_shown(browser) == 3
    browser.click(".types label:nth-of-type(3)")
    assert num_shown(browser) == 1
    assert browser.run("location.hash") == "#type=valid"
    assert num_shown(sheet(*rollouts, fragment="type=end")) == 2


def test_one_type_needs_no_filter(sheet):
    assert sheet(typed(corrected_maze(), "end")).run("document.querySelector('.types').offsetHeight") == 0


def test_a_click_on_a_picture_enlarges_it(sheet):
    browser = sheet(two_rooms())
    browser.click(".drawn .enlarge")
    assert browser.text("#zoom-caption").startswith("Ground truth on image 1")
    browser.press("ArrowLeft")
    assert browser.text("#zoom-caption").startswith("Image 2")


def test_hostile_text_is_text(sheet):
    hostile = typed(corrected_maze(), HOSTILE, question=HOSTILE, options=(HOSTILE,) * 4, id=HOSTILE)
    browser = sheet(hostile, typed(corrected_maze(), "end"))
    assert browser.run("document.documentElement.dataset.hacked ?? null") is None
    assert browser.text(".question-text").startswith("<img src=x onerror=")
    assert browser.complaints() == []
