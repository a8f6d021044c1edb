"""Learning from the groups of one step: forward passes over the policy's tokens, the loss, one or more updates."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import torch

from vilasr.training.batch import cut_up, make_batch, token_logprobs
from vilasr.training.grpo_loss import clipped_loss, kl_estimate, ratio_correction, token_weight
from vilasr.training.grpo_rewards import num_said

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from vilasr.policies.transformers import LoadedModel
    from vilasr.training.grpo_config import GrpoConfig
    from vilasr.training.grpo_rollouts import Example, Group
    from vilasr.training.learner import Learner
    from vilasr.training.samples import TrainingSample


def learn(learner: Learner, groups: Sequence[Group], config: GrpoConfig) -> dict[str, float]:
    """Update the model on what the groups teach, and say how it went; where they teach nothing, no weight changes.

    Metrics, over the tokens of rollouts with an advantage; where there are none, only the first:

        updates: optimizer steps taken
        skipped: those not taken, because the gradient was not finite; only where there are any
        loss: summed up over both
        grad_norm: before clipping, the largest of the updates; only where there are any
        entropy: mean of -log-probability of the sampled tokens, an estimate of the policy's entropy, nats a token
        kl: of the trainer, before its first update, from the sampler
        logprob_difference: the largest between trainer, before its first update, and sampler; what was learned since
            the samples were taken, with lag, is in it
        clipped: share of the tokens whose gradient was clipped away
        correction: mean importance weight, where there are any
    """
    parts = [part for part in _cut_by_groups(groups, config.loss.num_updates) if _examples_of(part)]
    if not parts:
        return {"updates": 0.0}
    learner.model.train()
    before = _logprobs_before(learner, _examples_of(groups), config) if config.loss.num_updates > 1 else None
    seen = _Seen()
    losses, norms = [], []
    for part in parts:
        losses.append(_accumulate(learner, part, before, config, seen))
        norms.append(learner.update(clip_norm=config.optim.clip_norm))
    learner.model.eval()
    taken = [norm for norm in norms if math.isfinite(norm)]
    return {
        "updates": float(len(taken)),
        **({"skipped": float(len(norms) - len(taken))} if len(taken) < len(norms) else {}),
        "loss": sum(losses),
        **({"grad_norm": max(taken)} if taken else {}),
        **seen.metrics(with_correction=config.loss.correction is not None),
    }


def logprob_error(loaded: LoadedModel, sample: TrainingSample, config: GrpoConfig) -> float:
    """How far the log-probabilities that came with a sample are from those of the update's forward pass, at most.

    With the weights that the sample was taken with, that is how exactly sampler and trainer agree.
    """
    with torch.no_grad():
        computed = _logprobs(loaded, [sample], config)
    error: float = (computed - sample.logprobs[sample.loss_mask].to(computed.device)).abs().max().item()
    return error


@dataclass(slots=True)
class _Seen:
    """What the forward passes of a step leave behind for its metrics; each [tokens]."""

    old: list[Tensor] = field(default_factory=list)
    sampled: list[Tensor] = field(default_factory=list)
    clipped: list[Tensor] = field(default_factory=list)
    corrections: list[Tensor] = field(default_factory=list)

    def metrics(self, *, with_correction: bool) -> dict[str, float]:
        old, sampled = torch.cat(self.old), torch.cat(self.sampled)
        correction = {"correction": torch.cat(self.corrections).mean().item()} if with_correction else {}
        return {
            "entropy": -old.mean().item(),
            "kl": kl_estimate(old, sampled).mean().item(),
            "logprob_difference": (old - sampled).abs().max().item(),
            "clipped": torch.cat(self.clipped).float().mean().item(),
            **correction,
        }


def _accumulate(
    learner: Learner, groups: Sequence[Group], before: dict[int, Tensor] | None, config: GrpoConfig, seen: _Seen
) -> float:
    """Forward and backward over the groups' examples, in passes of like length; `before` is by id of the example."""
    attempts = [attempt for group in groups for attempt in group.attempts]
    weight = partial(
        token_weight,
        average=config.loss.average,
        num_sequences=len(attempts),
        total_tokens=sum(num_said(attempt.rollout) for attempt in attempts),
    )
    total = 0.0
    for part in cut_up(_examples_of(groups), max_tokens=config.micro_tokens):
        logprobs = _logprobs(learner.loaded, [example.sample for example in part], config)
        old = logprobs.detach() if before is None else torch.cat([before[id(example)] for example in part])
        sampled = torch.cat([example.sample.logprobs[example.sample.loss_mask] for example in part]).to(old.device)
        lengths = [int(example.sample.loss_mask.sum()) for example in part]
        advantages = _spread([example.advantage for example in part], lengths, like=old)
        weights = _spread([weight(num) for num in lengths], lengths, like=old)
        if config.loss.correction is not None:
            correction = ratio_correction(old, sampled, cap=config.loss.correction)
            weights = weights * correction
            seen.corrections.append(correction)
        loss, clipped = clipped_loss(
            logprobs,
            old,
            advantages=advantages,
            weights=weights,
            clip_low=config.loss.clip_low,
            clip_high=config.loss.clip_high,
        )
        loss.backward()
        total += loss.item()
        seen.old.append(old)
        seen.sampled.append(sampled)
        seen.clipped.append(clipped)
    return total


def _logprobs_before(learner: Learner, examples: Sequence[Example], config: GrpoConfig) -> dict[int, Tensor]:
    """Log-probabilities of each example's tokens before any update, by id of the example."""
    found: dict[int, Tensor] = {}
    for part in cut_up(examples, max_tokens=config.micro_tokens):
        with torch.no_grad():
            logprobs = _logprobs(learner.loaded, [example.sample for example in part], config)
        lengths = [int(example.sample.loss_mask.sum()) for example in part]
        found |= {id(example): own for example, own in zip(part, logprobs.split(lengths), strict=True)}
    return found


def _logprobs(loaded: LoadedModel, samples: Sequence[TrainingSample], config: GrpoConfig) -> Tensor:
    """Of the tokens that the policy said, rollout after rollout [tokens]."""
    batch = make_batch(samples, loaded.model, pad_id=loaded.chat.stop_id)
    with torch.autocast(batch.ids.device.type, torch.bfloat16, enabled=config.precision == "bf16"):
        return token_logprobs(loaded.model, batch)


def _spread(values: Sequence[float], lengths: Sequence[int], *, like: Tensor) -> Tensor:
    """The value of each rollout for each of its tokens -> [tokens]."""
    return torch.tensor(values).repeat_interleave(torch.tensor(lengths)).to(like)


def _cut_by_groups(groups: Sequence[Group], num_parts: int) -> list[Sequence[Group]]:
    """Contiguous parts, as equal as may be."""
    ends = [len(groups) * part // num_parts for part in range(num_parts + 1)]
    return [groups[start:end] for start, end in pairwise(ends)]


def _examples_of(groups: Sequence[Group]) -> list[Example]:
    return [example for group in groups for example in group.examples]
