"""One HTML file: a shell with its style and script inside, and after it the rollouts as data, one after another.

Everything that came from a model or a dataset is data: it sits in script elements that no browser executes, and the
page's script puts it on the screen as text. A content security policy allows our one style sheet, our one script
(both by hash) and `data:` images, so the page cannot reach the network whatever is in it.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from string import Template
from typing import TYPE_CHECKING

from vilasr.errors import InputError
from vilasr.types import Json, Rollout
from vilasr.viewer.describe import describe_rollout, describe_row
from vilasr.viewer.note import RolloutNote
from vilasr.viewer.pictures import Pictures

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
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        if path.is_dir():
            raise IsADirectoryError("a directory has this name")
        path.parent.mkdir(parents=True, exist_ok=True)
        file = partial.open("w", encoding="utf-8", newline="\n")
    except OSError as error:
        raise InputError(
            str(path),
            expected="a file that can be written",
            got=str(error),
            remedy="Choose another place for the page.",
        ) from error
    try:
        with file:
            file.writelines(iterate_page(rollouts, title=title, style=style, notes=notes, options=options))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def iterate_page(
    rollouts: Iterable[Rollout], *, title: str, style: Style, notes: Notes | None, options: PageOptions
) -> Iterator[str]:
    """The page in pieces, in order: memory stays flat in the number of rollouts, but for a line each in the list."""
    before, after = _shell(title)
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
            yield f'<script type="text/plain" id="picture-{picture}">{url}</script>\n'
        yield _data_element(f"rollout-{number}", describe_rollout(rollout, note, shown, style))
        rows.append(describe_row(rollout, note))
    yield _data_element("rows", rows)
    yield after


def to_script_json(value: Json) -> str:
    r"""JSON that is safe inside a script element: ASCII, and no character that HTML would read.

    >>> to_script_json("</script><!-- \u2028")
    '"\\u003c/script\\u003e\\u003c!-- \\u2028"'
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _data_element(name: str, value: Json) -> str:
    return f'<script type="application/json" id="{name}">{to_script_json(value)}</script>\n'


def _shell(title: str) -> tuple[str, str]:
    """The page before and after its data."""
    style = _asset("page.css")
    script = "\n".join(_asset(name) for name in _SCRIPTS)
    policy = (
        f"default-src 'none'; img-src data:; style-src {_csp_hash(style)}; script-src {_csp_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    mark = "<!-- data -->"
    shell = Template(_asset("page.html")).substitute(
        title=html.escape(title.encode("utf-8", "replace").decode()),
        policy=policy,
        style=style,
        script=script,
        data=mark,
    )
    before, _, after = shell.rpartition(mark)
    return before, after


def _csp_hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _asset(name: str) -> str:
    return resources.files("vilasr.viewer").joinpath(name).read_text(encoding="utf-8")
