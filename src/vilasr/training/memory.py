"""Memory that a training run keeps, instead of handing it back to the system and asking for it again at every step.

glibc gives every block of more than some hundred kilobytes back to the kernel as soon as it is free. A training step
frees and takes hundreds of such blocks, and the kernel clears each page again: on a CPU up to half of the time. glibc
reads its thresholds once, before the interpreter starts, so nothing but a fresh start with other settings helps.
"""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

_THRESHOLD = "MALLOC_MMAP_THRESHOLD_"
KEEP_MEMORY = {_THRESHOLD: "4000000000", "MALLOC_TRIM_THRESHOLD_": "16000000000", "MALLOC_TOP_PAD_": "64000000"}
"""glibc's settings, in bytes: no block gets a mapping of its own; free memory stays; the heap grows in large steps."""
_LARGEST_OLD_THRESHOLD = str(32 * 2**20)
"""Older versions ignore a larger one, and then stop adapting their own."""


def restart_keeping_memory() -> None:
    """Start this very command again, in this process, with glibc keeping its memory; returns when that is not needed.

    It is not needed with another C library, with settings given by the user (so it happens once at most), and where
    `vilasr` is not the process's own program but was called from another.
    """
    settings = keep_memory_settings(*platform.libc_ver())
    if not settings or any(name in os.environ for name in settings) or not _is_own_program(sys.argv[0]):
        return
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **settings})


def keep_memory_settings(library: str, version: str) -> dict[str, str]:
    """KEEP_MEMORY as this version of a C library takes it; nothing for a library other than glibc."""
    if library != "glibc":
        return {}
    is_old = tuple(map(int, version.split(".")[:2])) < (2, 36)
    return KEEP_MEMORY | ({_THRESHOLD: _LARGEST_OLD_THRESHOLD} if is_old else {})


def _is_own_program(program: str) -> bool:
    """Whether `program` (sys.argv[0]) is the console script, or a module of this package run with `python -m`."""
    package = Path(__file__).resolve().parents[1]
    return Path(program).name == "vilasr" or Path(program).resolve().is_relative_to(package)
