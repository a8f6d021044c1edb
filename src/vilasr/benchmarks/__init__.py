"""Benchmarks: their samples, and the summary and report of a run on them."""

from vilasr.benchmarks.aggregate import Aggregation, MeanOf, estimate_means, mean_scores
from vilasr.benchmarks.base import WHOLE, Benchmark, Exclusion, LoadOptions, Shard
from vilasr.benchmarks.comparison import ComparedRun, compare_runs
from vilasr.benchmarks.comparison_report import comparison_table, write_comparison
from vilasr.benchmarks.files import FileBenchmark
from vilasr.benchmarks.generated import GENERATED
from vilasr.benchmarks.named import BENCHMARK_NAMES, PUBLISHED, aggregation_of, benchmark_named
from vilasr.benchmarks.published import Published
from vilasr.benchmarks.report import render_html, render_markdown, write_report
from vilasr.benchmarks.summarise import facts_for, summary_of

__all__ = [
    "BENCHMARK_NAMES",
    "GENERATED",
    "PUBLISHED",
    "WHOLE",
    "Aggregation",
    "Benchmark",
    "ComparedRun",
    "Exclusion",
    "FileBenchmark",
    "LoadOptions",
    "MeanOf",
    "Published",
    "Shard",
    "aggregation_of",
    "benchmark_named",
    "compare_runs",
    "comparison_table",
    "estimate_means",
    "facts_for",
    "mean_scores",
    "render_html",
    "render_markdown",
    "summary_of",
    "write_comparison",
    "write_report",
]
