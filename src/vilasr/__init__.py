"""Vision-language models that draw to reason in space: run, train and evaluate them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vilasr.api import AskResult, ask
    from vilasr.env import Episode, EpisodeConfig
    from vilasr.tasks import task_named
    from vilasr.types import Rollout, Sample

__version__ = "0.1.0"

__all__ = ["AskResult", "Episode", "EpisodeConfig", "Rollout", "Sample", "__version__", "ask", "task_named"]

_HOMES = {
    "AskResult": "vilasr.api",
    "Episode": "vilasr.env",
    "EpisodeConfig": "vilasr.env",
    "Rollout": "vilasr.types",
    "Sample": "vilasr.types",
    "ask": "vilasr.api",
    "task_named": "vilasr.tasks",
}
"""Public name -> its module, imported when the name is first used: `import vilasr` loads nothing."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vilasr' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
