"""Datasets written a second, with one process and with two, and the memory that takes.

    python benchmarks_perf/bench_generate.py                 static scenes at 224 px, and videos of 16 frames
    python benchmarks_perf/bench_generate.py --task maze --num 2000
    python benchmarks_perf/bench_generate.py --task marks --memory 10000

All that `vilasr generate` does is measured: scene, pictures, PNG, parquet. Not measured is the start, the first tenth
of the rows. Where something else keeps the machine busy, the processor time tells what two idle cores would do.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import active_children
from pathlib import Path
from typing import TYPE_CHECKING

from vilasr.data import DatasetInfo, DatasetWriter
from vilasr.machine import hardware
from vilasr.tasks import task_named

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vilasr.types import Sample

TARGET_RATIO = 1.7
MAX_GROWTH = 1.1
"""Memory at the end over memory after a fifth of the rows, when a shard was written and all libraries are loaded."""


@dataclass(frozen=True, kw_only=True)
class Case:
    task: str
    options: Mapping[str, str] = field(default_factory=dict)
    num: int
    target_per_s: float | None = None

    @property
    def title(self) -> str:
        return " ".join([self.task, *(f"{key}={value}" for key, value in self.options.items())])


CASES = (
    Case(task="static", options={"size": "224"}, num=200, target_per_s=20),
    Case(task="video", options={"frames": "16", "size": "224"}, num=24, target_per_s=1.5),
)


def make(task: str, options: Mapping[str, str], seed: int, row: int) -> Sample:
    return task_named(task).generate("train", row, seed, options)


def write(case: Case, *, workers: int, seed: int, on_row: Callable[[], None]) -> None:
    """The dataset of a case, in a folder that is then deleted."""
    info = DatasetInfo(
        name=case.task, task=case.task, version=1, split="train", seed=seed, num=case.num, options=case.options
    )
    with tempfile.TemporaryDirectory() as folder:
        row_of = partial(make, case.task, case.options, seed)
        DatasetWriter(folder, info).fill(row_of, workers=workers, on_row=on_row)


def measured(case: Case, *, workers: int, seed: int) -> tuple[float, float]:
    """After the first tenth: samples a second by the clock on the wall, and milliseconds of processor time a sample."""
    clocks: list[tuple[float, float]] = []
    first = max(1, case.num // 10)
    done = 0

    def look() -> None:
        nonlocal done
        done += 1
        if done in (first, case.num):
            clocks.append((time.perf_counter(), sum(map(processor_s, processes()))))

    write(case, workers=workers, seed=seed, on_row=look)
    (wall, busy), (wall_end, busy_end) = clocks
    num = case.num - first
    return num / (wall_end - wall), 1000 * (busy_end - busy) / num


def memory_mb(case: Case, *, workers: int) -> list[float]:
    """Resident memory of this process and its workers, after each tenth of the rows."""
    held: list[float] = []
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        if done * 10 // case.num > len(held):
            held.append(sum(map(resident_mb, processes())))

    write(case, workers=workers, seed=0, on_row=count)
    return held


def processes() -> list[int]:
    return [os.getpid(), *(child.pid for child in active_children() if child.pid is not None)]


def processor_s(pid: int) -> float:
    """Time of all its threads, user and system."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def spread(values: Sequence[float], digits: int) -> str:
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} (lowest {low:.{digits}f}, highest {high:.{digits}f})"


def measure_rates(case: Case, repeats: int) -> bool:
    """Prints the rates of one and two processes, taken in turn; whether the targets are met."""
    one, two = [], []
    for repeat in range(repeats):
        one.append(measured(case, workers=1, seed=repeat))
        two.append(measured(case, workers=2, seed=repeat))
    (rates_one, ms_one), (rates_two, ms_two) = zip(*one, strict=True), zip(*two, strict=True)
    ratios = [both / alone for alone, both in zip(rates_one, rates_two, strict=True)]
    busy_one, busy_two = statistics.median(ms_one), statistics.median(ms_two)
    target = f"; target {case.target_per_s:g}/s" if case.target_per_s else ""
    print(f"{case.title}, {repeats} repeats of {case.num} samples:")
    print(f"  one process    {spread(rates_one, 2)} samples/s")
    print(f"  two processes  {spread(rates_two, 2)} samples/s{target}")
    print(f"  two over one   {spread(ratios, 2)}; target {TARGET_RATIO}")
    print(
        f"  processor time a sample: {busy_one:.1f} ms with one, {busy_two:.1f} ms with two. On two idle cores that is"
    )
    print(f"  {2000 / busy_two:.2f} samples/s, {2 * busy_one / busy_two:.2f} times those of one")
    return statistics.median(rates_two) >= (case.target_per_s or 0) and statistics.median(ratios) >= TARGET_RATIO


def measure_memory(case: Case) -> bool:
    """Prints the memory of a long run with two processes; whether it stays the same."""
    held = memory_mb(case, workers=2)
    print(f"{case.title}, memory of this process and two workers after each tenth of {case.num:,} samples, MB:")
    print("  " + " ".join(f"{each:.0f}" for each in held))
    return max(held) <= MAX_GROWTH * held[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", help="another task than static and video, with its own defaults")
    parser.add_argument("--num", type=int, help="samples in each repeat")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--memory", type=int, metavar="N", help="instead measure the memory of N samples")
    arguments = parser.parse_args()
    cases = [case for case in CASES if arguments.task in (None, case.task)] or [Case(task=arguments.task, num=1000)]
    num = arguments.memory or arguments.num
    if num:
        cases = [Case(task=c.task, options=c.options, num=num, target_per_s=c.target_per_s) for c in cases]
    measure = measure_memory if arguments.memory else partial(measure_rates, repeats=arguments.repeats)
    met = [measure(case) for case in cases]
    print(f"{hardware()}; Python {platform.python_version()}; load {os.getloadavg()[0]:.1f} at the end")
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
