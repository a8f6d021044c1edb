"""Learning rates, frozen parts, weight decay."""

from __future__ import annotations

import pytest
import torch

from vilasr.errors import InputError
from vilasr.policies.transformers import load_model
from vilasr.training.config import OptimSection
from vilasr.training.muon import WITH_MUON, is_inner
from vilasr.training.optim import freeze, make_optimizer, part_of, set_rate, warmup_steps, warmup_then_cosine


@pytest.mark.parametrize(
    ("step", "factor"), [(0, 0.25), (1, 0.5), (3, 1.0), (4, 1.0), (8, 0.6), (12, 0.2), (1000, 0.2)]
)
def test_the_rate_rises_in_a_line_and_falls_along_half_a_cosine(step, factor):
    # Half way down, at step 8 of 4..12: 0.2 + 0.8 / 2.
    assert warmup_then_cosine(12, warmup=4, final=0.2)(step) == pytest.approx(factor)


def test_without_warmup_the_rate_begins_at_its_peak():
    assert warmup_then_cosine(10, warmup=0, final=0.0)(0) == 1.0


def test_a_warmup_as_long_as_the_run_never_falls():
    rate = warmup_then_cosine(2, warmup=2, final=0.0)
    assert [rate(0), rate(1)] == [0.5, 1.0]


@pytest.mark.parametrize(
    ("settings", "steps", "expected"),
    [({}, 50, 0), ({"warmup": 7}, 50, 7), ({"warmup_share": 0.1}, 50, 5), ({"warmup_share": 0.1}, 56, 6)],
)
def test_the_rise_is_so_many_steps_or_a_share_of_them(settings, steps, expected):
    assert warmup_steps(OptimSection(**settings), steps) == expected


def test_a_rise_given_in_both_ways_is_refused():
    with pytest.raises(ValueError, match=r"give either optim\.warmup or optim\.warmup_share"):
        OptimSection(warmup=3, warmup_share=0.1)


@pytest.fixture
def model(tiny_folder):
    return load_model(tiny_folder).model


def names(model, optimizer):
    known = {id(parameter): name for name, parameter in model.named_parameters()}
    return {known[id(parameter)] for group in optimizer.param_groups for parameter in group["params"]}


def test_the_part_of_a_weight_follows_from_its_name():
    assert part_of("model.visual.blocks.0.attn.qkv.weight") == "vision"
    assert part_of("model.visual.deepstack_merger_list.0.norm.weight") == "projector"
    assert part_of("model.language_model.layers.0.mlp.up_proj.lora_A.default.weight") == "text"
    assert part_of("lm_head.weight") == "text"


@pytest.mark.parametrize("parts", [[], ["vision"], ["vision", "projector"], ["text"], ["projector", "text"]])
def test_frozen_parts_are_not_trained_and_all_others_are(model, parts):
    freeze(model, parts)
    optimizer = make_optimizer(model, OptimSection())
    expected = {name for name, _ in model.named_parameters() if part_of(name) not in parts}
    assert names(model, optimizer) == expected
    assert {name for name, weight in model.named_parameters() if weight.requires_grad} == expected


def test_a_frozen_part_keeps_its_weights_through_a_step(model):
    freeze(model, ["vision", "text"])
    optimizer = make_optimizer(model, OptimSection(lr=0.1))
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    for group in optimizer.param_groups:
        for weight in group["params"]:
            weight.grad = torch.ones_like(weight)
    optimizer.step()
    changed = {part_of(name) for name, weight in model.named_parameters() if not torch.equal(weight, before[name])}
    assert changed == {"projector"}


def test_only_matrices_decay_and_the_vision_tower_has_its_own_peak(model):
    optimizer = make_optimizer(model, OptimSection(lr=0.5, weight_decay=0.1, vision_scale=0.2))
    known = {id(parameter): name for name, parameter in model.named_parameters()}
    set_rate(optimizer, 0.5)
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            assert group["weight_decay"] == (0.1 if parameter.ndim >= 2 else 0.0)
            assert group["lr"] == pytest.approx(0.05 if part_of(known[id(parameter)]) == "vision" else 0.25)


def test_nothing_left_to_train_is_refused(model):
    freeze(model, ["vision", "projector", "text"])
    with pytest.raises(InputError, match=r"optim\.freeze: .* left to train; got every part frozen\. Leave one out"):
        make_optimizer(model, OptimSection())


def test_inner_matrices_have_their_own_peak_when_one_is_given(model):
    optimizer = make_optimizer(model, OptimSection(lr=0.5, hidden_lr=0.2, weight_decay=0.1, vision_scale=0.5))
    known = {id(parameter): name for name, parameter in model.named_parameters()}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            name = known[id(parameter)]
            peak = 0.2 if is_inner(name, parameter) else 0.5
            assert group["initial_lr"] == pytest.approx(peak * (0.5 if part_of(name) == "vision" else 1.0))
            assert group[WITH_MUON] == is_inner(name, parameter)
    assert names(model, optimizer) == {name for name, _ in model.named_parameters()}
