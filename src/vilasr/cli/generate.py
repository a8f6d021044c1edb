"""`vilasr generate`: samples with ground truth, as a dataset on disk."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from vilasr.cli.common import DONE, add_seed_option, whole_number
from vilasr.errors import InputError

if TYPE_CHECKING:
    import argparse

    from vilasr.tasks import Task
    from vilasr.types import Sample


def add_parser(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "generate",
        help="make a dataset with computed answers",
        description="Make samples with computed answers, as parquet shards and PNG images. The same arguments give the "
        "same samples. Interrupted, run it again: it goes on where it stopped.",
    )
    parser.add_argument("task", metavar="TASK", help="a task family: maze")
    parser.add_argument("--split", default="train", metavar="S", help="train, validation or test")
    parser.add_argument("--num", type=whole_number(1), required=True, metavar="N", help="how many samples")
    add_seed_option(parser)
    parser.add_argument("--out", required=True, metavar="DIR", help="folder of the dataset")
    parser.add_argument(
        "--family-option",
        action="append",
        default=[],
        metavar="K=V",
        help="an option of the task, such as question=mixed or size=3-4; repeat it for more",
    )


def run(args: argparse.Namespace) -> int:
    from vilasr.cli.progress import Progress
    from vilasr.data import DatasetInfo, write_dataset
    from vilasr.tasks import task_named

    task = task_named(args.task)
    options = read_options(args.family_option)

    make = partial(_make, task, args.split, args.seed, options)
    make(0)  # wrong options are told before a folder is made
    info = DatasetInfo(
        name=f"{task.name}-{args.split}",
        task=task.name,
        version=task.version,
        split=args.split,
        seed=args.seed,
        options=options,
        num=args.num,
    )
    with Progress(args.num, "samples") as progress:
        write_dataset(args.out, info, make, on_rows=progress.advance)
    print(f"{args.num:,} samples in {args.out}")
    return DONE


def _make(task: Task, split: str, seed: int, options: dict[str, str], row: int) -> Sample:
    return task.generate(split, row, seed, options)


def read_options(pairs: list[str]) -> dict[str, str]:
    """["size=3-4"] -> {"size": "3-4"}; raises InputError."""
    options: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (key and equals) or key in options:
            got = f"{key!r} twice" if key in options else repr(pair)
            raise InputError("--family-option", expected="key=value, each key once", got=got)
        options[key] = value
    return options
