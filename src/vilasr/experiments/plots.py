"""The pictures of docs/results.md and docs/nano.md. They need the extra `plots`."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from vilasr.experiments.curves import Curve
    from vilasr.experiments.intervals import Mean
    from vilasr.experiments.study import Study
    from vilasr.types import Json

Panel = tuple[str, "Mapping[str, Mean]", float]
"""(title, model -> mean, scale)."""
Ability = tuple["Mapping[str, Json]", "Mapping[str, Json]"]
"""Drawn and in words: "score", "ci95" and "guessing" of summary.json."""


def can_plot() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def link_plot(study: Study, name: str, title: str, draw: Callable[[Path], None] | None) -> Iterator[str]:
    """Draw a plot beside the page of a study, and link it there. Without `draw` there is nothing to show, and an
    earlier one goes away."""
    path = study.plots / name
    path.unlink(missing_ok=True)
    if draw is not None and can_plot():
        path.parent.mkdir(parents=True, exist_ok=True)
        draw(path)
        yield ""
        yield f"![{title}]({study.plots.name}/{name})"


def plot_means(panels: Sequence[Panel], path: Path) -> None:
    """A panel each, side by side: models below each other, a dot for the mean and a bar for its interval."""
    names = [*dict.fromkeys(name for _, means, _ in panels for name in means)]
    figure, axes = _figure(len(panels), width=3.4, height=1.1 + 0.3 * len(names), is_shared=True)
    for (title, means, scale), axis in zip(panels, axes, strict=True):
        for place, name in enumerate(names):
            if name in means:
                mean = means[name]
                low, high = mean.ci95 or (mean.value, mean.value)
                axis.plot([scale * low, scale * high], [place, place], color="C0", linewidth=1.5)
                axis.plot(scale * mean.value, place, "o", color="C0")
        if scale == 100:
            axis.set_xlim(-3, 103)
        axis.set(title=title, yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.5))
        axis.grid(alpha=0.3)
    _save(figure, path)


def plot_passes(passes: Mapping[str, Mapping[int, float]], path: Path) -> None:
    """pass@k over k: model -> k -> share."""
    figure, (axis,) = _figure(1, width=6, height=4)
    for place, (name, shares) in enumerate(passes.items()):
        axis.plot(
            [*shares], [100 * share for share in shares.values()], "osd^v<>"[place % 7] + "-", label=name, linewidth=1
        )
    axis.set(xscale="log", ylim=(-3, 103), xlabel="attempts k", ylabel="pass@k, %")
    ticks = sorted({k for shares in passes.values() for k in shares})
    axis.set_xticks(ticks, labels=[str(k) for k in ticks], minor=False)
    axis.minorticks_off()
    axis.grid(alpha=0.3)
    axis.legend(fontsize="small")
    _save(figure, path)


def plot_curves(curves: Mapping[str, Sequence[Curve]], path: Path) -> None:
    """Validation reward over the steps: a panel for each model, a line with its interval for each seed."""
    figure, axes = _figure(len(curves), width=4.2, height=3.2)
    for (name, of_model), axis in zip(curves.items(), axes, strict=True):
        for curve in of_model:
            steps, means = [*curve.reward], curve.reward.values()
            (line,) = axis.plot(steps, [mean.value for mean in means], "o-", label=f"seed {curve.seed}")
            low, high = zip(*(mean.ci95 or (mean.value, mean.value) for mean in means), strict=True)
            axis.fill_between(steps, low, high, alpha=0.15, color=line.get_color(), linewidth=0)
        axis.set(title=name, xlabel="step", ylabel="validation reward")
        axis.grid(alpha=0.3)
        axis.legend(fontsize="small")
    _save(figure, path)


def plot_abilities(families: Sequence[tuple[str, Mapping[str, Ability]]], path: Path) -> None:
    """A panel for each family: of each type a dot with its interval, filled for drawn and open for in words, and a tick
    where guessing is."""
    height = 0.9 + 0.3 * max(len(types) for _, types in families)
    figure, axes = _figure(len(families), width=3.6, height=height)
    for (title, types), axis in zip(families, axes, strict=True):
        for place, (drawn, words) in enumerate(types.values()):
            for estimate, offset, fill in ((drawn, -0.15, "C0"), (words, 0.15, "white")):
                axis.plot(estimate["ci95"], [place + offset] * 2, color="C0", linewidth=1.2)
                axis.plot(estimate["score"], place + offset, "o", markeredgecolor="C0", markerfacecolor=fill, ms=5)
            if drawn["guessing"] is not None:
                axis.plot([drawn["guessing"]] * 2, [place - 0.4, place + 0.4], color="C3", linewidth=1.5)
        axis.set(title=title, xlim=(-3, 103), yticks=range(len(types)), yticklabels=[*types])
        axis.set_ylim(len(types) - 0.5, -0.5)
        axis.grid(alpha=0.3)
    handles = [
        axes[0].plot([], [], "o", markeredgecolor="C0", markerfacecolor=fill)[0] for fill in ("C0", "white")
    ] + axes[0].plot([], [], color="C3")
    figure.legend(handles, ["drawn", "in words", "guessing"], loc="outside lower center", ncols=3, fontsize="small")
    _save(figure, path)


def _figure(num: int, *, width: float, height: float, is_shared: bool = False) -> tuple[Any, Sequence[Any]]:
    """A figure with so many panels in a row, each of that size in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * num, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, list(figure.subplots(1, num, squeeze=False, sharey=is_shared).flat)


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, dpi=110, metadata={"Software": None})
