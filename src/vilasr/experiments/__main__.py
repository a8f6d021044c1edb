"""Run, or go on with, the project's experiments and write their page: `make results`."""

from __future__ import annotations

import signal
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from vilasr.cli.common import say, whole_number
from vilasr.cli.exit_codes import BAD_INPUT, DONE, INTERRUPTED
from vilasr.cli.main import Parser
from vilasr.errors import InputError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from vilasr.experiments.driver import Outcome
    from vilasr.experiments.units import Unit

STUDY = Path("configs/results.toml")
FAILED = 1
EXAMPLES = """\
examples:
  make results                                     all that is not done yet
  python -m vilasr.experiments --list              what there is, how far it is, and its commands
  python -m vilasr.experiments --max-seconds 3600  an hour of it; the next start goes on
  python -m vilasr.experiments --jobs 2            two runs at a time, a share of the cores for each
  python -m vilasr.experiments --only grpo         one model, with what it needs
  python -m vilasr.experiments seeds=[0]           other settings than those of the study
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code: 0 done or stopped in time, 1 a run failed, 2 bad input, 130 interrupted."""
    args = _parser().parse_args(arguments)
    try:
        return _run(args)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT


def _parser() -> Parser:
    parser = Parser(prog="python -m vilasr.experiments", description=__doc__, epilog=EXAMPLES)
    parser.add_argument("--study", type=Path, default=STUDY, metavar="FILE", help="the TOML file of the experiments")
    parser.add_argument(
        "overrides", nargs="*", metavar="key.path=value", help="settings that replace those of the study"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="print the runs and how far they are; run nothing")
    what.add_argument("--page", action="store_true", help="write the page from what is finished; run nothing")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="a model, evaluation or run, and what it needs"
    )
    parser.add_argument(
        "--jobs", type=whole_number(1), default=1, metavar="N", help="runs at the same time; each may take 5 GB"
    )
    parser.add_argument("--max-seconds", type=whole_number(1), metavar="S", help="stop after S seconds")
    return parser


def _run(args: argparse.Namespace) -> int:
    from vilasr.experiments.driver import Outcome, check_starts, chosen, run_units
    from vilasr.experiments.page import write_page
    from vilasr.experiments.study import load_study
    from vilasr.experiments.units import units_of

    study = load_study(args.study, args.overrides)
    units = chosen(units_of(study), args.only)
    if args.list:
        _list(units)
        return DONE
    if args.page:
        write_page(study)
        print(f"Written: {study.page}")
        return DONE
    check_starts(study, units)
    before = {
        number: signal.signal(number, signal.default_int_handler)
        for number in (signal.SIGTERM, signal.SIGINT)  # ends the unit at work too, in the background as well
    }
    outcomes: Mapping[str, Outcome] = {}
    try:
        outcomes = run_units(units, out=study.out, max_seconds=args.max_seconds, jobs=args.jobs)
    except KeyboardInterrupt:
        say("\nInterrupted. The same command goes on.")
        return INTERRUPTED
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        write_page(study)
        print(f"Written: {study.page}")
    for name, outcome in outcomes.items():
        if outcome in (Outcome.FAILED, Outcome.BLOCKED):
            say(f"{name}: {outcome.value}")
    counts = Counter(outcome.value for outcome in outcomes.values())
    print(", ".join(f"{num} {value}" for value, num in counts.items()))
    return FAILED if Outcome.FAILED in outcomes.values() else DONE


def _list(units: Sequence[Unit]) -> None:
    import shlex

    for unit in units:
        print(f"{unit.name:<32} {unit.state.value:<10} vilasr {shlex.join(unit.command)}")
    counts = Counter(unit.state.value for unit in units)
    print(", ".join(f"{num} {value}" for value, num in counts.items()))


if __name__ == "__main__":
    sys.exit(main())
