"""The images of a page: rendered from their recipes and encoded once each, or linked where they lie as files."""

from __future__ import annotations

import base64
import hashlib
import io
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from PIL import Image as PillowImage
from PIL.Image import Image, Resampling

from vilasr.drawing import Style, content_key, load_image, render
from vilasr.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vilasr.types import ImageRecipe, Rollout, Sample

_LOSSLESS_ENOUGH_BYTES = 24 * 1024


class Pictures:
    """Gives each distinct image of a page a number, and hands out the encoded images not yet written.

    Only digests are kept: memory grows by some hundred bytes for each image, not by its pixels.
    """

    def __init__(self, style: Style, *, quality: int | None, max_side: int) -> None:
        self._style, self._quality, self._max_side = style, quality, max_side
        self._number_of_recipe: dict[bytes, int] = {}
        self._number_of_content: dict[bytes, int] = {}
        self._unwritten: list[tuple[int, str]] = []

    def numbers_of(self, rollout: Rollout) -> list[int | str]:
        """For each image of the rollout its number, or the reason why it cannot be shown."""
        sample = rollout.sample
        load = cache(lambda base: load_image(sample.images[base - 1], name=f"image {base} of {sample.id}"))
        key_of = cache(lambda base: _base_key(sample, base))
        numbers: list[int | str] = []
        for recipe in rollout.images:
            try:
                digest = _digest(f"{key_of(recipe.base)} {recipe.size} {recipe.instances!r}".encode(errors="replace"))
                if digest not in self._number_of_recipe:
                    self._number_of_recipe[digest] = self._put(self._render(load(recipe.base), recipe))
                numbers.append(self._number_of_recipe[digest])
            except InputError as error:
                numbers.append(str(error))
        return numbers

    def take_unwritten(self) -> Iterator[tuple[int, str]]:
        """(number, data URL) of each image that was added since the last call."""
        taken, self._unwritten = self._unwritten, []
        yield from taken

    def _render(self, base: Image, recipe: ImageRecipe) -> bytes:
        if base.size != recipe.size:
            base = base.resize(recipe.size, Resampling.BICUBIC)
        image = render(base, recipe.instances, self._style) if recipe.instances else base
        if max(image.size) > self._max_side:
            image = image.copy()
            image.thumbnail((self._max_side, self._max_side), Resampling.LANCZOS)
        return encode(image, self._quality)

    def _put(self, encoded: bytes) -> int:
        digest = _digest(encoded)
        if digest not in self._number_of_content:
            number = len(self._number_of_content)
            self._number_of_content[digest] = number
            self._unwritten.append((number, f"data:image/webp;base64,{base64.b64encode(encoded).decode()}"))
        return self._number_of_content[digest]


class LinkedPictures:
    """The clean bases of a page's images, as files in its folder. Nothing is rendered: the page traces the marks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._addresses: dict[Path, str | None] = {}

    def addresses_of(self, rollout: Rollout) -> list[str | None]:
        """For each image of the rollout the address of its base, relative to the page; None where there is no file of
        it in the folder."""
        return [self._address(rollout.sample.images[recipe.base - 1]) for recipe in rollout.images]

    def _address(self, image: Image | Path) -> str | None:
        if isinstance(image, PillowImage.Image):
            return None
        if image not in self._addresses:
            path = Path(image).absolute()
            is_there = path.is_relative_to(self._folder) and path.is_file()
            self._addresses[image] = quote(path.relative_to(self._folder).as_posix()) if is_there else None
        return self._addresses[image]


def encode(image: Image, quality: int | None) -> bytes:
    """WebP bytes: lossless where that is small (drawings, mazes), else whichever is smaller (photographs).

    `quality` is 0..100; None keeps every image lossless.
    """
    lossless = _webp(image, lossless=True, method=2)
    if quality is None or len(lossless) <= _LOSSLESS_ENOUGH_BYTES:
        return lossless
    return min(lossless, _webp(image, quality=quality, method=4), key=len)


def _webp(image: Image, **options: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="WEBP", **options)
    return buffer.getvalue()


def _base_key(sample: Sample, base: int) -> str:
    image = sample.images[base - 1]
    return content_key(image) if isinstance(image, PillowImage.Image) else str(Path(image).absolute())


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
