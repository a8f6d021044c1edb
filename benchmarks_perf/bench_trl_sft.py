"""Supervised fine-tuning here, against TRL's `SFTTrainer` on the same demonstrations: tokens a second.

    pip install trl==1.16.0                                  beside vilasr; torch and transformers stay as they are
    python benchmarks_perf/bench_trl_sft.py                     3 pairs of epochs after one
    python benchmarks_perf/bench_trl_sft.py --group-by-length   TRL told how long each conversation is

Both sides, in one process and epoch by epoch in turn: the embedded model in float32, all of it trained; the same 64
mazes, solved by drawing; batches of 8; loss on what the policy says alone, its stop tokens included; AdamW. A token
counts when it is part of a conversation, trained or not; padding does not count.

This project reads a rollout file, draws its images anew and puts conversations of like length together, as
`vilasr train sft` does, but without its thread that works ahead, which would here work on TRL's time. TRL's side is
that of a user who wants it fast: the images stored as they were shown, no gradient checkpointing (its default is to
recompute), no cut at a length.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from trl_nano import TRAINER, leave_without_trl, processor_of, start_over_with_allocator, stock_model

leave_without_trl()
start_over_with_allocator()

import torch  # noqa: E402
from datasets import Dataset  # noqa: E402
from transformers import PrinterCallback, TrainerCallback  # noqa: E402
from transformers.utils import logging as transformers_logging  # noqa: E402
from trl import SFTConfig as TrlConfig  # noqa: E402
from trl import SFTTrainer  # noqa: E402
from trl import __version__ as trl_version  # noqa: E402

from vilasr.env import EpisodeConfig  # noqa: E402
from vilasr.machine import hardware  # noqa: E402
from vilasr.policies.transformers import load_model  # noqa: E402
from vilasr.protocol import protocol_named  # noqa: E402
from vilasr.rollout import RolloutWriter, new_header  # noqa: E402
from vilasr.tasks import task_named  # noqa: E402
from vilasr.training.batch import bucketed  # noqa: E402
from vilasr.training.config import SftConfig  # noqa: E402
from vilasr.training.demonstrations import play  # noqa: E402
from vilasr.training.distributed import Ranks  # noqa: E402
from vilasr.training.guidance import Guidance  # noqa: E402
from vilasr.training.learner import open_learner  # noqa: E402
from vilasr.training.samples import TrainingSample, build_sample  # noqa: E402
from vilasr.training.sft import train_step  # noqa: E402
from vilasr.training.stream import open_stream  # noqa: E402
from vilasr.types import ImagePart, SamplingParams  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vilasr.policies.transformers import LoadedModel
    from vilasr.training.demonstrations import Played
    from vilasr.types import Part

BATCH, BATCHES_OF_AN_EPOCH = 8, 8
NUM_SAMPLES = BATCH * BATCHES_OF_AN_EPOCH
LEARNING_RATE = 1e-6
TARGET_RATIO = 1.2


@dataclass(frozen=True, kw_only=True, slots=True)
class Epoch:
    """Seconds by the clock and of processor time, and what was computed in them; the loss in nats a trained token."""

    wall: float
    busy: float
    tokens: int
    padded: int
    trained: int
    loss: float


def demonstrations(loaded: LoadedModel) -> list[Played]:
    """Mazes solved by drawing, played once for both sides."""
    config, task = episode_of(loaded), task_named("maze")
    samples = [task.generate("train", index, 0, {}) for index in range(NUM_SAMPLES)]
    return [play(task, sample, random.Random(sample.id), config) for sample in samples]


def episode_of(loaded: LoadedModel) -> EpisodeConfig:
    return EpisodeConfig(protocol=protocol_named(loaded.protocol), sizer=loaded.sizer)


# --- this project -----------------------------------------------------------------------------------------------------


class Ours:
    """The body of the loop in `train_sft`, an epoch at a time."""

    def __init__(self, played: list[Played], folder: Path, loaded: LoadedModel) -> None:
        path = folder / "demonstrations.jsonl"
        episode = episode_of(loaded)
        header = new_header(
            protocol=loaded.protocol,
            model="demonstrations",
            seed=0,
            style=episode.style.name,
            drawing=True,
            sampling=SamplingParams(),
        )
        with RolloutWriter(path, header) as writer:
            for each in played:
                writer.append(each.rollout)
        self.config = SftConfig.model_validate(
            {
                "model": "nano",
                "out": folder / "out",
                "epochs": 1,
                "data": {"rollouts": path, "batch_size": BATCH, "window": BATCHES_OF_AN_EPOCH},
                "optim": {"lr": LEARNING_RATE},
                "precision": "fp32",
                "matmul_attention": True,
            }
        )
        self.learner = open_learner(self.config, Ranks(device="cpu"), start=None)
        self.guidance = Guidance(self.config, self.learner.loaded)
        load = open_stream(self.config.data, episode, chat=loaded.chat, settings=loaded.images)
        self.batches: Iterator[list[TrainingSample]] = bucketed(
            load, batch_size=BATCH, window=BATCHES_OF_AN_EPOCH, seed=0
        )

    def epoch(self) -> Epoch:
        wall, busy = time.perf_counter(), time.process_time()
        tokens = padded = trained = 0
        loss = 0.0
        for _ in range(BATCHES_OF_AN_EPOCH):
            samples = next(self.batches)
            metrics = train_step(self.learner, samples, self.config, guidance=self.guidance)
            said = sum(int(sample.loss_mask.sum()) for sample in samples)
            tokens += sum(map(len, samples))
            padded += int(metrics["tokens"])
            trained += said
            loss += metrics["loss"] * said
        return Epoch(
            wall=time.perf_counter() - wall,
            busy=time.process_time() - busy,
            tokens=tokens,
            padded=padded,
            trained=trained,
            loss=loss / trained,
        )


# --- TRL --------------------------------------------------------------------------------------------------------------


def dataset_of(played: list[Played], loaded: LoadedModel) -> Dataset:
    """The same conversations, with their images and lengths."""
    rows = []
    for each in played:
        messages = []
        for turn in each.rollout.turns:
            messages += [
                {"role": str(told.role), "content": [_block(part) for part in told.parts]} for told in turn.context
            ]
            messages.append({"role": "assistant", "content": [{"type": "text", "text": turn.text}]})
        num_seen = sum(part["type"] == "image" for message in messages for part in message["content"])
        sample = build_sample(
            each.rollout, each.views, chat=loaded.chat, settings=loaded.images, max_tokens=loaded.max_context_tokens
        )
        rows.append({"messages": messages, "images": list(each.views[:num_seen]), "length": len(sample)})
    return Dataset.from_list(rows)


def _block(part: Part) -> dict[str, str]:
    return {"type": "image", "text": ""} if isinstance(part, ImagePart) else {"type": "text", "text": part.text}


class CountingTrainer(SFTTrainer):
    """`SFTTrainer`, and what its steps computed; nothing it does is changed."""

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> Any:
        said = int((inputs["labels"] != -100).sum())
        self.tokens += int(inputs["attention_mask"].sum())
        self.padded += inputs["input_ids"].numel()
        self.trained += said
        loss = super().training_step(model, inputs, num_items_in_batch)
        self.losses += float(loss) * said
        return loss

    def start_count(self) -> None:
        self.tokens = self.padded = self.trained = 0
        self.losses = 0.0


class Pairs(TrainerCallback):
    """After each epoch of TRL one of ours, so that whatever else the machine does disturbs both."""

    def __init__(self, ours: Ours) -> None:
        self.ours = ours
        self.pairs: list[tuple[Epoch, Epoch]] = []
        self.trainer: CountingTrainer

    def on_train_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        self._begin()

    def _begin(self) -> None:
        self.trainer.start_count()
        self.wall, self.busy = time.perf_counter(), time.process_time()

    def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """The next batch is made after this and before the next step begins, so that it is counted too."""
        if state.global_step % BATCHES_OF_AN_EPOCH:
            return
        trainer = self.trainer
        other = Epoch(
            wall=time.perf_counter() - self.wall,
            busy=time.process_time() - self.busy,
            tokens=trainer.tokens,
            padded=trainer.padded,
            trained=trainer.trained,
            loss=trainer.losses / trainer.trained,
        )
        own = self.ours.epoch()
        self.pairs.append((own, other))
        print(f"  epoch {len(self.pairs)}: {own.wall:.1f} s here, {other.wall:.1f} s TRL", flush=True)
        self._begin()


def trainer_of(data: Dataset, loaded: LoadedModel, pairs: Pairs, folder: Path, arguments: argparse.Namespace) -> Any:
    settings = TrlConfig(
        output_dir=str(folder / "trl"),
        max_steps=BATCHES_OF_AN_EPOCH * (1 + arguments.epochs),
        per_device_train_batch_size=BATCH,
        train_sampling_strategy="group_by_length" if arguments.group_by_length else "random",
        assistant_only_loss=True,
        max_length=None,
        learning_rate=LEARNING_RATE,
        adam_beta2=pairs.ours.config.optim.betas[1],
        max_grad_norm=pairs.ours.config.optim.clip_norm,
        **TRAINER,
    )
    trainer = CountingTrainer(
        model=stock_model(loaded),
        args=settings,
        train_dataset=data,
        processing_class=processor_of(loaded.folder),
        callbacks=[pairs],
    )
    trainer.remove_callback(PrinterCallback)
    pairs.trainer = trainer
    return trainer


# --- what came of it --------------------------------------------------------------------------------------------------


def report(pairs: list[tuple[Epoch, Epoch]]) -> float:
    """Prints both sides, medians; returns the ratio of tokens a second by the clock."""

    def line(title: str, values: list[tuple[float, float]], digits: int = 0) -> float:
        ours, other = (median(value[side] for value in values) for side in (0, 1))
        print(f"{title:<34}{ours:>10,.{digits}f}{other:>10,.{digits}f}{ours / other:>8.2f}")
        return ours / other

    print(f"{'':<34}{'here':>10}{'TRL':>10}{'ratio':>8}")
    ratio = line("tokens a second, by the clock", [tuple(side.tokens / side.wall for side in pair) for pair in pairs])
    line("tokens a second, processor time", [tuple(side.tokens / side.busy for side in pair) for pair in pairs])
    line("tokens of an epoch", [tuple(side.tokens for side in pair) for pair in pairs])
    line("  trained", [tuple(side.trained for side in pair) for pair in pairs])
    line("  with padding", [tuple(side.padded for side in pair) for pair in pairs])
    line("loss, nats a trained token", [tuple(side.loss for side in pair) for pair in pairs], digits=4)
    for clock, title in (("wall", "the clock"), ("busy", "processor time")):
        ratios = [own.tokens / getattr(own, clock) / (other.tokens / getattr(other, clock)) for own, other in pairs]
        print(f"by {title} {median(ratios):.2f} times (single pairs {min(ratios):.2f} to {max(ratios):.2f})")
    return ratio


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=3, help="pairs of epochs that count; one more goes before them")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--group-by-length", action="store_true", help="TRL puts conversations of like length together")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    torch.set_num_threads(arguments.threads)
    title = f"{NUM_SAMPLES} demonstrations in batches of {BATCH}, float32, {arguments.threads} threads"
    print(f"{title}, TRL {trl_version}", flush=True)
    with tempfile.TemporaryDirectory() as text:
        folder, loaded = Path(text), load_model("nano")
        played = demonstrations(loaded)
        pairs = Pairs(Ours(played, folder, loaded))
        trainer_of(dataset_of(played, loaded), loaded, pairs, folder, arguments).train()
    ratio = report(pairs.pairs[1:])
    print(f"{ratio:.2f} times as many tokens a second; target {TARGET_RATIO:g}")
    print(f"hardware: {hardware()}; torch {torch.__version__}")
    return 0 if ratio >= TARGET_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
