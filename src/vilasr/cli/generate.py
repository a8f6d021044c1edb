"""`vilasr generate`: samples with ground truth, as a dataset on disk."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import replace
from functools import partial
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vilasr.cli.common import add_seed_option, whole_number
from vilasr.cli.exit_codes import DONE
from vilasr.errors import InputError
from vilasr.machine import num_cores
from vilasr.plurals import counted
from vilasr.tasks import TASK_NAMES

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from vilasr.cli.progress import Progress
    from vilasr.tasks import Task
    from vilasr.types import Rollout, Sample

GO_ON = "Give the same command again: it goes on where it stopped."
PREVIEW_FILE = "preview.html"
NUM_PREVIEWED = 60
ROWS_TO_CHOOSE_FROM = 1000
"""The preview shows rows from the beginning of the dataset, as many of each type of question as there are."""


def add_parser(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "generate",
        help="make a dataset with computed answers",
        description="Make samples with computed answers, as parquet shards and PNG images. The same arguments give the "
        "same samples. Interrupted, run it again: it goes on where it stopped.",
    )
    parser.add_argument("task", metavar="TASK", help="a task family: " + ", ".join(TASK_NAMES))
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
    parser.add_argument(
        "--workers",
        type=whole_number(1),
        default=num_cores(),
        metavar="N",
        help="processes that make samples (default: one for each core)",
    )
    parser.add_argument(
        "--preview",
        action="store_true",
        help=f"also write DIR/{PREVIEW_FILE}: up to {NUM_PREVIEWED} samples with their ground truth drawn",
    )


def run(args: argparse.Namespace) -> int:
    from vilasr.cli.progress import Progress
    from vilasr.data import DatasetInfo, DatasetWriter
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
    writer = DatasetWriter(args.out, info)
    with Progress(args.num, "samples", done=writer.num_rows_there) as progress:
        try:
            writer.fill(make, workers=args.workers, on_row=progress.advance)
        except KeyboardInterrupt as interrupt:
            raise KeyboardInterrupt(GO_ON) from interrupt
    print(f"{counted(args.num, 'sample')} in {args.out}")
    if args.preview:
        print(preview(Path(args.out), task))
    return DONE


def preview(folder: Path, task: Task) -> Path:
    """Write the contact sheet of a dataset into its folder."""
    from vilasr.cli.progress import Progress
    from vilasr.data import read_dataset
    from vilasr.drawing import DEFAULT
    from vilasr.viewer import write_preview

    info, samples = read_dataset(folder)
    chosen = choose(islice(samples, ROWS_TO_CHOOSE_FROM), NUM_PREVIEWED)
    options = "".join(f", {key} {value}" for key, value in sorted(info.options.items()))
    about = f"{len(chosen)} of {info.num:,} samples: task {info.task}, split {info.split}, seed {info.seed}{options}."
    with Progress(len(chosen), "samples drawn") as progress:
        played = _demonstrations(task, chosen, progress)
        write_preview(folder / PREVIEW_FILE, played, title=info.name, about=about, style=DEFAULT)
    return folder / PREVIEW_FILE


def choose(samples: Iterable[Sample], num: int) -> list[Sample]:
    """Up to `num`, the types of questions in turn, each in the order of the dataset."""
    by_type: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_type[str(sample.metadata.get("question_type"))].append(sample)
    in_turn = chain.from_iterable(zip_longest(*(by_type[name] for name in sorted(by_type))))
    return list(islice((sample for sample in in_turn if sample is not None), num))


def _demonstrations(task: Task, samples: Iterable[Sample], progress: Progress) -> Iterator[Rollout]:
    """The task's own solution of each, played: its drawings are the ground truth."""
    from vilasr.drawing import load_image
    from vilasr.env import EpisodeConfig, Limits
    from vilasr.training.demonstrations import play

    config = EpisodeConfig(limits=Limits(max_turns=100, max_images=1000))
    for sample in samples:
        loaded = replace(sample, images=tuple(load_image(image) for image in sample.images))
        yield play(task, loaded, random.Random(sample.id), config).rollout
        progress.advance()


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
