"""Benchmarks: their samples, and the summary and report of a run on them."""

from vilasr.benchmarks.base import Benchmark
from vilasr.benchmarks.maze import MAZE_BENCHMARKS
from vilasr.benchmarks.report import render_html, render_markdown, write_report
from vilasr.benchmarks.summarise import facts_for, summary_of
from vilasr.errors import InputError

__all__ = [
    "BENCHMARK_NAMES",
    "Benchmark",
    "benchmark_named",
    "facts_for",
    "render_html",
    "render_markdown",
    "summary_of",
    "write_report",
]

BENCHMARK_NAMES = tuple(benchmark.name for benchmark in MAZE_BENCHMARKS)


def benchmark_named(name: str) -> Benchmark:
    """The benchmark of that name.

    Raises:
        InputError: for a name that is not in BENCHMARK_NAMES.
    """
    for benchmark in MAZE_BENCHMARKS:
        if benchmark.name == name:
            return benchmark
    raise InputError("benchmark", expected="one of " + ", ".join(BENCHMARK_NAMES), got=repr(name))
