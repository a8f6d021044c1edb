"""Tasks with ground truth: every sample comes from a known world, so its answer and its right drawing are computed."""

from __future__ import annotations

from vilasr.errors import InputError
from vilasr.tasks.base import SPLITS, Demonstration, DemoTurn, DrawingGrade, FramePoint, Task

__all__ = [
    "SPLITS",
    "TASK_NAMES",
    "DemoTurn",
    "Demonstration",
    "DrawingGrade",
    "FramePoint",
    "Task",
    "task_named",
]

TASK_NAMES = ("maze", "marks", "lengths", "static", "video", "multiview")


def task_named(name: str) -> Task:
    """The task of that name.

    Raises:
        InputError: for a name that is not in TASK_NAMES.
    """
    match name:
        case "maze":
            from vilasr.tasks.maze import MazeTask

            return MazeTask()
        case "marks":
            from vilasr.tasks.marks import MarksTask

            return MarksTask()
        case "lengths":
            from vilasr.tasks.lengths import LengthsTask

            return LengthsTask()
        case "static":
            from vilasr.tasks.static import StaticTask

            return StaticTask()
        case "video":
            from vilasr.tasks.video import VideoTask

            return VideoTask()
        case "multiview":
            from vilasr.tasks.multiview import MultiviewTask

            return MultiviewTask()
    raise InputError("task", expected="one of " + ", ".join(TASK_NAMES), got=repr(name))
