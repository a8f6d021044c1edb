"""The questions of a run, one after the other from wherever a step begins to ask; and those held out."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from vilasr.errors import InputError
from vilasr.tasks import task_named
from vilasr.training.questions import Known, check_apart, known_prompts, question_at, read_rows, stream_of
from vilasr.types import Sample

if TYPE_CHECKING:
    from vilasr.training.grpo_config import GrpoConfig
    from vilasr.training.prompt_config import PromptSection, PromptSource

Prompts = Callable[[int, int], tuple[list[Sample], int]]
"""(position, how many) -> so many questions, with ids of their own, and the position after them; the first is 0."""


def open_prompts(section: PromptSection, *, batch_size: int) -> Prompts:
    """The questions that `section` describes, at most `batch_size` at a time.

    Raises:
        InputError: an unknown task, no dataset in the folder, or fewer rows than a batch takes; later, from the first
            question, an unknown option.
    """
    if section.data is not None:
        _, rows = read_rows(section.data)
        if len(rows) < batch_size:
            expected = f"at least {batch_size} rows, the questions of one step"
            raise InputError(str(section.data), expected=expected, got=str(len(rows)), remedy="Lower num_prompts.")
        return _shuffled(rows, section.seed)
    for source in section.tasks:
        task_named(source.task)

    def ask(position: int, num: int) -> tuple[list[Sample], int]:
        indices = range(position, position + num)
        return [question_at(section.tasks, index, seed=section.seed) for index in indices], position + num

    return ask


def held_out(config: GrpoConfig) -> list[Sample]:
    """The samples of validation; none where it is off.

    Raises:
        InputError: they overlap with the prompts; or as `open_prompts`.
    """
    section = config.validation
    if not section.every:
        return []
    if section.data is not None:
        info, rows = read_rows(section.data)
        samples, streams = rows[: section.num], {stream_of(info, info.seed)}
    else:
        sources = section.tasks or _validation_of(config.prompts)
        samples = [
            task_named(source.task).generate(source.split, place * section.num + number, section.seed, source.options)
            for place, source in enumerate(sources)
            for number in range(section.num)
        ]
        streams = {stream_of(source, section.seed) for source in sources}
    check_apart(Known.of(samples, streams), known_prompts(config.prompts))
    return samples


def _validation_of(prompts: PromptSection) -> tuple[PromptSource, ...]:
    return tuple(source.model_copy(update={"split": "validation"}) for source in prompts.tasks)


def _shuffled(rows: list[Sample], seed: int) -> Prompts:
    """Epoch after epoch in a new order. What is left at the end of one, and is fewer than are asked for, is left out of
    it: no row comes twice at a time."""

    def ask(position: int, num: int) -> tuple[list[Sample], int]:
        epoch, place = divmod(position, len(rows))
        if place + num > len(rows):
            epoch, place = epoch + 1, 0
        order = list(range(len(rows)))
        random.Random(f"{seed}/{epoch}").shuffle(order)
        return [rows[index] for index in order[place : place + num]], epoch * len(rows) + place + num

    return ask
