"""Static scenes: one picture of a room or a table top, and questions about where things are."""

from vilasr.tasks.static.task import LESSONS, QUESTIONS, StaticTask

__all__ = ["LESSONS", "QUESTIONS", "StaticTask"]
