"""What the benchmarks say of the machine they ran on."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def processor() -> str:
    """What the processor calls itself, and how many the machine has."""
    info = Path("/proc/cpuinfo")
    names = (
        [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        if info.exists()
        else []
    )
    return f"{names[0] if names else platform.processor() or platform.machine()}, {os.cpu_count()} cores"
