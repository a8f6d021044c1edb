"""What `vilasr score --compare` tells: the rollouts that two metric modes score differently."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from vilasr.scoring import Change, Score
    from vilasr.types import Json

MAX_LISTED = 50
"""Rows of the table; the JSON has them all."""
_WIDTH = 28


def changes_as_json(changes: Collection[Change], *, mode: str, score: float | None) -> dict[str, Json]:
    """What `summary["compared"]` holds: `mode` is the other mode and `score` what the run scores in it, 0..100."""
    num_higher = sum(change.is_higher for change in changes)
    return {
        "mode": mode,
        "score": score,
        "num_changed": len(changes),
        "num_higher": num_higher,
        "num_lower": len(changes) - num_higher,
        "changed": [
            {
                "id": change.sample_id,
                "sibling": change.sibling,
                "answer": change.answer,
                "read": _reading(change.score),
                "read_by_other": _reading(change.other),
            }
            for change in changes
        ],
    }


def change_table(summary: Mapping[str, Json]) -> str:
    """The content of `summary["compared"]` for people: counts, then a row for each rollout, up to MAX_LISTED."""
    mode, compared = summary["metric_mode"], summary["compared"]
    lines = [
        f"{mode} {_percent(summary['score'])}, {compared['mode']} {_percent(compared['score'])}: "
        f"{compared['num_changed']} of {summary['num_rollouts']} rollouts change, "
        f"{compared['num_higher']} higher in {mode}, {compared['num_lower']} lower"
    ]
    listed = compared["changed"][:MAX_LISTED]
    if listed:
        rows = [("id", "answer", mode, "", compared["mode"], "")]
        rows += [
            (
                change["id"] + (f" #{change['sibling']}" if change["sibling"] else ""),
                _short(repr(change["answer"])),
                *_cells(change["read"]),
                *_cells(change["read_by_other"]),
            )
            for change in listed
        ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines += ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    if compared["num_changed"] > MAX_LISTED:
        lines.append(f"  and {compared['num_changed'] - MAX_LISTED} more: --json FILE writes them all")
    return "\n".join(lines)


def _reading(score: Score) -> dict[str, Json]:
    return {"value": score.extraction.value, "score": score.value, "explanation": score.explanation}


def _cells(reading: Mapping[str, Json]) -> tuple[str, str]:
    value = "nothing" if reading["value"] is None else _short(str(reading["value"]))
    return value, f"{reading['score']:.2f}"


def _short(text: str) -> str:
    return text if len(text) <= _WIDTH else text[: _WIDTH - 3] + "..."


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"
