"""The numbers of one run: `summary.json`."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from importlib import metadata
from typing import TYPE_CHECKING

from vilasr.benchmarks.aggregate import estimate_means, missing_groups
from vilasr.benchmarks.guessing import guessing_at
from vilasr.benchmarks.maze import maze_facts
from vilasr.benchmarks.named import aggregation_of
from vilasr.errors import DataError
from vilasr.scoring import estimate, facts_of, sample_passes, sample_scores, score_answer, summarise
from vilasr.tasks import TASK_NAMES, task_named

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vilasr.rollout import Header
    from vilasr.scoring import Estimate, RolloutFacts
    from vilasr.types import Json, Rollout, Sample


def facts_for(rollout: Rollout, *, drawing: bool = True, mode: str = "default") -> RolloutFacts:
    """What the summary needs of one rollout, scored in a metric mode, with the groups and drawing grades that its task
    knows."""
    task = rollout.sample.task
    if task == "maze":
        facts = maze_facts(rollout, drawing=drawing)
    elif task in TASK_NAMES:
        facts = _scene_facts(rollout, drawing=drawing)
    else:
        facts = facts_of(rollout, groups=_recorded_groups(rollout.sample))
    if mode == "default":
        return facts
    return replace(facts, score=score_answer(rollout.sample, rollout.answer, mode=mode).value)


def _scene_facts(rollout: Rollout, *, drawing: bool) -> RolloutFacts:
    question_type = rollout.sample.metadata.get("question_type")
    groups = (f"question={question_type}",) if isinstance(question_type, str) else ()
    try:
        grade = task_named(rollout.sample.task).grade_drawing(rollout.sample, rollout) if drawing else None
    except DataError:  # a sample that came without its ground truth
        grade = None
    return facts_of(rollout, groups=groups, grade=grade)


def _recorded_groups(sample: Sample) -> tuple[str, ...]:
    """Those that a loader wrote into the metadata: {"task": "object_counting"}."""
    groups = sample.metadata.get("groups")
    return tuple(f"{kind}={name}" for kind, name in groups.items()) if isinstance(groups, dict) else ()


def summary_of(
    facts: Iterable[RolloutFacts],
    *,
    benchmark: str,
    header: Header,
    metric_mode: str = "default",
    excluded: Mapping[str, int] | None = None,
    num_bad_lines: int = 0,
    num_retried: int = 0,
) -> dict[str, Json]:
    """The content of `summary.json`.

    `score`, `stderr`, `ci95` and every other score are 0..100, rates are 0..1, null is unknown. `num` counts samples;
    `missing_groups` are those that the benchmark's score is a mean over, and that no sample is in. `pass_at` has pass@k
    for k = 1, 2, 4 and so on, and the number of rollouts of a sample; it is empty where each has one. There an answer
    is right or not, and all items count alike: where `score` is a mean over tasks, or numbers are right in part, pass@1
    is not `score`.
    `num_excluded` items could not be run, for the reasons counted in `excluded`, and `num_bad_lines` could not be read;
    neither is in any mean. `guessing` is what the same samples give to whoever does not look: chance, and for numbers
    the best constant of each group; null where that is not defined. `answers` of a group: "choice", "number", "mixed",
    "other", and null for means over groups. `valid_marks` is the share of standing marks that are true of the world, of
    those whose truth is known. `num_retried` rollouts were tried again after the policy had failed. `interval` says how
    `ci95` was found. `outcomes` counts each rollout once, `turn_counts` by number of turns.
    """
    rows = list(facts)
    made = summarise(rows, seed=header.seed)
    score, groups, missing = made.score, dict(made.groups), []
    aggregation = aggregation_of(benchmark)
    if aggregation is not None:
        means = estimate_means(aggregation, _scores_by_group(rows), seed=header.seed)
        score = means.pop(aggregation.overall.name)
        groups |= {name: mean for name, mean in means.items() if mean.num}
        missing = missing_groups(aggregation, made.groups)
    guessing = guessing_at(rows, aggregation)
    return {
        "benchmark": benchmark,
        "num": made.num_samples,
        "score": _percent(score.mean),
        "stderr": _percent(score.stderr),
        "ci95": [_percent(bound) for bound in score.ci95],
        "interval": score.interval,
        "guessing": _percent(guessing.overall),
        "answered_rate": round(made.answered_rate, 6),
        "truncated_rate": round(made.truncated_rate, 6),
        "error_rate": round(made.error_rate, 6),
        "mean_turns": round(made.mean_turns, 4),
        "mean_drawings": round(made.mean_drawings, 4),
        "groups": {
            name: group_as_json(group)
            | {"guessing": _percent(guessing.groups.get(name)), "answers": guessing.answers.get(name)}
            for name, group in sorted(groups.items())
        },
        "missing_groups": missing,
        "metric_mode": metric_mode,
        "model": header.model,
        "drawing": header.drawing,
        "seed": header.seed,
        "version": metadata.version("vilasr"),
        "num_rollouts": made.num_rollouts,
        "pass_at": _passes(rows, seed=header.seed),
        "num_unscored": made.num_unscored,
        "num_excluded": sum((excluded or {}).values()),
        "excluded": dict(excluded or {}),
        "num_bad_lines": num_bad_lines,
        "num_retried": num_retried,
        "mean_drawn_images": round(made.mean_drawn_images, 4),
        "drawing_score": _percent(made.drawing_score),
        "valid_marks": None if made.valid_marks is None else round(made.valid_marks, 6),
        "drawing_agreement": None if made.drawing_agreement is None else round(made.drawing_agreement, 6),
        "reflection_rate": round(made.reflection_rate, 6),
        "statuses": made.statuses,
        "outcomes": made.outcomes,
        "turn_counts": {str(num): count for num, count in made.turn_counts.items()},
        "drawing_counts": {str(num): count for num, count in made.drawing_counts.items()},
        "errors": made.errors,
        "seconds": round(made.seconds, 3),
        "protocol": header.protocol,
        "style": header.style,
        "temperature": header.sampling.temperature,
        "config_hash": header.config_hash,
    }


def _scores_by_group(rows: Iterable[RolloutFacts]) -> dict[str, list[float]]:
    """The scores of the samples of each group, siblings averaged."""
    by_group: dict[str, list[RolloutFacts]] = {}
    for row in rows:
        for group in row.groups:
            by_group.setdefault(group, []).append(row)
    return {group: sample_scores(members) for group, members in by_group.items()}


def _passes(rows: list[RolloutFacts], *, seed: int) -> dict[str, Json]:
    most = max(Counter(row.sample_id for row in rows).values(), default=0)
    sizes = sorted({*(2**power for power in range(most.bit_length())), most}) if most > 1 else []
    return {str(k): group_as_json(estimate(sample_passes(rows, k), seed=seed)) for k in sizes}


def group_as_json(group: Estimate) -> dict[str, Json]:
    """An estimate as `summary.json` has it: 0..100."""
    return {
        "score": _percent(group.mean),
        "num": group.num,
        "stderr": _percent(group.stderr),
        "ci95": [_percent(bound) for bound in group.ci95],
        "interval": group.interval,
    }


def _percent(value: float | None) -> float | None:
    return None if value is None else round(100 * value, 4)
