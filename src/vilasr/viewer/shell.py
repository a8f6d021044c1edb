"""What the pages share: one HTML file with its style and script inside, and after its head the data, piece by piece.

Everything that came from a model or a dataset is data: it sits in script elements that no browser executes, and the
page's script puts it on the screen as text. A content security policy allows our one style sheet, our one script
(both by hash) and images in the page or beside it, so a page cannot reach the network whatever is in it.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import os
from functools import cache
from importlib import resources
from string import Template
from typing import TYPE_CHECKING

from vilasr.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from vilasr.types import Json


def write_pieces(path: Path, pieces: Iterable[str]) -> None:
    """Write a page piece by piece; `path` appears only once it is whole. Raises InputError where it cannot."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        if path.is_dir():
            raise IsADirectoryError("a directory has this name")
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(pieces)
        partial.replace(path)
    except OSError as error:
        raise InputError(
            str(path),
            expected="a file that can be written",
            got=str(error),
            remedy="Choose another place for the page.",
        ) from error
    finally:
        if partial.parent.is_dir():
            partial.unlink(missing_ok=True)


def shell(
    title: str, *, body: str, styles: Sequence[str], scripts: Sequence[str], images: str = "data:"
) -> tuple[str, str]:
    """The page before and after its data.

    Args:
        title: any text; escaped here.
        body: file with the elements of the page; `$title` in it is the title.
        styles: files with its style sheets, in order; `scripts`: with its script.
        images: where images may come from, as a content security policy says it.
    """
    style = "\n".join(asset(name) for name in styles)
    script = "\n".join(asset(name) for name in scripts)
    policy = (
        f"default-src 'none'; img-src {images}; style-src {_csp_hash(style)}; script-src {_csp_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    mark = "<!-- data -->"
    content = Template(asset(body)).substitute(title=_escaped(title), zoom=asset("zoom.html"))
    content += f'{mark}\n<script type="module">{script}</script>'
    before, _, after = _page(title, content, style=style, policy=policy).rpartition(mark)
    return before, after


def static_page(title: str, body: str, *, styles: Sequence[str]) -> str:
    """A page without script. `title` is any text; `body` is markup, in which the caller has escaped every text."""
    style = "\n".join(asset(name) for name in styles)
    policy = f"default-src 'none'; img-src data:; style-src {_csp_hash(style)}; base-uri 'none'; form-action 'none'"
    return _page(title, body, style=style, policy=policy)


def _page(title: str, body: str, *, style: str, policy: str) -> str:
    return Template(asset("shell.html")).substitute(title=_escaped(title), policy=policy, style=style, body=body)


def _escaped(title: str) -> str:
    return html.escape(title.encode("utf-8", "replace").decode())


def data_element(name: str, value: Json) -> str:
    return f'<script type="application/json" id="{name}">{to_script_json(value)}</script>\n'


def packed_element(name: str, value: Json) -> str:
    """JSON as base64 of gzip."""
    packed = gzip.compress(json.dumps(value, separators=(",", ":"), allow_nan=False).encode(), 6, mtime=0)
    return f'<script type="text/plain" id="{name}">{base64.b64encode(packed).decode()}</script>\n'


def picture_element(number: int, url: str) -> str:
    return f'<script type="text/plain" id="picture-{number}">{url}</script>\n'


def to_script_json(value: Json) -> str:
    r"""JSON that is safe inside a script element: ASCII, and no character that HTML would read.

    >>> to_script_json("</script><!-- \u2028")
    '"\\u003c/script\\u003e\\u003c!-- \\u2028"'
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _csp_hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def asset(name: str) -> str:
    return resources.files("vilasr.viewer").joinpath(name).read_text(encoding="utf-8")
