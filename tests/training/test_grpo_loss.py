"""The loss of GRPO, against numbers computed by hand."""

from __future__ import annotations

from math import log

import pytest
import torch

from vilasr.training.grpo_loss import clipped_loss, kl_estimate, ratio_correction, token_weight


def loss_of(ratios, advantages, weights, *, low=0.2, high=0.3):
    """Loss, which tokens were clipped, and the gradient by log-probability, for tokens of these ratios."""
    old = torch.full((len(ratios),), -1.0)
    logprobs = (old + torch.tensor(ratios).log()).requires_grad_()
    loss, clipped = clipped_loss(
        logprobs,
        old,
        advantages=torch.tensor(advantages),
        weights=torch.tensor(weights),
        clip_low=low,
        clip_high=high,
    )
    loss.backward()
    return loss.item(), clipped.tolist(), logprobs.grad.tolist()


def test_at_ratio_one_it_is_the_policy_gradient():
    loss, clipped, gradient = loss_of([1.0, 1.0, 1.0], [2.0, 2.0, -1.0], [0.25, 0.25, 0.5])
    assert loss == pytest.approx(-(0.5 + 0.5 - 0.5))
    assert clipped == [False, False, False]
    assert gradient == pytest.approx([-0.5, -0.5, 0.5])


@pytest.mark.parametrize(
    ("ratio", "advantage", "expected", "is_clipped"),
    [
        (1.5, 1.0, -1.3, True),  # likelier and good: no reward beyond 1 + clip_high
        (1.2, 1.0, -1.2, False),
        (0.5, 1.0, -0.5, False),  # less likely although good: the full loss stays
        (0.5, -1.0, 0.8, True),  # less likely and bad: no reward below 1 - clip_low
        (0.9, -1.0, 0.9, False),
        (1.5, -1.0, 1.5, False),  # likelier although bad: the full loss stays
        (1.5, 0.0, 0.0, False),
    ],
)
def test_each_side_is_clipped_where_it_would_gain_and_only_there(ratio, advantage, expected, is_clipped):
    loss, clipped, gradient = loss_of([ratio], [advantage], [1.0])
    assert loss == pytest.approx(expected)
    assert clipped == [is_clipped]
    assert gradient == pytest.approx([0.0 if is_clipped else -ratio * advantage])


def test_no_tokens_have_no_loss():
    loss, clipped, gradient = loss_of([], [], [])
    assert (loss, clipped, gradient) == (0.0, [], [])


def test_a_single_token_has_the_loss_of_its_advantage():
    weight = token_weight(1, average="sequence", num_sequences=1, total_tokens=1)
    assert loss_of([1.0], [0.7], [weight])[0] == pytest.approx(-0.7)


def test_averages_of_two_rollouts_of_one_and_three_tokens():
    # by rollout: (2 + (-1)) / 2; by token: (2 - 1 - 1 - 1) / 4
    for average, mean in (("sequence", 0.5), ("token", -0.25)):
        each = [token_weight(num, average=average, num_sequences=2, total_tokens=4) for num in (1, 3)]
        weights = [each[0], *[each[1]] * 3]
        assert loss_of([1.0] * 4, [2.0, -1.0, -1.0, -1.0], weights)[0] == pytest.approx(-mean)


def test_the_correction_is_the_importance_weight_cut_off_above():
    old, sampled = torch.tensor([-1.0, -1.0, -1.0], requires_grad=True), torch.tensor([-1.0, -2.0, -0.5])
    correction = ratio_correction(old, sampled, cap=2.0)
    assert correction.tolist() == pytest.approx([1.0, 2.0, 0.60653066])
    assert not correction.requires_grad


def test_the_kl_estimate_is_zero_for_equal_and_positive_for_other_probabilities():
    ours, theirs = torch.tensor([0.5, 0.25, 0.5]).log(), torch.tensor([0.5, 0.5, 0.25]).log()
    assert kl_estimate(ours, theirs).tolist() == pytest.approx([0.0, 0.5 - 1 + log(2), 2 - 1 - log(2)], abs=1e-6)


def test_the_kl_estimate_is_unbiased():
    sampler, trainer = torch.tensor([0.7, 0.2, 0.1]), torch.tensor([0.3, 0.3, 0.4])
    truth = (sampler * (sampler / trainer).log()).sum()
    estimate = (sampler * kl_estimate(trainer.log(), sampler.log())).sum()
    torch.testing.assert_close(estimate, truth)
