"""What a step of GRPO looked like, as numbers for its line of metrics.jsonl."""

from __future__ import annotations

from collections import Counter, defaultdict
from statistics import fmean, pstdev
from typing import TYPE_CHECKING

from vilasr.scoring import is_reflective
from vilasr.training.advantages import has_signal
from vilasr.training.grpo_rewards import num_said

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vilasr.training.grpo_rewards import Attempt, Earned
    from vilasr.training.grpo_rollouts import Experience

PLOTTED = (
    "reward",
    "accuracy",
    "validation_reward",
    "validation_accuracy",
    "zero_variance",
    "drawings",
    "reflection_rate",
    "turns",
    "tokens",
    "entropy",
    "kl",
    "logprob_error",
    "logprob_difference",
    "clipped",
    "grad_norm",
    "seconds_generation",
    "seconds_update",
)


def describe_step(experience: Experience) -> dict[str, float]:
    """Metrics of all that was sampled, groups that were replaced included.

    Beside those of `describe_attempts`:
        zero_variance: share of the groups whose rewards were all equal
        replaced: groups that gave their place to others; only where there are any
        dropped, dropped_REASON: rollouts and questions that were left out; only where there are any
        logprob_error: how far the sampler's log-probabilities are from those that training computes with the same
            weights, at most, in the first and the last rollout
        seconds_generation, seconds_scoring
    """
    groups = [group.attempts for group in (*experience.groups, *experience.replaced)]
    equal = [not has_signal([attempt.earned.total for attempt in group]) for group in groups]
    dropped = {f"dropped_{reason}": float(num) for reason, num in sorted(experience.dropped.items())}
    error = experience.logprob_error
    return {
        **describe_attempts([attempt for group in groups for attempt in group]),
        "zero_variance": fmean(equal) if equal else 1.0,
        **({"replaced": float(len(experience.replaced))} if experience.replaced else {}),
        **({"dropped": float(experience.dropped.total()), **dropped} if dropped else {}),
        **({"logprob_error": error} if error is not None else {}),
        "seconds_generation": experience.seconds_generation,
        "seconds_scoring": experience.seconds_scoring,
    }


def describe_attempts(attempts: Sequence[Attempt]) -> dict[str, float]:
    """Metrics of scored rollouts; nothing where there are none.

    reward, reward_TASK: mean of what training sees; reward_std: its standard deviation
    accuracy, accuracy_TASK: mean of the score, 0..1
    format: share of the rollouts whose every action was executable
    drawing_score: mean grade of the drawings that were graded; length_penalty: mean; only where the option is on
    status_STATUS: share of the rollouts that ended so
    drawings: mean number of executed actions; reflection_rate: share with a correction (paper, Eq. 5)
    turns, tokens: mean number a rollout; tokens that the policy said
    """
    if not attempts:
        return {}
    rewards = [attempt.earned.total for attempt in attempts]
    rollouts = [attempt.rollout for attempt in attempts]
    by_task: defaultdict[str, list[Earned]] = defaultdict(list)
    for attempt in attempts:
        by_task[attempt.rollout.sample.task].append(attempt.earned)
    tasks = sorted(by_task.items())
    statuses = Counter(rollout.status.value for rollout in rollouts)
    drawings = [attempt.earned.drawing for attempt in attempts if attempt.earned.drawing is not None]
    penalty = fmean(attempt.earned.penalty for attempt in attempts)
    return {
        "reward": fmean(rewards),
        **{f"reward_{task}": fmean(each.total for each in earned) for task, earned in tasks},
        "reward_std": pstdev(rewards),
        "accuracy": fmean(attempt.earned.correct for attempt in attempts),
        **{f"accuracy_{task}": fmean(each.correct for each in earned) for task, earned in tasks},
        "format": fmean(attempt.earned.format for attempt in attempts),
        **({"drawing_score": fmean(drawings)} if drawings else {}),
        **({"length_penalty": penalty} if penalty else {}),
        **{f"status_{status}": num / len(rollouts) for status, num in sorted(statuses.items())},
        "drawings": fmean(len(rollout.actions) for rollout in rollouts),
        "reflection_rate": fmean(is_reflective(rollout) for rollout in rollouts),
        "turns": fmean(len(rollout.turns) for rollout in rollouts),
        "tokens": fmean(num_said(rollout) for rollout in rollouts),
    }
