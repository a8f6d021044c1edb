"""`vilasr rollout`: run every sample of a dataset, once or several times, into a rollout file."""

from __future__ import annotations

from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from vilasr.cli.common import (
    add_episode_options,
    add_model_options,
    add_seed_option,
    say,
    whole_number,
)
from vilasr.cli.exit_codes import DONE
from vilasr.cli.reader import RolloutReader
from vilasr.cli.results import summary_table
from vilasr.cli.run_file import PolicyInUse, add_run_options, kinds_of, run_into_file, run_options
from vilasr.errors import InputError

if TYPE_CHECKING:
    import argparse

    from vilasr.data import DatasetInfo
    from vilasr.errors import DataError
    from vilasr.types import Json


def add_parser(subparsers: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    parser = subparsers.add_parser(
        "rollout",
        help="run a model on a dataset, into a rollout file",
        description="Run every sample of a dataset that 'vilasr generate' wrote. Exit code 0 means that every attempt "
        "was made: how each ended stands in the file. A run that was stopped goes on with --resume; what ended "
        "because the model could not be reached or failed is then tried again.",
    )
    parser.add_argument("data", metavar="DATA", help="a dataset folder")
    parser.add_argument("--out", required=True, metavar="FILE", help="the JSONL file; images go beside it")
    parser.add_argument("--num", type=whole_number(1), metavar="N", help="the first N samples (default: all)")
    parser.add_argument(
        "--samples-per-prompt", type=whole_number(1), default=1, metavar="N", help="attempts at each sample"
    )
    add_seed_option(parser)
    add_model_options(parser)
    add_episode_options(parser)
    add_run_options(parser, temperature=1.0)


def run(args: argparse.Namespace) -> int:
    from vilasr.data import read_dataset

    options = run_options(args)
    bad_rows: list[str] = []

    def skip_row(error: DataError) -> None:
        bad_rows.append("row")
        say(f"warning: left out: {error}")

    info, samples = read_dataset(args.data, on_bad_row=skip_row)
    path = Path(args.out)
    if path.is_dir():
        raise InputError(args.out, expected="a file", got="a folder", remedy=f"Give {path / 'rollouts.jsonl'}.")
    with PolicyInUse(args) as policy:
        done = run_into_file(
            policy,
            islice(samples, args.num),
            path,
            options,
            total=min(info.num, args.num or info.num) * options.num_siblings,
            source={"dataset": _identity(info)},
        )
    reader = RolloutReader(path)
    facts = [reader.facts_of(rollout) for rollout in reader]
    summary = reader.summary(facts, info.name, excluded=kinds_of([*done.excluded.values(), *bad_rows]))
    print(summary_table({**summary, "groups": {}}))
    print(f"\n{summary['num_rollouts']} rollouts in {path}")
    return DONE


def _identity(info: DatasetInfo) -> dict[str, Json]:
    """What decides the samples of a dataset; more of the same are still the same."""
    return {key: value for key, value in asdict(info).items() if key not in ("num", "vilasr_version", "schema_version")}
