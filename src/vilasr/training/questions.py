"""Questions: numbered ones from a mixture of tasks, those of a dataset, and what makes two the same."""

from __future__ import annotations

import logging
import random
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from vilasr.data import read_dataset
from vilasr.drawing import content_key
from vilasr.errors import InputError
from vilasr.tasks import task_named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vilasr.data import DatasetInfo
    from vilasr.training.rejection_config import PromptSource
    from vilasr.types import Sample

logger = logging.getLogger(__name__)


def question_at(sources: Sequence[PromptSource], index: int, *, seed: int) -> Sample:
    """Question `index` of the mixture: it follows from the arguments alone, each source as likely as its weight says.

    Raises:
        InputError: an unknown task or option.
    """
    source = random.Random(f"{seed}/{index}").choices(sources, [each.weight for each in sources])[0]
    return task_named(source.task).generate(source.split, index, seed, source.options)


def read_rows(folder: Path) -> tuple[DatasetInfo, list[Sample]]:
    """A dataset in memory, without its bad rows, which are told. Raises InputError where two rows have one id."""
    info, read = read_dataset(folder, on_bad_row=lambda error: logger.warning("left out: %s", error))
    rows = list(read)
    twice = [name for name, num in Counter(row.id for row in rows).items() if num > 1]
    if twice:
        raise InputError(str(folder), expected="an id of its own for each row", got=f"{twice[0]!r} twice")
    return info, rows


def content_of(sample: Sample) -> tuple[object, ...]:
    """What a sample shows and asks, whatever it is called; an image that lies in a file of ours has its key as name."""
    images = (image.stem if isinstance(image, Path) else content_key(image) for image in sample.images)
    return (sample.question, sample.options, *images)
