"""View changes (SPAR-Bench): how the camera moved between two pictures, as instructions.

"move_right:0.3,move_up:0.1,rotate_left:12" moves the camera 0.3 m to the right and 0.1 m up and turns it left by 12
degrees. Opposite moves share an axis, so an answer is five numbers, and its score is their mean relative accuracy.
"""

from __future__ import annotations

import math
import re
import unicodedata
from statistics import fmean
from typing import TYPE_CHECKING

from vilasr.scoring.extract import Extraction, answer_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vilasr.types import Sample

QUESTION_TYPES = ("view_change_infer", "vci")
"""What the metadata of a sample say under "question_type": SPAR-Bench's own name, and the one of the ViLaSR files."""
AXES = (
    ("move_right", "move_left"),
    ("move_up", "move_down"),
    ("move_forward", "move_backward"),
    ("rotate_right", "rotate_left"),
    ("rotate_up", "rotate_down"),
)
"""(counted as positive, counted as negative)."""

_MOVES = frozenset(move for axis in AXES for move in axis)
_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?"
_ITEM = re.compile(
    rf"\W*(move|rotate)[\s_-]+([a-z]+)\s*+(?::|=|\bby\b)?\s*+({_NUMBER})\s*+(?:m|meters?|metres?|°|deg|degrees?)?\W*",
    re.IGNORECASE,
)


def asks_view_change(sample: Sample) -> bool:
    return sample.metadata.get("question_type") in QUESTION_TYPES


def extract_view_change(text: str | None) -> Extraction:
    """Read instructions: one for each move, in any order, with or without units.

    The value is the instructions rewritten without anything else. There is none when a part cannot be read, is no move,
    or contradicts another part.

    >>> extract_view_change("Move right: 0.3 m, rotate_left = 12°").value
    'move_right:0.3,rotate_left:12.0'
    """
    inner, problem = answer_text(text)
    moves: dict[str, float] = {}
    if not problem:
        moves, problem = _read_moves(unicodedata.normalize("NFKC", inner).replace("\u2212", "-"))
    return Extraction(
        value=None if problem else written(moves), parsed=inner, reason=problem or "the moves in the text"
    )


def _read_moves(text: str) -> tuple[dict[str, float], str]:
    """The moves, and why they cannot be used, or ""."""
    moves: dict[str, float] = {}
    for item in re.split(r"[,;\n]|\band\b", text):
        match = _ITEM.fullmatch(item)
        move = f"{match[1]}_{match[2]}".lower() if match else ""
        amount = float(match[3]) if match else math.inf
        if move in _MOVES and math.isfinite(amount):
            if moves.setdefault(move, amount) != amount:
                return moves, f"ambiguous: {move} twice"
        elif item.strip(" .`*"):
            return moves, f"no move that can be read: {item.strip()!r}"
    return moves, "" if moves else "no move that can be read"


def written(moves: Mapping[str, float]) -> str:
    """The instructions of these moves."""
    return ",".join(f"{move}:{amount!r}" for move, amount in moves.items())


def view_change_accuracy(
    prediction: str,
    gold: str,
    accuracy: Callable[[float, float], float],
    *,
    divide_by_prediction: bool = False,
) -> float:
    """Mean of `accuracy(predicted, true)` over the five axes; an axis that is not mentioned is 0.

    `prediction` and `gold` are values of an Extraction. With `divide_by_prediction` the two change places, so that the
    error is taken relative to the prediction.
    """
    pairs = zip(_axes(prediction), _axes(gold), strict=True)
    return fmean(accuracy(true, said) if divide_by_prediction else accuracy(said, true) for said, true in pairs)


def _axes(instructions: str) -> tuple[float, ...]:
    parts = (item.partition(":") for item in instructions.split(","))
    moves = {move: float(amount) for move, _, amount in parts if move}
    return tuple(moves.get(positive, 0.0) - moves.get(negative, 0.0) for positive, negative in AXES)
