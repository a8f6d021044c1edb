"""Finished folders, written by hand."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from functools import cache

from vilasr.benchmarks import benchmark_named
from vilasr.env import EpisodeConfig
from vilasr.rollout import RolloutWriter, new_header
from vilasr.tasks import task_named
from vilasr.training.demonstrations import play
from vilasr.types import SamplingParams


@cache
def attempt(index: int):
    """The demonstration of maze `index`, which draws and answers right."""
    sample = list(benchmark_named("maze").samples(index + 1))[index]
    return play(task_named("maze"), sample, random.Random(0), EpisodeConfig()).rollout


def answering(rollout, *, right: bool, sibling: int = 0):
    """The same attempt with a right or a wrong answer."""
    answer = rollout.sample.answer if right else "ABCD".replace(rollout.sample.answer, "")[0]
    *turns, last = rollout.turns
    return replace(rollout, sibling=sibling, turns=(*turns, replace(last, answer=answer)))


def finish(unit, *answers: str) -> None:
    """Write the folder of a finished evaluation: of each maze, which attempts are right, "1", and which wrong, "0"."""
    unit.folder.mkdir(parents=True)
    header = new_header(
        protocol="compact", model="m", seed=0, style="default", drawing=True, sampling=SamplingParams(), config={}
    )
    with RolloutWriter(unit.folder / "rollouts.jsonl", header) as writer:
        for index, attempts in enumerate(answers):
            for sibling, is_right in enumerate(attempts):
                writer.append(answering(attempt(index), right=is_right == "1", sibling=sibling))
    say_done(unit, {"complete": True, "num": len(answers), "num_excluded": 0})


def say_done(unit, summary=None) -> None:
    """The files by which a unit is known to be finished."""
    unit.result.parent.mkdir(parents=True, exist_ok=True)
    unit.result.write_text(json.dumps(summary or {}))
    record = {"config": unit.settings, "git_commit": "0123456789abcdef-dirty", "hardware": "Abacus, 2 cores"}
    (unit.folder / "run.json").write_text(json.dumps(record))
