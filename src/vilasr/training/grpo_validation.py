"""How well the questions that are held out are answered while GRPO goes on."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from vilasr.training.grpo_metrics import describe_attempts
from vilasr.training.grpo_rewards import score_groups
from vilasr.training.metrics import MetricsLog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vilasr.training.grpo_config import GrpoConfig
    from vilasr.training.grpo_rewards import Attempt, RewardFunction
    from vilasr.training.grpo_rollouts import Sampler
    from vilasr.types import Sample


class Validation:
    """Asks `samples` before some steps and after the last; nothing is learned from the answers.

    OUT/validation.jsonl has a line each time, {"step": 20, "rewards": {ID: reward}, "scores": {ID: 0..1}}, without the
    samples whose answer could not be scored. It is resumed as the metrics are, from `first_step`.
    """

    def __init__(
        self,
        config: GrpoConfig,
        samples: Sequence[Sample],
        sampler: Sampler,
        reward: RewardFunction,
        *,
        first_step: int,
    ) -> None:
        self._config = config
        self._samples = samples
        self._sampler = sampler
        self._reward = reward
        self._log = MetricsLog(config.out / "validation.jsonl", first_step=first_step) if samples else None

    def before(self, step: int) -> dict[str, float]:
        """Metrics of one rollout of each sample with the weights of now, "validation_..."; none where it is not due."""
        is_last = step == self._config.steps
        if self._log is None or not (is_last or step % self._config.validation.every == 0):
            return {}
        begun = time.perf_counter()
        rollouts = self._sampler.attempt(self._samples, temperature=self._config.validation.temperature)
        dropped: Counter[str] = Counter()
        groups = score_groups([[rollout] for rollout in rollouts], self._reward, scale="none", dropped=dropped)
        attempts = [attempt for group in groups for attempt in group]
        self._log.write(step, _answers(attempts))
        metrics = describe_attempts(attempts)
        metrics |= {f"dropped_{reason}": float(num) for reason, num in sorted(dropped.items())}
        named = {f"validation_{name}": value for name, value in metrics.items()}
        return {**named, "seconds_validation": time.perf_counter() - begun}

    def close(self) -> None:
        """Close the file."""
        if self._log is not None:
            self._log.close()


def _answers(attempts: Sequence[Attempt]) -> dict[str, dict[str, float]]:
    return {
        "rewards": {attempt.rollout.sample.id: attempt.earned.total for attempt in attempts},
        "scores": {attempt.rollout.sample.id: attempt.earned.correct for attempt in attempts},
    }
