"""Endless, numbered training samples: item i follows from the config alone, whoever asks and however often."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from vilasr.drawing import style_named
from vilasr.env import EpisodeConfig, views_of
from vilasr.errors import DataError, InputError
from vilasr.tasks import task_named
from vilasr.training.demonstrations import play
from vilasr.training.samples import TrainingSample, build_sample

if TYPE_CHECKING:
    from pathlib import Path

    from vilasr.policies.transformers.chat import ChatTokens
    from vilasr.policies.transformers.vision import ImageSettings
    from vilasr.training.config import DataSection, TaskSource

Load = Callable[[int], TrainingSample]

logger = logging.getLogger(__name__)


def open_stream(data: DataSection, config: EpisodeConfig, *, chat: ChatTokens, settings: ImageSettings) -> Load:
    """The stream that `data` describes.

    Raises:
        InputError: an unknown task, or no rollout in the file; later, from the first sample that is asked for, an
            unknown option, or no usable rollout.
    """
    if data.rollouts is not None:
        return _rollout_stream(data.rollouts, data, config, chat=chat, settings=settings)
    for source in data.tasks:
        task_named(source.task)
    weights = [source.weight for source in data.tasks]

    def load(index: int) -> TrainingSample:
        rng = random.Random(f"{data.seed}/{index}")
        source = rng.choices(data.tasks, weights)[0]
        return _demonstration(source, index, data, config, rng, chat=chat, settings=settings)

    return load


def _demonstration(
    source: TaskSource,
    index: int,
    data: DataSection,
    config: EpisodeConfig,
    rng: random.Random,
    *,
    chat: ChatTokens,
    settings: ImageSettings,
) -> TrainingSample:
    task = task_named(source.task)
    sample = task.generate(source.split, index, data.seed, source.options)
    mistake, plain = rng.random() < source.mistakes, rng.random() < source.without_drawing
    played = play(task, sample, rng, replace(config, drawing=not plain), mistake=mistake)
    return build_sample(played.rollout, played.views, chat=chat, settings=settings, max_tokens=data.max_tokens)


def _rollout_stream(
    path: Path, data: DataSection, config: EpisodeConfig, *, chat: ChatTokens, settings: ImageSettings
) -> Load:
    """Epoch after epoch over a rollout file, in an order drawn anew for each.

    A rollout that cannot be trained on is reported once and gives its place to the next in line.
    """
    from vilasr.rollout import read_rollouts

    header, rollouts = read_rollouts(path, on_bad_line=lambda error: logger.warning("left out: %s", error))
    style = style_named(header.style)
    kept = list(rollouts)
    if not kept:
        raise InputError(str(path), expected="at least one rollout", got="none")
    dropped: set[int] = set()

    def load(index: int) -> TrainingSample:
        epoch, place = divmod(index, len(kept))
        order = list(range(len(kept)))
        random.Random(f"{data.seed}/{epoch}").shuffle(order)
        for number in (*order[place:], *order[:place]):
            if number in dropped:
                continue
            rollout = kept[number]
            views = views_of(rollout, style=style, sizer=config.sizer)
            try:
                return build_sample(rollout, views, chat=chat, settings=settings, max_tokens=data.max_tokens)
            except DataError as error:
                dropped.add(number)
                logger.warning("left out: %s", error)
        raise InputError(str(path), expected="a rollout that can be trained on", got=f"{len(kept)} that cannot")

    return load
