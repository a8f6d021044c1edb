"""Supervised fine-tuning on rollouts: the cold start, and its continuation after rejection sampling (paper, section 3).

Decisions taken here: the loss is the mean negative log-likelihood over all trained tokens of a batch; float32 weights
and moments, products in bfloat16 if asked; one process; the data of step k follow from the config and k alone, so a run
that was killed goes on from its last checkpoint as if nothing had happened.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import torch
from pydantic import ValidationError

from vilasr.env import EpisodeConfig
from vilasr.errors import InputError
from vilasr.policies.transformers.model import LoadedModel, load_model
from vilasr.protocol import protocol_named
from vilasr.training.attention import tapped, use_matmul_attention
from vilasr.training.batch import bucketed, make_batch, token_logprobs
from vilasr.training.checkpoint import checkpoints, load_optimizer, save_checkpoint, save_final
from vilasr.training.config import SftConfig
from vilasr.training.guidance import Guidance
from vilasr.training.metrics import MetricsLog
from vilasr.training.optim import make_optimizer, set_rate, warmup_then_cosine
from vilasr.training.prefetch import prefetched
from vilasr.training.stream import open_stream

if TYPE_CHECKING:
    from pathlib import Path

    from vilasr.training.samples import TrainingSample

Report = Callable[[int, dict[str, float]], None]


def train_sft(config: SftConfig, *, report: Report = lambda step, metrics: None) -> Path:
    """Run (or resume) the training that `config` describes; returns the folder of the final model, OUT/model.

    `report(step, metrics)` is called after every step, before a checkpoint is written. Metrics:

        loss: mean negative log-likelihood of the trained tokens, nats a token
        looking, looking_back, moves, answers, copying, concluding: the auxiliary losses, unweighted; only where they
            are in force
        confident: share of the trained tokens that the model gives more than even odds
        grad_norm: norm of the gradient before clipping; a step whose norm is not finite changes no weight
        tokens: size of the batch, padding included
        lr: learning rate of the step
        seconds: wall time of the step, waiting for its data included

    Raises:
        InputError: the model, the data or an earlier run in the same folder do not fit the config.
    """
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    start = _find_start(config)
    loaded = load_model(start or config.model, device=config.device)
    model = loaded.model.train()
    if config.matmul_attention:
        use_matmul_attention(model)
    optimizer = make_optimizer(model, config.optim)
    first_step = 0
    if start is not None:
        load_optimizer(start, optimizer)
        first_step = json.loads((start / "state.json").read_text(encoding="utf-8"))["step"]
    guidance = Guidance(config, loaded)
    rate = warmup_then_cosine(config.steps, warmup=config.optim.warmup, final=config.optim.final_lr)
    with (
        closing(MetricsLog(config.out / "metrics.jsonl", first_step=first_step)) as log,
        closing(prefetched(_batches(config, loaded, first_step), ahead=config.data.window)) as batches,
    ):
        for step in range(first_step, config.steps):
            started = time.perf_counter()
            set_rate(optimizer, rate(step))
            metrics = train_step(model, next(batches), optimizer, config, pad_id=loaded.chat.stop_id, guidance=guidance)
            metrics |= {"lr": config.optim.lr * rate(step), "seconds": time.perf_counter() - started}
            log.write(step, metrics)
            report(step, metrics)
            if (step + 1) % config.save_every == 0 or step + 1 == config.steps:
                saved = save_checkpoint(
                    config.out, step + 1, loaded, optimizer, state=_identity(config), keep=config.keep
                )
                # The side files come from the newest checkpoint: the one that was resumed is dropped one day.
                loaded = replace(loaded, folder=saved)
    save_final(loaded, config.out / "model")
    return config.out / "model"


def train_step(
    model: Any,
    samples: list[TrainingSample],
    optimizer: torch.optim.Optimizer,
    config: SftConfig,
    *,
    pad_id: int,
    guidance: Guidance,
) -> dict[str, float]:
    """One optimizer step on `samples`; returns its metrics."""
    batch = make_batch(samples, model, pad_id=pad_id)
    taps = guidance.taps(batch)
    in_bf16 = torch.autocast(batch.ids.device.type, torch.bfloat16, enabled=config.precision == "bf16")
    with in_bf16, tapped(*chain(*taps.values())):
        logprobs = token_logprobs(model, batch)
    loss = -logprobs.mean()
    guiding, guided = guidance.loss(taps, batch, logprobs)
    (loss + guiding).backward()
    trained = [weight for group in optimizer.param_groups for weight in group["params"]]
    norm = torch.nn.utils.clip_grad_norm_(trained, config.optim.clip_norm)
    if math.isfinite(norm):
        optimizer.step()
    optimizer.zero_grad()
    return {
        "loss": loss.item(),
        **guided,
        "confident": (logprobs > math.log(0.5)).float().mean().item(),
        "grad_norm": norm.item(),
        "tokens": float(batch.ids.numel()),
    }


def _batches(config: SftConfig, loaded: LoadedModel, first_step: int) -> Iterator[list[TrainingSample]]:
    episode = EpisodeConfig(protocol=protocol_named(loaded.protocol), sizer=loaded.sizer)
    load = open_stream(config.data, episode, chat=loaded.chat, settings=loaded.images)
    return bucketed(
        load,
        batch_size=config.data.batch_size,
        window=config.data.window,
        seed=config.data.seed,
        first_batch=first_step,
    )


def _find_start(config: SftConfig) -> Path | None:
    """The newest checkpoint of this very run in its folder; None when it is new.

    Raises:
        InputError: the folder belongs to a run with another config.
    """
    found = checkpoints(config.out)
    if not found:
        return None
    saved = json.loads((found[-1] / "state.json").read_text(encoding="utf-8"))
    ours, theirs = _identity(config)["config"], _with_defaults(saved.get("config", {}), config)
    differing = [key for key in ours if theirs.get(key) != ours[key]]
    if differing:
        raise InputError(
            str(config.out),
            expected="the folder of a run with this config, or a new folder",
            got=f"a run that differs in {', '.join(differing)}",
            remedy="Give another folder: out=PATH.",
        )
    return found[-1]


def _with_defaults(saved: dict[str, Any], config: SftConfig) -> dict[str, Any]:
    """The config of an earlier run, as it reads today: keys that came since have their defaults, those that went are
    left out."""
    known = {key: value for key, value in saved.items() if key in SftConfig.model_fields}
    try:
        read = SftConfig.model_validate({**known, "out": config.out})
    except ValidationError:
        return saved
    return dict(_identity(read)["config"])


def _identity(config: SftConfig) -> dict[str, Any]:
    """What must be equal for a run to be resumed."""
    return {"config": config.model_dump(mode="json", exclude={"out", "threads", "save_every", "keep", "device"})}
