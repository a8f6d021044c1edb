"""Mazes: where moves end, whether a path is valid, how long the shortest way is."""

from vilasr.tasks.maze.style import HELDOUT
from vilasr.tasks.maze.task import MazeTask

__all__ = ["HELDOUT", "MazeTask"]
