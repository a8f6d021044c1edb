"""Demonstrations as rollouts: a task's right way to the answer, said in a protocol and played through the environment.

What the policy is shown later is what the environment really returns; a demonstration that the environment refuses is a
bug of the task and raises.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vilasr.env import Episode, EpisodeConfig
from vilasr.errors import InvariantError
from vilasr.protocol import format_turn, to_frame
from vilasr.types import Completion, Point, Rollout, Sample

if TYPE_CHECKING:
    import random

    from PIL.Image import Image

    from vilasr.tasks import FramePoint, Task


@dataclass(frozen=True, kw_only=True, slots=True)
class Played:
    """A demonstration that was played: its rollout, and every image at the model's size, in order."""

    rollout: Rollout
    views: tuple[Image, ...]


def play(task: Task, sample: Sample, rng: random.Random, config: EpisodeConfig, *, mistake: bool = False) -> Played:
    """Play the task's demonstration of `sample`; with `config.drawing` off, the one that only thinks.

    Raises:
        InvariantError: the environment refused a turn, or the demonstration ended without an answer.
    """
    episode = Episode(sample, config)
    observation = episode.reset()
    views = [view.pixels for view in observation.images]

    turns = task.demonstrate(
        sample, rng, frame=_frame(episode, config), drawing=config.drawing, mistake=mistake and config.drawing
    )
    for turn in turns:
        text = format_turn(
            turn.thought,
            actions=turn.actions,
            answer=turn.answer,
            protocol=config.protocol,
            sizes=episode.sizes,
            model_sizes=episode.model_sizes,
        )
        observation = episode.step(Completion(text=text, learn=turn.learn))
        if observation.error is not None:
            raise InvariantError(f"Demonstration of {sample.id} refused: {observation.error.message}\n{text}")
        views += [view.pixels for view in observation.images]
    rollout = episode.rollout()
    if rollout.answer is None:
        raise InvariantError(f"Demonstration of {sample.id} ended without an answer.")
    return Played(rollout=rollout, views=tuple(views))


def _frame(episode: Episode, config: EpisodeConfig) -> FramePoint:
    """Numbers for a point of one of the sample's images; drawings of a single image have that image's size."""
    sizes, model_sizes = tuple(episode.sizes), tuple(episode.model_sizes)

    def numbers(index: int, point_px: Point) -> tuple[int, int]:
        place = 0 if len(sizes) == 1 else index - 1
        x, y = to_frame(point_px, sizes[place], frame=config.protocol.frame, model_size=model_sizes[place])
        return round(x), round(y)

    return numbers
