"""The page in a real browser. Skipped where there is none."""

from dataclasses import replace

import pytest
from rollouts_by_hand import (
    HOSTILE,
    corrected_maze,
    hostile_rollout,
    missing_image,
    truncated_maze,
    two_rooms,
    wrong_maze,
)

from vilasr.drawing import DEFAULT
from vilasr.viewer import PageOptions, RolloutNote, write_page

SHOWN_IDS = "[...document.querySelectorAll('.row-id')].map((e) => e.firstChild.textContent)"


def note(rollout):
    is_right = None if rollout.answer is None else rollout.sample.id != "maze/test/0/19"
    return RolloutNote(
        score=None if is_right is None else float(is_right),
        is_right=is_right,
        explanation=HOSTILE,
        groups={"task": rollout.sample.task, "evil": HOSTILE},
    )


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    rollouts = [corrected_maze(), truncated_maze(), wrong_maze(), two_rooms(), hostile_rollout(), missing_image(folder)]
    write_page(folder / "six.html", rollouts, title=HOSTILE, style=DEFAULT, notes=note)
    write_page(folder / "one.html", rollouts[:1], title="One", style=DEFAULT, notes=note)
    write_page(folder / "none.html", [], title="None", style=DEFAULT)
    return folder


@pytest.fixture
def six(browser, pages):
    browser.open(pages / "six.html")
    yield browser
    assert browser.complaints() == []
    assert browser.requests() == [(pages / "six.html").as_uri()]
    assert browser.run("document.documentElement.dataset.hacked ?? null") is None


def test_the_first_rollout_is_shown_turn_by_turn(six):
    assert six.text("h2") == "maze/test/0/17"
    assert six.run("[...document.querySelectorAll('.turn h3')].map((e) => e.textContent)") == [
        "Drew on image 1",
        "Drew on image 2",
        "Made a mistake",
        "Corrected image 3",
        "Drew on image 4",
        "Answered",
    ]
    assert "Give pixels of image 3." in six.text("#turn-3 .callout")
    assert "next to the red cell" in six.text(".option.gold.given")
    six.wait_for("[...document.querySelectorAll('main img')].every((e) => e.complete && e.naturalWidth === 224)")
    assert six.run("document.querySelectorAll('main img').length") == 5
    assert (
        six.run("document.querySelector('#turn-1 img').alt")
        == "Image 2, on image 1, 224 by 192 pixels; marks: line 'step 1'"
    )


def test_hostile_text_stays_text(six):
    six.click("#row-4")
    assert six.run("document.querySelector('.question-text').textContent") == HOSTILE
    assert six.run("document.querySelector('#turn-1 .thought').textContent") == HOSTILE
    assert six.run("document.querySelector('#turn-2 pre').textContent") == HOSTILE
    assert six.run("document.querySelector('.outcome p').textContent") == HOSTILE
    assert six.run("document.querySelector('h1').textContent") == HOSTILE
    assert six.run("document.querySelectorAll('[onerror], [src=x], main script').length") == 0


def test_nothing_but_the_scripts_of_the_page_may_run(six):
    six.run("document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 1'}))")
    six.run(
        "document.body.append(Object.assign(document.createElement('img'), {src: 'https://example.invalid/x.png'}))"
    )
    six.wait_for("1")
    assert six.run("window.ran ?? null") is None
    complaints = six.complaints()
    assert complaints
    assert all("Content Security Policy" in complaint for complaint in complaints)
    six.events[:] = [event for event in six.events if event["method"] == "Network.requestWillBeSent"][:1]


def test_filters_narrow_the_list(six):
    six.click("input[value=wrong]")
    six.wait_for("document.documentElement.dataset.listed === '1'")
    assert six.run(SHOWN_IDS) == ["maze/test/0/19"]
    assert six.text("h2") == "maze/test/0/19"
    assert six.text(".option.given.missed .option-text") == "back on the green cell"
    six.click("input[value='']")
    six.click("#filter-errors")
    six.wait_for("document.documentElement.dataset.listed === '2'")
    assert six.run(SHOWN_IDS)[0] == "maze/test/0/17"


def test_search_looks_into_the_thoughts(six):
    six.press("/")
    six.type("crosses a WALL")
    six.wait_for("document.documentElement.dataset.listed === '1'")
    assert six.run(SHOWN_IDS) == ["maze/test/0/17"]
    six.type(" nowhere")
    six.wait_for("document.documentElement.dataset.listed === '0'")
    assert "No rollout matches" in six.text("main")
    six.click("main button")
    six.wait_for("document.documentElement.dataset.listed === '6'")


def test_the_address_remembers_filter_and_rollout(browser, pages):
    browser.open(pages / "six.html", "status=truncated_turns")
    assert browser.run(SHOWN_IDS) == ["maze/test/0/18"]
    assert "No answer within 3 turns." in browser.text(".outcome")
    browser.open(pages / "six.html", "r=4&group=task%3Dstatic")
    assert browser.run(SHOWN_IDS) == ["static/rooms/4"]
    assert browser.text(".answers").split() == ["Answered", "2.2", "Right", "answer", "2.5"]
    browser.open(pages / "six.html", "r=99&status=nonsense&group=%22%3E&verdict=x&zoom=1e9")
    assert browser.text("h2") == "maze/test/0/17"
    assert browser.complaints() == []


def test_keys_walk_through_the_rollouts(six):
    six.press("j")
    assert six.text("h2") == "maze/test/0/18"
    six.press("k")
    six.press("k")
    assert six.text("h2") == "maze/test/0/17"
    six.run("document.getElementById('list').focus()")
    six.press("ArrowDown")
    six.press("ArrowDown")
    assert six.text("h2") == "maze/test/0/19"
    assert six.run("document.getElementById('list').getAttribute('aria-activedescendant')") == "row-2"


def test_a_click_enlarges_an_image_and_escape_closes_it(six):
    six.click("#turn-2 .enlarge")
    assert six.run("document.getElementById('zoom').open") is True
    assert six.text("#zoom-caption strong") == "Image 3, on image 2"
    fitted = int(six.text("#zoom-scale").split()[0])
    assert fitted > 300
    six.call("Input.dispatchMouseEvent", type="mouseWheel", x=640, y=500, deltaX=0, deltaY=-200)
    six.wait_for(f"parseInt(document.getElementById('zoom-scale').textContent) > {fitted}")
    six.press("p")
    assert six.run("getComputedStyle(document.getElementById('zoom-image')).imageRendering") == "pixelated"
    six.press("ArrowRight")
    assert six.text("#zoom-caption strong") == "Image 4, on image 3"
    six.press("Escape")
    six.wait_for("!document.getElementById('zoom').open")


def test_pointing_at_an_action_outlines_it(six):
    place = six.run(
        "(() => { const b = document.querySelector('#turn-1 tbody tr').getBoundingClientRect();"
        " return [b.x + 9, b.y + 9] })()"
    )
    six.call("Input.dispatchMouseEvent", type="mouseMoved", x=place[0], y=place[1])
    six.wait_for("document.querySelectorAll('#turn-1 .overlay .outline-line').length === 1")


def test_an_image_that_is_missing_is_explained(six):
    six.click("#row-5")
    assert "got no such file" in six.text(".no-picture")
    assert "The server went away." in six.text(".outcome")


def test_a_single_rollout_has_no_list(browser, pages):
    browser.open(pages / "one.html")
    assert browser.run("getComputedStyle(document.querySelector('.side')).display") == "none"
    assert browser.run("document.querySelector('.steps')") is None
    assert browser.complaints() == []


def test_a_page_without_rollouts_says_so(browser, pages):
    browser.open(pages / "none.html")
    assert browser.text("main") == "There are no rollouts in this page."
    assert browser.complaints() == []


def test_nothing_is_wider_than_a_narrow_window(browser, pages):
    for number in (1, 4, 5):
        browser.open(pages / "six.html", f"r={number}", width=420)
        assert browser.run("document.documentElement.scrollWidth") <= 420


def test_five_thousand_rollouts_stay_usable(browser, tmp_path):
    stories = [corrected_maze(), wrong_maze(), truncated_maze()]
    rollouts = (replace(stories[i % 3], sample=replace(stories[i % 3].sample, id=f"maze/{i}")) for i in range(5000))
    write_page(
        tmp_path / "many.html", rollouts, title="Many", style=DEFAULT, options=PageOptions(max_rollouts_with_images=3)
    )
    browser.open(tmp_path / "many.html", "r=4000")
    assert browser.text("h2") == "maze/3999"
    assert browser.run("document.querySelectorAll('.row').length") < 40
    assert "Only the first 3 rollouts have images." in browser.text("main")
    browser.press("/")
    browser.type("maze/4711")
    browser.wait_for("document.documentElement.dataset.listed === '1'")
    assert browser.run(SHOWN_IDS) == ["maze/4711"]
