"""Rollouts as a page: a list with filters, and one rollout at a time.

The list is read at once, a rollout only when it is shown. The first rollouts are in the page as they are, the others
packed: what is said again and again in every rollout then takes no room, and a page of thousands opens in a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vilasr.types import Json, Rollout
from vilasr.viewer.describe import Picture, describe_rollout, describe_row
from vilasr.viewer.note import RolloutNote
from vilasr.viewer.pictures import LinkedPictures, Pictures
from vilasr.viewer.shell import data_element, packed_element, picture_element, shell, write_pieces

if TYPE_CHECKING:
    from pathlib import Path

    from vilasr.drawing import Style

_SCRIPTS = ("dom.js", "marks.js", "rollout.js", "zoom.js", "blocks.js", "filters.js", "page.js")
BLOCK_ROLLOUTS = 64
"""So many rollouts are in the page as they are, and so many in each packed block."""

Notes = Callable[[Rollout], RolloutNote]


@dataclass(frozen=True, kw_only=True, slots=True)
class PageOptions:
    """What is in a page besides words. Images would be nearly all of its size.

    Attributes:
        pictures_in: the folder of the page. Where the images of the rollouts are files in it, they are linked, the page
            draws the marks on them, and the options below are of no effect; None: the page holds all its pictures, as
            the policy saw them.
        report: address of a report, which is linked.
        max_rollouts_with_images: later rollouts are shown without their images.
        quality: 0..100, of images too large to be stored lossless; None stores every image lossless.
        max_side: longest side of a stored image in pixels; larger ones are scaled down.
    """

    pictures_in: Path | None = None
    report: str | None = None
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
    images = "data:" if options.pictures_in is None else "data: 'self' file:"
    before, after = shell(title, body="page.html", styles=["theme.css", "page.css"], scripts=_SCRIPTS, images=images)
    find_pictures = _linked(options.pictures_in) if options.pictures_in else None
    stored = Pictures(style, quality=options.quality, max_side=options.max_side)
    rows: list[Json] = []
    block: list[Json] = []
    yield before
    for number, rollout in enumerate(rollouts):
        note = notes(rollout) if notes else RolloutNote()
        if find_pictures is not None:
            shown = find_pictures(rollout)
        elif number < options.max_rollouts_with_images:
            shown = [_stored(found) for found in stored.numbers_of(rollout)]
        else:
            problem = f"Only the first {options.max_rollouts_with_images} rollouts have images."
            shown = [Picture(problem=problem)] * len(rollout.images)
        for picture, url in stored.take_unwritten():
            yield picture_element(picture, url)
        rows.append(describe_row(rollout, note))
        described = describe_rollout(rollout, note, shown, style)
        if number < BLOCK_ROLLOUTS:
            yield data_element(f"rollout-{number}", described)
            continue
        block.append(described)
        if len(block) == BLOCK_ROLLOUTS:
            yield packed_element(f"block-{number // BLOCK_ROLLOUTS}", block)
            block = []
    if block:
        yield packed_element(f"block-{len(rows) // BLOCK_ROLLOUTS}", block)
    yield data_element("about", {"block_rollouts": BLOCK_ROLLOUTS, "report": options.report})
    yield data_element("rows", rows)
    yield after


def _stored(found: int | str) -> Picture:
    return Picture(source=found) if isinstance(found, int) else Picture(problem=found)


def _linked(folder: Path) -> Callable[[Rollout], list[Picture]]:
    pictures = LinkedPictures(folder)
    missing = Picture(problem="There is no file of this image beside the page.")

    def find(rollout: Rollout) -> list[Picture]:
        addresses = pictures.addresses_of(rollout)
        return [missing if address is None else Picture(source=address, is_traced=True) for address in addresses]

    return find
