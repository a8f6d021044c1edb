"""Metrics of a run: one JSON object a line, and a plot people can look at."""

from __future__ import annotations

import json
import logging
import math
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from vilasr.training.disk import disk_errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vilasr.training.trackers import Tracker
    from vilasr.types import Json

logger = logging.getLogger(__name__)


class MetricsLog:
    """`OUT/metrics.jsonl`, or another file of lines by step. On resume, lines after the step resumed from are dropped:
    every step appears once. What is not finite is no number of JSON, and left out. `tracker` is told the numbers too,
    and closed with it.

    Raises:
        InputError: the file cannot be written, the disk being full for one; when opening it and with any line.
    """

    def __init__(self, path: Path, *, first_step: int, tracker: Tracker | None = None) -> None:
        self._path, self._tracker = path, tracker
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            kept = [line for line in read_metrics(path) if line["step"] < first_step] if path.exists() else []
            partial = path.with_suffix(".partial")
            partial.write_text("".join(map(_as_line, kept)), encoding="utf-8")
            partial.rename(path)
            self._file = path.open("a", encoding="utf-8")

    def write(self, step: int, values: Mapping[str, Json]) -> None:
        with disk_errors(self._path):
            self._file.write(_as_line({"step": step, **values}))
            self._file.flush()
        if self._tracker is not None:
            self._tracker.write(step, _numbers(values))

    def close(self) -> None:
        with suppress(OSError):  # nothing is left to write but a line that could not be, which was told
            self._file.close()
        if self._tracker is not None:
            self._tracker.close()


def _as_line(values: Mapping[str, Json]) -> str:
    return json.dumps(_finite(values), allow_nan=False) + "\n"


def _finite(values: Mapping[str, Json]) -> dict[str, Json]:
    return {
        name: _finite(value) if isinstance(value, dict) else value
        for name, value in values.items()
        if not isinstance(value, float) or math.isfinite(value)
    }


def _numbers(values: Mapping[str, Json]) -> dict[str, float]:
    return {name: value for name, value in _finite(values).items() if isinstance(value, int | float)}


def read_metrics(path: Path) -> list[dict[str, float]]:
    """Every whole line; a last line that a kill cut short is left out."""
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return [json.loads(line) for line in lines]


def plot_run(out: Path, names: Sequence[str]) -> None:
    """`OUT/metrics.png`: those of the named metrics that the run has. Without the extra `plots`, one warning a process.

    A plot is no reason to stop a run: a file that cannot be written is a warning too.
    """
    lines = read_metrics(out / "metrics.jsonl")
    known = [name for name in names if any(name in line for line in lines)]
    if not known:
        return
    try:
        plot_metrics(out / "metrics.jsonl", out / "metrics.png", known)
    except ImportError:
        _warn_without_plots()
    except OSError as error:
        logger.warning("%s: no plot (%s).", out / "metrics.png", error)


@cache
def _warn_without_plots() -> None:
    logger.warning("No plots of the metrics: matplotlib is not installed. Run: pip install 'vilasr[plots]'.")


def plot_metrics(path: Path, image: Path, names: Sequence[str]) -> None:
    """Draw the named metrics of `path` over the steps, one panel each, into a PNG. Needs the extra `plots`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    lines = read_metrics(path)
    num_columns = min(len(names), 4)
    num_rows = -(-len(names) // num_columns)
    figure = Figure(figsize=(4.2 * num_columns, 3 * num_rows))
    FigureCanvasAgg(figure)
    panels = figure.subplots(num_rows, num_columns, squeeze=False).flat
    for name, panel in zip(names, panels, strict=False):
        known = [(line["step"], line[name]) for line in lines if name in line]
        panel.plot(*zip(*known, strict=True) if known else ([], []), linewidth=1, marker="." if len(known) < 30 else "")
        panel.set(title=name, xlabel="step")
        panel.grid(alpha=0.3)
    for panel in panels:
        panel.set_axis_off()
    figure.subplots_adjust(left=0.05, right=0.99, wspace=0.25, hspace=0.5, bottom=0.17, top=0.9)
    figure.savefig(image, dpi=90)
