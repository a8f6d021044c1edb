"""What a task is: samples made from a known world, demonstrations of solving them, grades for drawings."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from vilasr.errors import InputError
from vilasr.types import Action, Json, Point, Rollout, Sample

SPLITS = ("train", "validation", "test")

FramePoint = Callable[[int, Point], tuple[int, int]]
"""(image index, point in px of that image) -> the whole numbers the model writes for it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoTurn:
    """One turn of a demonstration, before a protocol puts it into words.

    Attributes:
        thought: what the policy thinks aloud.
        actions: what it draws; empty on the last turn.
        answer: the answer of the last turn: a letter for CHOICE, a number for NUMBER.
        learn: False for a deliberate mistake: the policy sees it as context and is never trained to make it.
    """

    thought: str
    actions: tuple[Action, ...] = ()
    answer: str | None = None
    learn: bool = True


Demonstration = tuple[DemoTurn, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawingGrade:
    """How right the marks of a rollout are.

    Attributes:
        score: 0 (nothing right) to 1 (what the demonstration draws); each task says how it is counted.
        num_graded: marks looked at: those standing on the last image.
        num_valid: those of them that are true of the world.
        details: JSON, named by the task.
    """

    score: float
    num_graded: int
    num_valid: int
    details: Mapping[str, Json] = field(default_factory=dict)


class Task(Protocol):
    """A family of samples with ground truth."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> int:
        """Raised whenever the same (split, index, seed, options) would give another sample."""
        ...

    def generate(self, split: str, index: int, seed: int, options: Mapping[str, str] = ...) -> Sample:
        """Sample `index` of a split. Depends on nothing but the arguments.

        Raises:
            InputError: for an unknown split or option, or a bad value.
        """
        ...

    def demonstrate(
        self, sample: Sample, rng: random.Random, *, frame: FramePoint, drawing: bool = True, mistake: bool = False
    ) -> Demonstration:
        """A right way to the answer; with `mistake`, one wrong drawing that the next turn sees and corrects."""
        ...

    def grade_drawing(self, sample: Sample, rollout: Rollout) -> DrawingGrade: ...


def generator_for(task: str, version: int, split: str, seed: int, index: int) -> random.Random:
    """The generator of one sample: its state is a hash, so neighbouring seeds and indices share nothing.

    Raises:
        InputError: for an unknown split, or a negative seed or index.
    """
    if split not in SPLITS:
        raise InputError("split", expected="one of " + ", ".join(SPLITS), got=repr(split))
    for what, number in (("seed", seed), ("index", index)):
        if number < 0:
            raise InputError(what, expected="a whole number from 0", got=str(number))
    digest = hashlib.sha256(f"{task}/{version}/{split}/{seed}/{index}".encode()).digest()
    return random.Random(int.from_bytes(digest[:16], "big"))
