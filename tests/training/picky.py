"""Rollouts to be selected from: two marks on a picture of 200 x 200 px, A at (50, 50) and B at (150, 150)."""

from __future__ import annotations

from dataclasses import replace

from PIL import Image

from vilasr.env import Episode, EpisodeConfig
from vilasr.protocol import COMPACT, Sizer, format_turn
from vilasr.types import AnswerType, Box, Rollout, Sample

CONFIG = EpisodeConfig(protocol=COMPACT, sizer=Sizer(factor=32, min_pixels=30_000, max_pixels=192 * 192))
NONSENSE = "I cannot draw."


def two_marks(number: int = 0, question_type: str = "count") -> Sample:
    return Sample(
        id=f"marks/{number}",
        task="marks",
        question="How many marks are there?",
        images=(Image.new("RGB", (200, 200), (number % 256, 0, 0)),),
        answer="2",
        answer_type=AnswerType.NUMBER,
        metadata={"question_type": question_type, "marks": [["A", 50.0, 50.0], ["B", 150.0, 150.0]]},
    )


def box(label: str, x: int, y: int, image: int = 1) -> Box:
    """A box of 24 px about (x, y)."""
    return Box(image_index=image, box_px=(x - 12.0, y - 12.0, x + 12.0, y + 12.0), label=label)


def played(*turns: Box | tuple[Box, ...] | str, sample: Sample | None = None, sibling: int = 0) -> Rollout:
    """Plays turns through the environment: boxes are drawn, NONSENSE is said as it is, other text is an answer."""
    episode = Episode(sample or two_marks(), CONFIG, sibling=sibling)
    episode.reset()
    for turn in turns:
        sizes = {"sizes": episode.sizes, "model_sizes": episode.model_sizes}
        if turn == NONSENSE:
            episode.step(NONSENSE)
        elif isinstance(turn, str):
            episode.step(format_turn("So.", answer=turn, protocol=COMPACT, **sizes))
        else:
            actions = turn if isinstance(turn, tuple) else (turn,)
            episode.step(format_turn("Look.", actions=actions, protocol=COMPACT, **sizes))
    return episode.rollout()


def reflecting(number: int = 0, sibling: int = 0, **changes: object) -> Rollout:
    """Right, and B is moved to where it belongs."""
    turns = (box("A", 50, 50), box("B", 90, 90, 2), box("B", 150, 150, 3))
    return played(*turns, "2", sample=replace(two_marks(number), **changes), sibling=sibling)


def plain(number: int = 0, sibling: int = 0) -> Rollout:
    """Right, without a correction."""
    return played((box("A", 50, 50), box("B", 150, 150)), "2", sample=two_marks(number), sibling=sibling)


def wrong(number: int = 0, sibling: int = 0) -> Rollout:
    return played(box("A", 50, 50), "1", sample=two_marks(number), sibling=sibling)
