"""Supervised fine-tuning on rollouts: the cold start, and its continuation after rejection sampling (paper, section 3).

Decisions taken here: the loss is the mean negative log-likelihood over all trained tokens of a batch, in however many
forward passes and processes it is computed; float32 weights and moments, products in bfloat16 if asked; the data of
step k follow from the config and k alone, so a run that was killed goes on from its last checkpoint as if nothing had
happened.
"""

from __future__ import annotations

import math
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from itertools import chain
from typing import TYPE_CHECKING

import torch

from vilasr.errors import InputError
from vilasr.training.attention import tapped
from vilasr.training.batch import bucketed, make_batch
from vilasr.training.distributed import Ranks, joined
from vilasr.training.guidance import Guidance
from vilasr.training.held_out import HeldOut, check_held_out
from vilasr.training.learner import Learner, episode_of, open_learner
from vilasr.training.metrics import plot_run
from vilasr.training.optim import set_rate, warmup_steps, warmup_then_cosine
from vilasr.training.prefetch import prefetched
from vilasr.training.resume import Start, find_start, only_run
from vilasr.training.samples import TrainingSample, count_dropped
from vilasr.training.streak import SKIPPED, Streak
from vilasr.training.stream import open_stream
from vilasr.training.trackers import check_trackers, metrics_log

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vilasr.env import EpisodeConfig
    from vilasr.training.config import SftConfig

Report = Callable[[int, dict[str, float]], None]
PLOTTED = ("loss", "held_out_loss", "confident", "grad_norm")


def train_sft(config: SftConfig, *, report: Report = lambda step, metrics: None) -> Path:
    """Run (or resume) the training that `config` describes; returns the folder of the final model, OUT/model.

    Started by torchrun, the processes share the work (see `vilasr.training.distributed`), and the first writes.

    `report(step, metrics)` is called after every step, in every process, before a checkpoint is written. Metrics, of
    all processes together:

        loss: mean negative log-likelihood of the trained tokens, nats a token
        looking, naming, reading, looking_back, moves, nexts, answers, copying, concluding: the auxiliary losses,
            unweighted; only where they are in force
        held_out_loss: the loss on the samples of `config.validation`; only after some steps
        confident: share of the trained tokens that the model gives more than even odds
        grad_norm: norm of the gradient before clipping
        skipped: 1 for a step whose gradient was not finite, which changes no weight and has no norm
        tokens: size of the batch, padding included
        dropped, dropped_REASON: samples of the batch that stand in for one that could not be trained on; only where
            there are any
        cut: samples of the batch whose last turns did not fit into `data.max_tokens`; only where there are any
        lr: learning rate of the step
        seconds: wall time of the step, waiting for its data included

    Raises:
        InputError: the model, the data or an earlier run in the same folder do not fit the config.
        MissingExtraError: adapters, without the extra `train`; a tracker, without its own.
    """
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    check_held_out(config)
    check_trackers(config.trackers)
    with joined(config.strategy, config.device) as ranks:
        _check_shares(config, ranks)
        start = find_start(config, config.out)
        _check_sharing(config, ranks, start)
        return _train(config, open_learner(config, ranks, start=start.folder), start, report)


def _train(config: SftConfig, learner: Learner, start: Start, report: Report) -> Path:
    loaded, ranks = learner.loaded, learner.ranks
    episode = episode_of(loaded)
    guidance = Guidance(config, loaded)
    held_out = HeldOut(config, episode, learner)
    rate = warmup_then_cosine(
        config.num_steps, warmup=warmup_steps(config.optim, config.num_steps), final=config.optim.final_lr
    )
    state = start.identity | {"processes": ranks.num, "micro_tokens": config.micro_tokens}
    skipping = Streak(SKIPPED)
    with (
        only_run(config.out) if ranks.is_first else nullcontext(),
        closing(metrics_log(config, first_step=start.step)) if ranks.is_first else nullcontext() as log,
        closing(prefetched(_batches(config, learner, episode, start.step), ahead=config.data.window)) as batches,
    ):
        for step in range(start.step, config.num_steps):
            started = time.perf_counter()
            set_rate(learner.optimizer, rate(step))
            if config.lora.dropout:
                torch.manual_seed(random.Random(f"{config.data.seed}/{step}/{ranks.rank}").getrandbits(63))
            metrics = train_step(learner, next(batches), config, guidance=guidance)
            metrics |= {"held_out_loss": held_out.loss()} if held_out.is_due(step) else {}
            metrics |= {"lr": config.optim.lr * rate(step), "seconds": time.perf_counter() - started}
            if log is not None:
                log.write(step, metrics)
                skipping.count(happened="skipped" in metrics)
            report(step, metrics)
            if (step + 1) % config.save_every == 0 or step + 1 == config.num_steps:
                learner = learner.save(config.out, step + 1, state=state, keep=config.keep)
                if log is not None:
                    plot_run(config.out, PLOTTED)
    learner.save_final(config.out / "model")
    ranks.meet()
    return config.out / "model"


def train_step(
    learner: Learner, samples: list[TrainingSample], config: SftConfig, *, guidance: Guidance
) -> dict[str, float]:
    """One optimizer step on a batch, of which `samples` is this process's share; returns the metrics of all of it.

    Each part of the batch counts by its trained tokens. The auxiliary losses are means over a part, weighted likewise.
    """
    model, ranks = learner.model, learner.ranks
    [num_trained] = ranks.summed(sum(int(sample.loss_mask.sum()) for sample in samples))
    sums: Counter[str] = Counter()
    for part in learner.parts(samples, config.micro_tokens):
        batch = make_batch(part, model, pad_id=learner.loaded.chat.stop_id)
        taps = guidance.taps(batch)
        in_bf16 = torch.autocast(batch.ids.device.type, torch.bfloat16, enabled=config.precision == "bf16")
        with in_bf16, tapped(*chain(*taps.values())):
            logprobs = learner.scorer(batch)
        loss = -logprobs.mean()
        guiding, guided = guidance.loss(taps, batch, logprobs)
        share = len(logprobs) / num_trained
        ((loss + guiding) * (share * ranks.averages)).backward()
        confident = (logprobs > math.log(0.5)).float().mean().item()
        means = {"loss": loss.item(), **guided, "confident": confident}
        sums.update({name: mean * share for name, mean in means.items()} | {"tokens": batch.ids.numel()})
    sums.update(count_dropped(samples))
    norm = learner.update(clip_norm=config.optim.clip_norm)
    return _of_all(sums, ranks) | ({"grad_norm": norm} if math.isfinite(norm) else {"skipped": 1.0})


def _of_all(sums: Mapping[str, float], ranks: Ranks) -> dict[str, float]:
    """Each value summed over the processes; not all of them have to know all names."""
    if ranks.num == 1:
        return {name: float(value) for name, value in sums.items()}
    names = sorted({name for names in ranks.gathered(list(sums)) for name in names})
    return dict(zip(names, ranks.summed(*(sums.get(name, 0.0) for name in names)), strict=True))


def _batches(
    config: SftConfig, learner: Learner, episode: EpisodeConfig, first_step: int
) -> Iterator[list[TrainingSample]]:
    loaded, ranks = learner.loaded, learner.ranks
    load = open_stream(config.data, episode, chat=loaded.chat, settings=loaded.images)
    return bucketed(
        load,
        batch_size=config.data.batch_size,
        window=config.data.window,
        seed=config.data.seed,
        first_batch=first_step,
        lane=ranks.rank,
        num_lanes=ranks.num,
    )


def _check_shares(config: SftConfig, ranks: Ranks) -> None:
    """Raises InputError for what cannot be shared evenly by the processes."""
    for name, num in (("data.batch_size", config.data.batch_size), ("validation.num", config.validation.num)):
        if num % ranks.num:
            raise InputError(name, expected=f"a multiple of the {ranks.num} processes", got=str(num))


def _check_sharing(config: SftConfig, ranks: Ranks, start: Start) -> None:
    """Raises InputError for a run in its midst whose processes have shared the data in another way; or, with auxiliary
    losses, cut batches up in another way: those are means over forward passes."""
    if not 0 < start.step < config.num_steps:
        return
    cut = start.state.get("micro_tokens", config.micro_tokens)  # older checkpoints do not say
    if config.is_guided and cut != config.micro_tokens:
        expected = f"{cut}, as this run began: pointing and copying are averaged over forward passes"
        raise InputError("micro_tokens", expected=expected, got=str(config.micro_tokens))
    processes = start.state.get("processes", 1)
    if processes != ranks.num and (config.is_guided or start.step % config.data.window):
        at_window = f", or go on from a checkpoint at a multiple of {config.data.window} steps"
        raise InputError(
            str(start.folder),
            expected=f"the {processes} processes that have shared the data so far",
            got=str(ranks.num),
            remedy=f"Start as many{'' if config.is_guided else at_window}.",
        )
