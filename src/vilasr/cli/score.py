"""`vilasr score`: score a rollout file again. No model is needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vilasr.cli.common import DONE, say, write_json
from vilasr.cli.results import check_metric_mode, summary_table
from vilasr.errors import InputError

if TYPE_CHECKING:
    import argparse

    from vilasr.rollout import Header


def add_parser(subparsers: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    parser = subparsers.add_parser(
        "score",
        help="score a rollout file again, without a model",
        description="Score every rollout of a file that 'vilasr rollout' or 'vilasr eval' wrote. A line that cannot be "
        "read is counted and left out.",
    )
    parser.add_argument("file", metavar="FILE", help="a rollouts.jsonl")
    parser.add_argument("--metric-mode", default="default", metavar="MODE", help="how answers are read and scored")
    parser.add_argument("--json", metavar="FILE", help="write the summary there too; '-': to stdout, without the table")


def run(args: argparse.Namespace) -> int:
    from vilasr.benchmarks import facts_for, summary_of
    from vilasr.rollout import read_rollouts

    check_metric_mode(args.metric_mode)
    bad_lines: list[str] = []
    header, rollouts = read_rollouts(args.file, on_bad_line=lambda error: bad_lines.append(str(error)))
    facts = [facts_for(rollout, drawing=header.drawing) for rollout in rollouts]
    for line in bad_lines:
        say(f"warning: left out: {line}")
    if not facts:
        got = f"none, and {len(bad_lines)} bad lines" if bad_lines else "none"
        raise InputError(args.file, expected="at least one rollout", got=got)
    summary = summary_of(
        facts,
        benchmark=_name_of(header, args.file),
        header=header,
        metric_mode=args.metric_mode,
        num_bad_lines=len(bad_lines),
    )
    if args.json is not None:
        write_json(summary, args.json)
    if args.json != "-":
        print(summary_table(summary))
    return DONE


def _name_of(header: Header, file: str) -> str:
    """The benchmark that the file was made for; else the file's own name."""
    source = header.config.get("source")
    name = source.get("benchmark") if isinstance(source, dict) else None
    return name if isinstance(name, str) else Path(file).stem
