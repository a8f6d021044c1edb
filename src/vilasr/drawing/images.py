"""Untrusted images in, plain RGB out; and the two things done with the result: name its content, save it.

Nothing is decoded before the declared size has passed the limits, only `FORMATS` are tried, and every way in which a
file can be bad ends in one InputError that names the file.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import stat
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import ExifTags, Image

from vilasr.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

PLUGINS = ("Png", "Jpeg", "Gif", "WebP", "Bmp", "Tiff", "Ppm")
FORMATS = tuple(plugin.upper() for plugin in PLUGINS)
_COMPRESSION = 3
"""zlib's level. Rendered scenes are written four times as fast as at 6, the usual one, and are 6 % larger."""
_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
CONVERT = "Convert it to PNG or JPEG."


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageLimits:
    """What is let in.

    Attributes:
        max_pixels: width times height as the header declares it.
        max_bytes: size of the file.
        max_side_kept: a larger image is scaled down after decoding, so that its longer side is this.
    """

    max_pixels: int = 64_000_000
    max_bytes: int = 64 * 2**20
    max_side_kept: int = 2048


def load_image(
    source: Image.Image | str | os.PathLike[str] | bytes,
    *,
    name: str | None = None,
    limits: ImageLimits = ImageLimits(),
) -> Image.Image:
    """An image from anywhere as a new RGB image without metadata.

    Transparency is laid over white, 16-bit and float greys are scaled to 8 bits, EXIF rotation is applied, the first
    frame of an animation is taken, colour profiles are ignored. An image object of the caller is left as it is.

    Args:
        source: a path, the bytes of a file, or an image.
        name: what messages call it; the path, or "image", by default.

    Raises:
        InputError: missing, empty, too large, broken, or not an image.
    """
    if isinstance(source, Image.Image):
        what = name or "image"
        opened = source
    else:
        what = name or ("image" if isinstance(source, bytes) else _printable(source))
        data = source if isinstance(source, bytes) else _read(source, what, limits)
        opened = _open(data, what, limits)
    _check_pixels(opened, what, limits)
    try:
        return _to_rgb(opened, limits.max_side_kept)
    except Exception as error:  # decoders raise anything on bad data; all of it is told to the user
        raise _broken(what, error) from error


def open_image(data: bytes, *, name: str = "image", limits: ImageLimits = ImageLimits()) -> Image.Image:
    """The image in the bytes of a file, not yet decoded: `load_image` takes it later, on one thread at a time.

    Raises:
        InputError: empty, too large, or not an image. Damaged pixels are found by `load_image`.
    """
    image = _open(data, name, limits)
    _check_pixels(image, name, limits)
    return image


def content_key(image: Image.Image) -> str:
    """Hex SHA-256 of size and RGB bytes: equal keys mean equal pixels."""
    pixels = image if image.mode == "RGB" else image.convert("RGB")
    digest = hashlib.sha256(b"%dx%d:" % pixels.size)
    digest.update(pixels.tobytes())
    return digest.hexdigest()


def save_png(image: Image.Image, path: str | os.PathLike[str]) -> None:
    """Write a PNG so that `path` holds either all of it or what it held before. The folder must exist.

    That holds when the process is killed. A power cut may leave less: to wait for the disk takes many times as long as
    the rest, so whoever needs to know asks `is_whole_png`.
    """
    target = Path(path)
    partial = target.with_name(f".{target.name[:64]}.{os.getpid()}.{os.urandom(4).hex()}.part")
    try:
        image.save(partial, format="PNG", compress_level=_COMPRESSION)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def is_whole_png(path: str | os.PathLike[str]) -> bool:
    """Whether a file that `save_png` wrote is there and ends as it should: after a power cut one may be empty, or
    shorter. Its pixels are not looked at."""
    try:
        with Path(path).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - len(_PNG_END)))
            return file.read() == _PNG_END
    except FileNotFoundError:
        return False


# --- reading ----------------------------------------------------------------------------------------------------------


def _printable(path: str | os.PathLike[str]) -> str:
    """A path as text that any terminal can show: names on disk may hold newlines and bytes that are not UTF-8."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in os.fspath(path))


def _read(path: str | os.PathLike[str], what: str, limits: ImageLimits) -> bytes:
    expected = "an image file"
    try:
        status = Path(path).stat()
        if stat.S_ISDIR(status.st_mode):
            raise InputError(what, expected=expected, got="a folder", remedy="Name the image files in it.")
        if not stat.S_ISREG(status.st_mode):
            raise InputError(what, expected=expected, got="a pipe or a device", remedy="Save it to a file first.")
        _check_bytes(status.st_size, what, limits)
        return Path(path).read_bytes()
    except FileNotFoundError as error:
        raise InputError(what, expected=expected, got="no such file", remedy="Check the path.") from error
    except (OSError, ValueError) as error:
        got = f"a path that cannot be read ({error})"
        raise InputError(what, expected=expected, got=got, remedy="Check the path and its permissions.") from error


def _open(data: bytes, what: str, limits: ImageLimits) -> Image.Image:
    """The image with its header read and nothing decoded."""
    _check_bytes(len(data), what, limits)
    for accepts, factory in _openers():
        try:
            if accepts(data[:16]) is True:
                return factory(BytesIO(data), "")
        except Exception as error:  # as in load_image
            raise _broken(what, error) from error
    expected = "an image (" + ", ".join(FORMATS) + ")"
    raise InputError(what, expected=expected, got=f"data that begins with {data[:12]!r}", remedy=CONVERT)


@lru_cache(maxsize=1)
def _openers() -> tuple[tuple[Callable[[bytes], bool | str], Callable[..., Image.Image]], ...]:
    """Per format: does it begin like this, and the opener. Not `Image.open`: that judges the declared size by a global
    limit, with a warning, before we can name the size and our own limit."""
    for plugin in PLUGINS:
        importlib.import_module(f"PIL.{plugin}ImagePlugin")
    pairs = (Image.OPEN[format_name] for format_name in FORMATS)
    return tuple((accepts, factory) for factory, accepts in pairs if accepts is not None)


def _check_bytes(num_bytes: int, what: str, limits: ImageLimits) -> None:
    if num_bytes == 0:
        raise InputError(what, expected="an image file", got="an empty file", remedy="Write it again.")
    if num_bytes > limits.max_bytes:
        expected = f"at most {limits.max_bytes:,} bytes"
        raise InputError(what, expected=expected, got=f"{num_bytes:,} bytes", remedy="Scale the image down.")


def _check_pixels(image: Image.Image, what: str, limits: ImageLimits) -> None:
    width, height = image.size
    if not 0 < width * height <= limits.max_pixels:
        expected = f"between 1 and {limits.max_pixels:,} pixels"
        got = f"{width} x {height} ({width * height:,} pixels)"
        remedy = "Scale the image down." if width * height else CONVERT
        raise InputError(what, expected=expected, got=got, remedy=remedy)


def _broken(what: str, error: Exception) -> InputError:
    # Pillow words an OSError for readers; the rest is the stumbling of a decoder, and stays in the chained error.
    detail = str(error).strip().rstrip(".") if isinstance(error, OSError) else "its data is damaged or cut off"
    return InputError(what, expected="a complete image", got=f"one that cannot be decoded ({detail})", remedy=CONVERT)


# --- converting -------------------------------------------------------------------------------------------------------


def _to_rgb(image: Image.Image, max_side: int) -> Image.Image:
    image.load()
    orientation = _orientation(image)
    if image.mode.startswith(("I", "F")):
        flat = _grey_to_8_bits(image).convert("RGB")
    elif image.has_transparency_data:
        flat = image.convert("LA").convert("RGBA") if image.mode == "La" else image.convert("RGBA")
    else:
        flat = image.convert("RGB")
    if max(flat.size) > max_side:
        ratio = max_side / max(flat.size)
        width, height = (max(1, round(side * ratio)) for side in flat.size)
        flat = flat.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)
    if flat.mode == "RGBA":
        over_white = Image.new("RGB", flat.size, "white")
        over_white.paste(flat, mask=flat.getchannel("A"))
        flat = over_white
    if orientation is not None:
        flat = flat.transpose(orientation)
    # A leftover profile or transparency key would be saved with the pixels it no longer describes.
    flat.info = {}
    return flat


ORIENTATIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _orientation(image: Image.Image) -> Image.Transpose | None:
    """How EXIF says to turn the image; unreadable EXIF says nothing, as in every viewer."""
    try:
        return ORIENTATIONS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except (OSError, SyntaxError, ValueError, LookupError, TypeError, ArithmeticError, UserWarning):
        return None


def _grey_to_8_bits(image: Image.Image) -> Image.Image:
    """16-bit, 32-bit and float greys to "L". The full range of 16 bits, or 0..1, 0..255 for floats, becomes 0..255;
    values outside any of these are stretched from the least to the greatest."""
    import numpy as np  # late: takes longer to import than the rest of this package

    values = np.asarray(image)
    if values.dtype.itemsize == 2 and values.dtype.kind == "u":
        table = (np.arange(65536, dtype=np.uint32) * 255 + 32767) // 65535
        return Image.fromarray(table.astype(np.uint8)[values])
    values = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    tops = (1.0, 255.0, 65535.0) if image.mode == "F" else (65535.0,)
    top = next((top for top in tops if high <= top), None)
    if low >= 0.0 and top is not None:
        low, high = 0.0, top
    scaled = (values.astype(np.float64) - low) * (255.0 / (high - low)) if high > low else np.zeros_like(values)
    return Image.fromarray(np.clip(np.rint(scaled), 0, 255).astype(np.uint8))
