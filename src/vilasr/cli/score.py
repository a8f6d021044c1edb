"""`vilasr score`: score a rollout file again, in any metric mode. No model is needed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vilasr.cli.changes import change_table, changes_as_json
from vilasr.cli.common import check_own_file, say, write_json
from vilasr.cli.exit_codes import DONE
from vilasr.cli.reader import RolloutReader
from vilasr.cli.results import check_metric_mode, summary_table
from vilasr.errors import InputError

if TYPE_CHECKING:
    import argparse

    from vilasr.rollout import Header
    from vilasr.scoring import Change, RolloutFacts


def add_parser(subparsers: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    parser = subparsers.add_parser(
        "score",
        help="score a rollout file again, without a model",
        description="Score every rollout of a file that 'vilasr rollout' or 'vilasr eval' wrote. A line that cannot be "
        "read is counted and left out. The modes (docs/metrics.md): default, and official, lmms-eval, vlmevalkit, "
        "vilasr and vilasr-reward for comparison with figures of others.",
    )
    parser.add_argument("file", metavar="FILE", help="a rollouts.jsonl")
    parser.add_argument(
        *("--mode", "--metric-mode"),
        dest="metric_mode",
        default="default",
        metavar="MODE",
        help="how answers are read and scored",
    )
    parser.add_argument("--compare", metavar="MODE", help="also list the rollouts that this mode scores differently")
    parser.add_argument("--json", metavar="FILE", help="write the summary there too; '-': to stdout, without the table")


def run(args: argparse.Namespace) -> int:
    from vilasr.scoring import change_between

    mode = check_metric_mode(args.metric_mode, "--mode")
    compared = None if args.compare is None else check_metric_mode(args.compare, "--compare")
    if args.json is not None:
        check_own_file("--json", args.json, [Path(args.file)])
    reader = RolloutReader(args.file)
    facts: list[RolloutFacts] = []
    changes: dict[int, Change] = {}
    for number, rollout in enumerate(reader):
        facts.append(reader.facts_of(rollout, mode))
        if compared and (change := change_between(rollout, mode, compared)):
            changes[number] = change
    for line in reader.bad_lines:
        say(f"warning: left out: {line}")
    if not facts:
        got = f"none, and {len(reader.bad_lines)} bad lines" if reader.bad_lines else "none"
        raise InputError(args.file, expected="at least one rollout", got=got)
    benchmark = _name_of(reader.header, args.file)
    summary = reader.summary(facts, benchmark, mode=mode)
    if compared:
        for number, change in changes.items():
            facts[number] = replace(facts[number], score=change.other.value)
        other = reader.summary(facts, benchmark, mode=compared)
        summary["compared"] = changes_as_json(changes.values(), mode=compared, score=other["score"])
    if args.json is not None:
        write_json(summary, args.json)
    if args.json != "-":
        print(summary_table(summary))
        if compared:
            print("\n" + change_table(summary))
    return DONE


def _name_of(header: Header, file: str) -> str:
    """The benchmark that the file was made for; else the file's own name."""
    source = header.config.get("source")
    name = source.get("benchmark") if isinstance(source, dict) else None
    return name if isinstance(name, str) else Path(file).stem
