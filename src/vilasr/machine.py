"""The machine that a process runs on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from vilasr.plurals import counted


def num_cores() -> int:
    """Those this process may use: in a container not all of the machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def hardware() -> str:
    """The processor and how many cores of it this process may use: "AMD EPYC 7763, 2 cores"."""
    return f"{_processor()}, {counted(num_cores(), 'core')}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        lines = []
    pairs = (line.partition(":") for line in lines)
    name = next((value.strip() for key, _, value in pairs if key.strip() == "model name"), "")
    return name or platform.processor() or platform.machine()
