"""The update: however the batch is cut up, the same is learned; what is recorded; several updates on one batch."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from handmade import problem, ragged
from handmade_grpo import grpo_config

from vilasr.policies.transformers import load_model
from vilasr.training.batch import make_batch, token_logprobs
from vilasr.training.distributed import Scorer
from vilasr.training.grpo_config import LossSection
from vilasr.training.grpo_rewards import Attempt, Earned
from vilasr.training.grpo_rollouts import Example, Group
from vilasr.training.grpo_update import learn, logprob_error
from vilasr.training.learner import Learner
from vilasr.types import ImageRecipe, Rollout, Status, Turn, TurnTokens

ADVANTAGES = (1.0, -0.25, -0.5)
"""Of three rollouts; they do not sum to 0, so that a loss says something."""


def learner_of(folder, *, lr=0.5):
    """Plain gradient descent: the change of a weight is its gradient."""
    loaded = load_model(folder)
    return Learner(
        loaded=loaded, scorer=Scorer(loaded.model), optimizer=torch.optim.SGD(loaded.model.parameters(), lr=lr)
    )


def attempt_of(sample, advantage):
    """An attempt that said as many tokens as `sample` trains."""
    ids = sample.ids[sample.loss_mask]
    tokens = TurnTokens(context_ids=[], token_ids=ids.tolist(), logprobs=[], loss_mask=[1] * len(ids))
    images = (ImageRecipe(base=1, size=(8, 8)),)
    turns = (Turn(context=(), text="", tokens=tokens),)
    rollout = Rollout(sample=problem(), status=Status.ANSWERED, images=images, turns=turns)
    return Attempt(rollout=rollout, earned=Earned(total=0.0, correct=0.0, format=0.0), advantage=advantage)


def groups_of(loaded, *, shift=0.0):
    """One group of three ragged rollouts, sampled by the model itself, whose log-probabilities are off by `shift` (a
    list is gone through again and again, token by token), and one group that teaches nothing."""
    shifts = shift if isinstance(shift, list) else [shift]
    samples, _ = ragged(loaded)
    with torch.no_grad():
        for sample in samples:
            own = token_logprobs(loaded.model, make_batch([sample], loaded.model, pad_id=0))
            sample.logprobs[sample.loss_mask] = own - by_token(shifts, len(own))
    attempts = [attempt_of(sample, advantage) for sample, advantage in zip(samples, ADVANTAGES, strict=True)]
    examples = [
        Example(sample=sample, advantage=advantage) for sample, advantage in zip(samples, ADVANTAGES, strict=True)
    ]
    idle = Group(attempts=[attempt_of(samples[0], 0.0)], examples=[])
    return [Group(attempts=attempts, examples=examples), idle]


def by_token(values, num_tokens):
    return torch.tensor([values[place % len(values)] for place in range(num_tokens)])


def config_with(**changes):
    return grpo_config("unused", "unused", steps=1, **changes)


def learned(folder, config, *, shift=0.0, groups=None):
    """Metrics of one call of `learn`, and the weights after it."""
    learner = learner_of(folder)
    metrics = learn(learner, groups or groups_of(learner.loaded, shift=shift), config)
    return metrics, {name: weight.detach().clone() for name, weight in learner.model.named_parameters()}


def assert_close(left, right):
    for name, weight in left.items():
        torch.testing.assert_close(weight, right[name], atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("average", ["sequence", "token"])
def test_a_batch_that_is_cut_up_teaches_what_the_whole_does(tiny_folder, average):
    loss = LossSection(average=average)
    whole, one = learned(tiny_folder, config_with(loss=loss, micro_tokens=10_000))
    parts, three = learned(tiny_folder, config_with(loss=loss, micro_tokens=1))
    assert parts == pytest.approx(whole, rel=1e-4, abs=1e-5)
    assert_close(three, one)


def test_the_loss_is_the_mean_over_rollouts_of_the_mean_over_tokens(tiny_folder):
    metrics, _ = learned(tiny_folder, config_with())
    # At ratio 1 each token's objective is its rollout's advantage: (1 - 0.25 - 0.5) / 4, of four rollouts, one without.
    assert metrics["loss"] == pytest.approx(-0.0625, abs=1e-6)
    assert metrics["updates"] == 1


def test_the_loss_by_token_is_the_mean_over_all_tokens_of_all_rollouts(tiny_folder):
    assert [len("say 0!"), len("say 1!xxx" * 3), len("say 2!xxxxxx")] == [6, 27, 12]  # bytes that each rollout said
    metrics, _ = learned(tiny_folder, config_with(loss=LossSection(average="token")))
    # The rollout without advantage said 6 more: (6 * 1 - 27 * 0.25 - 12 * 0.5) / 51.
    assert metrics["loss"] == pytest.approx(6.75 / 51, abs=1e-6)


@pytest.mark.parametrize("average", ["sequence", "token"])
@pytest.mark.parametrize("cap", [None, 1.25])
def test_the_gradient_is_that_of_the_formula(tiny_folder, average, cap):
    # The trainer finds tokens 1.1, 1.5 and 0.8 times as likely as the sampler did.
    shift = [math.log(1.1), math.log(1.5), math.log(0.8)]
    config = config_with(optim={"clip_norm": 1e9}, loss=LossSection(average=average, correction=cap))
    metrics, found = learned(tiny_folder, config, shift=shift)
    assert metrics["logprob_difference"] == pytest.approx(math.log(1.5), rel=1e-4)
    learner = learner_of(tiny_folder)
    [group, _] = groups_of(learner.loaded)
    for example in group.examples:
        logprobs = token_logprobs(learner.model, make_batch([example.sample], learner.model, pad_id=0))
        correction = by_token([1.1, 1.25, 0.8] if cap else [1.0], len(logprobs))
        num = 4 * len(logprobs) if average == "sequence" else 51
        (-example.advantage * (correction * logprobs).sum() / num).backward()
    learner.optimizer.step()
    assert_close(found, dict(learner.model.named_parameters()))


def test_trainer_and_sampler_are_compared_and_only_a_correction_uses_the_sampler(tiny_folder):
    plain, weights = learned(tiny_folder, config_with(), shift=math.log(1.5))
    assert plain["logprob_difference"] == pytest.approx(math.log(1.5), rel=1e-4)
    assert plain["kl"] == pytest.approx(0.5 - math.log(1.5), rel=1e-3)
    assert plain["entropy"] > 1
    assert "correction" not in plain
    agreeing, same_weights = learned(tiny_folder, config_with())
    assert agreeing["logprob_difference"] < 1e-5
    assert_close(same_weights, weights)
    corrected, _ = learned(tiny_folder, config_with(loss=LossSection(correction=1.25)), shift=math.log(1.5))
    assert corrected["correction"] == pytest.approx(1.25)
    assert plain["loss"] == pytest.approx(-0.0625, abs=1e-6)
    assert corrected["loss"] == pytest.approx(1.25 * -0.0625, abs=1e-6)


def test_the_error_of_the_sampler_is_the_largest_difference_over_the_tokens_that_were_said(tiny_folder):
    loaded = load_model(tiny_folder)
    [group, _] = groups_of(loaded, shift=[0.0, -0.25, 0.125])
    for example in group.examples:
        assert logprob_error(loaded, example.sample, config_with()) == pytest.approx(0.25, abs=1e-5)


def test_a_second_update_on_the_same_batch_is_clipped_against_the_policy_before_the_first(tiny_folder):
    learner = learner_of(tiny_folder, lr=5.0)
    [group, idle] = groups_of(learner.loaded)
    halves = [replace(group, examples=group.examples[:1]), replace(group, examples=group.examples[1:])]
    metrics = learn(learner, [*halves, idle, idle], config_with(num_prompts=4, loss=LossSection(num_updates=4)))
    assert metrics["updates"] == 2  # two of the four parts teach nothing
    assert metrics["clipped"] > 0
    assert metrics["logprob_difference"] < 1e-5  # measured before the first update


def test_a_gradient_that_is_not_finite_takes_no_step_and_is_counted(tiny_folder):
    learner = learner_of(tiny_folder)
    groups = groups_of(learner.loaded)
    with torch.no_grad():
        learner.model.model.language_model.norm.weight[0] = math.inf
    before = {name: weight.detach().clone() for name, weight in learner.model.named_parameters()}
    metrics = learn(learner, groups, config_with())
    assert (metrics["updates"], metrics["skipped"]) == (0, 1)
    assert "grad_norm" not in metrics
    assert all(torch.equal(weight, before[name]) for name, weight in learner.model.named_parameters())


@pytest.mark.parametrize("broken", [0, 1])
def test_of_two_updates_one_may_be_skipped_and_the_norm_is_that_of_the_other(tiny_folder, broken):
    learner = learner_of(tiny_folder, lr=0.0)
    [group, _] = groups_of(learner.loaded)
    halves = [replace(group, examples=group.examples[:1]), replace(group, examples=group.examples[1:])]
    config = config_with(loss=LossSection(num_updates=2))
    norms = [learn(learner, [half], config)["grad_norm"] for half in halves]
    halves[broken] = replace(
        halves[broken], examples=[replace(each, advantage=math.inf) for each in halves[broken].examples]
    )
    metrics = learn(learner, halves, config)
    assert (metrics["updates"], metrics["skipped"]) == (1, 1)
    assert metrics["grad_norm"] == pytest.approx(norms[1 - broken], rel=1e-4)


def test_groups_without_anything_to_teach_leave_the_model_alone(tiny_folder):
    learner = learner_of(tiny_folder)
    before = {name: weight.detach().clone() for name, weight in learner.model.named_parameters()}
    assert learn(learner, groups_of(learner.loaded)[1:], config_with()) == {"updates": 0.0}
    assert learn(learner, [], config_with()) == {"updates": 0.0}
    assert all(torch.equal(weight, before[name]) for name, weight in learner.model.named_parameters())
