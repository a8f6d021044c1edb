"""What would stop the fine-tuning that follows rejection sampling: found before hours of sampling, not after them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vilasr.training.config import DataSection
from vilasr.training.distributed import Ranks
from vilasr.training.guidance import Guidance
from vilasr.training.held_out import held_out_data, known_data
from vilasr.training.learner import episode_of, open_learner
from vilasr.training.questions import check_apart, known_prompts
from vilasr.training.stream import open_stream
from vilasr.training.trackers import check_trackers

if TYPE_CHECKING:
    from vilasr.training.rejection_config import RejectionConfig


def check_fine_tuning(config: RejectionConfig) -> None:
    """Open what the fine-tuning of `config` will open, but for weights and for what is not sampled yet.

    Raises:
        InputError: the model cannot be trained as the config says; a source of the replay, or the validation, cannot be
            used; a question, or a sample of the replay, is held out as well.
        MissingExtraError: adapters, without the extra `train`; a tracker, without its own.
    """
    sft = config.sft
    if sft is None:
        return
    check_trackers(sft.trackers)
    loaded = open_learner(sft, Ranks(device="meta"), start=None).loaded
    Guidance(sft, loaded)
    replay = [
        DataSection(tasks=[source], seed=sft.data.seed, max_tokens=sft.data.max_tokens) for source in config.replay
    ]
    held_out = held_out_data(sft)
    if held_out is not None:
        known = known_data(held_out)
        for trained in (known_prompts(config.prompts, num=config.prompts.num), *map(known_data, replay)):
            check_apart(known, trained)
    for data in (*replay, held_out):
        if data is not None:
            open_stream(data, episode_of(loaded), chat=loaded.chat, settings=loaded.images)(0)
