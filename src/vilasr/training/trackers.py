"""Metrics of a run where people watch many: TensorBoard, Weights & Biases. OUT/metrics.jsonl has the same numbers."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any, Protocol

from vilasr.errors import MissingExtraError
from vilasr.training.metrics import MetricsLog

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vilasr.training.config import SftConfig, TrackerName
    from vilasr.training.grpo_config import GrpoConfig
    from vilasr.types import Json


class Tracker(Protocol):
    """Is told what a MetricsLog writes."""

    def write(self, step: int, values: Mapping[str, float]) -> None: ...

    def close(self) -> None: ...


def open_trackers(
    names: Sequence[TrackerName], out: Path, *, first_step: int, config: Mapping[str, Json]
) -> list[Tracker]:
    """Those with these `names`, for the run in the folder `out` that begins or goes on with `first_step`.

    Raises:
        MissingExtraError: the package of one is not installed.
    """
    kinds: dict[TrackerName, type[TensorBoard | WeightsAndBiases]]
    kinds = {"tensorboard": TensorBoard, "wandb": WeightsAndBiases}
    return [kinds[name](out, first_step=first_step, config=config) for name in dict.fromkeys(names)]


def metrics_log(config: SftConfig | GrpoConfig, *, first_step: int) -> MetricsLog:
    """OUT/metrics.jsonl of a run that begins or goes on with `first_step`, and the trackers that its config names.

    Raises:
        InputError: the file cannot be written.
        MissingExtraError: the package of a tracker is not installed.
    """
    settings = config.model_dump(mode="json")
    trackers = open_trackers(config.trackers, config.out, first_step=first_step, config=settings)
    return MetricsLog(config.out / "metrics.jsonl", first_step=first_step, trackers=trackers)


class TensorBoard:
    """Event files in OUT/tensorboard, for `tensorboard --logdir OUT`. What a run that is resumed does again takes the
    place of what it had written. Needs the extra `tensorboard`."""

    def __init__(self, out: Path, *, first_step: int, config: Mapping[str, Json]) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise MissingExtraError("tracker tensorboard", package="tensorboard", extra="tensorboard") from error
        self._writer = SummaryWriter(str(out / "tensorboard"), purge_step=first_step or None)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


class WeightsAndBiases:
    """A run of the project "vilasr", or WANDB_PROJECT, named after the folder and known by its path, so that a run that
    is resumed goes on there. Steps that it does again are the same to the last bit, and are not sent twice. Needs the
    extra `wandb`; WANDB_MODE=offline sends nothing and keeps the files in OUT/wandb.
    """

    def __init__(self, out: Path, *, first_step: int, config: Mapping[str, Json]) -> None:
        try:
            import wandb
        except ImportError as error:
            raise MissingExtraError("tracker wandb", package="wandb", extra="wandb") from error
        self._run: Any = wandb.init(
            dir=str(out),
            name=out.name,
            id=hashlib.sha256(str(out.resolve()).encode()).hexdigest()[:16],
            resume="allow",
            config=dict(config),
            project=os.environ.get("WANDB_PROJECT", "vilasr"),
            settings=wandb.Settings(silent=True),
        )

    def write(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        self._run.finish()
