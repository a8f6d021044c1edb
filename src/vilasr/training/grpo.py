"""Group relative policy optimisation (paper, third stage): sample groups, score, compare with siblings, update.

Decisions taken here: one process; float32 weights and moments. The questions of a step follow from the config and from
how many were asked before, which a checkpoint keeps, its seeds from the config and its number; the engine takes turns
in rounds. So a run that was killed goes on from its last checkpoint to the very same bits. The ratio is that of the
trainer's own log-probabilities; the sampler's only show how well the two agree, unless `loss.correction` is on. No KL
term (paper).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

import torch

from vilasr.rollout import RolloutWriter, new_header
from vilasr.training.distributed import Ranks
from vilasr.training.grpo_metrics import PLOTTED, describe_step
from vilasr.training.grpo_prompts import held_out
from vilasr.training.grpo_rewards import RewardFunction, reward_function
from vilasr.training.grpo_rollouts import Sampler
from vilasr.training.grpo_update import learn
from vilasr.training.grpo_validation import Validation
from vilasr.training.learner import open_learner
from vilasr.training.metrics import plot_run
from vilasr.training.optim import set_rate, warmup_steps, warmup_then_cosine
from vilasr.training.resume import FREE, find_start, only_run
from vilasr.training.streak import SKIPPED, Streak
from vilasr.training.trackers import check_trackers, metrics_log
from vilasr.types import SamplingParams

if TYPE_CHECKING:
    from pathlib import Path

    from vilasr.training.grpo_config import GrpoConfig
    from vilasr.training.grpo_rollouts import Experience

Report = Callable[[int, dict[str, float]], None]

IDLE = (
    "%d steps in a row taught nothing: no group had rewards that differ. Give questions that are answered right "
    'sometimes (see accuracy), more num_siblings, or zero_variance = "resample".'
)
LOGPROB_TOLERANCE = 1e-4
"""Sampler and trainer agree to this in float32; what is above is told."""

logger = logging.getLogger(__name__)


def train_grpo(
    config: GrpoConfig, *, reward: RewardFunction | None = None, report: Report = lambda step, metrics: None
) -> Path:
    """Run (or resume) the training that `config` describes; returns the folder of the final model, OUT/model.

    `report(step, metrics)` is called after every step, before a checkpoint is written. `reward` takes the place of the
    one that `config.reward` describes, and must be the same when the run is resumed. The metrics of a step are those of
    `describe_step` and `learn`, and:

        validation_...: as of `describe_attempts`, for the weights that the step began with; those of the final model
            are alone in a last line, numbered `steps`. Single answers are in OUT/validation.jsonl, see `Validation`
        lr: learning rate
        seconds: wall time of the step; seconds_update and seconds_validation: its parts

    Raises:
        InputError: the model, the prompts, the validation or an earlier run in the same folder do not fit the config.
        MissingExtraError: adapters, without the extra `train`; a tracker, without its own.
    """
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    _warn_if_off_policy(config)
    questions = held_out(config)
    check_trackers(config.trackers)
    start = find_start(config, config.out, free=_free_settings(config))
    learner = open_learner(config, Ranks(device=config.device), start=start.folder)
    learner.model.eval()
    reward = reward or reward_function(config.reward)
    warmup = warmup_steps(config.optim, config.steps)
    rate = warmup_then_cosine(config.steps, warmup=warmup, final=config.optim.final_lr)
    idle, skipping, largest_error = Streak(IDLE), Streak(SKIPPED), LOGPROB_TOLERANCE
    first_line = _first_line(start.step, config)
    position = start.state.get("position", 0)  # in the prompts; a new run has none
    with (
        only_run(config.out),
        closing(Sampler(config, learner.loaded, reward, position=position)) as sampler,
        closing(metrics_log(config, first_step=first_line)) as log,
        closing(Validation(config, questions, sampler, reward, first_step=first_line)) as validation,
    ):
        for step in range(start.step, config.steps):
            started = time.perf_counter()
            metrics = validation.before(step)
            experience = sampler.take(step)
            metrics |= describe_step(experience)
            set_rate(learner.optimizer, rate(step))
            begun = time.perf_counter()
            metrics |= learn(learner, experience.groups, config)
            metrics |= {"lr": config.optim.lr * rate(step), "seconds_update": time.perf_counter() - begun}
            sampler.weights_changed()
            metrics["seconds"] = time.perf_counter() - started
            log.write(step, metrics)
            is_skipped = "skipped" in metrics
            skipping.count(happened=is_skipped and not metrics["updates"])
            idle.count(happened=not is_skipped and not metrics["updates"])
            largest_error = _warn_if_apart(step, metrics, largest_error, config)
            if config.keep_rollouts and step % config.keep_rollouts == 0:
                _keep_rollouts(config, step, experience, sampler)
            report(step, metrics)
            is_last = step + 1 == config.steps
            if is_last and questions:
                log.write(config.steps, validation.before(config.steps))
            if is_last or (step + 1) % config.save_every == 0:
                state = start.identity | {"position": experience.position}
                learner = learner.save(config.out, step + 1, state=state, keep=config.keep)
                plot_run(config.out, PLOTTED)
    learner.save_final(config.out / "model")
    return config.out / "model"


def _free_settings(config: GrpoConfig) -> frozenset[str]:
    """With lag, a checkpoint decides which steps are sampled with the newest weights."""
    free = FREE | {"keep_rollouts", "concurrency"}
    return free - {"save_every"} if config.lag else free


def _first_line(first_step: int, config: GrpoConfig) -> int:
    """The first step whose line is written (again); that of the final model belongs to the last checkpoint."""
    return first_step + 1 if first_step == config.steps else first_step


def _warn_if_apart(step: int, metrics: dict[str, float], largest: float, config: GrpoConfig) -> float:
    """Told in float32, of an error above all before; returns the largest so far."""
    error = metrics.get("logprob_error", 0.0)
    if error <= largest or config.precision != "fp32":
        return largest
    logger.warning(
        "Step %d: with the same weights, log-probabilities of the sampler and of training differ by %.2g; in float32 "
        "expected at most %g. What is learned is biased by as much, unless loss.correction is given (2.0 is usual).",
        step,
        error,
        LOGPROB_TOLERANCE,
    )
    return error


def _warn_if_off_policy(config: GrpoConfig) -> None:
    named = {"temperature": config.temperature, "top_p": config.top_p}
    changed = ", ".join(f"{name} = {value:g}" for name, value in named.items() if value != 1)
    if changed:
        logger.warning(
            "%s: samples are drawn from another distribution than the one whose log-probabilities the loss is made of, "
            "and nothing makes up for that: what is learned is biased. Leave both at 1 for the policy's own.",
            changed,
        )


def _keep_rollouts(config: GrpoConfig, step: int, experience: Experience, sampler: Sampler) -> None:
    """OUT/rollouts/000050.jsonl; a step that is done again after a kill writes it anew."""
    path = config.out / "rollouts" / f"{step:06d}.jsonl"
    path.unlink(missing_ok=True)
    header = new_header(
        protocol=sampler.episode.protocol.name,
        model=sampler.policy_name,
        seed=config.seed,
        style=sampler.episode.style.name,
        drawing=sampler.episode.drawing,
        sampling=SamplingParams(temperature=config.temperature, top_p=config.top_p, max_tokens=config.max_tokens),
        config={"step": step, "episode": sampler.episode},
    )
    with RolloutWriter(path, header) as writer:
        for group in (*experience.groups, *experience.replaced):
            for rollout in (attempt.rollout for attempt in group.attempts):
                if (rollout.sample.id, rollout.sibling) not in writer.done:  # an epoch may end within a step
                    writer.append(rollout)
