"""`vilasr train`: run the training that a TOML file describes, or go on with it."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from vilasr.cli.common import DONE, make_folder, say
from vilasr.cli.progress import Progress
from vilasr.errors import InputError
from vilasr.training.memory import restart_keeping_memory

if TYPE_CHECKING:
    import argparse

    from vilasr.training.config import SftConfig

STAGES = ("sft",)


def add_parser(subparsers: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    parser = subparsers.add_parser(
        "train",
        help="train a model",
        description="Run the training that CONFIG.toml describes. The folder 'out' of the config gets the model, "
        "checkpoints, metrics.jsonl and run.json. The same command goes on with a run that was stopped.",
    )
    parser.add_argument("stage", choices=STAGES, metavar="STAGE", help="sft: supervised fine-tuning")
    parser.add_argument("config", metavar="CONFIG.toml", help="what to train, on what, and how")
    parser.add_argument(
        "overrides", nargs="*", metavar="key.path=value", help="settings that replace those of the file: optim.lr=1e-4"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print the resolved config as JSON, check model and data, train nothing"
    )


def run(args: argparse.Namespace) -> int:
    from vilasr.training.config import SftConfig, load_config

    config = load_config(SftConfig, Path(args.config), args.overrides)
    _check_device(config.device)
    if args.dry_run:
        return _dry_run(config)
    if config.device == "cpu":
        restart_keeping_memory()
    from vilasr.cli.provenance import write_run_json
    from vilasr.training.metrics import read_metrics
    from vilasr.training.sft import train_sft

    out = make_folder(config.out)
    with ExitStack() as stack:
        progress: Progress | None = None

        def report(step: int, metrics: dict[str, float]) -> None:
            nonlocal progress
            if progress is None:  # not earlier: now it is sure that the folder is this run's own
                write_run_json(out, config.model_dump(mode="json"))
                progress = stack.enter_context(Progress(config.steps, "steps", done=step))
            progress.advance()
            progress.show(loss=f"{metrics['loss']:.3f}")

        model = train_sft(config, report=report)
    metrics = read_metrics(out / "metrics.jsonl")
    print(f"{config.steps} steps, last loss {metrics[-1]['loss']:.4f}")
    print(f"Model: {model}")
    return DONE


def _dry_run(config: SftConfig) -> int:
    """Print the config, and open what a run would open. Raises InputError for what a run would stumble over."""
    from vilasr.env import EpisodeConfig
    from vilasr.policies.transformers import load_model
    from vilasr.protocol import protocol_named
    from vilasr.tasks import task_named
    from vilasr.training.stream import open_stream

    print(json.dumps(config.model_dump(mode="json"), indent=2))
    loaded = load_model(config.model, device=config.device)
    num_weights = sum(parameter.numel() for parameter in loaded.model.parameters())
    say(f"Model {config.model}: {num_weights / 1e6:.1f} million weights, protocol {loaded.protocol}.")
    for source in config.data.tasks:
        task_named(source.task).generate(source.split, 0, config.data.seed, source.options)
    episode = EpisodeConfig(protocol=protocol_named(loaded.protocol), sizer=loaded.sizer)
    load = open_stream(config.data, episode, chat=loaded.chat, settings=loaded.images)
    sample = load(0)
    say(f"Data: the first sample has {len(sample)} tokens, {int(sample.loss_mask.sum())} of them trained.")
    return DONE


def _check_device(name: str) -> None:
    """Raises InputError for a device that is not there."""
    if name == "cpu":
        return
    import torch

    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        got = f"{name!r} ({str(error).splitlines()[0]})"
        raise InputError("device", expected="cpu, or another that torch can use here", got=got) from error
