"""Datasets to export."""

from __future__ import annotations

from vilasr.data import DatasetInfo, write_dataset
from vilasr.tasks import task_named


def make_dataset(folder, *, num, task="maze", split="train", options=None):
    """The first `num` samples of a task; of mazes, with all types of question."""
    chosen = {"question": "mixed"} if options is None and task == "maze" else options or {}
    made = task_named(task)
    info = DatasetInfo(
        name=f"{task}-{split}", task=task, version=made.version, split=split, seed=0, options=chosen, num=num
    )
    write_dataset(folder, info, lambda row: made.generate(split, row, 0, chosen))
    return folder
