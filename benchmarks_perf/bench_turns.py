"""Turns parsed, validated and rendered a second on one core: python benchmarks_perf/bench_turns.py [--num 200]"""

from __future__ import annotations

import argparse
import platform
import random
import statistics
import sys
import time
from typing import TYPE_CHECKING

from vilasr.env import Episode, EpisodeConfig
from vilasr.machine import hardware
from vilasr.protocol import COMPACT
from vilasr.tasks import task_named
from vilasr.training.demonstrations import play
from vilasr.training.nano.architecture import NANO_SIZER
from vilasr.types import Sample

if TYPE_CHECKING:
    from collections.abc import Sequence

TARGET_PER_S = 1000
SIDE_BY_SIDE = 16
"""Episodes played at a time, as rollouts are."""
CONFIG = EpisodeConfig(protocol=COMPACT, sizer=NANO_SIZER)
Script = tuple[Sample, list[str]]
"""A maze, and what its demonstration says in each turn."""


def scripts(num: int, repeat: int) -> list[Script]:
    """The mazes of one repeat; no two repeats share one."""
    task = task_named("maze")
    samples = [task.generate("train", index, repeat) for index in range(num)]
    rollouts = [play(task, sample, random.Random(index), CONFIG).rollout for index, sample in enumerate(samples)]
    return [(rollout.sample, [turn.text for turn in rollout.turns]) for rollout in rollouts]


def seconds_of(prepared: Sequence[Script]) -> tuple[float, float]:
    """Processor time of this process for all resets, and for all turns."""
    resets_s = turns_s = 0.0
    for first in range(0, len(prepared), SIDE_BY_SIDE):
        playing = [(Episode(sample, CONFIG), texts) for sample, texts in prepared[first : first + SIDE_BY_SIDE]]
        begin = time.process_time()
        for episode, _ in playing:
            episode.reset()
        ready = time.process_time()
        for episode, texts in playing:
            for text in texts:
                episode.step(text)
        turns_s += time.process_time() - ready
        resets_s += ready - begin
    return resets_s, turns_s


def summary(rates: Sequence[float]) -> str:
    return f"{statistics.median(rates):.0f}/s (lowest {min(rates):.0f}, highest {max(rates):.0f})"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num", type=int, default=200, help="episodes in each repeat")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    reset_rates, turn_rates, num_turns = [], [], 0
    for repeat in range(arguments.repeats + 1):
        prepared = scripts(arguments.num, repeat)
        num_turns = sum(len(texts) for _, texts in prepared)
        # Other mazes first: what is drawn for the first time in its episode is drawn for the first time here.
        seconds_of(scripts(arguments.num, repeat + 1000))
        resets_s, turns_s = seconds_of(prepared)
        reset_rates.append(len(prepared) / resets_s)
        turn_rates.append(num_turns / turns_s)
    del reset_rates[0], turn_rates[0]  # the warm-up
    print(f"turns parsed, validated and rendered, one core: {summary(turn_rates)}; target {TARGET_PER_S}/s")
    print(f"episodes begun: {summary(reset_rates)}")
    per_episode = num_turns / arguments.num
    print(f"{arguments.repeats} repeats of {arguments.num} maze demonstrations, {per_episode:.1f} turns each")
    print(f"{hardware()}; Python {platform.python_version()}")
    return 0 if statistics.median(turn_rates) >= TARGET_PER_S else 1


if __name__ == "__main__":
    sys.exit(main())
