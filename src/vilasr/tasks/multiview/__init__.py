"""Two to four views of one scene: how the camera moved, what is what, and where things are that no one view shows."""

from vilasr.tasks.multiview.options import QUESTIONS
from vilasr.tasks.multiview.task import MultiviewTask

__all__ = ["QUESTIONS", "MultiviewTask"]
