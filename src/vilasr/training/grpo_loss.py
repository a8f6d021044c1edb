"""The loss of GRPO, as pure functions of one-dimensional tensors: one entry for each token that the policy said.

Tokens that the environment said are in none of them. With A the advantage of a token's rollout, r = exp(logprob - old):

    loss = - sum over tokens of  weight * min(r * A, clip(r, 1 - clip_low, 1 + clip_high) * A)

The weights hold the averaging, and are made for the whole batch before it is cut up: the losses of its parts sum up to
the loss of the whole. No KL term (paper).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch

if TYPE_CHECKING:
    from torch import Tensor

Average = Literal["sequence", "token"]


def token_weight(num_tokens: int, *, average: Average, num_sequences: int, total_tokens: int) -> float:
    """What each token of a rollout counts in the mean over a batch.

    Args:
        num_tokens: tokens that the policy said in this rollout.
        average: "sequence": the mean over a rollout's tokens, then over rollouts (paper); "token": over all tokens.
        num_sequences: rollouts in the batch, those without advantage included.
        total_tokens: tokens that the policy said in all of them.

    >>> token_weight(5, average="sequence", num_sequences=2, total_tokens=25)
    0.1
    >>> token_weight(5, average="token", num_sequences=2, total_tokens=25)
    0.04
    """
    return 1 / total_tokens if average == "token" else 1 / (num_sequences * num_tokens)


def clipped_loss(
    logprobs: Tensor, old: Tensor, *, advantages: Tensor, weights: Tensor, clip_low: float, clip_high: float
) -> tuple[Tensor, Tensor]:
    """The loss above, and which tokens were clipped.

    Args:
        logprobs: float [tokens] under the policy that is trained; the only one with a gradient.
        old: float [tokens] under the policy before its first update on this batch.
        advantages: float [tokens], that of each token's rollout.
        weights: float [tokens], see `token_weight`, times `ratio_correction` where that is in force.
        clip_low, clip_high: how far below and above 1 the ratio moves the loss.

    Returns:
        loss []; bool [tokens], True where clipping took the gradient away.
    """
    ratio = (logprobs - old).exp()
    objective = ratio * advantages
    clipped = ratio.clamp(1 - clip_low, 1 + clip_high) * advantages
    return -(weights * torch.minimum(objective, clipped)).sum(), clipped < objective


def ratio_correction(old: Tensor, sampled: Tensor, *, cap: float) -> Tensor:
    """Truncated importance weights [tokens]: how much likelier a token was for the trainer than for the sampler.

    Both are log-probabilities: of the policy before its first update on this batch, and of whatever sampled it, an
    earlier policy or an engine that computes otherwise. The expectation is then nearly that of on-policy samples; `cap`
    bounds its variance.
    """
    return (old - sampled).exp().clamp(max=cap).detach()


def kl_estimate(logprobs: Tensor, sampled: Tensor) -> Tensor:
    """KL(sampler || trainer) for each token that the sampler chose, by r - 1 - log r with r = trainer / sampler.

    Unbiased, never negative, small variance (the estimator that is called k3).
    """
    difference = logprobs - sampled
    return difference.exp() - 1 - difference
