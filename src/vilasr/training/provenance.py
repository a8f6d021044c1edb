"""Where a result came from: `run.json` beside it."""

from __future__ import annotations

import json
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from vilasr.files import write_atomically
from vilasr.machine import hardware
from vilasr.training.disk import disk_errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vilasr.types import Json

PACKAGES = ("vilasr", "torch", "transformers", "numpy", "pillow")


def write_run_json(folder: Path, config: Mapping[str, Json], *, strategy: str, started: datetime | None = None) -> None:
    """Write {"config", "strategy", "versions", "hardware", "git_commit", "started"} into `folder`, for the latest start
    of the run.

    `strategy` is how its processes share the work; `started` is when it began, if not now.

    Raises:
        InputError: it cannot be written, the disk being full for one.
    """
    record = {
        "config": config,
        "strategy": strategy,
        "versions": {"python": platform.python_version()} | {name: metadata.version(name) for name in PACKAGES},
        "hardware": hardware(),
        "git_commit": git_commit(Path(__file__).parent),
        "started": (started or datetime.now(UTC)).isoformat(timespec="seconds"),
    }
    path = folder / "run.json"
    with disk_errors(path, then="it goes on where it stopped"):
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(record, indent=2).encode() + b"\n")


def git_commit(folder: Path) -> str | None:
    """The commit that `folder` is checked out at, "-dirty" appended when files differ from it; None outside of git.

    A package that was installed into a repository's ignored folder is not of that repository: None too.
    """
    tracked = _git(folder, "ls-files", "--", ".")
    return _git(folder, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*") if tracked else None


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        # Without a lock: one that is killed when its time is up would leave it behind, and `git commit` refuse to work.
        command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
