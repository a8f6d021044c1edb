"""What the caller knows about a rollout and the viewer cannot compute: its score, its groups."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True, slots=True)
class RolloutNote:
    """A remark of the caller on one rollout. Every text is shown as text, whatever it contains.

    Attributes:
        score: 0..1; None when unscored.
        is_right: None when it was not judged.
        explanation: why it got this score, in words.
        gold: the right answer; None takes the sample's.
        groups: names and values to filter by: {"size": "5x5", "split": "test"}.
        reflected: whether a mark was corrected; None when nobody looked.
        drawing_score: 0..1, the drawing against the truth; None when nobody graded it.
        agrees: whether the answer is the one that the drawing shows; None when unknown.
    """

    score: float | None = None
    is_right: bool | None = None
    explanation: str = ""
    gold: str | None = None
    groups: Mapping[str, str] = field(default_factory=dict)
    reflected: bool | None = None
    drawing_score: float | None = None
    agrees: bool | None = None
