"""State in, pixels out."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vilasr.drawing import DEFAULT, PUBLISHED, add_marks, content_key, halo_colour, label_colour, render, style_named
from vilasr.drawing.palette import BLACK, MIN_CONTRAST, WHITE, contrast
from vilasr.errors import InputError
from vilasr.types import Box, Line

RED, GREEN, BLUE, YELLOW = (255, 0, 0), (0, 128, 0), (0, 0, 255), (255, 255, 0)
GREY = (90, 90, 90)


def box(*corners, label="chair"):
    return Box(image_index=1, box_px=corners, label=label)


def line(start, end, label="way"):
    return Line(image_index=1, start_px=start, end_px=end, label=label)


def canvas(width=224, height=224, colour=GREY):
    return Image.new("RGB", (width, height), colour)


def changed(image, base):
    """[height, width] bool: which pixels a render changed."""
    return (np.asarray(image) != np.asarray(base)).any(axis=2)


# --- the default style ------------------------------------------------------------------------------------------------


def test_a_box_is_two_pixels_of_its_colour_inside_its_corners_at_224():
    image = render(canvas(), [box(50, 60, 150, 160)])
    colour, rim = label_colour("chair"), WHITE
    across = [image.getpixel((x, 110)) for x in (48, 49, 50, 51, 52, 53, 146, 147, 148, 149, 150, 151)]
    assert across == [GREY, rim, colour, colour, rim, GREY, GREY, rim, colour, colour, rim, GREY]
    down = [image.getpixel((100, y)) for y in (156, 157, 158, 159, 160, 161)]
    assert down == [GREY, rim, colour, colour, rim, GREY]


def test_a_level_line_is_sharp_with_a_ring_at_its_start_and_an_arrow_at_its_end():
    image = render(canvas(), [line((40, 100), (160, 100), label="")])
    colour = label_colour("")
    assert [image.getpixel((90, y)) for y in range(97, 103)] == [GREY, WHITE, colour, colour, WHITE, GREY]
    lines = changed(image, canvas())
    widths = {x: int(lines[:, x].sum()) for x in (40, 90, 153)}
    assert widths[90] == 4
    assert widths[40] >= 8
    assert widths[153] >= 8
    assert image.getpixel((40, 100)) == WHITE
    assert image.getpixel((153, 100)) == colour


def test_turning_a_line_round_changes_the_picture():
    there, back = (render(canvas(), [line(*ends)]) for ends in (((20, 20), (90, 70)), ((90, 70), (20, 20))))
    assert content_key(there) != content_key(back)


def test_widths_and_text_grow_with_the_image():
    small, large = (render(canvas(s, s), [box(s / 4, s / 2, s / 2, 3 * s / 4)]) for s in (224, 896))
    own = np.array(label_colour("chair"))
    row = [(np.asarray(image)[int(s * 0.625)] == own).all(axis=1).sum() for image, s in ((small, 224), (large, 896))]
    assert row == [2 * 2, 2 * 5]


def test_labels_of_boxes_and_lines_are_drawn_with_a_halo():
    for mark in (box(60, 60, 160, 160), line((60, 60), (160, 60))):
        bare = type(mark)(**{name: getattr(mark, name) for name in mark.__slots__ if name != "label"}, label="")
        text = changed(render(canvas(), [mark]), canvas()) & ~changed(render(canvas(), [bare]), canvas())
        pixels = np.asarray(render(canvas(), [mark]))[text]
        assert (pixels == label_colour(mark.label)).all(axis=1).sum() > 30
        assert (pixels > 200).all(axis=1).sum() > 30


def test_labels_stay_whole_inside_the_image_in_every_corner():
    reference = render(canvas(), [box(60, 60, 160, 160)])
    full = (np.asarray(reference)[:60] == label_colour("chair")).all(axis=2).sum()
    for corner in ((0, 0, 40, 30), (190, 0, 224, 30), (0, 200, 40, 224), (184, 194, 224, 224)):
        image = np.asarray(render(canvas(), [box(*corner)]))
        bare = np.asarray(render(canvas(), [box(*corner, label="")]))
        own = (image == label_colour("chair")).all(axis=2) & ~(bare == label_colour("")).all(axis=2)
        assert own.sum() >= full


def test_labels_of_neighbouring_boxes_do_not_cover_each_other():
    alone = [
        changed(render(canvas(), [b]), canvas()) for b in (box(50, 80, 150, 180), box(50, 80, 150, 180, label="cat"))
    ]
    both = changed(render(canvas(), [box(50, 80, 150, 180), box(50, 80, 150, 180, label="cat")]), canvas())
    assert both.sum() > (alone[0] | alone[1]).sum() + 100


# --- state and pixels -------------------------------------------------------------------------------------------------


def test_a_correction_moves_the_mark_and_leaves_nothing_behind():
    base = canvas()
    first = add_marks((), [box(20, 30, 80, 90)])
    second = add_marks(first, [box(120, 130, 200, 210)])
    image = render(base, second)
    assert content_key(image) == content_key(render(base, [box(120, 130, 200, 210)]))
    assert not changed(image, base)[:100, :100].any()
    assert changed(render(base, first), base)[30, 50]


def test_two_boxes_with_one_label_are_both_seen_in_one_colour():
    image = render(canvas(), add_marks((), [box(20, 60, 80, 90), box(120, 130, 200, 210)]))
    assert image.getpixel((50, 89)) == image.getpixel((160, 209)) == label_colour("chair")


def test_the_base_is_left_untouched_and_no_marks_give_its_pixels():
    base = canvas()
    key = content_key(base)
    image = render(base, [box(1, 2, 30, 40), line((5, 5), (50, 80))])
    assert content_key(base) == key != content_key(image)
    empty = render(base, [])
    assert content_key(empty) == key
    empty.putpixel((0, 0), RED)
    assert content_key(base) == key


def test_a_picture_is_the_same_when_drawn_again_and_in_another_process():
    code = (
        "from PIL import Image; from vilasr.drawing import *; from vilasr.types import *;"
        "print(content_key(render(Image.new('RGB', (224, 224)), ["
        "Box(image_index=1, box_px=(9, 9, 99, 99), label='cat'),"
        "Line(image_index=1, start_px=(9, 9), end_px=(99, 80), label='dog')])))"
    )
    marks = [box(9, 9, 99, 99, label="cat"), line((9, 9), (99, 80), label="dog")]
    keys = {content_key(render(canvas(colour=BLACK), marks)) for _ in range(2)}
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert keys == {other.stdout.strip()}


SIDES = st.sampled_from([(224, 224), (64, 48), (33, 200), (3, 1), (1, 1), (2, 2)])
LABELS = st.one_of(st.sampled_from(["", "a", "b"]), st.text(max_size=30))


@st.composite
def marks_on(draw, size, labels=LABELS):
    def point():
        return tuple(draw(st.floats(0, side, allow_nan=False, width=32)) for side in size)

    (x1, y1), (x2, y2), label = point(), point(), draw(labels)
    if draw(st.booleans()):
        return line((x1, y1), (x2, y2), label=label)
    return box(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2), label=label)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_any_turns_of_any_marks_render_and_depend_on_the_final_state_only(data):
    size = data.draw(SIDES)
    style = data.draw(st.sampled_from([DEFAULT, PUBLISHED]))
    base = canvas(*size)
    state = ()
    for turn in data.draw(st.lists(st.lists(marks_on(size), max_size=4), max_size=4)):
        state = add_marks(state, turn)
        image = render(base, state, style)
        assert (image.mode, image.size) == ("RGB", size)
    assert content_key(render(base, state, style)) == content_key(render(canvas(*size), tuple(state), style))
    assert content_key(base) == content_key(canvas(*size))


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_mark_without_text_is_seen_and_changes_only_pixels_near_itself(data):
    size = data.draw(st.sampled_from([(224, 224), (64, 48), (33, 200)]))
    style = data.draw(st.sampled_from([DEFAULT, PUBLISHED]))
    mark = data.draw(marks_on(size, st.just("")))
    rows, columns = np.nonzero(changed(render(canvas(*size), [mark], style), canvas(*size)))
    assert len(rows) > 0
    corners = mark.box_px if isinstance(mark, Box) else (*mark.start_px, *mark.end_px)
    reach = 8
    assert columns.min() >= min(corners[0], corners[2]) - reach
    assert columns.max() <= max(corners[0], corners[2]) + reach
    assert rows.min() >= min(corners[1], corners[3]) - reach
    assert rows.max() <= max(corners[1], corners[3]) + reach
    if isinstance(mark, Line) and mark.start_px != mark.end_px:
        start, along = np.array(mark.start_px), np.subtract(mark.end_px, mark.start_px)
        offset = np.stack([columns, rows], axis=1) + 0.5 - start
        aside = np.abs(offset[:, 0] * along[1] - offset[:, 1] * along[0]) / np.hypot(*along)
        assert aside.max() <= reach


@pytest.mark.parametrize("size", [(1, 1), (3, 1), (1, 3), (2, 2), (7, 5), (4000, 3)])
@pytest.mark.parametrize("style", [DEFAULT, PUBLISHED], ids=lambda style: style.name)
def test_the_smallest_images_take_marks(size, style):
    width, height = size
    image = render(canvas(*size), [box(0, 0, width, height), line((0, 0), (width, height))], style)
    assert image.size == size


# --- colours ----------------------------------------------------------------------------------------------------------


def test_the_colour_of_a_label_is_the_same_in_every_image_and_for_boxes_and_lines():
    small = render(canvas(100, 100), [box(20, 50, 60, 90, label="cat")])
    large = render(canvas(300, 200), [box(1, 1, 9, 9), line((20, 150), (280, 150), label="cat")])
    assert small.getpixel((40, 89)) == large.getpixel((100, 150)) == label_colour("cat")


def test_labels_that_count_have_colours_far_apart():
    for labels in ("ABCDEFGH", [f"step {i}" for i in range(1, 9)]):
        colours = np.array([label_colour(label) for label in labels], dtype=float)
        distances = np.linalg.norm(colours[:, None] - colours[None], axis=2) + 1e9 * np.eye(len(colours))
        assert distances.min() > 40


def test_every_label_colour_stands_out_against_its_halo():
    for index in range(500):
        colour = label_colour(f"thing {index}")
        assert halo_colour(colour) == WHITE
        assert contrast(colour, WHITE) >= MIN_CONTRAST
    assert halo_colour((255, 255, 0)) == BLACK
    assert contrast(BLACK, WHITE) == pytest.approx(21.0)


# --- the published style ----------------------------------------------------------------------------------------------


def test_published_lines_are_black_4_px_with_a_red_start_and_a_blue_end_of_radius_4():
    image = render(canvas(colour=WHITE), [line((50, 100), (150, 100), label="never drawn")], PUBLISHED)
    pixels = np.asarray(image)
    assert (pixels[:, 100] == BLACK).all(axis=1).sum() == 4
    for x, colour in ((50, RED), (150, BLUE)):
        rows, columns = np.nonzero((pixels == colour).all(axis=2))
        assert (columns.min(), columns.max(), rows.min(), rows.max()) == (x - 4, x + 4, 96, 104)
    rows, columns = np.nonzero(changed(image, canvas(colour=WHITE)))
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (46, 154, 96, 104)


def test_published_boxes_are_4_px_coloured_by_position_and_labelled():
    base = canvas(400, 300, WHITE)
    boxes = [box(20, 50, 80, 110), box(120, 50, 180, 110), box(220, 50, 280, 110, label="x"), box(20, 200, 80, 280)]
    marks = [boxes[0], line((5, 5), (9, 9)), *boxes[1:]]
    image = render(base, marks, PUBLISHED)
    assert [image.getpixel((x, 80)) for x in (19, 20, 23, 24)] == [WHITE, RED, RED, WHITE]
    assert [image.getpixel(at) for at in ((120, 80), (220, 80), (20, 240))] == [GREEN, BLUE, YELLOW]
    assert (np.asarray(image)[30:49, 20:80] == RED).all(axis=2).any()


def test_published_strokes_do_not_grow_with_the_image():
    pixels = np.asarray(render(canvas(900, 900), [box(100, 100, 800, 800)], PUBLISHED))
    assert (pixels[500] == RED).all(axis=1).sum() == 8


def test_styles_are_found_by_name():
    assert style_named("default") is DEFAULT
    assert style_named("published") is PUBLISHED
    assert (DEFAULT.draw_at_model_size, PUBLISHED.draw_at_model_size) == (False, True)
    with pytest.raises(InputError, match="expected default or published; got 'neon'"):
        style_named("neon")
