"""A turn of the model as lines for a terminal. What a model says is made harmless first: no control sequences."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from vilasr.types import Action, Box

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vilasr.api import AskResult, AskTurn

WIDTH = 100
INDENT = "  "


def turn_text(turn: AskTurn, paths: Mapping[int, Path]) -> str:
    """Thought, actions, mistake, answer, and where the pictures are: `paths` by image index, where they were saved."""
    thought = printable(turn.thought) or "(no thought)"
    lines = textwrap.wrap(f"Turn {turn.number}. {thought}", WIDTH, subsequent_indent=INDENT)
    lines += [f"{INDENT}{_action_text(action)}" for action in turn.actions]
    lines += [f"{INDENT}image {index}: {paths[index]}" for index in turn.pictures if index in paths]
    if turn.error is not None:
        lines.append(f"{INDENT}mistake: {printable(turn.error.message)}")
    if turn.answer is not None:
        lines.append(f"{INDENT}answers {printable(turn.answer)}")
    return "\n".join(lines)


def ending_text(result: AskResult) -> str:
    """Why there is no answer: "No answer: truncated_turns (no answer in 10 turns)."."""
    reason = printable(result.rollout.reason).rstrip(".")
    return f"No answer: {result.status.value} ({reason})." if reason else f"No answer: {result.status.value}."


def printable(text: str) -> str:
    """`text` on one line, with nothing that a terminal would obey.

    >>> printable("left\\x1b[2J\\nright")
    'left [2J right'
    """
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _action_text(action: Action) -> str:
    points = (action.box_px[:2], action.box_px[2:]) if isinstance(action, Box) else (action.start_px, action.end_px)
    (x1, y1), (x2, y2) = points
    where = f"({x1:.0f}, {y1:.0f}) to ({x2:.0f}, {y2:.0f})"
    return f'draws a {action.kind} "{printable(action.label)}" on image {action.image_index}: {where}'
