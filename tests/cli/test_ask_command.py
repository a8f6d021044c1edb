"""`vilasr ask` on every kind of image, good and bad, through the real command."""

from __future__ import annotations

import json
import struct
import zlib

import pytest
from PIL import Image

from vilasr.cli.main import main
from vilasr.drawing import load_image

BLUE = (70, 130, 180)


def ask(endpoint, *arguments):
    options = ["--option", "here", "--option", "there", "--endpoint", endpoint.url]
    return main(["ask", *map(str, arguments), "-q", "Where?", *options])


# --- good images ------------------------------------------------------------------------------------------------------


def write_png(folder):
    Image.new("RGB", (120, 80), BLUE).save(folder / "a.png")
    return folder / "a.png"


def write_jpeg(folder):
    Image.new("RGB", (120, 80), BLUE).save(folder / "a.jpg")
    return folder / "a.jpg"


def write_palette(folder):
    Image.new("RGB", (120, 80), BLUE).convert("P", palette=Image.Palette.ADAPTIVE).save(folder / "palette.png")
    return folder / "palette.png"


def write_rgba(folder):
    Image.new("RGBA", (120, 80), (*BLUE, 255)).save(folder / "rgba.png")
    return folder / "rgba.png"


def write_16_bit(folder):
    Image.new("I;16", (120, 80), 40000).save(folder / "deep.png")
    return folder / "deep.png"


def write_cmyk(folder):
    Image.new("CMYK", (120, 80), (100, 50, 0, 30)).save(folder / "cmyk.jpg")
    return folder / "cmyk.jpg"


def write_animation(folder):
    frames = [Image.new("RGB", (120, 80), colour) for colour in (BLUE, "red", "green")]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    return folder / "moving.gif"


def write_one_pixel(folder):
    Image.new("RGB", (1, 1), BLUE).save(folder / "dot.png")
    return folder / "dot.png"


GOOD = [write_png, write_jpeg, write_palette, write_rgba, write_16_bit, write_cmyk, write_animation, write_one_pixel]


@pytest.mark.parametrize("write", GOOD)
def test_every_kind_of_image_is_answered(write, tmp_path, endpoint, capsys):
    assert ask(endpoint, write(tmp_path)) == 0
    assert capsys.readouterr().out == "B\n"
    assert [picture.mode for picture in endpoint.pictures] == ["RGB", "RGB"]


def test_transparency_is_seen_over_white(tmp_path, endpoint):
    Image.new("RGBA", (120, 80), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert ask(endpoint, tmp_path / "clear.png") == 0
    assert endpoint.pictures[0].getpixel((60, 40)) == (255, 255, 255)


def test_an_exif_rotated_photo_is_seen_upright(tmp_path, endpoint):
    exif = Image.Exif()
    exif[274] = 6
    Image.new("RGB", (112, 56), BLUE).save(tmp_path / "turned.jpg", exif=exif)
    assert ask(endpoint, tmp_path / "turned.jpg") == 0
    assert endpoint.pictures[0].size == (56, 112)


def test_several_images_come_in_order(tmp_path, endpoint):
    Image.new("RGB", (112, 56), BLUE).save(tmp_path / "wide.png")
    Image.new("RGB", (56, 112), BLUE).save(tmp_path / "high.png")
    assert ask(endpoint, tmp_path / "wide.png", tmp_path / "high.png") == 0
    assert [picture.size for picture in endpoint.pictures] == [(112, 56), (56, 112), (112, 56)]


def test_the_frames_of_a_video_are_images(tmp_path, endpoint):
    from video_files import write_video

    assert ask(endpoint, write_video(tmp_path / "clip.mp4", num_frames=9), "--frames", "3") == 0
    assert len(endpoint.pictures) == 3 + 1


# --- bad input --------------------------------------------------------------------------------------------------------


def png_header(width, height):
    """The start of a PNG that declares this size, up to its first pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    header = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + header + struct.pack(">I", 1000) + b"IDAT" + zlib.compress(bytes(1000))


def expect_refusal(endpoint, capsys, *arguments):
    """The error line of a command that must exit with 2 and ask nobody."""
    assert ask(endpoint, *arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert not endpoint.requests
    assert captured.err.startswith("error: ")
    assert "Traceback" not in captured.err
    return captured.err


def test_a_huge_image_is_refused_by_its_header(tmp_path, endpoint, capsys):
    (tmp_path / "huge.png").write_bytes(png_header(20_000, 20_000))
    message = expect_refusal(endpoint, capsys, tmp_path / "huge.png")
    assert "20000 x 20000" in message
    assert "64,000,000 pixels" in message


def test_a_truncated_file_is_refused(tmp_path, endpoint, capsys):
    Image.effect_noise((120, 80), 50).save(tmp_path / "whole.png")
    (tmp_path / "half.png").write_bytes((tmp_path / "whole.png").read_bytes()[:2000])
    assert "half.png: expected a complete image" in expect_refusal(endpoint, capsys, tmp_path / "half.png")


def test_text_named_png_is_refused(tmp_path, endpoint, capsys):
    (tmp_path / "text.png").write_text("not a picture")
    assert "text.png: expected an image (PNG, " in expect_refusal(endpoint, capsys, tmp_path / "text.png")


def test_a_missing_file_is_refused(tmp_path, endpoint, capsys):
    message = expect_refusal(endpoint, capsys, tmp_path / "none.png")
    assert "none.png: expected an image file; got no such file. Check the path." in message


def test_sixty_images_are_refused(photo, endpoint, capsys):
    message = expect_refusal(endpoint, capsys, *[photo] * 60)
    assert "images: expected 1 to 45 images; got 60." in message


@pytest.mark.parametrize("question", ["", "  \n"])
def test_an_empty_question_is_refused(question, photo, endpoint, capsys):
    assert main(["ask", str(photo), "-q", question, "--endpoint", endpoint.url]) == 2
    assert "question: expected some text; got nothing." in capsys.readouterr().err


def test_a_single_option_is_refused(photo, endpoint, capsys):
    assert main(["ask", str(photo), "-q", "Where?", "--option", "here", "--endpoint", endpoint.url]) == 2
    assert "options: expected at least two, or none; got one." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--style", "nice"], "drawing style: expected default or published; got 'nice'"),
        (["--protocol", "morse"], "protocol: expected one of vilasr, compact, json; got 'morse'"),
        (["--frames", "0"], "argument --frames: expected a whole number from 1; got '0'"),
        (["--temperature", "-1"], "argument --temperature: expected a number from 0; got '-1'"),
        (["--temperature", "nan"], "argument --temperature: expected a number from 0; got 'nan'"),
        (["--system-prompt", "nowhere.txt"], "nowhere.txt: expected a text file (UTF-8); got no such file"),
        (["--colour"], "unrecognized arguments: --colour"),
    ],
)
def test_wrong_options_are_named(arguments, message, photo, endpoint, capsys):
    assert message in expect_refusal(endpoint, capsys, photo, *arguments)


def test_an_endpoint_that_is_no_url_is_refused(photo, capsys):
    assert main(["ask", str(photo), "-q", "Where?", "--endpoint", "localhost:8000"]) == 2
    assert "endpoint: expected a URL such as http://localhost:8000/v1" in capsys.readouterr().err


# --- results ----------------------------------------------------------------------------------------------------------


def test_json_has_the_keys_of_the_contract_and_paths_of_pictures(photo, tmp_path, endpoint, capsys):
    assert ask(endpoint, photo, "--json", tmp_path / "deep" / "result.json") == 0
    result = json.loads((tmp_path / "deep" / "result.json").read_text())
    assert set(result) == {"answer", "status", "num_turns", "turns", "model", "seconds"}
    assert (result["answer"], result["status"], result["num_turns"], result["model"]) == (
        "B",
        "answered",
        2,
        "scripted",
    )
    first, last = result["turns"]
    # The model sees 112 x 84: its x are stretched by 120 / 112, its y by 80 / 84.
    assert first == {
        "thought": "I follow the way.",
        "actions": [{"kind": "line", "image_index": 1, "points_px": [4.29, 3.81, 42.86, 28.57], "label": "way"}],
        "images": [str(tmp_path / "deep" / "result-images" / "turn-01-image-2.png")],
        "error": None,
    }
    assert load_image(first["images"][0]).size == (120, 80)
    assert (last["actions"], last["images"], last["error"]) == ([], [], None)
    assert capsys.readouterr().out == "B\n"


def test_json_on_stdout_is_all_of_stdout(photo, endpoint, capsys):
    assert ask(endpoint, photo, "--json", "-") == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["turns"][0]["images"] == []
    assert 'draws a line "way" on image 1: (4, 4) to (43, 29)' in captured.err


def test_out_keeps_pictures_json_and_page(photo, tmp_path, endpoint):
    assert ask(endpoint, photo, "--out", tmp_path / "out") == 0
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["index.html", "result.json", "turn-00-image-1.png", "turn-01-image-2.png"]


def test_no_answer_is_exit_code_3_and_is_still_written(photo, tmp_path, endpoint, capsys):
    endpoint.script = ["I would rather not say."]
    assert ask(endpoint, photo, "--json", tmp_path / "result.json") == 3
    result = json.loads((tmp_path / "result.json").read_text())
    assert (result["answer"], result["status"], result["num_turns"]) == (None, "no_action", 3)
    assert "A reply must draw or answer" in result["turns"][0]["error"]
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "No answer: no_action" in captured.err


def test_no_drawing_asks_for_an_answer_alone(photo, endpoint):
    assert ask(endpoint, photo, "--no-drawing") == 0
    assert "Path Tracer" not in json.dumps(endpoint.requests[0])


def test_a_system_prompt_is_said_verbatim(photo, tmp_path, endpoint):
    (tmp_path / "prompt.txt").write_text("Draw <|carefully|>.")
    assert ask(endpoint, photo, "--system-prompt", tmp_path / "prompt.txt") == 0
    assert endpoint.requests[0]["messages"][0] == {"role": "system", "content": "Draw <|carefully|>."}


def test_the_only_model_of_an_endpoint_need_not_be_named(photo, endpoint, capsys):
    endpoint.models = ["one"]
    assert ask(endpoint, photo) == 0
    assert endpoint.requests[0]["model"] == "one"
    endpoint.models = ["one", "two"]
    assert ask(endpoint, photo) == 2
    assert "model: expected one of those at" in capsys.readouterr().err
    assert ask(endpoint, photo, "--model", "two") == 0
    assert endpoint.requests[-1]["model"] == "two"


def test_a_model_cannot_command_the_terminal(photo, endpoint, capsys):
    endpoint.script = ["<think>\x1b]0;owned\x07</think> Action: Answer <answer>\x1b[2JB</answer>"]
    assert main(["ask", str(photo), "-q", "Where?", "--endpoint", endpoint.url]) == 0
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err


def test_a_local_checkpoint_is_asked(photo, tiny_model, tmp_path, capsys):
    code = main(["ask", str(photo), "-q", "Where?", "--model", str(tiny_model), "--json", str(tmp_path / "r.json")])
    assert code == 3
    result = json.loads((tmp_path / "r.json").read_text())
    assert result["status"] == "truncated_length"
    assert result["model"] == str(tiny_model)
    assert "nano has only ever seen" not in capsys.readouterr().err
