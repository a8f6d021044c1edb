"""The loss on samples that are never trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from vilasr.data import read_dataset
from vilasr.errors import InputError
from vilasr.rollout import read_rollouts
from vilasr.training.batch import make_batch
from vilasr.training.config import DataSection
from vilasr.training.questions import content_of
from vilasr.training.stream import open_stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vilasr.env import EpisodeConfig
    from vilasr.errors import DataError
    from vilasr.training.config import SftConfig, ValidationSection
    from vilasr.training.learner import Learner
    from vilasr.training.samples import TrainingSample
    from vilasr.types import Sample


def check_held_out(config: SftConfig) -> None:
    """Raises InputError for a sample, or an endless stream of samples, that is both trained on and held out.

    A sample of a file or folder is known by its id, and by its pictures and question; one of a task by its stream.
    """
    if not config.validation.num:
        return
    (held_out, shown), (trained, also_shown) = _known(config.validation), _known(config.data)
    streams = {*map(_stream_of, held_out)} & trained | {*map(_stream_of, trained)} & held_out
    both = streams | held_out & trained | {also_shown[content] for content in shown.keys() & also_shown.keys()}
    if both:
        raise InputError(
            "validation",
            expected="samples that are not trained on",
            got=f"{len(both)} that are, {min(both)} first",
            remedy='Give tasks split = "validation", or another seed; leave those samples out of a file or folder.',
        )


def _known(section: DataSection | ValidationSection) -> tuple[set[str], dict[object, str]]:
    """The streams that samples come from and the ids of those in files and folders; the latter's by their contents."""
    names = {f"{source.task}/{source.split}/{section.seed}" for source in section.tasks if source.task}
    contents: dict[object, str] = {}
    for sample in _samples(section):
        names.add(sample.id)
        contents[content_of(sample)] = sample.id
    return names, contents


def _samples(section: DataSection | ValidationSection) -> Iterator[Sample]:
    """Those that stand in files and folders."""
    for file in (section.rollouts, *(source.rollouts for source in section.tasks)):
        if file is not None:
            yield from (rollout.sample for rollout in read_rollouts(file, on_bad_line=_unread, tokens=False)[1])
    for folder in (source.dataset for source in section.tasks):
        if folder is not None:
            yield from read_dataset(folder, on_bad_row=_unread)[1]


def _unread(error: DataError) -> None:
    """Bad lines are reported by the stream that will read them again."""


def _stream_of(sample_id: str) -> str:
    """TASK/SPLIT/SEED, where a task numbers its samples TASK/SPLIT/SEED/NUMBER."""
    return "/".join(sample_id.split("/")[:3])


class HeldOut:
    """The samples that `config.validation` names; none, where its `num` is 0."""

    def __init__(self, config: SftConfig, episode: EpisodeConfig, learner: Learner) -> None:
        self._config, self._learner = config, learner
        section, ranks = config.validation, learner.ranks
        self._own = range(ranks.rank, section.num, ranks.num)
        if section.num:
            data = DataSection(
                tasks=section.tasks, rollouts=section.rollouts, seed=section.seed, max_tokens=config.data.max_tokens
            )
            loaded = learner.loaded
            self._load = open_stream(data, episode, chat=loaded.chat, settings=loaded.images)

    def is_due(self, step: int) -> bool:
        """Whether the loss is wanted after this step, the first of which is 0."""
        section = self._config.validation
        return section.num > 0 and ((step + 1) % section.every == 0 or step + 1 == self._config.num_steps)

    def loss(self) -> float:
        """Mean negative log-likelihood of the tokens that would be trained, nats a token, over all processes."""
        samples = sorted((self._load(index) for index in self._own), key=len)
        share = self._config.data.batch_size // self._learner.ranks.num
        self._learner.model.eval()
        with torch.no_grad():
            sums = [self._sums(samples[cut : cut + share]) for cut in range(0, len(samples), share)]
        self._learner.model.train()
        total, num = self._learner.ranks.summed(*(sum(column) for column in zip(*sums, strict=True)))
        return total / num

    def _sums(self, samples: list[TrainingSample]) -> tuple[float, float]:
        learner, config = self._learner, self._config
        total = num = 0.0
        for part in learner.parts(samples, config.micro_tokens):
            batch = make_batch(part, learner.model, pad_id=learner.loaded.chat.stop_id)
            with torch.autocast(batch.ids.device.type, torch.bfloat16, enabled=config.precision == "bf16"):
                logprobs = learner.scorer(batch)
            total, num = total - logprobs.sum().item(), num + len(logprobs)
        return total, num
