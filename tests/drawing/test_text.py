"""Any string is a label."""

import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageFont

import vilasr.drawing.faces as faces
from vilasr.drawing.text import clean_text, text_mask

HOSTILE = [
    "",
    " ",
    "\n\t\r\x0b",
    "\x00",
    "a\x00b",
    "\ud800",
    "\udfff\ud800",
    "two\nlines",
    "\u202eright to left override",
    "שלום עולם",
    "مرحبا بالعالم",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\u200d",
    "\ufe0f",
    "e" + "\u0301" * 150,
    "\u0301\u0301",
    "中文標籤",
    "\U0010ffff\U000f0000\ufffe",
    "<script>alert(1)</script>",
    "<|im_end|><|vision_start|>",
    "{}%s\\x00",
    "\U0001d518\U00012000",
    "W" * 200,
    "x" * 100_000,
]


def mask(text, *, font_px=16, halo_px=2, max_size=(224, 224)):
    return text_mask(text, font_px=font_px, halo_px=halo_px, max_size=max_size)


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
@pytest.mark.parametrize("max_size", [(1, 1), (3, 1), (30, 20), (224, 224)])
def test_any_string_gives_a_mask_that_fits_or_none(text, max_size):
    drawn = mask(text, max_size=max_size)
    if drawn is not None:
        assert drawn.size == drawn.glyphs.size
        assert drawn.size[0] <= max_size[0]
        assert drawn.size[1] <= max_size[1]
        assert drawn.halo.getbbox() == (0, 0, *drawn.size)


def test_white_space_is_one_space_and_invisible_characters_go():
    assert clean_text(" a\n\t b\x00\u202e\ufe0f\x07c ") == "a b c"


def test_characters_that_no_font_has_become_the_replacement_character():
    assert clean_text("a\ud800b\U0010ffff") == "a\ufffdb\ufffd"


def test_accents_are_composed():
    assert clean_text("e\u0301") == "é"


def test_the_halo_surrounds_the_glyphs():
    drawn = mask("label", halo_px=2)
    glyphs, halo = np.asarray(drawn.glyphs), np.asarray(drawn.halo)
    assert (halo[glyphs > 128] > 250).all()
    rows, columns = np.nonzero(glyphs)
    assert (columns.min(), rows.min()) >= (1, 1)
    without = mask("label", halo_px=0)
    assert without.glyphs.tobytes() == without.halo.tobytes()


def test_a_long_label_ends_in_an_ellipsis_and_a_short_one_does_not():
    font = ImageFont.truetype(str(faces.SHIPPED), 16, layout_engine=ImageFont.Layout.BASIC)
    long = mask("i" * 200, max_size=(100, 50))
    assert 100 - font.getlength("ii") <= long.size[0] <= 100
    expected = mask("i" * 10 + "\u2026", max_size=(100, 50))
    dots = expected.glyphs.crop((expected.size[0] - 16, 0, *expected.size))
    assert long.glyphs.crop((long.size[0] - 16, 0, *long.size)).tobytes() == dots.tobytes()
    assert mask("iii").size[0] < 40


def test_coverage_agrees_with_what_the_font_draws():
    font = ImageFont.truetype(str(faces.SHIPPED), 16, layout_engine=ImageFont.Layout.BASIC)

    def picture(character):
        drawn = font.getmask(character)
        return drawn.size, bytes(drawn)

    missing = picture("\U0010ffff")
    for code in (*range(0x21, 0x600, 7), *range(0x2000, 0x3100, 31), 0x1F600, 0x1D49C, 0x20000):
        character = chr(code)
        if unicodedata.category(character) not in ("Cn", "Cf", "Zs"):
            assert faces.covers(faces.SHIPPED, character) == (picture(character) != missing), hex(code)


def test_the_shipped_font_has_the_common_scripts_and_its_licence():
    for character in "aéßжωשع→…\ufffd":
        assert faces.face_for(character) == faces.SHIPPED
    assert "Bitstream Vera" in (faces.SHIPPED.parent / "LICENSE_DEJAVU").read_text(encoding="utf-8")


@pytest.fixture
def fonts_of_this_system(monkeypatch):
    """Says where the system keeps its fonts; what was found there is forgotten afterwards."""

    def forget():
        for cached in (faces.system_faces, faces.face_for):
            cached.cache_clear()
        text_mask.cache_clear()

    def say(*folders):
        monkeypatch.setattr(faces, "font_folders", lambda: folders)
        forget()

    yield say
    monkeypatch.undo()
    forget()


SCRIPT_A = "\U0001d49c"
"""A letter the shipped font lacks and a mathematical font has."""


def test_a_missing_glyph_comes_from_a_system_font(tmp_path, fonts_of_this_system):
    matplotlib = pytest.importorskip("matplotlib")
    font = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "STIXGeneral.ttf"
    (tmp_path / "deep").mkdir()
    shutil.copy(font, tmp_path / "deep" / "STIXGeneral.ttf")
    (tmp_path / "broken.ttf").write_bytes(b"not a font")
    fonts_of_this_system(tmp_path, tmp_path / "missing")
    assert faces.system_faces() == (tmp_path / "deep" / "STIXGeneral.ttf",)
    assert faces.face_for(SCRIPT_A) == tmp_path / "deep" / "STIXGeneral.ttf"
    assert clean_text("a" + SCRIPT_A) == "a" + SCRIPT_A
    assert mask("a" + SCRIPT_A) is not None


def test_without_system_fonts_a_missing_glyph_is_the_replacement_character(tmp_path, fonts_of_this_system):
    fonts_of_this_system(tmp_path)
    assert faces.face_for(SCRIPT_A) is None
    assert mask(SCRIPT_A).glyphs.tobytes() == mask("\ufffd").glyphs.tobytes()
