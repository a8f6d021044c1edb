"""Benchmarks of other people, from a local folder: where their files lie, and what to fetch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vilasr.benchmarks.base import LoadOptions
from vilasr.benchmarks.files import FileBenchmark, Layout
from vilasr.errors import InputError

if TYPE_CHECKING:
    from vilasr.benchmarks.aggregate import Aggregation


@dataclass(frozen=True, kw_only=True, slots=True)
class Published(Layout):
    """A published benchmark.

    Attributes:
        files: glob patterns of its table in the folder; the first that finds something is taken.
        unified: name of its file in the unified JSON.
        aggregation: how items become scores; None: the mean over items.
        fetch: what to download, a line each; `repository`: on the Hugging Face Hub; `folder`: where it goes by default.
    """

    repository: str
    folder: str
    fetch: tuple[str, ...]
    files: tuple[str, ...]
    unified: str
    aggregation: Aggregation | None = None


def open_published(
    published: Published,
    data: Path,
    options: LoadOptions = LoadOptions(),  # noqa: B008 -- frozen
) -> FileBenchmark:
    """The items of a published benchmark in the folder `data`, or in a file that is `data`.

    Raises:
        InputError: no such file; says what to fetch and where to put it.
    """
    tables = find_tables(published, data)
    return FileBenchmark(published, data if data.is_dir() else data.parent, tables, options)


def find_tables(published: Published, data: Path) -> list[Path]:
    """The files with the rows of a benchmark, in order.

    Raises:
        InputError: there are none; says what to fetch and where to put it.
    """
    if data.is_file():
        return [data]
    for pattern in (*published.files, published.unified):
        if found := sorted(path for path in data.glob(pattern) if path.is_file()):
            return found
    raise InputError(
        published.name,
        expected=f"its files in {data}",
        got="none of " + ", ".join(published.files) if data.is_dir() else "no such folder",
        remedy=how_to_fetch(published, data),
    )


def how_to_fetch(published: Published, data: Path) -> str:
    """What to download, from where, and where to put it."""
    lines = [
        f"It is {published.repository} on the Hugging Face Hub:",
        *(f"  {line}" for line in published.fetch),
        "To fetch it:",
        f"  hf download {published.repository} --repo-type dataset --local-dir {data}",
        f"Files elsewhere: --data FOLDER. The unified JSON of ViLaSR-eval: --data FOLDER/{published.unified}.",
    ]
    return "\n".join(lines)


def default_folder(published: Published) -> Path:
    """Where the files are looked for unless told."""
    return Path("data") / published.folder
