"""What `rollout`, `eval` and `score` tell about a run: its summary as a table, and notes on its rollouts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vilasr.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vilasr.scoring import RolloutFacts
    from vilasr.types import Json, Rollout
    from vilasr.viewer import RolloutNote


def check_metric_mode(mode: str, option: str = "--metric-mode") -> str:
    """`mode`, when there is one of that name; InputError, which lists the modes, when not."""
    from vilasr.scoring import MODES

    if mode not in MODES:
        raise InputError(option, expected="one of " + ", ".join(MODES), got=repr(mode))
    return mode


def summary_table(summary: Mapping[str, Json]) -> str:
    """The content of a `summary.json` for people: the score, the rates, how rollouts ended, the groups."""
    from vilasr.benchmarks.wording import interval_text

    spread = "" if summary["stderr"] is None else f", standard error {summary['stderr']:.1f}"
    facts = [
        *((f"pass@{k}", _score(value["score"])) for k, value in summary["pass_at"].items()),
        ("answered", _rate(summary["answered_rate"])),
        ("truncated", _rate(summary["truncated_rate"])),
        ("errors", _rate(summary["error_rate"])),
        ("turns a rollout", f"{summary['mean_turns']:.2f}"),
        ("drawings a rollout", f"{summary['mean_drawings']:.2f}"),
        ("drawing score", _score(summary["drawing_score"])),
        ("ended", ", ".join(f"{name} {count}" for name, count in summary["statuses"].items())),
        ("mistakes", ", ".join(f"{name} {count}" for name, count in summary["errors"].items())),
        ("seconds a rollout", _each(summary["seconds"], summary["num_rollouts"])),
        ("tokens a rollout", _tokens(summary)),
        ("not scored", str(summary["num_unscored"] or "")),
        ("tried again", str(summary["num_retried"] or "")),
        ("left out", ", ".join(f"{reason} {count}" for reason, count in summary["excluded"].items())),
        ("no items of", ", ".join(name.partition("=")[2] for name in summary["missing_groups"])),
        ("bad lines", str(summary["num_bad_lines"] or "")),
    ]
    lines = [
        f"{summary['benchmark']}: {_score(summary['score'])} of 100 "
        f"({interval_text(summary)}{spread}, {summary['num']} samples)",
        *(f"  {name:<20}{value}" for name, value in facts if value),
    ]
    groups = summary["groups"]
    if groups:
        width = max(len(name) for name in groups)
        lines += ["", f"  {'group':<{width}}  score  samples"]
        lines += [
            f"  {name:<{width}}  {_score(group['score']):>5}  {group['num']:>7}" for name, group in groups.items()
        ]
    return "\n".join(lines)


def note_on(rollout: Rollout, mode: str = "default", facts: RolloutFacts | None = None) -> RolloutNote:
    """Score, in a metric mode, and groups of a rollout, for the viewer; its facts, when they are at hand."""
    from vilasr.benchmarks import facts_for
    from vilasr.scoring import score_answer
    from vilasr.viewer import RolloutNote

    score = score_answer(rollout.sample, rollout.answer, mode=mode)
    facts = facts_for(rollout, drawing=False) if facts is None else facts
    groups = (group.partition("=") for group in facts.groups)
    return RolloutNote(
        score=score.value,
        is_right=None if score.value is None else score.value == 1,
        explanation=score.explanation,
        groups={name: value for name, _, value in groups},
        reflected=facts.is_reflective,
        drawing_score=facts.drawing_score,
        agrees=facts.agrees,
    )


def _tokens(summary: Mapping[str, Json]) -> str:
    """Of a run whose policy recorded them."""
    read, said = summary.get("num_context_tokens"), summary.get("num_sampled_tokens")
    if read is None or said is None:
        return ""
    return f"{_each(read, summary['num_rollouts'])} read, {_each(said, summary['num_rollouts'])} said"


def _each(total: float, num: int) -> str:
    return f"{total / num:,.1f}" if num else ""


def _rate(value: float) -> str:
    return f"{100 * value:.1f} %"


def _score(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
