"""The benchmarks there are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vilasr.benchmarks.base import LoadOptions
from vilasr.benchmarks.generated import GENERATED
from vilasr.benchmarks.generated_files import open_generated
from vilasr.benchmarks.mmsi import MMSI
from vilasr.benchmarks.published import default_folder, open_published
from vilasr.benchmarks.spar import SPAR, SPAR_TINY
from vilasr.benchmarks.spatialeval import SPATIALEVAL, SPATIALEVAL_GRID, SPATIALEVAL_MAP, SPATIALEVAL_MAZE
from vilasr.benchmarks.vsi import VSI, VSI_DEBIASED
from vilasr.errors import InputError

if TYPE_CHECKING:
    import os

    from vilasr.benchmarks.aggregate import Aggregation
    from vilasr.benchmarks.base import Benchmark

PUBLISHED = (
    *(VSI, VSI_DEBIASED, SPAR, SPAR_TINY, MMSI),
    *(SPATIALEVAL, SPATIALEVAL_MAZE, SPATIALEVAL_MAP, SPATIALEVAL_GRID),
)
BENCHMARK_NAMES = tuple(benchmark.name for benchmark in (*GENERATED, *PUBLISHED))


def benchmark_named(
    name: str,
    data: str | os.PathLike[str] | None = None,
    options: LoadOptions = LoadOptions(),  # noqa: B008 -- frozen
) -> Benchmark:
    """The benchmark of that name.

    Args:
        data: folder or file; None: the default folder of a published one, and samples made on the fly of the others.
        options: how the files are read; `workers` also make the samples of generated scenes.

    Raises:
        InputError: a name that is not in BENCHMARK_NAMES; files that are not there, with what to fetch or make.
    """
    for generated in GENERATED:
        if generated.name == name:
            if data is not None:
                return open_generated(generated, Path(data), options)
            # Mazes are made faster than they can be sent from one process to another.
            return generated if generated.task == "maze" else replace(generated, workers=options.workers)
    for published in PUBLISHED:
        if published.name == name:
            folder = default_folder(published) if data is None else Path(data)
            return open_published(published, folder, options)
    raise InputError("benchmark", expected="one of " + ", ".join(BENCHMARK_NAMES), got=repr(name))


def aggregation_of(name: str) -> Aggregation | None:
    """How a benchmark turns the scores of items into its own; None: their mean."""
    return next((published.aggregation for published in PUBLISHED if published.name == name), None)
