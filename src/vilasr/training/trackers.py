"""Metrics of a run where people watch many: TensorBoard, Weights & Biases. OUT/metrics.jsonl has the same numbers."""

from __future__ import annotations

import importlib.util
import logging
import os
import secrets
from typing import TYPE_CHECKING, Any, Protocol

from vilasr.errors import InputError, MissingExtraError
from vilasr.files import write_atomically
from vilasr.training.disk import disk_errors
from vilasr.training.metrics import MetricsLog

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vilasr.training.config import SftConfig, TrackerName
    from vilasr.training.grpo_config import GrpoConfig

logger = logging.getLogger(__name__)


class Tracker(Protocol):
    """Is told what is written into metrics.jsonl; its text names it in warnings."""

    def write(self, step: int, values: Mapping[str, float]) -> None: ...

    def close(self) -> None: ...


class TensorBoard:
    """Event files in OUT/tensorboard, for `tensorboard --logdir OUT`. What a run that is resumed does again takes the
    place of what it had written. Needs the extra `tensorboard`.

    Raises:
        InputError: the folder cannot be written.
    """

    def __init__(self, out: Path, *, first_step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        folder = out / "tensorboard"
        with disk_errors(folder):
            self._writer = SummaryWriter(str(folder), purge_step=first_step)

    def __str__(self) -> str:
        return "tensorboard"

    def write(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


class WeightsAndBiases:
    """A run of the project "vilasr", or WANDB_PROJECT, named after the folder. Its id is kept in OUT/wandb/id, so that
    one that is resumed goes on there; steps that are done again are not taken twice. Needs the extra `wandb`;
    WANDB_MODE=offline sends nothing and keeps the files in OUT/wandb.

    Raises:
        InputError: the folder cannot be written, or nobody is logged in.
    """

    def __init__(self, out: Path, *, first_step: int, config: Mapping[str, Any]) -> None:
        import wandb

        kept = out / "wandb" / "id"
        with disk_errors(kept):
            if first_step == 0 or not kept.exists():
                kept.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(kept, secrets.token_hex(8).encode())
            run_id = kept.read_text(encoding="ascii")
        try:
            self._run: Any = wandb.init(
                dir=str(out),
                name=out.name,
                id=run_id,
                resume="allow",
                config=dict(config),
                project=os.environ.get("WANDB_PROJECT", "vilasr"),
                settings=wandb.Settings(silent=True),
            )
        except wandb.errors.Error as error:
            raise InputError(
                "tracker wandb",
                expected="a run that can be begun",
                got=str(error),
                remedy="Run `wandb login`, or set WANDB_MODE=offline.",
            ) from error

    def __str__(self) -> str:
        return "wandb"

    def write(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        self._run.finish()


class Trackers:
    """Several as one. One that fails is told of in a warning and asked no more: training does not hang on it."""

    def __init__(self, trackers: Sequence[Tracker]) -> None:
        self._working = list(trackers)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        for tracker in list(self._working):
            try:
                tracker.write(step, values)
            except Exception as error:  # a service and its client may fail in any way
                logger.warning("Tracker %s gets no more metrics, from step %d on: %r", tracker, step, error)
                self._working.remove(tracker)

    def close(self) -> None:
        for tracker in self._working:
            try:
                tracker.close()
            except Exception as error:
                logger.warning("Tracker %s could not be closed: %r", tracker, error)


def check_trackers(names: Sequence[TrackerName]) -> None:
    """Raises MissingExtraError where the package of one of them is not installed."""
    for name in names:
        if importlib.util.find_spec(name) is None:
            raise MissingExtraError(f"tracker {name}", package=name, extra=name)


def metrics_log(config: SftConfig | GrpoConfig, *, first_step: int) -> MetricsLog:
    """OUT/metrics.jsonl of a run that begins or goes on with `first_step`, and the trackers that its config names.

    Raises:
        InputError: the file, or the folder of a tracker, cannot be written; a tracker cannot be begun.
    """
    trackers: list[Tracker] = []
    if "tensorboard" in config.trackers:
        trackers.append(TensorBoard(config.out, first_step=first_step))
    if "wandb" in config.trackers:
        settings = config.model_dump(mode="json")
        trackers.append(WeightsAndBiases(config.out, first_step=first_step, config=settings))
    return MetricsLog(config.out / "metrics.jsonl", first_step=first_step, tracker=Trackers(trackers))
