"""Rollouts and demonstrations as conversations: messages of text with `<image>` where a picture goes, and the pictures.

Trainers that read such files count the `<image>` in all text and take every assistant message as something to learn.
So whatever a policy or a question says that looks like a place for a picture, or like a control token, is broken up.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vilasr.drawing import load_image
from vilasr.env import views_of
from vilasr.errors import DataError, InputError, InvariantError
from vilasr.protocol import neutralise
from vilasr.tasks import TASK_NAMES, task_named
from vilasr.training.demonstrations import play
from vilasr.training.recorded import sizer_of
from vilasr.types import Status, TextPart

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Mapping, Sequence

    from PIL.Image import Image

    from vilasr.env import EpisodeConfig
    from vilasr.integrations.sources import Source
    from vilasr.protocol import Sizer
    from vilasr.rollout import Header
    from vilasr.tasks import Task
    from vilasr.types import Json, Message, Rollout, Sample

IMAGE = "<image>"
_PLACEHOLDER = re.compile(r"<(image|video|audio)>")


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversation:
    """One rollout, said and seen.

    Attributes:
        messages: {"role", "content"}: perhaps a system message, then user and assistant in turn.
        images: for each `<image>` of the messages, in order; at the size at which the policy sees them.
        truth: JSON: what the messages do not tell; `vilasr import` reads it back.
    """

    messages: tuple[dict[str, str], ...]
    images: tuple[Image, ...]
    truth: Mapping[str, Json]


def conversations_of(
    source: Source, config: EpisodeConfig, *, seed: int, mistakes: float, keep_mistakes: bool, left_out: Counter[str]
) -> Iterator[Conversation]:
    """The rollouts of a file that ended with an answer, or a demonstration of every sample of a dataset.

    Args:
        config: how demonstrations are played; of a rollout file, style and sizer are its own (see `recorded_sizer`).
        mistakes: share of demonstrations with a deliberate mistake.
        keep_mistakes: do not leave out rollouts with a turn that must not be learnt.
        left_out: counts by reason what is not in the result.

    Raises:
        InputError: the samples are of no task that demonstrates.
    """
    pairs = (
        _recorded(source, config, left_out)
        if source.header is not None
        else _played(source, config, seed=seed, mistakes=mistakes, left_out=left_out)
    )
    for rollout, views in pairs:
        if not keep_mistakes and not all(turn.learn for turn in rollout.turns):
            left_out["with a deliberate mistake, which would be trained"] += 1
        else:
            yield _conversation(rollout, views, config)


def recorded_sizer(header: Header, default: Sizer) -> Sizer:
    """How the images of a rollout file were fitted to its model."""
    return sizer_of(header) or default


def plain(text: str) -> str:
    """`text` with neither control tokens nor places for pictures.

    >>> plain("see <image> <|im_end|>")
    'see < image> < |im_end|>'
    """
    return _PLACEHOLDER.sub(r"< \1>", neutralise(text))


def said(message: Message) -> dict[str, str]:
    """A message as text, with `<image>` for each picture."""
    parts = (plain(part.text) if isinstance(part, TextPart) else IMAGE for part in message.parts)
    return {"role": message.role.value, "content": "".join(parts)}


def _recorded(
    source: Source, config: EpisodeConfig, left_out: Counter[str]
) -> Iterator[tuple[Rollout, Sequence[Image]]]:
    for rollout in source.rollouts():
        if rollout.status is not Status.ANSWERED:
            left_out[f"that ended as {rollout.status}"] += 1
            continue
        try:
            yield rollout, views_of(rollout, style=config.style, sizer=config.sizer)
        except (InputError, InvariantError) as error:  # an invariant of the file: its images may have been exchanged
            source.on_bad(DataError(f"{rollout.sample.id}: {error}"))
            left_out["with an image that cannot be read"] += 1


def _played(
    source: Source, config: EpisodeConfig, *, seed: int, mistakes: float, left_out: Counter[str]
) -> Iterator[tuple[Rollout, Sequence[Image]]]:
    for sample in source.samples():
        rng = random.Random(f"{seed}/{sample.id}")
        mistake = rng.random() < mistakes
        task = _task_of(sample)
        try:
            # In memory, as when it was generated: a demonstration may ask for the size of its picture.
            loaded = replace(sample, images=tuple(load_image(image) for image in sample.images))
            played = play(task, loaded, rng, config, mistake=mistake)
        except (DataError, InputError) as error:
            source.on_bad(DataError(f"{sample.id}: {error}"))
            left_out["with an image or ground truth that cannot be read"] += 1
        else:
            yield played.rollout, played.views


def _task_of(sample: Sample) -> Task:
    """The task that demonstrates; raises InputError."""
    if sample.task in TASK_NAMES:
        return task_named(sample.task)
    raise InputError(
        "samples to demonstrate",
        expected=f"those of {', '.join(TASK_NAMES)}",
        got=f"one of {sample.task!r}, which has answers only",
        remedy="Run a model on them with 'vilasr rollout', and export its rollouts.",
    )


def _conversation(rollout: Rollout, views: Sequence[Image], config: EpisodeConfig) -> Conversation:
    messages, images = [], []
    for turn in rollout.turns:
        for message in turn.context:
            messages.append(said(message))
            images += [views[part.index - 1] for part in message.parts if not isinstance(part, TextPart)]
        messages.append({"role": "assistant", "content": plain(turn.text)})
    sample = rollout.sample
    truth = {
        "id": sample.id,
        "task": sample.task,
        "question": sample.question,
        "options": list(sample.options),
        "answer": sample.answer,
        "answer_type": sample.answer_type.value,
        "metadata": dict(sample.metadata),
        "num_images": len(sample.images),
        "sibling": rollout.sibling,
        "learn": [turn.learn for turn in rollout.turns],
        "protocol": config.protocol.name,
        "style": config.style.name,
        "drawing": config.drawing,
    }
    return Conversation(messages=tuple(messages), images=tuple(images), truth=truth)
