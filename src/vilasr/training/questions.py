"""Endless, numbered questions from a mixture of tasks; and what makes two questions the same."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

from vilasr.drawing import content_key
from vilasr.tasks import task_named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vilasr.training.rejection_config import PromptSource
    from vilasr.types import Sample


def question_at(sources: Sequence[PromptSource], index: int, *, seed: int) -> Sample:
    """Question `index` of the mixture: it follows from the arguments alone, each source as likely as its weight says.

    Raises:
        InputError: an unknown task or option.
    """
    source = random.Random(f"{seed}/{index}").choices(sources, [each.weight for each in sources])[0]
    return task_named(source.task).generate(source.split, index, seed, source.options)


def content_of(sample: Sample) -> tuple[object, ...]:
    """What a sample shows and asks, whatever it is called; an image that lies in a file of ours has its key as name."""
    images = (image.stem if isinstance(image, Path) else content_key(image) for image in sample.images)
    return (sample.question, sample.options, *images)
