"""Questions: numbered ones from a mixture of tasks, those of a dataset, and what makes two the same."""

from __future__ import annotations

import logging
import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vilasr.data import read_dataset
from vilasr.drawing import content_key
from vilasr.errors import InputError
from vilasr.tasks import TASK_NAMES, task_named

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from vilasr.data import DatasetInfo
    from vilasr.training.config import TaskSource
    from vilasr.training.prompt_config import PromptSection, PromptSource
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
    """A dataset in memory, without its bad rows, which are told.

    Raises:
        InputError: two rows have one id; or it is of the split "test".
    """
    info, read = read_dataset(folder, on_bad_row=lambda error: logger.warning("left out: %s", error))
    check_split(folder, info)
    rows = list(read)
    check_samples(folder, rows)
    twice = [name for name, num in Counter(row.id for row in rows).items() if num > 1]
    if twice:
        raise InputError(str(folder), expected="an id of its own for each row", got=f"{twice[0]!r} twice")
    return info, rows


def check_split(folder: Path, info: DatasetInfo) -> None:
    """Raises InputError for samples of a task that a model is evaluated on."""
    if info.split == "test":
        remedy = f"Make others: vilasr generate {info.task} --split train --out FOLDER."
        raise _for_evaluation(folder, 'the split "test"', remedy)


def check_samples(path: Path, samples: Iterable[Sample]) -> None:
    """Raises InputError where a file or folder, whatever it is called, has samples that models are evaluated on."""
    for sample in samples:
        if sample.task in TASK_NAMES and sample.id.split("/")[1:2] == ["test"]:  # maze-ood/test/0/7 is one of a maze
            remedy = "Make others: vilasr generate --split train, and vilasr rollout for rollouts on them."
            raise _for_evaluation(path, f'{sample.id}, of the split "test"', remedy)


def _for_evaluation(path: Path, got: str, remedy: str) -> InputError:
    expected = "samples to train on or to validate with"
    return InputError(str(path), expected=expected, got=f"{got}, which is for evaluation alone", remedy=remedy)


def content_of(sample: Sample) -> tuple[object, ...]:
    """What a sample shows and asks, whatever it is called; an image that lies in a file of ours has its key as name."""
    images = (image.stem if isinstance(image, Path) else content_key(image) for image in sample.images)
    return (sample.question, sample.options, *images)


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """How samples are recognised that come again.

    Attributes:
        names: their ids, and the streams that tasks and datasets make them of.
        contents: `content_of` each sample that stands in a file or folder -> its id.
    """

    names: AbstractSet[str]
    contents: Mapping[tuple[object, ...], str]

    @classmethod
    def of(cls, samples: Iterable[Sample], streams: Iterable[str]) -> Known:
        names, contents = {*streams}, {}
        for sample in samples:
            names.add(sample.id)
            contents[content_of(sample)] = sample.id
        return cls(names=names, contents=contents)


def known_prompts(section: PromptSection, *, num: int | None = None) -> Known:
    """The rows of a folder, the first `num` of them; questions of tasks by their streams."""
    if section.data is None:
        return Known.of((), {stream_of(source, section.seed) for source in section.tasks})
    info, rows = read_rows(section.data)
    return Known.of(rows[:num], {stream_of(info, info.seed)})


def stream_of(source: PromptSource | TaskSource | DatasetInfo, seed: int) -> str:
    """TASK/SPLIT/SEED, where a task numbers its samples TASK/SPLIT/SEED/NUMBER."""
    return f"{source.task}/{source.split}/{seed}"


def check_apart(held_out: Known, trained: Known) -> None:
    """Raises InputError for a sample, or a stream of samples, that is both held out and trained on."""
    streams = _streams(held_out) & trained.names | held_out.names & _streams(trained)
    shown = held_out.contents.keys() & trained.contents.keys()
    both = streams or held_out.names & trained.names | {trained.contents[content] for content in shown}
    if both:
        raise InputError(
            "validation",
            expected="samples that are not trained on",
            got=f"{len(both)} that are, {min(both)} first",
            remedy=_how_to_part(min(both)),
        )


def _how_to_part(name: str) -> str:
    """`name` is that of a sample or a stream."""
    if name.split("/")[0] in TASK_NAMES:
        return 'Take split = "validation", or another seed, for one of the two.'
    return "Leave them out of one of the two; or, if they only share their names, import one under another --name."


def _streams(known: Known) -> set[str]:
    return {"/".join(name.split("/")[:3]) for name in known.names}
