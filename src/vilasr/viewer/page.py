"""Rollouts as a page: a list with filters, and one rollout at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vilasr.types import Json, Rollout
from vilasr.viewer.describe import describe_rollout, describe_row
from vilasr.viewer.note import RolloutNote
from vilasr.viewer.pictures import Pictures
from vilasr.viewer.shell import data_element, picture_element, shell, write_pieces

if TYPE_CHECKING:
    from pathlib import Path

    from vilasr.drawing import Style

_SCRIPTS = ("dom.js", "rollout.js", "zoom.js", "page.js")

Notes = Callable[[Rollout], RolloutNote]


@dataclass(frozen=True, kw_only=True, slots=True)
class PageOptions:
    """What bounds the size of a page: images are nearly all of it.

    Attributes:
        max_rollouts_with_images: later rollouts are shown without their images.
        quality: 0..100, of images too large to be stored lossless; None stores every image lossless.
        max_side: longest side of a stored image in pixels; larger ones are scaled down.
    """

    max_rollouts_with_images: int = 1000
    quality: int | None = 88
    max_side: int = 1600


def render_page(
    rollouts: Iterable[Rollout],
    *,
    title: str,
    style: Style,
    notes: Notes | None = None,
    options: PageOptions = PageOptions(),
) -> str:
    """The page as text. `style` is the one that the rollouts' images were drawn in; `notes` is called once for each."""
    return "".join(iterate_page(rollouts, title=title, style=style, notes=notes, options=options))


def write_page(
    path: Path,
    rollouts: Iterable[Rollout],
    *,
    title: str,
    style: Style,
    notes: Notes | None = None,
    options: PageOptions = PageOptions(),
) -> None:
    """Write the page piece by piece; `path` appears only once it is whole. Raises InputError where it cannot."""
    write_pieces(path, iterate_page(rollouts, title=title, style=style, notes=notes, options=options))


def iterate_page(
    rollouts: Iterable[Rollout], *, title: str, style: Style, notes: Notes | None, options: PageOptions
) -> Iterator[str]:
    """The page in pieces, in order: memory stays flat in the number of rollouts, but for a line each in the list."""
    before, after = shell(title, body="page.html", styles=["page.css"], scripts=_SCRIPTS)
    pictures = Pictures(style, quality=options.quality, max_side=options.max_side)
    rows: list[Json] = []
    yield before
    for number, rollout in enumerate(rollouts):
        note = notes(rollout) if notes else RolloutNote()
        shown: list[int | str]
        if number < options.max_rollouts_with_images:
            shown = pictures.numbers_of(rollout)
        else:
            shown = [f"Only the first {options.max_rollouts_with_images} rollouts have images."] * len(rollout.images)
        for picture, url in pictures.take_unwritten():
            yield picture_element(picture, url)
        yield data_element(f"rollout-{number}", describe_rollout(rollout, note, shown, style))
        rows.append(describe_row(rollout, note))
    yield data_element("rows", rows)
    yield after
