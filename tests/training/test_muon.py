"""Muon and AdamW as one optimizer: each does what torch's own does, and moments are saved and restored."""

from __future__ import annotations

import copy

import pytest
import torch

from vilasr.training.checkpoint import flatten_optimizer, restore_optimizer
from vilasr.training.muon import WITH_MUON, MuonWithAdamW, is_inner

BETAS = (0.9, 0.98)


def weights():
    generator = torch.Generator().manual_seed(0)
    return [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in ((6, 4), (3, 6), (5,))]


def both(matrix, other_matrix, vector):
    return MuonWithAdamW(
        [
            {"params": [other_matrix, vector], "initial_lr": 0.1, "lr": 0.1, "weight_decay": 0.01},
            {"params": [matrix], "initial_lr": 0.02, "lr": 0.02, "weight_decay": 0.5, WITH_MUON: True},
        ],
        betas=BETAS,
    )


def steps(optimizers, parameters, numbers):
    for number in numbers:
        generator = torch.Generator().manual_seed(100 + number)
        for parameter in parameters:
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        for optimizer in optimizers:
            optimizer.step()


def test_each_group_is_trained_as_by_torch_s_own_optimizer():
    ours, theirs = weights(), weights()
    adamw = torch.optim.AdamW(theirs[1:], lr=0.1, betas=BETAS, weight_decay=0.01, fused=True)
    muon = torch.optim.Muon(theirs[:1], lr=0.02, weight_decay=0.5, adjust_lr_fn="match_rms_adamw")
    steps([both(*ours)], ours, range(3))
    steps([adamw, muon], theirs, range(3))
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one, other)


def test_a_muon_step_is_as_long_in_all_directions():
    # Newton-Schulz leaves singular values between 0.68 and 1.13; RMS matching makes 0.2 * sqrt(6) of each at rate 1.
    matrix, *others = weights()
    before = matrix.detach().clone()
    optimizer = both(matrix, *others)
    optimizer.param_groups[1]["weight_decay"] = 0.0
    steps([optimizer], [matrix, *others], [0])
    lengths = torch.linalg.svdvals(before - matrix.detach()) / (0.02 * 0.2 * 6**0.5)
    assert lengths.min() > 0.6
    assert lengths.max() < 1.25


def test_moments_that_were_saved_go_on_as_if_nothing_had_happened():
    straight, resumed = weights(), weights()
    steps([both(*straight)], straight, range(4))
    first = both(*resumed)
    steps([first], resumed, range(2))
    again = both(*resumed)
    restore_optimizer(again, flatten_optimizer(first), name="a checkpoint")
    steps([again], resumed, range(2, 4))
    for one, other in zip(straight, resumed, strict=True):
        assert torch.equal(one, other)


def test_a_copy_goes_on_like_the_first_one():
    matrix, *others = weights()
    first = both(matrix, *others)
    steps([first], [matrix, *others], range(2))
    matrix_too, *others_too, again = copy.deepcopy([matrix, *others, first])
    steps([first], [matrix, *others], range(2, 4))
    steps([again], [matrix_too, *others_too], range(2, 4))
    assert torch.equal(matrix_too, matrix)
    assert all(torch.equal(one, other) for one, other in zip(others, others_too, strict=True))


@pytest.mark.parametrize("with_muon", [True, False])
def test_one_of_the_two_may_have_nothing_to_train(with_muon):
    [matrix] = weights()[:1]
    before = matrix.detach().clone()
    group = {"params": [matrix], "initial_lr": 0.1, "lr": 0.1, "weight_decay": 0.0, WITH_MUON: with_muon}
    steps([MuonWithAdamW([group], betas=BETAS)], [matrix], [0])
    assert not torch.equal(matrix, before)


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("model.language_model.layers.0.self_attn.q_proj.weight", (2, 2), True),
        ("model.visual.merger.linear_fc1.weight", (2, 2), True),
        ("model.language_model.embed_tokens.weight", (2, 2), False),
        ("model.visual.pos_embed.weight", (2, 2), False),
        ("model.visual.patch_embed.proj.weight", (2, 3, 2, 2, 2), False),
        ("lm_head.weight", (2, 2), False),
        ("model.visual.blocks.0.attn.qkv.bias", (2,), False),
    ],
)
def test_inner_matrices_are_those_that_neither_read_nor_write_tokens(name, shape, expected):
    assert is_inner(name, torch.zeros(shape)) is expected
