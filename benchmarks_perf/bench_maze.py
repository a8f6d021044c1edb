"""Mazes generated and rendered a second on one core: python benchmarks_perf/bench_maze.py [--num 4000] [--repeats 5]"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import time

from vilasr.machine import hardware
from vilasr.tasks import task_named

TARGET_PER_S = 2000


def rates_per_s(num: int, repeats: int) -> list[float]:
    """Samples per second of processor time of this process, of each repeat, after a warm-up; every sample is new."""
    task, rates = task_named("maze"), []
    for repeat in range(repeats + 1):
        begin = time.process_time()
        for index in range(num):
            task.generate("train", index, repeat)
        rates.append(num / (time.process_time() - begin))
    return rates[1:]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num", type=int, default=4000, help="mazes in each repeat")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    rates = rates_per_s(arguments.num, arguments.repeats)
    median = statistics.median(rates)
    print(f"mazes generated and rendered, one core: {median:.0f}/s (lowest {min(rates):.0f}, highest {max(rates):.0f})")
    print(
        f"{arguments.repeats} repeats of {arguments.num} mazes, 3-6 cells a side, seen styles; target {TARGET_PER_S}/s"
    )
    print(f"{hardware()}; Python {platform.python_version()}")
    return 0 if median >= TARGET_PER_S else 1


if __name__ == "__main__":
    sys.exit(main())
