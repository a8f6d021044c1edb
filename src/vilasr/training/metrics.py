"""Metrics of a run: one JSON object a line, and a plot people can look at."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class MetricsLog:
    """`OUT/metrics.jsonl`. On resume, lines after the step resumed from are dropped: every step appears once."""

    def __init__(self, path: Path, *, first_step: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = [line for line in read_metrics(path) if line["step"] < first_step] if path.exists() else []
        partial = path.with_suffix(".partial")
        partial.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
        partial.rename(path)
        self._file = path.open("a", encoding="utf-8")

    def write(self, step: int, values: Mapping[str, float]) -> None:
        self._file.write(json.dumps({"step": step, **values}) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def read_metrics(path: Path) -> list[dict[str, float]]:
    """Every whole line; a last line that a kill cut short is left out."""
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return [json.loads(line) for line in lines]


def plot_metrics(path: Path, image: Path, names: Sequence[str]) -> None:
    """Draw the named metrics of `path` over the steps, one panel each, into a PNG. Needs the extra `plots`."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    lines = read_metrics(path)
    figure, panels = pyplot.subplots(1, len(names), figsize=(4.2 * len(names), 3), squeeze=False, layout="constrained")
    for panel, name in zip(panels[0], names, strict=True):
        known = [(line["step"], line[name]) for line in lines if name in line]
        panel.plot(*zip(*known, strict=True) if known else ([], []), linewidth=1)
        panel.set(title=name, xlabel="step")
        panel.grid(alpha=0.3)
    figure.savefig(image, dpi=110)
    pyplot.close(figure)
