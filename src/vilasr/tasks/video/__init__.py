"""The video family: a camera walks through a furnished room; the eight question types of VSI-Bench."""

from vilasr.tasks.video.task import VideoTask

__all__ = ["VideoTask"]
