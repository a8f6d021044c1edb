"""`vilasr eval`: run a benchmark, and write its summary, its rollouts and a report into a folder."""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from vilasr.cli.common import (
    add_episode_options,
    add_model_options,
    add_seed_option,
    make_folder,
    say,
    seed_number,
    whole_number,
)
from vilasr.cli.exit_codes import DONE
from vilasr.cli.measured import Measured, write_results, write_seeds
from vilasr.cli.results import check_metric_mode, summary_table
from vilasr.cli.run_file import PolicyInUse, RunOptions, add_run_options, run_into_file, run_options
from vilasr.cli.shards import RunRecord, merge_shards, parse_shard, rollout_file, write_record
from vilasr.errors import InputError
from vilasr.plurals import counted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vilasr.benchmarks import Benchmark, Exclusion, Shard
    from vilasr.types import Json

MAX_TOLD = 10
"""Items left out that are named on stderr; all of them are in the file."""
EXAMPLES = """\
examples:
  vilasr eval maze --num 200 --out runs/maze
  vilasr eval vsi                                  what to fetch, and where to put it
  vilasr eval vsi --data VSI-Bench --model Qwen/Qwen2.5-VL-7B-Instruct --out runs/vsi
  vilasr eval spar --shard 0/4 ... --out runs/spar, and so on to 3/4; then
  vilasr eval spar --merge --out runs/spar

maze, maze-ood, maze-valid, maze-shortest, static, video and multiview are generated, unless --data names a dataset of
'vilasr generate' or a file in the unified JSON. The files of vsi, vsi-debiased, spar, spar-tiny, mmsi, spatialeval,
spatialeval-maze, spatialeval-map and spatialeval-grid are yours to fetch.
"""


def add_parser(subparsers: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    parser = subparsers.add_parser(
        "eval",
        help="measure a model on a benchmark",
        description="Run a benchmark and write DIR/summary.json, DIR/report.html, DIR/report.md, DIR/rollouts.jsonl, "
        "DIR/rollouts.html and DIR/run.json; and DIR/excluded.jsonl where items had to be left out. Exit code 0 means "
        "that it was measured, however badly the model did. A run that was stopped goes on with --resume; what ended "
        "because the model could not be reached or failed is then tried again.",
        epilog=EXAMPLES,
    )
    parser.add_argument("benchmark", metavar="BENCH", help="the name of a benchmark, see below")
    parser.add_argument("--out", metavar="DIR", help="a new folder, or with --resume an earlier run's")
    parser.add_argument("--num", type=whole_number(1), metavar="N", help="the first N samples (default: all)")
    parser.add_argument(
        "--samples-per-prompt", type=whole_number(1), default=1, metavar="N", help="attempts at each sample: pass@N"
    )
    parser.add_argument("--metric-mode", default="default", metavar="MODE", help="how answers are read and scored")
    add_seed_option(parser)
    parser.add_argument(
        "--seeds",
        type=_seeds,
        metavar="K,K",
        help="several runs, each with its own seed, in DIR/seed-K; and their mean",
    )
    _add_data_options(parser)
    _add_shard_options(parser)
    add_model_options(parser)
    add_episode_options(parser)
    add_run_options(parser, temperature=0.0)


def _add_data_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("data")
    group.add_argument("--data", metavar="PATH", help="its folder, or a file (default: data/BENCH, or generated)")
    group.add_argument("--frames", type=whole_number(1), default=16, metavar="N", help="frames taken from each video")
    group.add_argument(
        "--workers", type=whole_number(1), default=2, metavar="N", help="processes that decode videos or make scenes"
    )


def _add_shard_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("shards and budget")
    group.add_argument("--shard", type=_shard, metavar="I/N", help="only shard I, from 0, of N; all into one --out")
    group.add_argument("--merge", action="store_true", help="join the finished shards in --out; needs no model")
    group.add_argument(
        "--max-seconds", type=whole_number(1), metavar="S", help="begin no sample after S seconds; --resume goes on"
    )


def run(args: argparse.Namespace) -> int:
    check_metric_mode(args.metric_mode)
    options = replace(run_options(args), max_seconds=args.max_seconds, metric_mode=args.metric_mode)
    load = None if args.merge else _loader(args)
    if load is not None:
        load([])  # unknown names and files that are not there are told before anything else
    if args.out is None:
        raise InputError("--out", expected="a folder for the results", got="none", remedy="Give --out DIR.")
    if args.merge and args.shard:
        raise InputError(
            "--merge", expected="no --shard beside it", got="both", remedy="Merge when all shards are done."
        )
    out = _open_folder(args.out, goes_on=args.resume or args.merge or args.shard is not None)
    seeds = args.seeds or (args.seed,)
    runs: list[Measured] = []
    with PolicyInUse(args) as policy:
        for seed in seeds:
            folder = make_folder(out / f"seed-{seed}") if args.seeds else out
            if load is not None:
                record = _run_seed(args, replace(options, seed=seed), policy, load, folder)
            if args.shard is None:
                record = merge_shards(folder, args.benchmark) if load is None else record
                runs.append(write_results(folder, args.benchmark, record, mode=args.metric_mode))
    if args.shard is not None:
        again = f"vilasr eval {args.benchmark} --merge --out {args.out}"
        again += f" --seeds {','.join(map(str, seeds))}" if args.seeds else ""
        print(f"Shard {args.shard.index} of {args.shard.count} is done. When all are: {again}")
    elif args.seeds:
        summary = write_seeds(out, dict(zip(seeds, runs, strict=True)), args.benchmark, mode=args.metric_mode)
        print(f"{summary_table(summary)}\n\nWritten: {out / 'report.html'}")
    else:
        print(f"{summary_table(runs[0].summary)}\n\nWritten: {out / 'report.html'}")
    return DONE


def _run_seed(
    args: argparse.Namespace,
    options: RunOptions,
    policy: PolicyInUse,
    load: Callable[[list[Exclusion]], Benchmark],
    folder: Path,
) -> RunRecord:
    """Run the samples of one seed, all or a shard; returns what came of it, which a shard also writes beside its
    rollouts."""
    from vilasr.benchmarks import WHOLE
    from vilasr.training.provenance import write_run_json

    excluded: list[Exclusion] = []
    benchmark = load(excluded)
    shard: Shard = args.shard or WHOLE
    num = args.num or benchmark.num
    begun, started = time.monotonic(), datetime.now(UTC)
    done = run_into_file(
        policy,
        benchmark.samples(args.num, options.seed, shard),
        folder / rollout_file(args.shard),
        options,
        total=len(shard.positions(num)) * options.num_siblings,
        source=benchmark.source,
    )
    write_run_json(folder, settings_of(args) | {"seed": options.seed}, strategy="one process", started=started)
    reasons = {exclusion.id: exclusion.reason for exclusion in excluded} | done.excluded
    record = RunRecord(
        benchmark=benchmark.name,
        index=shard.index,
        count=shard.count,
        sample_ids=sorted(done.sample_ids),
        excluded=reasons,
        complete=done.complete,
        num_items=benchmark.num,
        num_asked=args.num,
        num_siblings=options.num_siblings,
    )
    if not done.complete:
        seconds, reached = time.monotonic() - begun, counted(len(done.sample_ids), "sample")
        say(f"Stopped after {seconds:.0f} s at {reached} of about {num:,}. --resume goes on.")
    if len(reasons) > MAX_TOLD:
        say(f"{len(reasons):,} items are left out; all are listed in the folder of the run.")
    if args.shard is not None:
        write_record(folder, record)
    return record


def settings_of(args: argparse.Namespace) -> dict[str, Json]:
    """What decides the result of a run, and how it was made; as `run.json` keeps it."""
    left_out = {"command", "out", "resume", "shard", "merge", "seeds", "max_seconds"}
    return {name: value for name, value in sorted(vars(args).items()) if name not in left_out}


def _loader(args: argparse.Namespace) -> Callable[[list[Exclusion]], Benchmark]:
    """A function that opens the benchmark; it tells what is left out, and appends it to its argument."""
    from vilasr.benchmarks import LoadOptions, benchmark_named
    from vilasr.cli.progress import Progress

    def load(excluded: list[Exclusion]) -> Benchmark:
        def tell(exclusion: Exclusion) -> None:
            excluded.append(exclusion)
            if len(excluded) <= MAX_TOLD:
                say(f"left out: {exclusion.id}: {exclusion.reason}")

        bar: Progress | None = None
        num_videos = 0

        def on_video(total: int) -> None:
            nonlocal bar, num_videos
            bar = bar or Progress(total, "videos")
            bar.advance()
            num_videos += 1
            if num_videos == total:
                bar.close()

        options = LoadOptions(num_frames=args.frames, workers=args.workers, on_excluded=tell, on_video=on_video)
        return benchmark_named(args.benchmark, args.data, options)

    return load


def _open_folder(out: str, *, goes_on: bool) -> Path:
    """The folder of the run; InputError when there is something in it and nobody said to go on."""
    folder = make_folder(out)
    if not goes_on and any(folder.iterdir()):
        remedy = "Give --resume to go on with the run in it, or another folder."
        raise InputError(str(out), expected="a new or empty folder", got="one with files in it", remedy=remedy)
    return folder


def _seeds(text: str) -> tuple[int, ...]:
    seeds = tuple(seed_number(part) for part in text.split(","))
    if len(set(seeds)) < len(seeds):
        raise argparse.ArgumentTypeError(f"expected each seed once; got {text!r}.")
    return seeds


def _shard(text: str) -> Shard:
    try:
        return parse_shard(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(f"expected {error.expected}; got {text!r}.") from error
