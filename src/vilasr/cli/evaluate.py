"""`vilasr eval`: run a benchmark, and write its summary, its rollouts and a report into a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vilasr.cli.common import (
    DONE,
    add_episode_options,
    add_model_options,
    add_seed_option,
    make_folder,
    whole_number,
    write_json,
)
from vilasr.cli.results import check_metric_mode, note_on, summary_table
from vilasr.cli.run_file import RunDone, add_run_options, run_into_file
from vilasr.errors import InputError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from pathlib import Path

    from vilasr.types import Json, Rollout

MAX_ROLLOUTS_WITH_IMAGES = 300
"""On the page of rollouts: about 20 MB."""


def add_parser(subparsers: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    parser = subparsers.add_parser(
        "eval",
        help="measure a model on a benchmark",
        description="Run a benchmark and write DIR/summary.json, DIR/report.html, DIR/report.md, DIR/rollouts.jsonl "
        "and DIR/rollouts.html. Exit code 0 means that it was measured, however badly the model did. A run that was "
        "stopped goes on with --resume.",
    )
    parser.add_argument("benchmark", metavar="BENCH", help="maze, maze-ood, maze-valid or maze-shortest")
    parser.add_argument("--out", required=True, metavar="DIR", help="a new folder, or with --resume an earlier run's")
    parser.add_argument("--data", metavar="PATH", help="the benchmark's files; mazes are generated and need none")
    parser.add_argument("--num", type=whole_number(1), metavar="N", help="the first N samples (default: all)")
    parser.add_argument("--metric-mode", default="default", metavar="MODE", help="how answers are read and scored")
    add_seed_option(parser)
    add_model_options(parser)
    add_episode_options(parser)
    add_run_options(parser, temperature=0.0)


def run(args: argparse.Namespace) -> int:
    from vilasr.benchmarks import benchmark_named, facts_for, summary_of, write_report
    from vilasr.drawing import style_named
    from vilasr.viewer import PageOptions, write_page

    benchmark = benchmark_named(args.benchmark)
    check_metric_mode(args.metric_mode)
    if args.data is not None:
        remedy = "Leave --data out."
        raise InputError("--data", expected=f"nothing: {benchmark.name} is generated", got=args.data, remedy=remedy)
    folder = _open_folder(args.out, resume=args.resume)
    num = args.num or benchmark.num
    path = folder / "rollouts.jsonl"
    done = run_into_file(
        args,
        benchmark.samples(num, args.seed),
        path,
        total=num,
        source={"benchmark": benchmark.name},
    )
    bad_lines: list[str] = []
    summary = summary_of(
        (facts_for(rollout, drawing=done.header.drawing) for rollout in _asked_for(path, done, bad_lines)),
        benchmark=benchmark.name,
        header=done.header,
        metric_mode=args.metric_mode,
        num_bad_samples=done.num_bad_samples,
        num_bad_lines=len(bad_lines),
    )
    for left_by_a_kill in folder.glob(".rollouts.html.*.partial"):
        left_by_a_kill.unlink(missing_ok=True)
    write_page(
        folder / "rollouts.html",
        _asked_for(path, done, []),
        title=f"{benchmark.name}: {done.header.model}",
        style=style_named(done.header.style),
        notes=note_on,
        options=PageOptions(max_rollouts_with_images=MAX_ROLLOUTS_WITH_IMAGES),
    )
    write_report(summary, folder)
    _write_whole(summary, folder / "summary.json")
    print(summary_table(summary))
    print(f"\nWritten: {folder / 'report.html'}")
    return DONE


def _open_folder(out: str, *, resume: bool) -> Path:
    """The folder of the run; InputError when there is something in it and nobody said to go on."""
    folder = make_folder(out)
    if not resume and any(folder.iterdir()):
        remedy = "Give --resume to go on with the run in it, or another folder."
        raise InputError(str(out), expected="a new or empty folder", got="one with files in it", remedy=remedy)
    return folder


def _asked_for(path: Path, done: RunDone, bad_lines: list[str]) -> Iterator[Rollout]:
    """The rollouts of the samples asked for now; an earlier run may have left more in the file."""
    from vilasr.rollout import read_rollouts

    _, rollouts = read_rollouts(path, on_bad_line=lambda error: bad_lines.append(str(error)))
    return (rollout for rollout in rollouts if rollout.sample.id in done.sample_ids)


def _write_whole(summary: dict[str, Json], path: Path) -> None:
    """Written last and renamed into place: where there is a summary, the run is complete."""
    partial = path.with_name(f".{path.name}.part")
    write_json(summary, str(partial))
    partial.replace(path)
