"""Ten thousand samples of a task, over all splits and seeds 0 to 3: are all sound, none twice, and answers balanced?

    python benchmarks_perf/check_samples.py static
    python benchmarks_perf/check_samples.py video --num 1000 --option size=64 --option frames=8
    python benchmarks_perf/check_samples.py maze --processes 4

A sample is sound when its gold answer scores full and another answer less, its metadata is JSON, and its demonstration,
with a mistake in every second one, runs through an episode without error to that answer with a drawing graded 0.95 or
more. Exits with 1 when one is not, when two have the same pictures and words, or when, among the questions of one type
and number of options, a letter is right more often or more seldom than its share by over 2 points and over 3.5 standard
errors (three would be passed by chance in one run of twelve). `--keep words.jsonl` keeps questions and answers, for
`python tests/tasks/text_guesser.py words.jsonl`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import random
import sys
import time
from collections import Counter, defaultdict
from functools import partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vilasr.env import EpisodeConfig
from vilasr.errors import InvariantError
from vilasr.protocol import COMPACT
from vilasr.scoring import score_answer
from vilasr.tasks import SPLITS, TASK_NAMES, task_named
from vilasr.training.demonstrations import play
from vilasr.types import AnswerType, Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vilasr.types import Sample

SEEDS = range(4)
MIN_GRADE = 0.95
MAX_OFF = 0.02


class Checked(NamedTuple):
    """One sample: its content in a hash, its words, its group, and what is wrong with it ("" for nothing)."""

    id: str
    content: str
    question: str
    options: tuple[str, ...]
    answer: str
    group: tuple[str, int]
    fault: str

    def words(self) -> str:
        """A line of JSON."""
        kept = {key: getattr(self, key) for key in ("id", "question", "options", "answer")}
        return json.dumps({**kept, "question_type": self.group[0]}) + "\n"


def check(name: str, options: Mapping[str, str], place: tuple[str, int, int]) -> Checked:
    split, seed, index = place
    sample = task_named(name).generate(split, index, seed, options)
    digest = hashlib.sha256("\n".join((sample.question, *sample.options)).encode())
    for image in sample.images:
        digest.update(image.tobytes())  # type: ignore[union-attr]  # generated samples hold pixels
    group = (sample.metadata["question_type"], len(sample.options))
    return Checked(
        sample.id,
        digest.hexdigest(),
        sample.question,
        sample.options,
        sample.answer or "",
        group,
        fault_of(sample, index),
    )


def fault_of(sample: Sample, index: int) -> str:
    if score_answer(sample, sample.answer).value != 1.0:
        return f"its own answer {sample.answer!r} does not score full"
    is_choice = sample.answer_type is AnswerType.CHOICE
    wrong = ("B" if sample.answer == "A" else "A") if is_choice else str(3 * float(sample.answer or 0) + 1)
    if score_answer(sample, wrong).value != 0.0 and is_choice:
        return f"the wrong answer {wrong} scores"
    if json.loads(json.dumps(dict(sample.metadata), allow_nan=False)) != sample.metadata:
        return "its metadata changes on the way through JSON"
    task = task_named(sample.task)
    try:
        rollout = play(task, sample, random.Random(0), EpisodeConfig(protocol=COMPACT), mistake=index % 2 == 1).rollout
    except InvariantError as error:
        return f"its demonstration fails: {error}"
    if rollout.status is not Status.ANSWERED or rollout.answer != sample.answer:
        return f"its demonstration ends with {rollout.status}, {rollout.answer!r}"
    grade = task.grade_drawing(sample, rollout)
    return "" if grade.score >= MIN_GRADE else f"its demonstrated drawing grades {grade.score:.3f}"


def unbalanced(answers: Mapping[tuple[str, int], Counter[str]]) -> list[str]:
    """Groups of questions in which a letter is right too often or too seldom."""
    found = []
    for (question_type, num_options), counts in sorted(answers.items()):
        num, share = counts.total(), 1 / num_options
        tolerance = max(MAX_OFF, 3.5 * math.sqrt(share * (1 - share) / num))
        off = max(abs(counts[chr(ord("A") + place)] / num - share) for place in range(num_options))
        print(f"{question_type:<28}{num_options} options  {num:>6} samples  off balance {100 * off:.1f} points")
        if off > tolerance:
            found.append(f"{question_type}, {num_options} options: {dict(sorted(counts.items()))}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("task", choices=TASK_NAMES)
    parser.add_argument("--num", type=int, default=10_000)
    parser.add_argument("--option", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--keep", default=os.devnull, metavar="FILE.jsonl")
    arguments = parser.parse_args()
    options = dict(option.split("=", 1) for option in arguments.option)
    combinations = list(product(SPLITS, SEEDS))
    places = [(*combinations[n % len(combinations)], n // len(combinations)) for n in range(arguments.num)]
    seen: dict[str, str] = {}
    answers: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    types: Counter[str] = Counter()
    faults: list[str] = []
    begin = time.monotonic()
    with (
        Path(arguments.keep).open("w", encoding="utf-8") as keep,
        get_context("spawn").Pool(arguments.processes) as pool,
    ):
        work = pool.imap_unordered(partial(check, arguments.task, options), places, chunksize=8)
        for number, sample in enumerate(work, 1):
            if sample.fault:
                faults.append(f"{sample.id}: {sample.fault}")
            first = seen.setdefault(sample.content, sample.id)
            if first != sample.id:
                faults.append(f"{sample.id}: the same pictures and words as {first}")
            keep.write(sample.words())
            types[sample.group[0]] += 1
            if sample.group[1]:
                answers[sample.group][sample.answer] += 1
            if number % 1000 == 0:
                print(f"{number} samples, {len(faults)} faults, {time.monotonic() - begin:.0f} s", file=sys.stderr)
    faults += unbalanced(answers)
    print(f"{arguments.num} samples in {time.monotonic() - begin:.0f} s; by type: {dict(sorted(types.items()))}")
    print(f"{len(faults)} faults", *faults[:50], sep="\n  ")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
