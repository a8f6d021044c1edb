"""A dataset of small pictures for tests. Workers import it by name."""

from __future__ import annotations

import os
import signal
import time

from PIL import Image

from vilasr.data import DatasetInfo
from vilasr.errors import InputError
from vilasr.types import AnswerType, Sample

COLOURS = ("red", "green", "blue")


def info_of(num, **changes):
    settings = {"name": "toys", "task": "toy", "version": 1, "split": "train", "seed": 0, "num": num}
    return DatasetInfo(**(settings | changes))


def make(row):
    """Three pictures in turn; a number as the answer of every third."""
    colour = COLOURS[row % 3]
    return Sample(
        id=f"toy/train/0/{row}",
        task="toy",
        question=f"Is picture {row} {colour}?",
        images=(Image.new("RGB", (8, 6), colour), Image.new("RGB", (4, 4), "white")),
        options=("yes", "no") if row % 3 else (),
        answer="A" if row % 3 else "2.5",
        answer_type=AnswerType.CHOICE if row % 3 else AnswerType.NUMBER,
        metadata={"row": row, "walls": [[0, 1, "right"]], "question_type": "colour" if row % 3 else "size"},
    )


def files_of(folder):
    """Contents by name, hidden files too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# --- what a worker may be asked to do ---------------------------------------------------------------------------------


def square_slowly_at_first(number):
    time.sleep(0.2 if number < 2 else 0.0)
    return number * number


def refuse_sevens(number):
    if number % 7 == 6:
        raise InputError("graphics", expected="a GL context", got=f"none at {number}", remedy="Install libegl1.")
    return number


def refuse_row_20(row):
    return make(refuse_sevens(row)) if row == 20 else make(row)


def divide_by_zero(number):
    return 1 // (number - 3)


def die_at_5(number):
    if number == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return number
