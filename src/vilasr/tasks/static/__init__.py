"""Static scenes: one picture of a room or a table top, and questions about where things are."""

from vilasr.tasks.static.task import QUESTIONS, StaticTask

__all__ = ["QUESTIONS", "StaticTask"]
