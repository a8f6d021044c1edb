"""`vilasr import`: the official ViLaSR data, and exports of ours, as datasets and rollouts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vilasr.cli.exit_codes import DONE
from vilasr.errors import InputError
from vilasr.plurals import counted

if TYPE_CHECKING:
    import argparse

    from vilasr.integrations import Imported

MAX_TOLD = 10
"""Rejected rows named on stderr; all of them are in the file."""
EXAMPLES = """\
examples:
  vilasr import ViLaSR-data/rl/vilasr_rl_data.json --images ViLaSR-data/rl --out official-rl
  vilasr import ViLaSR-data/cold_start/maze.json --images ViLaSR-data --out official-mazes

Questions become a dataset, for 'vilasr rollout'; conversations a rollout file, for 'vilasr train sft' and 'view'.
A row that cannot be used is rejected with its number and a reason, in DIR/rejected.jsonl.
"""


def add_parser(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "import",
        help="read the official ViLaSR data",
        description="Read a JSON or JSONL file of the official ViLaSR-data or ViLaSR-eval, or of 'vilasr export'.",
        epilog=EXAMPLES,
    )
    parser.add_argument("file", metavar="FILE", help="a JSON list, or a JSON object a line")
    parser.add_argument("--images", metavar="DIR", help="where its image paths start (default: the folder of FILE)")
    parser.add_argument("--out", required=True, metavar="DIR", help="a new folder")
    parser.add_argument("--name", metavar="NAME", help="of the dataset (default: FILE's own)")


def run(args: argparse.Namespace) -> int:
    from vilasr.cli.progress import Progress
    from vilasr.integrations import REJECTED_FILE, import_official

    file = Path(args.file)
    num_rejected = 0

    def tell(number: int, reason: str) -> None:
        nonlocal num_rejected
        num_rejected += 1
        if num_rejected <= MAX_TOLD:
            progress.note(f"row {number} is rejected: {reason}")

    try:
        stream = file.open("rb")
    except OSError as error:
        got = str(error.strerror).lower()
        raise InputError(args.file, expected="a JSON file", got=got, remedy="Check the path.") from error
    with stream, Progress(None, "rows") as progress:
        done = import_official(
            stream,
            args.images or file.parent,
            args.out,
            name=file.stem if args.name is None else args.name,
            on_row=progress.advance,
            on_rejected=tell,
        )
    print(summary(done, Path(args.out) / REJECTED_FILE))
    return DONE


def summary(done: Imported, rejected: Path) -> str:
    """ "98 of 100 rows: samples in DIR", how many were rejected for what, and the file that lists them."""
    lines = [f"{done.num_imported:,} of {counted(done.num_rows, 'row')}: {done.kind} in {done.path}"]
    if done.rejected:
        counts = ", ".join(f"{reason} {count:,}" for reason, count in sorted(done.rejected.items()))
        lines.append(f"  rejected: {counts} (listed in {rejected})")
    return "\n".join(lines)
