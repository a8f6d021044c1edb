"""Pictures and videos of a row: bytes in it, or paths in the folder of the benchmark."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from vilasr.data.video import is_video
from vilasr.drawing import open_image
from vilasr.errors import DataError, InputError
from vilasr.integrations.fields import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from PIL.Image import Image

    from vilasr.types import Json


def values_of(value: Json) -> list[bytes | str]:
    """What a column of pictures holds: bytes and paths, in order.

    One alone or a list; each as bytes, as a path, or as the pair {"bytes", "path"} of the datasets library.

    Raises:
        DataError: anything else, or nothing.
    """
    entries = value if isinstance(value, list) else [value]
    if not entries:
        raise DataError("image: expected at least one; got none")
    found: list[bytes | str] = []
    for entry in entries:
        if isinstance(entry, dict):
            entry = entry.get("bytes") or entry.get("path")
        if not isinstance(entry, (bytes, str)) or not entry:
            raise DataError(f"image: expected bytes or a path; got {shown(entry)}")
        found.append(entry)
    return found


def load_media(values: Iterable[bytes | str], root: Path) -> tuple[Image | Path, ...]:
    """The pictures and videos of a row: paths are checked to be there, of bytes only the header is read.

    Raises:
        DataError: no such file, a path that leads out of `root`, bytes that are no image.
    """
    return tuple(_image(value) if isinstance(value, bytes) else file_inside(root, value) for value in values)


def file_inside(root: Path, name: str) -> Path:
    """The file that a row names. It may be a link: the folder is the user's own.

    Raises:
        DataError: no such file, a path that leads out of `root`, or none that the disk can look up.
    """
    what = "video" if is_video(PurePosixPath(name)) else "image"
    parts = name.replace("\\", "/").split("/")
    if "\0" in name or ".." in parts or PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor:
        raise DataError(f"{what}: expected a path inside the folder of the benchmark; got {shown(name)}")
    path = root / name
    try:
        is_there = path.is_file()
    except OSError as error:  # longer than a path may be, as pictures in base64 are
        raise DataError(f"{what}: cannot be looked up: {shown(name)} ({error.strerror})") from error
    if not is_there:
        raise DataError(f"{what}: no such file: {shown(name)}")
    return path


def _image(data: bytes) -> Image:
    try:
        return open_image(data)
    except InputError as error:
        raise DataError(str(error)) from error
