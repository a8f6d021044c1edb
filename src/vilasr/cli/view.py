"""`vilasr view`: a rollout file as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vilasr.cli.common import check_own_file, say
from vilasr.cli.exit_codes import DONE
from vilasr.errors import InputError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from vilasr.cli.progress import Progress
    from vilasr.types import Rollout

ROLLOUT_FILE = "rollouts.jsonl"


def add_parser(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "view",
        help="show a rollout file as a page",
        description="Write a rollout file as one self-contained HTML page: turns, pictures, statuses, mistakes.",
    )
    parser.add_argument("path", metavar="FILE_OR_DIR", help=f"a rollout file, or a folder with {ROLLOUT_FILE}")
    parser.add_argument(
        "--out",
        metavar="FILE.html",
        help="the page (default: beside the rollouts; view.html in an eval folder)",
    )


def run(args: argparse.Namespace) -> int:
    from vilasr.cli.progress import Progress
    from vilasr.cli.results import note_on
    from vilasr.drawing import style_named
    from vilasr.rollout import read_rollouts
    from vilasr.viewer import write_page

    source = find_rollouts(Path(args.path))
    header, rollouts = read_rollouts(source, on_bad_line=lambda error: say(f"left out: {error}"))
    # The page that `vilasr eval` wrote is left alone.
    beside = source.with_name("view.html") if (source.parent / "summary.json").exists() else source.with_suffix(".html")
    page = beside if args.out is None else Path(args.out)
    check_own_file("--out", page, [source])
    with Progress(None, "rollouts") as progress:
        write_page(
            page,
            _counted(rollouts, progress),
            title=f"{source.name}: {header.model}, {header.created}",
            style=style_named(header.style),
            notes=note_on,
        )
    print(page)
    return DONE


def find_rollouts(path: Path) -> Path:
    """The rollout file that the user means; raises InputError."""
    if path.is_dir():
        file = path / ROLLOUT_FILE
        if not file.is_file():
            got = f"a folder without {ROLLOUT_FILE}"
            raise InputError(str(path), expected="a rollout file, or its folder", got=got, remedy="Name the file.")
        return file
    return path


def _counted(rollouts: Iterable[Rollout], progress: Progress) -> Iterator[Rollout]:
    for rollout in rollouts:
        yield rollout
        progress.advance()
