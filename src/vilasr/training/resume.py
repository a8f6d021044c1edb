"""Which checkpoint a run goes on from, and whether the folder is its own."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from vilasr.data.dataset import INFO_FILE, SHARD_FOLDER
from vilasr.errors import InputError
from vilasr.locks import lock_for
from vilasr.training.checkpoint import newest_checkpoint, read_state
from vilasr.training.disk import disk_errors

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

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
        "compile",
        "validation",
        "trackers",
    }
)
"""Settings that may change when a run is resumed: they do not decide what is learned."""


def identity(config: BaseModel, *, free: Collection[str] = FREE) -> dict[str, Any]:
    """What must be equal for a run to be resumed, as it is kept in its checkpoints.

    "config": the settings that are not `free`; "data": a digest of each file or dataset folder that they name, and of
    the weights of a model that lies in a folder. To be called before the data are read, once: they may change later,
    while the run goes on with what it has read.
    """
    return {"config": _settings(config, free), "data": _digests(config, free)}


def weights_digest(model: str) -> dict[str, str]:
    """Folder -> SHA-256 of the weights in it; nothing for a model of another kind. It may be trained anew one day."""
    return _digest_of(Path(model), sorted(Path(model).glob("*.safetensors")))


@contextmanager
def only_run(out: Path) -> Iterator[None]:
    """Hold the folder of a run while it works.

    Raises:
        InputError: another process works in it, or it cannot be written.
    """
    with disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        file = (out / ".lock").open("ab")
    with file:
        got, remedy = "another run that is at work in it", "Wait for it to end, or give another folder: out=PATH."
        lock_for(out, file, expected="a folder of our own", got=got, remedy=remedy)
        yield


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """Where a run begins.

    Attributes:
        identity: of the run as it is started now, for its checkpoints.
        folder: the newest checkpoint of this very run; None when it is new.
        step: that it is of, or 0.
        state: what it says, see `read_state`; empty for a new run.
    """

    identity: dict[str, Any]
    folder: Path | None = None
    step: int = 0
    state: Mapping[str, Any] = field(default_factory=dict)


def find_start(config: BaseModel, out: Path, *, free: Collection[str] = FREE) -> Start:
    """Where the run of `config` in the folder `out` begins.

    Raises:
        InputError: the folder belongs to a run with another config or other data, or its checkpoints are damaged.
    """
    own = identity(config, free=free)
    newest = newest_checkpoint(out)
    if newest is None:
        return Start(identity=own)
    saved = read_state(newest)
    ours, theirs = own["config"], _as_of_today(saved.get("config", {}), config, out, free)
    differing = [key for key in ours if theirs.get(key) != ours[key]]
    if differing:
        raise InputError(
            str(out),
            expected="the folder of a run with this config, or a new folder",
            got=f"a run that differs in {', '.join(differing)}",
            remedy="Give another folder: out=PATH.",
        )
    known = saved.get("data", {})  # older checkpoints have no digests
    for path, digest in own["data"].items():
        if known.get(path, digest) != digest:
            raise InputError(
                path,
                expected=f"what it held when the run in {out} was started",
                got="something else",
                remedy="Put that back, or give another folder: out=PATH.",
            )
    return Start(identity=own, folder=newest, step=saved["step"], state=saved)


def _as_of_today(saved: dict[str, Any], config: BaseModel, out: Path, free: Collection[str]) -> dict[str, Any]:
    """The config of an earlier run, as it reads today: keys that came since have their defaults, those that went are
    left out."""
    kind = type(config)
    known = {key: value for key, value in saved.items() if key in kind.model_fields}
    try:
        read = kind.model_validate({**known, "out": out})
    except ValidationError:
        return saved
    return _settings(read, free)


def _settings(config: BaseModel, free: Collection[str]) -> dict[str, Any]:
    return config.model_dump(mode="json", exclude=set(free))


def _digests(config: BaseModel, free: Collection[str]) -> dict[str, str]:
    """Path -> SHA-256 of a file, of the rows of a dataset folder and what it says about itself, or of weights."""
    model = getattr(config, "model", None)
    digests = weights_digest(model) if model else {}
    for path in _paths(config.model_dump(exclude=set(free))):
        rows = [path / INFO_FILE, *sorted((path / SHARD_FOLDER).glob("*.parquet"))]
        digests |= _digest_of(path, rows if path.is_dir() else [path])
    return digests


def _digest_of(path: Path, files: Collection[Path]) -> dict[str, str]:
    """Of all files together; nothing where one cannot be read: whoever needs it will say so."""
    digest = hashlib.sha256()
    try:
        for each in files:
            with each.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    except OSError:
        return {}
    return {str(path): digest.hexdigest()} if files else {}


def _paths(value: object) -> Iterator[Path]:
    """Every path in a config: those that are not free name data."""
    if isinstance(value, Path):
        yield value
    elif isinstance(value, dict | list | tuple):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _paths(inner)
