"""From logits to tokens. A row's token depends on its own logits and its own random number, not on its neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vilasr.types import SamplingParams


def sample_tokens(
    logits: Tensor, banned: Tensor, params: Sequence[SamplingParams], uniforms: Sequence[float]
) -> tuple[list[int], list[float]]:
    """Choose one token for each row.

    The log-probability is that of the model itself: log-softmax of the logits at temperature 1 *with* the banned
    tokens in the denominator, so that a trainer's plain forward pass gives the same number.

    Args:
        logits: [rows, vocab], any float type.
        banned: [num_banned] ids that are never chosen.
        params: one for each row; temperature 0 takes the most likely token.
        uniforms: one number in [0, 1) for each row; unused where the temperature is 0.

    Returns:
        token ids and log-probabilities, each [rows].
    """
    logits = logits.float()
    logprobs = logits.log_softmax(-1)
    allowed = logits.index_fill(1, banned, -torch.inf)
    choice = allowed.argmax(-1)
    sampled = [row for row, p in enumerate(params) if p.temperature > 0]
    if sampled:
        rows = torch.tensor(sampled, device=logits.device)
        temperature = logits.new_tensor([params[row].temperature for row in sampled])
        top_p = logits.new_tensor([params[row].top_p for row in sampled])
        uniform = torch.tensor([uniforms[row] for row in sampled], device=logits.device, dtype=torch.float64)
        choice[rows] = _draw(allowed[rows] / temperature[:, None], top_p, uniform)
    chosen = logprobs.gather(1, choice[:, None])[:, 0]
    return choice.tolist(), chosen.tolist()


def _draw(scores: Tensor, top_p: Tensor, uniform: Tensor) -> Tensor:
    """Inverse of the cumulative distribution in vocabulary order -> [rows].

    The order is the vocabulary's, also under top_p: sorted by probability, two nearly equal tokens could swap places
    with the last bit of rounding, and a row's token would depend on the batch after all.
    """
    probs = scores.double().softmax(-1)  # float64: the sum over 150,000 tokens must end at 1
    if bool((top_p < 1).any()):
        probs = _nucleus(probs, top_p)
    cumulative = probs.cumsum(-1)
    target = uniform * cumulative[:, -1]
    # The first token whose cumulative probability exceeds the target; tokens of probability 0 are never first.
    index = torch.searchsorted(cumulative, target[:, None], right=True)[:, 0]
    last_possible = probs.shape[1] - 1 - (probs.flip(1) > 0).long().argmax(-1)
    return torch.minimum(index, last_possible)


def _nucleus(probs: Tensor, top_p: Tensor) -> Tensor:
    """Zero all but the smallest set of most likely tokens whose probabilities sum to at least `top_p` [rows, vocab]."""
    ordered = probs.sort(-1, descending=True).values
    before = ordered.cumsum(-1) - ordered
    num_kept = (before < top_p[:, None]).sum(-1, keepdim=True)
    threshold = ordered.gather(1, (num_kept - 1).clamp(min=0))
    return torch.where(probs >= threshold, probs, 0.0)
