"""Endless, numbered training samples: item i follows from the config alone, whoever asks and however often."""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from vilasr.data import read_dataset
from vilasr.drawing import style_named
from vilasr.env import EpisodeConfig, views_of
from vilasr.errors import DataError, InputError, InvariantError
from vilasr.tasks import task_named
from vilasr.training.demonstrations import play
from vilasr.training.questions import check_samples, check_split
from vilasr.training.recorded import check_played, check_protocol, check_sizes
from vilasr.training.samples import DroppedError, TrainingSample, build_sample

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vilasr.policies.transformers.chat import ChatTokens
    from vilasr.policies.transformers.vision import ImageSettings
    from vilasr.training.config import DataSection, TaskSource
    from vilasr.types import Sample

Load = Callable[[int], TrainingSample]

PERIOD = 1000
"""Of so many samples in a row, each source has exactly its share."""
MAX_ATTEMPTS = 20
BEYOND = 2**32
"""Where the samples are numbered that take the place of a demonstration that cannot be trained on."""

REMEDIES = {
    "too_long": "Raise data.max_tokens.",
    "other_tokens": "Give as model the one that they were sampled from.",
    "other_size": "Give the max_pixels that they were made with.",
    "image_pads": "Give the max_pixels that they were made with.",
    "image": "Put back the images that they were made with.",
    "policy_error": "Sample them again.",
}
"""What to do where nothing is left, by the reason that most were left out for."""

logger = logging.getLogger(__name__)


def open_stream(data: DataSection, config: EpisodeConfig, *, chat: ChatTokens, settings: ImageSettings) -> Load:
    """The stream that `data` describes.

    Raises:
        InputError: an unknown task, no dataset, or no rollout in the file; later, from the first sample that is asked
            for, an unknown option, or no usable rollout.
    """
    builder = _Builder(config=config, chat=chat, settings=settings, max_tokens=data.max_tokens, seed=data.seed)
    if data.rollouts is not None:
        return builder.rollouts(data.rollouts)
    loads = [_load_of(source, builder) for source in data.tasks]
    turns = _Turns([source.weight for source in data.tasks], seed=data.seed)

    def load(index: int) -> TrainingSample:
        number, place = turns.at(index)
        # Tasks are endless: numbered by the whole stream, two sources of one task never make the same sample.
        return loads[number](index if data.tasks[number].task else place)

    return load


def _load_of(source: TaskSource, builder: _Builder) -> Load:
    if source.rollouts is not None:
        return builder.rollouts(source.rollouts)
    if source.dataset is not None:
        return builder.dataset(source, source.dataset)
    task = task_named(source.task)
    return builder.demonstrations(
        source, lambda index: task.generate(source.split, index, builder.seed, source.options)
    )


class _Turns:
    """Whose turn it is: sources share out PERIOD places by their weights, at least one each, in an order by lot."""

    def __init__(self, weights: Sequence[float], *, seed: int) -> None:
        total = sum(weights)
        ends = [round(PERIOD * sum(weights[: number + 1]) / total) for number in range(len(weights))]
        counts = [max(1, end - start) for start, end in zip([0, *ends], ends, strict=False)]
        self._order = [number for number, count in enumerate(counts) for _ in range(count)]
        random.Random(f"{seed}/turns").shuffle(self._order)
        self._counts = counts
        seen: Counter[int] = Counter()
        self._ranks = []
        for number in self._order:
            self._ranks.append(seen[number])
            seen[number] += 1

    def at(self, index: int) -> tuple[int, int]:
        """(number of the source, how many of its samples came before)."""
        period, place = divmod(index, len(self._order))
        number = self._order[place]
        return number, period * self._counts[number] + self._ranks[place]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Builder:
    """Makes training samples of what sources hold."""

    config: EpisodeConfig
    chat: ChatTokens
    settings: ImageSettings
    max_tokens: int
    seed: int

    def demonstrations(
        self, source: TaskSource, sample_of: Callable[[int], Sample], *, bad: tuple[type[Exception], ...] = ()
    ) -> Load:
        """Demonstrations of samples that are made or read as they are asked for; `bad` are errors of single samples."""

        skipped: tuple[type[Exception], ...] = (DroppedError, *bad)

        def load(index: int) -> TrainingSample:
            reasons: list[str] = []
            for attempt in range(MAX_ATTEMPTS):
                number = index + attempt * BEYOND
                try:
                    built = self._demonstration(source, sample_of(number), random.Random(f"{self.seed}/{number}"))
                except skipped as error:
                    reasons.append(error.reason if isinstance(error, DroppedError) else "bad_sample")
                    logger.warning("left out: %s", error)
                else:
                    return replace(built, dropped=reasons[0]) if reasons else built
            raise _none_left(source.task or str(source.dataset), "a demonstration", reasons)

        return load

    def _demonstration(self, source: TaskSource, sample: Sample, rng: random.Random) -> TrainingSample:
        mistake, plain = rng.random() < source.mistakes, rng.random() < source.without_drawing
        played = play(task_named(sample.task), sample, rng, replace(self.config, drawing=not plain), mistake=mistake)
        return build_sample(
            played.rollout, played.views, chat=self.chat, settings=self.settings, max_tokens=self.max_tokens
        )

    def dataset(self, source: TaskSource, folder: Path) -> Load:
        """Demonstrations of the samples of a dataset, epoch after epoch."""
        info, samples = read_dataset(folder, on_bad_row=_report)
        check_split(folder, info)
        task_named(info.task)
        kept = list(samples)
        check_samples(folder, kept)
        if not kept:
            remedy = f"Make another: vilasr generate {info.task} --num 1000 --out FOLDER."
            raise InputError(str(folder), expected="at least one sample", got="none", remedy=remedy)

        def sample_of(index: int) -> Sample:
            epoch, place = divmod(index, len(kept))
            return kept[_epoch_order(len(kept), epoch, self.seed)[place]]

        return self.demonstrations(source, sample_of, bad=(DataError, InputError))

    def rollouts(self, path: Path) -> Load:
        """Epoch after epoch over a rollout file, in an order drawn anew for each.

        A rollout that cannot be trained on is reported once and gives its place, each time it comes, to the next in
        line.
        """
        from vilasr.rollout import read_rollouts

        header, rollouts = read_rollouts(path, on_bad_line=_report)
        check_protocol(path, header, self.config)
        style = style_named(header.style)
        kept = list(rollouts)
        if not kept:
            remedy = "Make another: vilasr rollout DATASET --model MODEL --out FILE."
            raise InputError(str(path), expected="at least one rollout", got="none", remedy=remedy)
        check_samples(path, (rollout.sample for rollout in kept))
        dropped: dict[int, str] = {}

        def load(index: int) -> TrainingSample:
            epoch, place = divmod(index, len(kept))
            order = _epoch_order(len(kept), epoch, self.seed)
            order = order[place:] + order[:place]
            for number in order:
                if number in dropped:
                    continue
                try:
                    check_played(kept[number])
                    check_sizes(kept[number], header, self.config)
                    views = views_of(kept[number], style=style, sizer=self.config.sizer)
                    sample = build_sample(
                        kept[number], views, chat=self.chat, settings=self.settings, max_tokens=self.max_tokens
                    )
                except (DroppedError, InputError, InvariantError) as error:  # of the file: an image was exchanged
                    dropped[number] = error.reason if isinstance(error, DroppedError) else "image"
                    logger.warning("left out: %s", error)
                else:
                    return replace(sample, dropped=dropped[order[0]]) if order[0] in dropped else sample
            raise _none_left(str(path), "a rollout", [*dropped.values()])

        return load


def _none_left(what: str, kind: str, reasons: Sequence[str]) -> InputError:
    [(reason, num)] = Counter(reasons).most_common(1)
    return InputError(
        what,
        expected=f"{kind} that can be trained on",
        got=f"{len(reasons)} that cannot, {num} of them {reason}",
        remedy=REMEDIES.get(reason, "The log says what is wrong with each."),
    )


@lru_cache(maxsize=8)
def _epoch_order(num: int, epoch: int, seed: int) -> tuple[int, ...]:
    """The order of an epoch over `num` items, drawn anew for each; kept, since every item of the epoch asks for it."""
    order = list(range(num))
    random.Random(f"{seed}/{epoch}").shuffle(order)
    return tuple(order)


def _report(error: DataError) -> None:
    logger.warning("left out: %s", error)
