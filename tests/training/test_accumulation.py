"""A batch in several forward passes, and layers computed twice, give the gradients of the batch in one pass."""

from __future__ import annotations

import pytest
import torch
from handmade import ragged, sft_config, training_sample

from vilasr.policies.transformers import load_model
from vilasr.training.batch import cut_up
from vilasr.training.distributed import Scorer
from vilasr.training.guidance import Guidance
from vilasr.training.learner import Learner
from vilasr.training.sft import train_step


def lengths(num_tokens, **settings):
    """Lengths of the samples in each part."""
    samples = [training_sample([0] * length, [1] * length, torch.zeros(0), ()) for length in num_tokens]
    return [[len(sample) for sample in part] for part in cut_up(samples, **settings)]


@pytest.mark.parametrize(
    ("max_tokens", "expected"),
    [
        (None, [[2, 3, 3, 8]]),
        (32, [[2, 3, 3, 8]]),  # 4 x 8, padding included
        (31, [[2, 3, 3], [8]]),
        (9, [[2, 3, 3], [8]]),
        (8, [[2, 3], [3], [8]]),
        (1, [[2], [3], [3], [8]]),  # each is longer, and stands alone
    ],
)
def test_parts_hold_as_much_as_fits_with_padding(max_tokens, expected):
    assert lengths([8, 3, 2, 3], max_tokens=max_tokens) == expected


def test_the_part_with_most_samples_is_cut_until_there_are_enough():
    assert lengths([5, 6, 7, 8], max_tokens=None, at_least=3) == [[5], [6], [7, 8]]
    assert lengths([5, 6, 7, 8], max_tokens=8, at_least=2) == [[5], [6], [7], [8]]


class GradientsOnly(torch.optim.SGD):
    def step(self):
        self.seen = [weight.grad.clone() for group in self.param_groups for weight in group["params"]]


def gradients(loaded, config):
    """What a step sees on three samples of different length -> gradients, metrics."""
    optimizer = GradientsOnly(loaded.model.parameters(), lr=0.0)
    learner = Learner(loaded=loaded, scorer=Scorer(loaded.model), optimizer=optimizer)
    metrics = train_step(learner, ragged(loaded)[0], config, guidance=Guidance(config, loaded))
    return optimizer.seen, metrics


@pytest.mark.parametrize(
    "changes",
    [
        {"micro_tokens": 1},
        {"micro_tokens": 100},
        {"gradient_checkpointing": True},
        {"gradient_checkpointing": True, "micro_tokens": 1},
    ],
    ids=["each alone", "in parts", "checkpointed", "checkpointed, each alone"],
)
def test_the_gradients_are_those_of_the_batch_in_one_pass(tiny_folder, tmp_path, changes):
    settings = {"steps": 1, "optim": {"clip_norm": 1e9}, "matmul_attention": False}
    expected, metrics = gradients(load_model(tiny_folder), sft_config("", tmp_path, **settings))
    loaded = load_model(tiny_folder)
    loaded.model.train()
    if "gradient_checkpointing" in changes:
        loaded.model.activation_checkpointing_enable({"use_reentrant": False})
    found, told = gradients(loaded, sft_config("", tmp_path, **settings, **changes))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=2e-6, rtol=1e-4)
    assert told["loss"] == pytest.approx(metrics["loss"], rel=1e-6)
    assert told["confident"] == pytest.approx(metrics["confident"])
    if changes.get("micro_tokens") == 1:
        assert told["tokens"] == sum(len(sample) for sample in ragged(loaded)[0])  # nothing padded
