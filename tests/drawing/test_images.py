"""What users and datasets send as images, good and bad."""

import os
import struct
import tracemalloc
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from vilasr.drawing import ImageLimits, content_key, is_whole_png, load_image, save_png
from vilasr.errors import InputError

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def encoded(image, format="PNG", **options):
    buffer = BytesIO()
    image.save(buffer, format=format, **options)
    return buffer.getvalue()


def close(first, second, tolerance=8):
    return all(abs(a - b) <= tolerance for a, b in zip(first, second, strict=True))


def png_declaring(width, height):
    """A PNG with a valid header and next to no pixels behind it."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(b"\x00" * 100))


def png_chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM"])
def test_every_accepted_format_loads_as_rgb(format, tmp_path):
    path = tmp_path / "image"
    path.write_bytes(encoded(Image.new("RGB", (40, 30), RED), format))
    image = load_image(path)
    assert (image.mode, image.size) == ("RGB", (40, 30))
    assert close(image.getpixel((20, 15)), RED)


def test_bytes_paths_texts_and_images_give_the_same_pixels(tmp_path):
    picture = Image.new("RGB", (5, 4), RED)
    picture.putpixel((1, 2), BLUE)
    path = tmp_path / "a.png"
    path.write_bytes(encoded(picture))
    keys = {content_key(load_image(source)) for source in (picture, path, str(path), path.read_bytes())}
    assert keys == {content_key(picture)}


def test_transparency_is_laid_over_white():
    rgba = Image.new("RGBA", (2, 1), (255, 0, 0, 255))
    rgba.putpixel((1, 0), (255, 0, 0, 0))
    image = load_image(encoded(rgba))
    assert [image.getpixel((x, 0)) for x in (0, 1)] == [RED, WHITE]
    half = load_image(encoded(Image.new("LA", (1, 1), (0, 51))))
    assert half.getpixel((0, 0)) == (204, 204, 204)


@pytest.mark.parametrize("transparency", [1, bytes([255, 0])])
def test_a_transparent_palette_entry_becomes_white(transparency):
    palette = Image.new("P", (2, 1))
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.putpixel((1, 0), 1)
    image = load_image(encoded(palette, transparency=transparency))
    assert [image.getpixel((x, 0)) for x in (0, 1)] == [RED, WHITE]


def test_an_opaque_palette_and_one_bit_and_grey_keep_their_colours():
    palette = Image.new("P", (1, 1))
    palette.putpalette([10, 20, 30])
    assert load_image(encoded(palette)).getpixel((0, 0)) == (10, 20, 30)
    assert load_image(encoded(Image.new("1", (3, 3), 1))).getpixel((1, 1)) == WHITE
    assert load_image(encoded(Image.new("L", (3, 3), 77))).getpixel((1, 1)) == (77, 77, 77)


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_16_bit_greys_are_scaled_not_clipped(format):
    values = np.array([[0, 257, 32896, 65535]], dtype=np.uint16)
    image = load_image(encoded(Image.fromarray(values), format))
    assert [image.getpixel((x, 0))[0] for x in range(4)] == [0, 1, 128, 255]


def test_16_bit_pgm_32_bit_and_float_greys_are_scaled():
    pgm = load_image(b"P5\n2 1\n65535\n" + bytes([0x80, 0x80, 0xFF, 0xFF]))
    assert [pgm.getpixel((x, 0))[0] for x in (0, 1)] == [128, 255]
    wide = Image.fromarray(np.array([[-10, 0, 100_000, 199_990]], dtype=np.int32))
    assert [load_image(wide).getpixel((x, 0))[0] for x in range(4)] == [0, 0, 128, 255]
    unit = Image.fromarray(np.array([[0.0, 0.2, 1.0, np.nan, np.inf]], dtype=np.float32))
    assert [load_image(unit).getpixel((x, 0))[0] for x in range(5)] == [0, 51, 255, 0, 0]


def test_16_bit_colour_keeps_its_high_bytes():
    row = b"\x00" + struct.pack(">6H", 65535, 0, 0, 0x8000, 0x8000, 0x8000)
    header = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(row)), (b"IEND", b""))
    image = load_image(b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks))
    assert [image.getpixel((x, 0)) for x in (0, 1)] == [RED, (128, 128, 128)]


def test_a_cmyk_jpeg_keeps_its_colour():
    cmyk = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    assert close(load_image(encoded(cmyk, "JPEG")).getpixel((8, 8)), RED)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(orientation):
    """The picture as seen is 2 wide, 3 high, red at the top left; it is stored turned, with a note."""
    seen = Image.new("RGB", (2, 3), BLUE)
    seen.putpixel((0, 0), RED)
    turns = Image.Transpose
    stored_as = {
        2: turns.FLIP_LEFT_RIGHT,
        3: turns.ROTATE_180,
        4: turns.FLIP_TOP_BOTTOM,
        5: turns.TRANSPOSE,
        6: turns.ROTATE_90,
        7: turns.TRANSVERSE,
        8: turns.ROTATE_270,
    }
    stored = seen.transpose(stored_as[orientation]) if orientation > 1 else seen
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert content_key(load_image(encoded(stored, exif=exif))) == content_key(seen)


def test_broken_exif_is_ignored():
    assert load_image(encoded(Image.new("RGB", (4, 4), RED), exif=b"Exif\x00\x00nonsense")).getpixel((0, 0)) == RED


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_an_animation_gives_its_first_frame(format):
    frames = [Image.new("RGB", (20, 10), colour) for colour in (RED, BLUE)]
    options = {"lossless": True} if format == "WEBP" else {}
    data = encoded(frames[0], format, save_all=True, append_images=frames[1:], duration=100, **options)
    assert load_image(data).getpixel((10, 5)) == RED


def test_one_pixel_loads():
    assert load_image(encoded(Image.new("RGB", (1, 1), RED))).size == (1, 1)


def test_a_colour_profile_is_ignored_and_not_kept():
    data = encoded(Image.new("RGB", (2, 2), (10, 20, 30)), icc_profile=b"not a profile")
    image = load_image(data)
    assert image.getpixel((0, 0)) == (10, 20, 30)
    assert image.info == {}


def test_a_callers_image_is_left_alone():
    mine = Image.new("RGBA", (3, 3), (255, 0, 0, 0))
    mine.info["note"] = "mine"
    load_image(mine).putpixel((0, 0), BLUE)
    assert (mine.mode, mine.getpixel((0, 0)), mine.info) == ("RGBA", (255, 0, 0, 0), {"note": "mine"})


def test_a_large_image_is_scaled_down_with_its_aspect():
    assert load_image(encoded(Image.new("RGB", (4096, 1024), RED))).size == (2048, 512)
    thin = load_image(encoded(Image.new("RGBA", (9000, 1), (255, 0, 0, 0))))
    assert (thin.size, thin.getpixel((0, 0))) == ((2048, 1), WHITE)


def test_a_bomb_is_refused_from_its_header_without_being_decoded(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_declaring(20_000, 20_000))
    tracemalloc.start()
    with pytest.raises(InputError, match=r"between 1 and 64,000,000 pixels; got 20000 x 20000 \(400,000,000 pixels\)"):
        load_image(path)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_a_size_that_makes_pillow_warn_is_refused_without_a_warning():
    with pytest.raises(InputError, match="got 10000 x 10000"):
        load_image(png_declaring(10_000, 10_000))


def test_limits_can_be_changed():
    data = encoded(Image.new("RGB", (20, 10), RED))
    with pytest.raises(InputError, match="20 x 10"):
        load_image(data, limits=ImageLimits(max_pixels=199))
    with pytest.raises(InputError, match="at most 10 bytes"):
        load_image(data, limits=ImageLimits(max_bytes=10))
    assert load_image(data, limits=ImageLimits(max_side_kept=10)).size == (10, 5)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected an image file; got an empty file"),
        (b"once upon a time", r"expected an image \(PNG, JPEG, .*\); got data that begins with b'once upon"),
        (b"P", "got data that begins with b'P'"),
        (b"BM", "cannot be decoded"),
        (b"II*\x00", "cannot be decoded"),
        (b"GIF89a", "cannot be decoded"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "cannot be decoded"),
        (b"\xff\xd8\xff", "cannot be decoded"),
        (b"P6\n1000 1000\n255\n", "cannot be decoded"),
        (png_declaring(100, 100), "cannot be decoded"),
        (png_declaring(0, 100), "cannot be decoded|between 1 and"),
    ],
)
def test_a_bad_file_is_named_with_what_is_wrong(content, message, tmp_path):
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        load_image(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert caught.value.remedy


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM"])
def test_a_truncated_file_is_refused(format):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    data = encoded(noise, format)
    with pytest.raises(InputError, match="photo 3: expected a complete image"):
        load_image(data[: len(data) // 2], name="photo 3")


def test_missing_files_folders_and_pipes_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        load_image(tmp_path / "none.png")
    with pytest.raises(InputError, match="a folder"):
        load_image(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="a pipe or a device"):
        load_image(tmp_path / "pipe")
    with pytest.raises(InputError, match="cannot be read"):
        load_image("nul\x00byte.png")
    with pytest.raises(InputError, match=r"two\\nlines\.png: expected"):
        load_image(tmp_path / "two\nlines.png")


def test_mutated_files_load_or_are_refused_but_never_crash():
    rng = np.random.default_rng(1)
    noise = Image.fromarray(rng.integers(0, 255, (24, 24, 3), dtype=np.uint8))
    for format in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM"):
        data = np.frombuffer(encoded(noise, format), dtype=np.uint8)
        for _ in range(60):
            mutant = data.copy()
            mutant[rng.integers(0, len(data), 4)] = rng.integers(0, 256, 4)
            try:
                image = load_image(mutant.tobytes(), limits=ImageLimits(max_pixels=1_000_000))
            except InputError:
                continue
            assert image.mode == "RGB"


def test_equal_bytes_of_different_shape_have_different_keys():
    assert content_key(Image.new("RGB", (2, 3))) != content_key(Image.new("RGB", (3, 2)))
    assert content_key(Image.new("L", (2, 3))) == content_key(Image.new("RGB", (2, 3)))


def test_a_saved_image_comes_back_and_leaves_no_partial_file(tmp_path):
    picture = Image.new("RGB", (7, 5), (1, 2, 3))
    path = tmp_path / "a.png"
    save_png(Image.new("RGB", (1, 1)), path)
    save_png(picture, path)
    assert content_key(load_image(path)) == content_key(picture)
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(OSError, match="cannot write mode"):
        save_png(Image.new("HSV", (1, 1)), path)
    assert list(tmp_path.iterdir()) == [path]
    assert content_key(load_image(path)) == content_key(picture)


def test_a_file_is_whole_from_its_first_byte_to_its_last(tmp_path):
    path = tmp_path / "a.png"
    assert not is_whole_png(path)
    save_png(Image.new("RGB", (7, 5)), path)
    assert is_whole_png(path)
    data = path.read_bytes()
    for left in (data[:-1], data[:5], b""):
        path.write_bytes(left)
        assert not is_whole_png(path)
