"""The page as text: what is in the file, before any browser reads it."""

import base64
import gzip
import json
import re
from dataclasses import replace

import pytest
from rollouts_by_hand import (
    HOSTILE,
    arrow,
    corrected_maze,
    hostile_rollout,
    maze_image,
    maze_sample,
    missing_image,
    two_rooms,
)

from vilasr.drawing import DEFAULT, PUBLISHED, save_png
from vilasr.errors import InputError
from vilasr.types import Box
from vilasr.viewer import PageOptions, RolloutNote, render_page, write_page
from vilasr.viewer.describe import find_replaced
from vilasr.viewer.pictures import encode
from vilasr.viewer.shell import static_page, to_script_json
from vilasr.viewer.traced import describe_tracing


def page(*rollouts, **options):
    return render_page(rollouts, title="A page", style=DEFAULT, **options)


def data(html, name):
    return json.loads(re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', html).group(1))


def pictures(html):
    return re.findall(r'id="picture-\d+">(data:image/webp;base64,[^<]+)<', html)


def test_json_in_a_script_element_cannot_end_it():
    assert to_script_json("</script><!--\u2028&") == '"\\u003c/script\\u003e\\u003c!--\\u2028\\u0026"'
    assert json.loads(to_script_json(HOSTILE)) == HOSTILE


def test_hostile_text_adds_no_markup_to_the_file():
    tags = re.findall(r"<[a-zA-Z!/][^>]*>", page(hostile_rollout(), notes=lambda _: RolloutNote(explanation=HOSTILE)))
    assert not [tag for tag in tags if "onerror" in tag or "src=x" in tag]
    assert sum(tag == "</script>" for tag in tags) == sum(tag.startswith("<script") for tag in tags)


def test_a_hostile_title_is_escaped():
    html = render_page([], title="</title><script>$policy \ud800", style=DEFAULT)
    assert "&lt;/title&gt;&lt;script&gt;$policy ?" in html
    assert html.encode()


def test_a_page_without_script_allows_only_its_own_style():
    html = static_page("</title><script>", "<p>body</p>", styles=["theme.css"])
    assert "&lt;/title&gt;&lt;script&gt;" in html
    assert "default-src 'none'; img-src data:; style-src 'sha256-" in html
    assert "<script" not in html
    assert "<p>body</p>" in html


def test_each_distinct_image_is_stored_once():
    right = corrected_maze()
    one = pictures(page(right))
    assert len(one) == 5
    assert pictures(page(right, replace(right, sibling=1))) == one


def test_equal_pixels_from_two_files_are_stored_once(tmp_path):
    for name in ("a.png", "b.png"):
        save_png(maze_image(), tmp_path / name)
    rollouts = [replace(corrected_maze(), sample=maze_sample(images=(tmp_path / name,))) for name in ("a.png", "b.png")]
    assert len(pictures(page(*rollouts))) == 5


def test_rollouts_past_the_limit_have_words_instead_of_images():
    html = page(corrected_maze(), two_rooms(), options=PageOptions(max_rollouts_with_images=1))
    assert len(pictures(html)) == 5
    assert {image["problem"] for image in data(html, "rollout-1")["images"]} == {
        "Only the first 1 rollouts have images."
    }


def test_a_missing_image_is_named_and_the_page_is_made(tmp_path):
    [image] = data(page(missing_image(tmp_path)), "rollout-0")["images"]
    assert image["picture"] is None
    assert image["problem"].startswith("image 1 of maze/test/0/20: expected an image file; got no such file.")


def test_scores_and_groups_of_the_notes_are_in_the_list():
    note = RolloutNote(
        score=float("nan"), is_right=False, gold="C", groups={"size": "5x4"}, reflected=True, agrees=False
    )
    [row] = data(page(corrected_maze(), notes=lambda _: note), "rows")
    assert row == {
        "id": "maze/test/0/17",
        "sibling": 0,
        "question": corrected_maze().sample.question,
        "status": "answered",
        "right": False,
        "score": None,
        "groups": [["size", "5x4"]],
        "answer": "B",
        "gold": "C",
        "num_turns": 6,
        "num_drawings": 4,
        "num_errors": 1,
        "num_tokens": 4 * 61 + 24,
        "seconds": 3.42,
        "reflected": True,
        "agrees": False,
    }


def unpacked(html, name):
    text = re.search(rf'<script type="text/plain" id="{name}">(.*?)</script>', html).group(1)
    return json.loads(gzip.decompress(base64.b64decode(text)))


def test_rollouts_after_the_first_block_are_packed_and_the_same():
    rollouts = [replace(corrected_maze(), sample=maze_sample(id=f"maze/{number}")) for number in range(130)]
    html = page(*rollouts, options=PageOptions(max_rollouts_with_images=1))
    assert len(data(html, "rows")) == 130
    assert data(html, "about") == {"block_rollouts": 64, "report": None}
    assert [row["id"] for row in unpacked(html, "block-1")] == [f"maze/{number}" for number in range(64, 128)]
    assert [row["id"] for row in unpacked(html, "block-2")] == ["maze/128", "maze/129"]
    assert unpacked(html, "block-2")[1] == data(html, "rollout-63") | {"id": "maze/129"}
    assert "rollout-64" not in html
    assert "block-3" not in html


def test_linked_pictures_are_addresses_of_files_beside_the_page_and_their_marks_are_described(tmp_path):
    (tmp_path / "images").mkdir()
    save_png(maze_image(), tmp_path / "images" / "a b.png")
    rollout = replace(corrected_maze(), sample=maze_sample(images=(tmp_path / "images" / "a b.png",)))
    options = PageOptions(pictures_in=tmp_path, report="report.html")
    html = page(rollout, options=options)
    assert pictures(html) == []
    original, first, *_, last = data(html, "rollout-0")["images"]
    assert {image["picture"] for image in (original, first, last)} == {"images/a%20b.png"}
    assert original["traced"] is None
    mark = {"kind": "line", "label": "step 1", "px": [48, 48, 48, 112], "halo": "#ffffff"}
    assert first["traced"]["marks"][0].items() >= mark.items()
    assert (first["traced"]["stroke"], first["traced"]["font"], first["traced"]["rim"]) == (2, 11, 1)
    assert [mark["kind"] for mark in last["traced"]["marks"]] == ["line", "line", "line", "line", "box"]
    assert data(html, "about")["report"] == "report.html"


@pytest.mark.parametrize("place", ["outside", "missing", "in memory"])
def test_an_image_that_is_no_file_in_the_folder_of_the_page_is_not_linked(tmp_path, place):
    save_png(maze_image(), tmp_path / "outside.png")
    image = {"outside": tmp_path / "outside.png", "missing": tmp_path / "page" / "no.png", "in memory": maze_image()}
    rollout = replace(corrected_maze(), sample=maze_sample(images=(image[place],)))
    html = page(rollout, options=PageOptions(pictures_in=tmp_path / "page"))
    assert data(html, "rollout-0")["images"][0] == {
        **data(html, "rollout-0")["images"][0],
        "picture": None,
        "problem": "There is no file of this image beside the page.",
    }


def test_marks_in_the_published_style_are_described_with_its_dots_and_colours():
    rollout = two_rooms()
    tracing = describe_tracing(rollout.images[-1], PUBLISHED)
    assert (tracing["stroke"], tracing["rim"], tracing["label_lines"]) == (4, 0, False)
    assert tracing["dots"] == [4, "#ff0000", "#0000ff"]
    assert {mark["colour"] for mark in tracing["marks"] if mark["kind"] == "line"} <= {"#000000"}


def test_a_moved_mark_remembers_where_it_was():
    turns = data(page(corrected_maze()), "rollout-0")["turns"]
    assert [(action["px"], action["was_px"]) for action in turns[3]["actions"]] == [
        ([80, 112, 80, 48], [80, 112, 112, 48]),
        ([80, 48, 144, 48], None),
    ]


def test_the_second_mark_of_a_label_replaces_the_second_one():
    rollout = two_rooms()
    boxes = [Box(image_index=3, box_px=(x, 0, x + 10, 10), label="window") for x in (0, 20)]
    assert find_replaced(boxes, rollout) == [rollout.images[2].instances[0], None]
    assert find_replaced([arrow(3, (0, 0), (5, 5), "window")], rollout) == [None]


def test_swatches_have_the_colours_of_the_style():
    turns = data(render_page([two_rooms()], title="", style=PUBLISHED), "rollout-0")["turns"]
    assert [action["colour"] for action in turns[0]["actions"]] == ["#ff0000", "#008000", "#ff0000"]
    assert [action["colour"] for action in turns[1]["actions"]] == ["#000000"]


def test_small_images_stay_lossless():
    assert encode(maze_image(), quality=1) == encode(maze_image(), quality=None)


def test_large_images_are_scaled_down():
    from base64 import b64decode
    from io import BytesIO

    from PIL import Image

    [url] = pictures(
        page(replace(two_rooms(), images=two_rooms().images[:1], turns=()), options=PageOptions(max_side=160))
    )
    assert Image.open(BytesIO(b64decode(url.partition(",")[2]))).size == (160, 120)


def test_the_written_page_is_the_rendered_one(tmp_path):
    path = tmp_path / "new" / "page.html"
    write_page(path, [corrected_maze()], title="A page", style=DEFAULT)
    assert path.read_text(encoding="utf-8") == page(corrected_maze())


def test_a_failure_while_writing_leaves_the_old_page(tmp_path):
    path = tmp_path / "page.html"
    path.write_text("old")

    def broken():
        yield corrected_maze()
        raise KeyError("cut off")

    with pytest.raises(KeyError, match="cut off"):
        write_page(path, broken(), title="", style=DEFAULT)
    assert [each.name for each in tmp_path.iterdir()] == ["page.html"]
    assert path.read_text() == "old"


def test_a_place_that_cannot_be_written_is_an_input_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="expected a file that can be written"):
        write_page(tmp_path / "file" / "page.html", [], title="", style=DEFAULT)


def test_a_directory_as_the_page_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="expected a file that can be written"):
        write_page(tmp_path, [], title="", style=DEFAULT)
