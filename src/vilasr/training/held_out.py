"""The loss on samples that are never trained on."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import torch

from vilasr.data import read_dataset
from vilasr.rollout import read_rollouts
from vilasr.training.batch import make_batch
from vilasr.training.config import DataSection
from vilasr.training.questions import Known, check_apart, stream_of
from vilasr.training.stream import open_stream

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vilasr.env import EpisodeConfig
    from vilasr.errors import DataError
    from vilasr.training.config import SftConfig
    from vilasr.training.learner import Learner
    from vilasr.training.samples import TrainingSample
    from vilasr.types import Sample


def check_held_out(config: SftConfig) -> None:
    """Raises InputError for a sample, or an endless stream of samples, that is both trained on and held out."""
    held_out = held_out_data(config)
    if held_out is not None:
        check_apart(known_data(held_out), known_data(config.data))


def held_out_data(config: SftConfig) -> DataSection | None:
    """What `config.validation` names; None, where its `num` is 0."""
    section = config.validation
    if not section.num:
        return None
    return DataSection(
        tasks=section.tasks, rollouts=section.rollouts, seed=section.seed, max_tokens=config.data.max_tokens
    )


def known_data(section: DataSection) -> Known:
    """The samples of files and folders; those of tasks by their streams."""
    streams = {stream_of(source, section.seed) for source in section.tasks if source.task}
    samples: list[Iterable[Sample]] = []
    for path in (section.rollouts, *(source.rollouts for source in section.tasks)):
        if path is not None:
            samples.append(rollout.sample for rollout in read_rollouts(path, on_bad_line=_unread, tokens=False)[1])
    for folder in (source.dataset for source in section.tasks):
        if folder is not None:
            info, rows = read_dataset(folder, on_bad_row=_unread)
            streams.add(stream_of(info, info.seed))
            samples.append(rows)
    return Known.of(chain.from_iterable(samples), streams)


def _unread(error: DataError) -> None:
    """Bad lines are reported by the stream that will read them again."""


class HeldOut:
    """The samples that `config.validation` names; none, where its `num` is 0."""

    def __init__(self, config: SftConfig, episode: EpisodeConfig, learner: Learner) -> None:
        self._config, self._learner = config, learner
        section, ranks = config.validation, learner.ranks
        self._own = range(ranks.rank, section.num, ranks.num)
        data = held_out_data(config)
        if data is not None:
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
