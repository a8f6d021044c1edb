"""Which checkpoint a run goes on from, and whether the folder is its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from vilasr.errors import InputError
from vilasr.training.checkpoint import newest_checkpoint

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

ConfigT = TypeVar("ConfigT", bound=BaseModel)

FREE = frozenset(
    {
        "out",
        "threads",
        "device",
        "strategy",
        "save_every",
        "keep",
        "micro_tokens",
        "gradient_checkpointing",
        "validation",
    }
)
"""Settings that may change when a run is resumed: they do not decide what is learned."""


def identity(config: BaseModel, *, free: Collection[str] = FREE) -> dict[str, Any]:
    """What must be equal for a run to be resumed, as it is kept in its checkpoints."""
    return {"config": config.model_dump(mode="json", exclude=set(free))}


def find_start(config: ConfigT, out: Path, *, free: Collection[str] = FREE) -> tuple[Path | None, int]:
    """The newest checkpoint of this very run in `out` and the step it is of; None and 0 when it is new.

    Raises:
        InputError: the folder belongs to a run with another config, or its checkpoints are damaged.
    """
    newest = newest_checkpoint(out)
    if newest is None:
        return None, 0
    saved = json.loads((newest / "state.json").read_text(encoding="utf-8"))
    ours, theirs = identity(config, free=free)["config"], _as_of_today(saved.get("config", {}), config, out, free)
    differing = [key for key in ours if theirs.get(key) != ours[key]]
    if differing:
        raise InputError(
            str(out),
            expected="the folder of a run with this config, or a new folder",
            got=f"a run that differs in {', '.join(differing)}",
            remedy="Give another folder: out=PATH.",
        )
    return newest, saved["step"]


def _as_of_today(saved: dict[str, Any], config: BaseModel, out: Path, free: Collection[str]) -> dict[str, Any]:
    """The config of an earlier run, as it reads today: keys that came since have their defaults, those that went are
    left out."""
    kind = type(config)
    known = {key: value for key, value in saved.items() if key in kind.model_fields}
    try:
        read = kind.model_validate({**known, "out": out})
    except ValidationError:
        return saved
    return dict(identity(read, free=free)["config"])
