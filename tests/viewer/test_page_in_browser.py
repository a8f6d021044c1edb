"""The page in a real browser. Skipped where there is none."""

from dataclasses import replace

import numpy
import pytest
from PIL import Image
from rollouts_by_hand import (
    HOSTILE,
    corrected_maze,
    hostile_rollout,
    maze_image,
    missing_image,
    truncated_maze,
    two_rooms,
    wrong_maze,
)

from vilasr.drawing import DEFAULT, render, save_png
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
    six.click("input[value=wrong] + span")
    six.wait_for("document.documentElement.dataset.listed === '1'")
    assert six.run(SHOWN_IDS) == ["maze/test/0/19"]
    assert six.text("h2") == "maze/test/0/19"
    assert six.text(".option.given.missed .option-text") == "back on the green cell"
    six.click("input[value=''] + span")
    six.click("#filter-errors + span")
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


def test_nothing_of_the_filters_is_wider_than_a_phone(browser, pages):
    browser.open(pages / "six.html", width=375)
    assert browser.run("document.documentElement.scrollWidth") <= 375


# --- many rollouts, with pictures in files ----------------------------------------------------------------------------

NUM_MANY = 5000
KINDS = (corrected_maze, wrong_maze, truncated_maze, corrected_maze)
"""In turn: one that reflects, a wrong one, one without an answer, and one that nobody can score."""


def many_notes(rollout):
    number = int(rollout.sample.id.partition("/")[2])
    right = {0: True, 1: False, 2: False, 3: None}[number % 4]
    score = None if right is None else float(right)
    if number == 4321:
        right, score = False, 0.7
    return RolloutNote(
        score=score,
        is_right=right,
        groups={"size": str(3 + number % 5)},
        reflected=number % 4 == 0,
        agrees=number % 10 > 0,
    )


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    folder = tmp_path_factory.mktemp("many")
    (folder / "images").mkdir()
    save_png(maze_image(), folder / "images" / "maze.png")
    stories = [make() for make in KINDS]

    def rollouts():
        for number in range(NUM_MANY):
            story = stories[number % 4]
            sample = replace(
                story.sample,
                id=f"maze/{number}",
                images=(folder / "images" / "maze.png",),
                question=HOSTILE if number == 4999 else story.sample.question,
            )
            yield replace(story, sample=sample, seconds=float(number % 100))

    options = PageOptions(pictures_in=folder, report="report.html")
    write_page(folder / "many.html", rollouts(), title="Many", style=DEFAULT, notes=many_notes, options=options)
    return folder / "many.html"


def listed(browser):
    return int(browser.run("document.documentElement.dataset.listed"))


def choose(browser, control, value):
    browser.run(
        f"(() => {{ const e = document.getElementById('filter-{control}'); e.value = '{value}';"
        " e.dispatchEvent(new Event('input', {bubbles: true})) })()"
    )


def test_five_thousand_rollouts_open_at_any_of_them(browser, many):
    browser.open(many, "r=4000")
    assert browser.text("h2") == "maze/3999"
    assert browser.run("document.querySelectorAll('.row').length") < 40
    browser.press("j")
    browser.wait_for("document.querySelector('h2').textContent === 'maze/4000'")
    browser.press("k")
    browser.press("k")
    browser.wait_for("document.querySelector('h2').textContent === 'maze/3998'")
    assert browser.complaints() == []


def test_every_filter_counts_right(browser, many):
    browser.open(many)
    counts = {}
    for verdict in ("right", "partly", "wrong", "unscored", ""):
        browser.click(f"input[name=verdict][value='{verdict}'] + span")
        counts[verdict or "all"] = listed(browser)
    assert counts == {"right": 1250, "partly": 1, "wrong": 2499, "unscored": 1250, "all": 5000}
    for status, num in (("answered", 3750), ("truncated", 1250), ("truncated_turns", 1250), ("", 5000)):
        choose(browser, "status", status)
        assert listed(browser) == num
    browser.click("#filter-reflected + span")
    assert listed(browser) == 1250
    choose(browser, "group", "size=3")
    assert listed(browser) == 250  # every fourth and every fifth
    browser.click("#filter-reflected + span")
    browser.click("#filter-disagrees + span")
    assert listed(browser) == 500  # every tenth is among every fifth
    assert browser.text("#report") == "\u2190 Report"
    assert browser.run("document.getElementById('report').getAttribute('href')") == "report.html"
    assert browser.complaints() == []


def ends_of_the_list(browser):
    """What the first and the last row say."""
    browser.run("document.getElementById('list').focus()")
    rows = []
    for key in ("Home", "End"):
        browser.press(key)
        rows.append(browser.text(".row.selected"))
    return rows


def test_the_list_is_sorted_by_score_and_by_length(browser, many):
    browser.open(many, "sort=best")
    first, last = ends_of_the_list(browser)
    assert (first.splitlines()[:2], last.splitlines()[:2]) == (["\u2713", "maze/0"], ["\u2013", "maze/4999"])
    choose(browser, "sort", "worst")
    first, last = ends_of_the_list(browser)
    assert (first.splitlines()[:2], last.splitlines()[:2]) == (["\u2717", "maze/1 #2"], ["\u2013", "maze/4999"])
    choose(browser, "sort", "longest")
    first, last = ends_of_the_list(browser)
    assert ("6 turns" in first, "2 turns" in last) == (True, True)
    choose(browser, "sort", "slowest")
    assert "maze/99\n" in ends_of_the_list(browser)[0]
    browser.open(many, "verdict=partly")
    assert browser.run(SHOWN_IDS) == ["maze/4321"]
    assert browser.complaints() == []


def test_ids_are_found_at_once_and_thoughts_when_all_blocks_are_read(browser, many):
    browser.open(many, "q=maze/4711")
    assert browser.run(SHOWN_IDS) == ["maze/4711"]
    browser.wait_for("document.documentElement.dataset.searchable === 'yes'")
    browser.run("document.getElementById('filter-text').value = ''")
    browser.press("/")
    browser.type("crosses a WALL")
    assert listed(browser) == 2500


def test_linked_pictures_are_asked_for_when_they_are_shown_and_the_marks_are_drawn_on_them(browser, many):
    browser.open(many)
    browser.wait_for("[...document.querySelectorAll('#turn-1 img')].every((e) => e.complete && e.naturalWidth === 224)")
    picture = (many.parent / "images" / "maze.png").as_uri()
    assert set(browser.requests()) == {many.as_uri(), picture}
    num_traced = "e.querySelector('.overlay').querySelectorAll(':scope > g').length"
    figures = "[...document.querySelectorAll('.turn-figures figure')]"
    assert browser.run(f"{figures}.map((e) => {num_traced})") == [1, 3, 4, 5]
    labels = "[...document.querySelectorAll('#turn-2 .mark-label')].map((e) => e.textContent)"
    assert browser.run(labels) == ["step 1", "step 2", "step 3"]
    browser.click("#turn-2 .enlarge")
    assert browser.run("document.querySelectorAll('#zoom-marks .mark-label').length") == 3
    assert "vilasr view" in browser.text(".note")
    assert browser.complaints() == []


def test_traced_marks_look_like_the_rendered_ones(browser, many, tmp_path):
    """The page's own drawing, as large as the image, against the picture that the policy saw; but for the labels."""
    browser.open(many)
    browser.run("document.body.replaceChildren(document.querySelector('#turn-2 .enlarge'))")
    style = "{position: 'fixed', left: 0, top: 0, width: '224px', border: 0, borderRadius: 0}"
    browser.run("document.querySelectorAll('.mark-label').forEach((e) => e.remove())")
    browser.run(f"Object.assign(document.querySelector('.enlarge').style, {style})")
    browser.wait_for("document.querySelector('img').complete && document.querySelector('img').naturalWidth === 224")
    browser.screenshot(tmp_path / "traced.png")
    traced = numpy.asarray(Image.open(tmp_path / "traced.png").convert("RGB").crop((0, 0, 224, 192)), dtype=float)
    base = numpy.asarray(maze_image(), dtype=float)
    style = replace(DEFAULT, label_lines=False)
    rendered = numpy.asarray(render(maze_image(), corrected_maze().images[2].instances, style), dtype=float)
    drawn, also_traced = (numpy.abs(image - base).max(axis=2) > 60 for image in (rendered, traced))
    assert drawn.sum() > 400
    assert (drawn & also_traced).sum() / (drawn | also_traced).sum() > 0.85


def test_hostile_text_in_a_packed_block_stays_text(browser, many):
    browser.open(many, "r=5000")
    assert browser.run("document.querySelector('.question-text').textContent") == HOSTILE
    assert browser.run("document.documentElement.dataset.hacked ?? null") is None


def test_a_missing_picture_file_leaves_its_words(browser, many, tmp_path):
    page = tmp_path / "moved.html"
    page.write_bytes(many.read_bytes())
    browser.open(page)
    assert browser.text("h2") == "maze/0"
    assert browser.run("document.querySelector('.originals img').alt").startswith("Image 1, 224 by 192")
