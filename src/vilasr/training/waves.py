"""Rollouts by an engine in rounds: a wave of as many attempts as there are slots, then the next.

What an engine in rounds computes follows, to the last bit, from which conversations share a wave. So a run that was
stopped in the midst of one makes the whole wave anew, and keeps of it what it does not have yet.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from vilasr.drawing import load_image
from vilasr.env import Episode
from vilasr.errors import DataError, InputError
from vilasr.rollout import rollout_seed, run_rollouts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from vilasr.env import EpisodeConfig
    from vilasr.policies.transformers import TransformersPolicy
    from vilasr.types import Rollout, Sample, SamplingParams


async def run_waves(
    samples: Iterable[Sample],
    policy: TransformersPolicy,
    config: EpisodeConfig,
    *,
    num_siblings: int,
    concurrency: int,
    seed: int,
    sampling: SamplingParams,
    on_done: Callable[[Rollout], None],
    skip: Callable[[str, int], bool],
    on_bad_sample: Callable[[Sample, InputError | DataError], None],
) -> None:
    """As `run_rollouts`, in waves of `concurrency` attempts, siblings side by side.

    Waves of which `skip` is true throughout are left out; of others everything runs, and `on_done` gets what `skip` is
    not true of.
    """

    playable = _playable(samples, config, on_bad_sample)
    attempts = ((sample, sibling) for sample in playable for sibling in range(num_siblings))

    def keep(rollout: Rollout) -> None:
        if not skip(rollout.sample.id, rollout.sibling):
            on_done(rollout)

    async def play(wave: Sequence[tuple[Sample, int]]) -> None:
        keys = [(sample.id, sibling) for sample, sibling in wave]
        if all(skip(*key) for key in keys):
            return
        policy.announce([rollout_seed(seed, *key) for key in keys])
        await run_rollouts(
            {sample.id: sample for sample, _ in wave}.values(),
            policy,
            config,
            num_siblings=num_siblings,
            concurrency=concurrency,
            seed=seed,
            sampling=sampling,
            on_done=keep,
            skip=lambda *key: key not in keys,
        )

    while wave := list(islice(attempts, concurrency)):
        await play(wave)


def _playable(
    samples: Iterable[Sample],
    config: EpisodeConfig,
    on_bad_sample: Callable[[Sample, InputError | DataError], None],
) -> Iterator[Sample]:
    """Those that `opened` opens. The engine would wait for ever for an announced attempt that cannot begin."""
    for sample in samples:
        try:
            playable = opened(sample, config)
        except (InputError, DataError) as error:
            on_bad_sample(sample, error)
        else:
            yield playable


def opened(sample: Sample, config: EpisodeConfig) -> Sample:
    """The sample with its images in memory, once for all attempts at it.

    Raises:
        InputError, DataError: it cannot be played.
    """
    in_memory = replace(sample, images=tuple(load_image(image) for image in sample.images))
    Episode(in_memory, config).reset()
    return in_memory
