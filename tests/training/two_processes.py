"""What test_distributed.py looks at, done by two processes that torchrun starts: two_processes.py MODEL OUT.

Everything happens in one start, since importing torch takes seconds. Each part leaves files in OUT.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from pathlib import Path
from unittest.mock import patch

import torch
from handmade import sft_config
from safetensors.torch import save_file
from torch import distributed

from vilasr.cli.main import main as cli_main
from vilasr.env import EpisodeConfig
from vilasr.protocol import protocol_named
from vilasr.training import sft
from vilasr.training.config import DataSection, LoraSection, OptimSection, TaskSource, ValidationSection
from vilasr.training.distributed import joined, whole
from vilasr.training.guidance import Guidance
from vilasr.training.learner import Learner, open_learner
from vilasr.training.stream import open_stream

STRATEGIES = ("ddp", "fsdp2")
MARKS = TaskSource(task="marks", options={"num": "1"}, without_drawing=1.0)
HELD_OUT = ValidationSection(tasks=[MARKS.model_copy(update={"split": "validation"})], num=4, every=3)
BATCH = 6


class GradientsOnly(torch.optim.SGD):
    """Changes nothing; keeps the gradients it was called with."""

    def step(self):
        self.seen = [whole(weight.grad) for group in self.param_groups for weight in group["params"]]


def gradients(config, ranks) -> tuple[dict[str, torch.Tensor], dict[str, float]]:
    """Of the whole batch of items 0 to BATCH - 1, of which every process takes its share; and the metrics."""
    learner = open_learner(config, ranks, start=None)
    loaded = learner.loaded
    named = {name: weight for name, weight in loaded.model.named_parameters() if weight.requires_grad}
    optimizer = GradientsOnly(named.values(), lr=0.0)
    learner = Learner(loaded=loaded, scorer=learner.scorer, optimizer=optimizer, ranks=ranks)
    episode = EpisodeConfig(protocol=protocol_named(loaded.protocol), sizer=loaded.sizer)
    load = open_stream(config.data, episode, chat=loaded.chat, settings=loaded.images)
    samples = [load(index) for index in range(ranks.rank, BATCH, ranks.num)]
    metrics = sft.train_step(learner, samples, config, guidance=Guidance(config, loaded))
    return dict(zip(named, optimizer.seen, strict=True)), metrics


def gradient_config(model, out, **changes):
    """No clipping."""
    return sft_config(model, out, steps=1, optim=OptimSection(clip_norm=1e9), **changes)


def run_config(model, out, **changes):
    """Four steps of four samples; a checkpoint after the second; in one process and in two the same batches."""
    data = DataSection(tasks=[MARKS], batch_size=4, window=1)
    return sft_config(model, out, steps=4, save_every=2, **({"data": data} | changes))


def adapted_config(model, out, **changes):
    """Adapters, and a loss on held-out samples after the third step and the last."""
    return run_config(model, out, lora=LoraSection(rank=2), validation=HELD_OUT, **changes)


class StoppedError(Exception):
    pass


def stop_after_three(step, metrics):
    if step == 2:
        raise StoppedError


@contextlib.contextmanager
def items_recorded(file):
    """A line for each step of this process: digests of the samples it trains on."""
    train_step = sft.train_step

    def recording(learner, samples, config, **others):
        digests = [hashlib.sha256(sample.patches.numpy().tobytes()).hexdigest() for sample in samples]
        with file.open("a") as lines:
            lines.write(json.dumps(digests) + "\n")
        return train_step(learner, samples, config, **others)

    with patch.object(sft, "train_step", recording):
        yield


def keep_gradients(model, out, strategy):
    """OUT/STRATEGY-NAME.safetensors and .json, for each way of computing them."""
    with joined(strategy, "cpu") as ranks:
        ways = {
            "whole": {},
            # The first process has more parts than the second.
            "parts": {"micro_tokens": 150 + 150 * ranks.rank, "gradient_checkpointing": True},
            "lora": {"lora": LoraSection(rank=2)},
        }
        for name, changes in ways.items():
            found, metrics = gradients(gradient_config(model, out, **changes), ranks)
            if ranks.is_first:
                save_file(found, out / f"{strategy}-{name}.safetensors")
                (out / f"{strategy}-{name}.json").write_text(json.dumps(metrics))


def stop_and_resume(model, out, rank, strategy, **changes):
    """OUT/straight, OUT/stopped, and items-PART-RANK.jsonl: what each process trained on, before and after the stop."""
    straight = run_config(model, out / "straight", strategy=strategy, **changes)
    stopped = run_config(model, out / "stopped", strategy=strategy, **changes)
    out.mkdir(exist_ok=True)
    with items_recorded(out / f"items-straight-{rank}.jsonl"):
        sft.train_sft(straight)
    with items_recorded(out / f"items-stopped-{rank}.jsonl"), contextlib.suppress(StoppedError):
        sft.train_sft(stopped, report=stop_after_three)
    with items_recorded(out / f"items-resumed-{rank}.jsonl"):
        sft.train_sft(stopped)


def main(model: Path, out: Path) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo")
    rank = distributed.get_rank()
    for strategy in STRATEGIES:
        keep_gradients(model, out, strategy)
    sft.train_sft(run_config(model, out / "as-one"))
    windows = DataSection(tasks=[MARKS], batch_size=4, window=2)
    stop_and_resume(model, out / "ddp", rank, "ddp", data=windows)
    stop_and_resume(model, out / "fsdp2", rank, "fsdp2", data=windows, precision="bf16")
    sft.train_sft(adapted_config(model, out / "lora", strategy="fsdp2"))
    with (
        (out / f"told-{rank}.txt").open("w") as told,
        contextlib.redirect_stdout(told),
        contextlib.redirect_stderr(told),
    ):
        overrides = [f"model={model}", f"out={out / 'command'}"]
        assert cli_main(["train", "sft", str(out / "command.toml"), *overrides]) == 0
        assert cli_main(["train", "sft", str(out / "command.toml"), *overrides, "data.batch_size=3", "out=x"]) == 2
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
