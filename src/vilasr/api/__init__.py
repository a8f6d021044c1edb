"""The main job from Python: ask a model that draws while it reasons; and what the commands build their runs from."""

from __future__ import annotations

from vilasr.api.asking import ImageSource, ask, make_sample, run_async, solve
from vilasr.api.models import NANO, OpenedPolicy, episode_config, keep_policy, open_policy
from vilasr.api.result import AskResult, AskTurn, clear_result, picture_name

__all__ = [
    "NANO",
    "AskResult",
    "AskTurn",
    "ImageSource",
    "OpenedPolicy",
    "ask",
    "clear_result",
    "episode_config",
    "keep_policy",
    "make_sample",
    "open_policy",
    "picture_name",
    "run_async",
    "solve",
]
