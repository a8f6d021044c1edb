"""What an export or an import writes: a folder that appears whole, or not at all."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vilasr.drawing import content_key, load_image, save_png
from vilasr.errors import InputError
from vilasr.locks import lock_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from PIL.Image import Image

    from vilasr.types import Json

IMAGE_FOLDER = "images"
MAX_KNOWN_PATHS = 4096
"""Paths whose key is remembered: the questions about one video share its frames."""


@contextmanager
def staged_folder(out: str | os.PathLike[str]) -> Iterator[Path]:
    """A hidden folder beside `out` to write into; it becomes `out` when the block ends, and vanishes when it fails.

    What a killed run left behind is cleared by the next one.

    Raises:
        InputError: `out` is a file or has files in it; another run is writing it; the disk cannot be written.
    """
    target = Path(out).absolute()
    staging = target.with_name(f".{target.name}.part")
    try:
        if target.is_dir() and not any(target.iterdir()):
            target.rmdir()
        if target.exists():
            got = "one with files in it" if target.is_dir() else "a file"
            raise InputError(str(out), expected="a new folder", got=got, remedy="Give another folder, or delete it.")
        staging.mkdir(parents=True, exist_ok=True)
        with _locked(staging, str(out)):
            try:
                for leftover in staging.iterdir():
                    shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
                yield staging
                staging.rename(target)
            except BaseException:
                shutil.rmtree(staging, ignore_errors=True)
                raise
    except OSError as error:
        got = str(error.strerror or error).lower()
        remedy = "Make room, or give another folder."
        raise InputError(str(out), expected="a folder that can be written", got=got, remedy=remedy) from error


@contextmanager
def _locked(folder: Path, name: str) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        got, remedy = "another run that is writing it", "Wait for it to end, or give another folder."
        lock_for(name, descriptor, expected="a folder of our own", got=got, remedy=remedy)
        yield
    finally:
        os.close(descriptor)


class JsonList:
    """A file with one JSON list, a row a line, written row by row. A context manager."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", encoding="utf-8")
        self._file.write("[")
        self.num_rows = 0

    def append(self, row: Json) -> None:
        self._file.write(",\n" if self.num_rows else "\n")
        self._file.write(json.dumps(row, allow_nan=False))
        self.num_rows += 1

    def __enter__(self) -> JsonList:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            if kind is None:
                self._file.write("\n]\n")
                self._file.flush()
                os.fsync(self._file.fileno())


class ImageFolder:
    """Every picture once, as `images/<content key>.png` in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / IMAGE_FOLDER
        self._folder.mkdir(parents=True, exist_ok=True)
        self._keys: dict[Path, str] = {}

    def store(self, source: Image | Path) -> str:
        """The content key of a picture that is then in the folder. Raises InputError for one that cannot be read."""
        if isinstance(source, Path) and source in self._keys:
            return self._keys[source]
        image = load_image(source)
        key = content_key(image)
        target = self._folder / f"{key}.png"
        if not target.exists():
            save_png(image, target)
        if isinstance(source, Path):
            if len(self._keys) >= MAX_KNOWN_PATHS:
                del self._keys[next(iter(self._keys))]
            self._keys[source] = key
        return key


def image_path(key: str) -> str:
    """Of a stored picture, relative to the folder."""
    return f"{IMAGE_FOLDER}/{key}.png"
