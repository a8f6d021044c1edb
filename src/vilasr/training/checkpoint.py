"""Checkpoints: written whole or not at all, and enough to go on as if nothing had happened.

OUT/checkpoints/000200/   model.safetensors config.json tokenizer.json preprocessor_config.json vilasr.json
                          optimizer.safetensors state.json

state.json is written last and names the others with their sizes: where something differs from it, the checkpoint is
damaged. A run with adapters keeps those alone, in place of the model and its files (see `vilasr.training.lora`).
Everything is whole, whatever number of processes wrote it.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save, save_file

from vilasr.errors import InputError
from vilasr.files import write_atomically
from vilasr.training.disk import disk_errors
from vilasr.training.distributed import piece_like, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import torch

    from vilasr.types import Json

STATE_FILE = "state.json"

logger = logging.getLogger(__name__)


def write_checkpoint(
    out: Path,
    step: int,
    write_model: Callable[[Path], None],
    optimizer: Mapping[str, torch.Tensor],
    *,
    state: Mapping[str, Json],
    keep: int,
) -> Path:
    """Write the checkpoint of `step` under `out`, then drop all but the newest `keep`.

    Args:
        write_model: writes what is trained into the folder it is given.
        optimizer: as of `flatten_optimizer`.
        state: what the checkpoint shall say about the run, see `read_state`.

    Raises:
        InputError: it could not be written, the disk being full for one; earlier checkpoints stay as they are.
    """
    final = out / "checkpoints" / f"{step:06d}"
    with _replacing(final) as partial:
        write_model(partial)
        save_file(dict(optimizer), partial / "optimizer.safetensors")
        files = {path.name: path.stat().st_size for path in sorted(partial.iterdir()) if path.name != STATE_FILE}
        text = json.dumps({"step": step, **state, "files": files}, indent=1)
        (partial / STATE_FILE).write_text(text, encoding="utf-8")
    # One that seems newer could not be read when the run was resumed: it must not push out those that can.
    ours = [folder for folder in checkpoints(out) if int(folder.name) <= step]
    for old in {*(out / "checkpoints").glob("[0-9]*")} - {*ours[-keep:]}:
        shutil.rmtree(old)
    return final


def write_final(folder: Path, write_model: Callable[[Path], None]) -> None:
    """Write the finished model of a run as `folder`, whole or not at all; what was there before is gone.

    `write_model` writes it into the folder it is given.

    Raises:
        InputError: it could not be written.
    """
    with _replacing(folder) as partial:
        write_model(partial)
        (partial / STATE_FILE).unlink(missing_ok=True)  # came along from the checkpoint that was resumed


def checkpoints(out: Path) -> list[Path]:
    """Whole checkpoints of a run, oldest first."""
    whole = (path for path in (out / "checkpoints").glob("[0-9]*") if (path / STATE_FILE).exists())
    return sorted(whole, key=lambda path: (len(path.name), path.name))


def newest_checkpoint(out: Path) -> Path | None:
    """The newest checkpoint of a run that can be read; None for a run that has none yet.

    One that lost a part (they are written whole, but disks and copies fail) is passed over with a warning.

    Raises:
        InputError: there are checkpoints, and none of them can be read.
    """
    found = checkpoints(out)
    for folder in reversed(found):
        try:
            _read_through(folder)
        except (OSError, ValueError, SafetensorError) as error:
            logger.warning("%s is damaged (%s): the one before it is taken.", folder, error)
        else:
            return folder
    if found:
        raise InputError(
            str(out / "checkpoints"),
            expected="a checkpoint that can be read",
            got=f"{len(found)} damaged",
            remedy="Copy one again, or give another folder to begin anew: out=PATH.",
        )
    return None


def read_state(folder: Path) -> dict[str, Any]:
    """What the checkpoint `folder` says about the run: "step", and what `write_checkpoint` was given as `state`.

    Raises:
        OSError, ValueError: it says nothing of the kind.
    """
    state = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
    if not (isinstance(state, dict) and isinstance(state.get("step"), int)):
        raise ValueError(f"{STATE_FILE} names no step")
    return state


def _read_through(folder: Path) -> None:
    """Raises OSError, ValueError or SafetensorError for a file that is missing or cut off; reads no weights."""
    for name, size in read_state(folder).get("files", {}).items():  # older ones name none
        found = (folder / name).stat().st_size
        if found != size:
            raise ValueError(f"{name}: {found} bytes of {size}")
    for path in folder.iterdir():
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt"):
                pass
        elif path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))


def load_optimizer(folder: Path, optimizer: torch.optim.Optimizer) -> None:
    """Restore the moments saved in checkpoint `folder` into an optimizer over the same parameters."""
    restore_optimizer(optimizer, load_file(folder / "optimizer.safetensors"), name=str(folder))


def restore_optimizer(optimizer: torch.optim.Optimizer, flat: Mapping[str, torch.Tensor], *, name: str) -> None:
    """Undo `flatten_optimizer`. A parameter that never had a gradient has no state, and gets none.

    Raises:
        InputError: the tensors do not fit the optimizer's parameters.
    """
    state = optimizer.state_dict()
    numbers = [number for group in state["param_groups"] for number in group["params"]]
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in flat.items():
        number, _, moment = key.partition(".")
        moments.setdefault(int(number), {})[moment] = tensor
    owners = dict(zip(numbers, (p for group in optimizer.param_groups for p in group["params"]), strict=True))
    fits = all(
        number in owners and all(tensor.ndim == 0 or tensor.shape == owners[number].shape for tensor in of_one.values())
        for number, of_one in moments.items()
    )
    if not fits:
        raise InputError(
            name,
            expected=f"the optimizer state of {len(numbers)} trainable parameters",
            got=f"{len(flat)} tensors of another model or another set of frozen parts",
            remedy="Resume with the config the run was started with.",
        )
    state["state"] = {
        number: {name: piece_like(tensor, owners[number]) if tensor.ndim else tensor for name, tensor in of_one.items()}
        for number, of_one in moments.items()
    }
    optimizer.load_state_dict(state)


def flatten_optimizer(optimizer: torch.optim.Optimizer, *, keep: bool = True) -> dict[str, torch.Tensor]:
    """The optimizer's state as whole tensors named "PARAMETER.MOMENT", on the host.

    Where it is cut up, every process must call this, and only those that `keep` it hold more than one tensor at a time.
    """
    flat = {}
    for number, moments in optimizer.state_dict()["state"].items():
        for name, tensor in moments.items():
            at_once = whole(tensor)
            if keep:
                flat[f"{number}.{name}"] = at_once.cpu()
    return flat


def save_atomically(path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write a safetensors file that is whole or absent, whenever the process dies. It is put together in memory.

    Raises:
        InputError: it could not be written; an earlier file of that name stays as it is.
    """
    with disk_errors(path):
        write_atomically(path, save(dict(tensors), dict(metadata) if metadata else None))


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """A folder to write into, which takes the place of `folder` when it is complete and on disk.

    Its files may be read by whoever may read the folder: safetensors would leave the weights to their owner alone.
    Killed at any point, `folder` is what it was, or whole and new, or, for the moment between two names, not there.
    """
    partial, old = (folder.with_name(f".{folder.name}.{kind}") for kind in ("partial", "old"))
    for left_over in (partial, old):
        shutil.rmtree(left_over, ignore_errors=True)
    try:
        with disk_errors(folder):
            yield partial
            readable = partial.stat().st_mode & 0o666
            for path in partial.iterdir():
                path.chmod(readable)
                _sync(path)
            _sync(partial)
            if folder.exists():
                folder.rename(old)
            partial.rename(folder)
            _sync(folder.parent)
            shutil.rmtree(old, ignore_errors=True)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
