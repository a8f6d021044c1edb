"""What the embedded engine samples, through a rollout file, into fine-tuning: token for token."""

from __future__ import annotations

import pytest
import torch
from handmade import sft_config

from vilasr.policies.transformers import load_model
from vilasr.rollout import read_rollouts
from vilasr.training.config import DataSection
from vilasr.training.distributed import Scorer
from vilasr.training.guidance import Guidance
from vilasr.training.learner import Learner, episode_of
from vilasr.training.rejection import sample_rollouts
from vilasr.training.rejection_config import RejectionConfig
from vilasr.training.sft import train_step
from vilasr.training.stream import open_stream


def test_a_step_of_fine_tuning_learns_the_very_tokens_that_the_engine_sampled(tmp_path):
    maze = {"task": "maze", "options": {"question": "end", "size": "3", "length": "2-3"}}
    settings = {
        "prompts": {"tasks": [maze], "num": 1},
        "num_siblings": 2,
        "sampling": {"max_tokens": 128},
        "threads": 1,
    }
    sampling = RejectionConfig.model_validate({"model": "nano", "out": tmp_path, **settings})
    sample_rollouts(sampling, report=lambda *_: None)
    loaded = load_model("nano")
    config = sft_config("nano", tmp_path, steps=1, data=DataSection(rollouts=sampling.sampled, max_tokens=4096))
    load = open_stream(config.data, episode_of(loaded), chat=loaded.chat, settings=loaded.images)
    samples = [load(0), load(1)]

    said: list[float] = []
    for rollout in read_rollouts(sampling.sampled)[1]:
        assert len(rollout.images) > 1  # it drew, and saw what it drew
        tokens = [turn.tokens for turn in rollout.turns]
        ids = [token for turn in tokens for token in (*turn.context_ids, *turn.token_ids)]
        mask = [bit for turn in tokens for bit in (*[0] * len(turn.context_ids), *turn.loss_mask)]
        [sample] = [each for each in samples if each.ids.tolist() == ids]
        assert sample.loss_mask.int().tolist() == mask
        assert sum(mask) == sum(len(turn.token_ids) for turn in tokens)
        said += [logprob for turn in tokens for logprob in turn.logprobs]

    model = loaded.model.train()
    learner = Learner(loaded=loaded, scorer=Scorer(model), optimizer=torch.optim.SGD(model.parameters(), lr=0.1))
    metrics = train_step(learner, samples, config, guidance=Guidance(config, loaded))
    # The loss of what one has said oneself is what the sampler noted of it.
    assert metrics["loss"] == pytest.approx(-sum(said) / len(said), abs=1e-4)
    again = train_step(learner, samples, config, guidance=Guidance(config, loaded))
    assert again["loss"] < metrics["loss"]
