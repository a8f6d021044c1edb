"""`vilasr train`: run the training that a TOML file describes, or go on with it."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vilasr.cli.common import make_folder, say
from vilasr.cli.exit_codes import DONE
from vilasr.cli.progress import Progress
from vilasr.errors import InputError
from vilasr.training.memory import restart_keeping_memory

if TYPE_CHECKING:
    import argparse

    from vilasr.policies.transformers import LoadedModel
    from vilasr.training.config import Section, SftConfig
    from vilasr.training.grpo_config import GrpoConfig
    from vilasr.training.rejection_config import RejectionConfig

Show = Callable[[str, int, int | None, Mapping[str, str]], None]
"""(what is counted, done, of how many in all, values beside the bar)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """One stage of training. Everything is imported when it is called.

    Attributes:
        help: what it is, for `--help`.
        config: the class of its config, which has `model`, `out` and `device`.
        train: runs it, shows how far it is, and prints the result.
        check: opens what a run would open; raises InputError for what a run would stumble over.
    """

    help: str
    config: Callable[[], type[Section]]
    train: Callable[[Any, Show], None]
    check: Callable[[Any], None]


def add_parser(subparsers: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    parser = subparsers.add_parser(
        "train",
        help="train a model",
        description="Run the training that CONFIG.toml describes. The folder 'out' of the config gets the model, "
        "checkpoints, metrics.jsonl and run.json. The same command goes on with a run that was stopped.",
    )
    listing = "; ".join(f"{name}: {stage.help}" for name, stage in STAGES.items())
    parser.add_argument("stage", choices=STAGES, metavar="STAGE", help=listing)
    parser.add_argument("config", metavar="CONFIG.toml", help="what to train, on what, and how")
    parser.add_argument(
        "overrides", nargs="*", metavar="key.path=value", help="settings that replace those of the file: optim.lr=1e-4"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print the resolved config as JSON, check model and data, train nothing"
    )


def run(args: argparse.Namespace) -> int:
    from vilasr.training.config import load_config

    stage = STAGES[args.stage]
    config: Any = load_config(stage.config(), Path(args.config), args.overrides)
    _check_device(config.device)
    if args.dry_run:
        print(json.dumps(config.model_dump(mode="json"), indent=2))
        stage.check(config)
        return DONE
    if config.device == "cpu":
        restart_keeping_memory()
    from vilasr.training.distributed import in_force, is_first_process

    fine_tuning = getattr(config, "sft", None) or config
    strategy = in_force(getattr(fine_tuning, "strategy", None))
    make_folder(config.out)
    with ExitStack() as stack:
        if is_first_process():
            say(f"Strategy: {strategy}.")
            stage.train(config, _shown(config, strategy, stack))
        else:
            stack.enter_context(redirect_stdout(stack.enter_context(Path(os.devnull).open("w"))))
            stage.train(config, lambda *_: None)
    return DONE


def _shown(config: Any, strategy: str, stack: ExitStack) -> Show:
    """A bar for each thing that is counted, opened when it is counted first; run.json is written then too."""
    from vilasr.training.provenance import write_run_json

    bars: dict[str, tuple[Progress, int]] = {}

    def show(unit: str, done: int, total: int | None, values: Mapping[str, str]) -> None:
        if not bars:  # not earlier: now it is sure that the folder is this run's own
            write_run_json(config.out, config.model_dump(mode="json"), strategy=strategy)
        if unit not in bars:
            for earlier, _ in bars.values():
                earlier.close()
            bars[unit] = stack.enter_context(Progress(total, unit, done=done)), done
        bar, before = bars[unit]
        bar.advance(done - before)
        bar.show(**values)
        bars[unit] = bar, done

    return show


def _check_model(name: str, device: str) -> LoadedModel:
    from vilasr.policies.transformers import load_model

    loaded = load_model(name, device=device)
    num_weights = sum(parameter.numel() for parameter in loaded.model.parameters())
    say(f"Model {name}: {num_weights / 1e6:.1f} million weights, protocol {loaded.protocol}.")
    return loaded


# --- sft --------------------------------------------------------------------------------------------------------------


def _sft_config() -> type[SftConfig]:
    from vilasr.training.config import SftConfig

    return SftConfig


def _train_sft(config: SftConfig, show: Show) -> None:
    from vilasr.training.sft import train_sft

    def report(step: int, metrics: dict[str, float]) -> None:
        show("steps", step + 1, config.num_steps, {"loss": f"{metrics['loss']:.3f}"})

    model = train_sft(config, report=report)
    _print_fine_tuned(config, model)


def _print_fine_tuned(config: SftConfig, model: Path) -> None:
    from vilasr.training.metrics import read_metrics

    metrics = read_metrics(config.out / "metrics.jsonl")
    last = metrics[-1].get("loss", math.nan) if metrics else math.nan  # the file may be gone
    print(f"{config.num_steps} steps, last loss {last:.4f}")
    _print_dropped(metrics, "Samples that could not be trained on, and gave their place to others")
    print(f"Model: {model}")


def _print_dropped(metrics: Sequence[Mapping[str, float]], what: str) -> None:
    reasons = sorted({name for line in metrics for name in line if name.startswith("dropped_")})
    counts = [f"{sum(line.get(name, 0) for line in metrics):.0f} {name.removeprefix('dropped_')}" for name in reasons]
    if counts:
        print(f"{what}: {', '.join(counts)}")


def _check_sft(config: SftConfig) -> None:
    from vilasr.tasks import task_named
    from vilasr.training.held_out import check_held_out
    from vilasr.training.learner import adjusted, episode_of
    from vilasr.training.stream import open_stream
    from vilasr.training.trackers import check_trackers

    loaded = adjusted(_check_model(config.model, config.device), config)
    for source in config.data.tasks:
        if source.task:
            task_named(source.task).generate(source.split, 0, config.data.seed, source.options)
    check_held_out(config)
    check_trackers(config.trackers)
    load = open_stream(config.data, episode_of(loaded), chat=loaded.chat, settings=loaded.images)
    sample = load(0)
    say(f"Data: the first sample has {len(sample)} tokens, {int(sample.loss_mask.sum())} of them trained.")


# --- rejection --------------------------------------------------------------------------------------------------------


def _rejection_config() -> type[RejectionConfig]:
    from vilasr.training.rejection_config import RejectionConfig

    return RejectionConfig


def _train_rejection(config: RejectionConfig, show: Show) -> None:
    from vilasr.training.rejection import train_rejection

    result = train_rejection(config, report=show)
    with suppress(FileNotFoundError):  # where several processes trained on a selection that was copied here
        print((config.out / "selection.md").read_text(encoding="utf-8"))
    if config.sft is None:
        print(f"Rollouts: {result}")
    else:
        _print_fine_tuned(config.sft, result)


def _check_rejection(config: RejectionConfig) -> None:
    from vilasr.tasks import task_named
    from vilasr.training.beforehand import check_fine_tuning
    from vilasr.training.rejection import count_questions

    _check_model(config.model, config.device)
    check_fine_tuning(config)
    for source in config.prompts.tasks:
        task_named(source.task).generate(source.split, 0, config.prompts.seed, source.options)
    num = count_questions(config.prompts)
    say(f"Sampling: {config.num_siblings} attempts at each of {num} questions, {num * config.num_siblings} in all.")


# --- grpo -------------------------------------------------------------------------------------------------------------


def _grpo_config() -> type[GrpoConfig]:
    from vilasr.training.grpo_config import GrpoConfig

    return GrpoConfig


def _train_grpo(config: GrpoConfig, show: Show) -> None:
    from vilasr.training.grpo import train_grpo
    from vilasr.training.metrics import read_metrics

    def report(step: int, metrics: dict[str, float]) -> None:
        names: tuple[str, ...] = ("reward", "accuracy", "zero_variance")
        shown = {name: f"{metrics[name]:.2f}" for name in names if name in metrics}
        show("steps", step + 1, config.steps, shown)

    model = train_grpo(config, report=report)
    metrics = read_metrics(config.out / "metrics.jsonl")
    validated = [line["validation_accuracy"] for line in metrics if "validation_accuracy" in line]
    if validated:
        print(f"Validation accuracy: {100 * validated[0]:.1f} before, {100 * validated[-1]:.1f} after")
    num_idle = sum(line.get("updates") == 0 for line in metrics)
    print(f"{config.steps} steps, {num_idle} of them without an update")
    _print_dropped(metrics, "Rollouts and questions that were left out")
    print(f"Model: {model}")


def _check_grpo(config: GrpoConfig) -> None:
    from vilasr.training.grpo_prompts import held_out, open_prompts
    from vilasr.training.trackers import check_trackers

    questions, _ = open_prompts(config.prompts, batch_size=config.num_prompts)(0, config.num_prompts)
    num_held_out = len(held_out(config))
    check_trackers(config.trackers)
    _check_model(config.model, config.device)
    say(f"Prompts: {len(questions)} a step, {questions[0].id} first; {num_held_out} held out for validation.")


STAGES = {
    "sft": Stage(help="supervised fine-tuning", config=_sft_config, train=_train_sft, check=_check_sft),
    "rejection": Stage(
        help="sample rollouts from a model (or a teacher), select, go on with sft",
        config=_rejection_config,
        train=_train_rejection,
        check=_check_rejection,
    ),
    "grpo": Stage(
        help="reinforcement learning from groups of rollouts", config=_grpo_config, train=_train_grpo, check=_check_grpo
    ),
}


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
