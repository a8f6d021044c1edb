"""A contact sheet of a dataset: pictures, question, options, answer, and the ground truth as a drawing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vilasr.viewer.pictures import Pictures
from vilasr.viewer.shell import data_element, picture_element, shell, write_pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from vilasr.drawing import Style
    from vilasr.types import ImageRecipe, Json, Rollout

_SCRIPTS = ("dom.js", "marks.js", "zoom.js", "preview.js")


@dataclass(frozen=True, kw_only=True, slots=True)
class PreviewOptions:
    """What bounds the size of a page; see `PageOptions`."""

    quality: int = 82
    max_side: int = 448


def write_preview(
    path: Path,
    demonstrations: Iterable[Rollout],
    *,
    title: str,
    about: str,
    style: Style,
    options: PreviewOptions = PreviewOptions(),
) -> None:
    """Write the page; `path` appears only once it is whole.

    Args:
        demonstrations: one for each sample that is shown, played to its end: what it drew is the ground truth.
        about: a line under the title.
        style: of the drawings.

    Raises:
        InputError: `path` cannot be written.
    """
    write_pieces(path, iterate_preview(demonstrations, title=title, about=about, style=style, options=options))


def iterate_preview(
    demonstrations: Iterable[Rollout], *, title: str, about: str, style: Style, options: PreviewOptions
) -> Iterator[str]:
    """The page in pieces, in order."""
    styles = ("theme.css", "page.css", "preview.css")
    before, after = shell(title, body="preview.html", styles=styles, scripts=_SCRIPTS)
    pictures = Pictures(style, quality=options.quality, max_side=options.max_side)
    num = 0
    yield before
    for rollout in demonstrations:
        shown = [*rollout.images[: len(rollout.sample.images)], *finished_drawings(rollout)]
        numbers = pictures.numbers_of(replace(rollout, images=tuple(shown)))
        for picture, url in pictures.take_unwritten():
            yield picture_element(picture, url)
        yield data_element(f"sample-{num}", _describe(rollout, shown, numbers))
        num += 1
    yield data_element("preview", {"num": num, "about": about})
    yield after


def finished_drawings(rollout: Rollout) -> list[ImageRecipe]:
    """The last drawing on each of the sample's images that was drawn on, in the order of those images."""
    last = {recipe.base: recipe for recipe in rollout.images[len(rollout.sample.images) :]}
    return [last[base] for base in sorted(last)]


def _describe(rollout: Rollout, shown: Sequence[ImageRecipe], numbers: Sequence[int | str]) -> Json:
    sample = rollout.sample
    return {
        "id": sample.id,
        "type": str(sample.metadata.get("question_type", sample.answer_type.value)),
        "question": sample.question,
        "options": list(sample.options),
        "answer": sample.answer,
        "says": [turn.thought for turn in rollout.turns],
        "num_originals": len(sample.images),
        "images": [
            {
                "base": recipe.base,
                "width": recipe.size[0],
                "height": recipe.size[1],
                "picture": number if isinstance(number, int) else None,
                "problem": number if isinstance(number, str) else "",
                "marks": [f"{mark.kind} {mark.label!r}" for mark in recipe.instances],
                "drawn": bool(recipe.instances),
            }
            for recipe, number in zip(shown, numbers, strict=True)
        ],
    }
