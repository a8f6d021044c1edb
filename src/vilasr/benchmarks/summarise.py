"""The numbers of one run: `summary.json`."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING

from vilasr.benchmarks.maze import maze_facts
from vilasr.scoring import facts_of, summarise

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vilasr.rollout import Header
    from vilasr.scoring import Estimate, RolloutFacts
    from vilasr.types import Json, Rollout


def facts_for(rollout: Rollout, *, drawing: bool = True) -> RolloutFacts:
    """What the summary needs of one rollout, with the groups and drawing grades that its task knows."""
    return maze_facts(rollout, drawing=drawing) if rollout.sample.task == "maze" else facts_of(rollout)


def summary_of(
    facts: Iterable[RolloutFacts],
    *,
    benchmark: str,
    header: Header,
    metric_mode: str = "default",
    num_bad_samples: int = 0,
    num_bad_lines: int = 0,
) -> dict[str, Json]:
    """The content of `summary.json`.

    `score`, `stderr`, `ci95` and every other score are 0..100, rates are 0..1, null is unknown. `num` counts samples;
    `num_bad_samples` could not be run and `num_bad_lines` could not be read, and neither is in any mean.
    """
    made = summarise(facts, seed=header.seed)
    return {
        "benchmark": benchmark,
        "num": made.num_samples,
        "score": _percent(made.score.mean),
        "stderr": _percent(made.score.stderr),
        "ci95": [_percent(bound) for bound in made.score.ci95],
        "answered_rate": round(made.answered_rate, 6),
        "truncated_rate": round(made.truncated_rate, 6),
        "error_rate": round(made.error_rate, 6),
        "mean_turns": round(made.mean_turns, 4),
        "mean_drawings": round(made.mean_drawings, 4),
        "groups": {name: _group(group) for name, group in made.groups.items()},
        "metric_mode": metric_mode,
        "model": header.model,
        "drawing": header.drawing,
        "seed": header.seed,
        "version": metadata.version("vilasr"),
        "num_rollouts": made.num_rollouts,
        "num_unscored": made.num_unscored,
        "num_bad_samples": num_bad_samples,
        "num_bad_lines": num_bad_lines,
        "mean_drawn_images": round(made.mean_drawn_images, 4),
        "drawing_score": _percent(made.drawing_score),
        "drawing_agreement": None if made.drawing_agreement is None else round(made.drawing_agreement, 6),
        "reflection_rate": round(made.reflection_rate, 6),
        "statuses": made.statuses,
        "errors": made.errors,
        "seconds": round(made.seconds, 3),
        "protocol": header.protocol,
        "style": header.style,
        "temperature": header.sampling.temperature,
        "config_hash": header.config_hash,
    }


def _group(group: Estimate) -> dict[str, Json]:
    return {
        "score": _percent(group.mean),
        "num": group.num,
        "stderr": _percent(group.stderr),
        "ci95": [_percent(bound) for bound in group.ci95],
    }


def _percent(value: float | None) -> float | None:
    return None if value is None else round(100 * value, 4)
