"""`vilasr compare`: finished runs of one benchmark side by side, paired sample by sample."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from vilasr.cli.common import add_seed_option, check_own_file, make_folder, say, write_json
from vilasr.cli.exit_codes import DONE
from vilasr.cli.reader import RolloutReader
from vilasr.cli.shards import WHOLE_FILE
from vilasr.errors import InputError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from vilasr.benchmarks import ComparedRun
    from vilasr.cli.progress import Progress
    from vilasr.scoring import RolloutFacts
    from vilasr.types import Json

EXAMPLES = """\
examples:
  vilasr compare runs/maze runs/maze-no-drawing
  vilasr compare runs/base runs/sft runs/grpo --out runs/three --json runs/three.json
"""
NEEDED_KEYS = ("benchmark", "metric_mode", "excluded")
"""Of a summary.json."""


def add_parser(subparsers: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    parser = subparsers.add_parser(
        "compare",
        help="compare runs of one benchmark, sample by sample",
        description="Compare finished runs of 'vilasr eval', also of several seeds: the score of each, and its "
        "difference to the first over the samples that both have, with a 95 % interval from a paired bootstrap; by "
        "group; and drawings, lengths and rates side by side. No model is needed.",
        epilog=EXAMPLES,
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="folders of runs; differences are to the first")
    parser.add_argument("--out", metavar="DIR", help="write DIR/compare.md and DIR/compare.html")
    parser.add_argument("--json", metavar="FILE", help="write all numbers there too; '-': to stdout, without the table")
    add_seed_option(parser)


def run(args: argparse.Namespace) -> int:
    from vilasr.benchmarks import compare_runs, comparison_table, write_comparison
    from vilasr.cli.progress import Progress

    with Progress(None, "rollouts") as progress:
        runs = [read_run(Path(path), name, progress) for path, name in zip(args.runs, _names(args.runs), strict=True)]
    if args.json is not None:
        check_own_file("--json", args.json, [file for path in args.runs for file in Path(path).glob("*.json*")])
    comparison = compare_runs(runs, seed=args.seed)
    if args.out is not None:
        write_comparison(comparison, make_folder(args.out))
    if args.json is not None:
        write_json(comparison, args.json)
    if args.json != "-":
        print(comparison_table(comparison))
        if args.out is not None:
            print(f"\nWritten: {Path(args.out) / 'compare.html'}")
    return DONE


def read_run(folder: Path, name: str, progress: Progress) -> ComparedRun:
    """A finished run, measured again from its rollouts in the metric mode that it was measured in.

    Raises:
        InputError: no finished run is in the folder.
    """
    from vilasr.benchmarks import ComparedRun, summary_of

    stored = _read_summary(folder)
    mode = stored["metric_mode"]
    seeds = stored.get("seeds") or {}
    files = [folder / f"seed-{seed}" / WHOLE_FILE for seed in seeds] or [folder / WHOLE_FILE]
    readers = [RolloutReader(file) for file in files]
    facts: list[RolloutFacts] = []
    for reader in readers:
        for rollout in reader:
            facts.append(reader.facts_of(rollout, mode))
            progress.advance()
    bad_lines = [line for reader in readers for line in reader.bad_lines]
    for line in bad_lines:
        say(f"warning: left out: {line}")
    if not facts:
        raise InputError(str(folder), expected="a run with rollouts", got="none in it")
    fresh = summary_of(
        facts,
        benchmark=stored["benchmark"],
        header=readers[0].header,
        metric_mode=mode,
        excluded=stored["excluded"],
        num_bad_lines=len(bad_lines),
        num_retried=sum(len(reader.retried) for reader in readers),
    )
    if stored.get("num") not in (None, fresh["num"]):
        say(f"note: the summary of {name} counts {stored['num']} samples; its file holds {fresh['num']}, all compared.")
    return ComparedRun(name=name, summary=stored | fresh, facts=facts)


def _read_summary(folder: Path) -> dict[str, Json]:
    """The summary.json of a run, which is written last: without it a run is not finished."""
    from vilasr.scoring import MODES

    path = folder / "summary.json"
    try:
        summary = json.loads(path.read_bytes())
    except OSError as error:
        remedy = "Give the --out folder of 'vilasr eval'; go on with a run that was stopped by --resume."
        got = "no summary.json in it" if folder.is_dir() else "no such folder"
        raise InputError(str(folder), expected="the folder of a finished run", got=got, remedy=remedy) from error
    except ValueError as error:
        got = f"one that cannot be read ({error})"
        raise InputError(str(path), expected="the summary of a run", got=got, remedy="Run eval --resume.") from error
    is_summary = isinstance(summary, dict) and all(key in summary for key in NEEDED_KEYS)
    is_summary = is_summary and isinstance(summary["excluded"], dict)
    if not is_summary or summary["metric_mode"] not in MODES:
        got = "a file without its keys" if not is_summary else f"metric mode {summary['metric_mode']!r}"
        raise InputError(str(path), expected="the summary of a run", got=got, remedy="Run eval --resume.")
    return dict(summary)


def _names(paths: Sequence[str]) -> list[str]:
    """Folder names; the paths as they were given where two names are equal."""
    names = [Path(path).resolve().name for path in paths]
    return names if len(set(names)) == len(names) else list(paths)
