"""Seconds that `vilasr score` takes to score 10,000 finished rollouts in two metric modes. Target: at most 10.

    python benchmarks_perf/bench_rescore.py                 three runs of the command, each in a new process
    python benchmarks_perf/bench_rescore.py --num 1000 --repeats 1

`video` are made-up answers to VSI-Bench questions: 16 frames, four turns, 4,300 tokens of prompt, 300 of each drawing,
and 150 sampled tokens with log-probabilities a turn. `maze` are demonstrations of mazes, 600 tokens each, whose
drawings are graded again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from array import array
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench_rollout_memory import TokenPolicy, play, script

from vilasr.env import EpisodeConfig
from vilasr.machine import hardware
from vilasr.rollout import Header, RolloutWriter, new_header
from vilasr.rollout.codec import encode_rollout
from vilasr.rollout.header import encode_header
from vilasr.tasks import task_named
from vilasr.types import (
    AnswerType,
    Box,
    ImagePart,
    ImageRecipe,
    Message,
    Role,
    Rollout,
    Sample,
    SamplingParams,
    Status,
    TextPart,
    Turn,
    TurnTokens,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

LIMIT_S = 10
NUM_FRAMES, NUM_TURNS = 16, 4
ANSWERS = ("B", "B.", "(B)", "Because it is near", "3", "3.5 meters", "three", "about 1,200", "5 to 6", "Option A")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--num", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for name, write in (("video", write_video_rollouts), ("maze", write_maze_rollouts)):
            path = Path(folder) / f"{name}.jsonl"
            write(path, args.num)
            wall, processor_s = zip(*(score(path) for _ in range(args.repeats)), strict=True)
            worst = max(worst, *wall)
            size = f"{args.num} rollouts, {path.stat().st_size / 1e6:.0f} MB"
            print(f"{name:<6} {size}: {spread(wall)} s; {spread(processor_s)} s of processor time")
    print(f"hardware: {hardware()}")
    if worst > LIMIT_S:
        raise SystemExit(f"more than {LIMIT_S} s")


def score(path: Path) -> tuple[float, float]:
    """Wall and processor seconds of one run of the command."""
    command = [sys.executable, "-m", "vilasr", "score", str(path), "--mode", "official", "--compare", "default"]
    start, used = time.perf_counter(), os.times()
    subprocess.run([*command, "--json", str(path.with_suffix(".json"))], check=True, stdout=subprocess.DEVNULL)
    now = os.times()
    processor_s = now.children_user + now.children_system - used.children_user - used.children_system
    return time.perf_counter() - start, processor_s


def spread(seconds: Sequence[float]) -> str:
    return f"{median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f}, {len(seconds)} runs)"


def write_video_rollouts(path: Path, num: int) -> None:
    rng = random.Random(0)
    lines = [encode_header(header("vsi"))]
    lines += [encode_rollout(video_rollout(number, rng), ["0" * 64] * NUM_FRAMES) for number in range(num)]
    path.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))


def video_rollout(number: int, rng: random.Random) -> Rollout:
    is_number = number % 2
    frames = tuple(ImageRecipe(base=index, size=(448, 336)) for index in range(1, NUM_FRAMES + 1))
    boxes = tuple(
        Box(image_index=index, box_px=(10.0, 20.0, 30.5 + rng.random(), 40.0), label=f"chair {index}")
        for index in range(1, NUM_TURNS)
    )
    drawn = tuple(
        ImageRecipe(base=box.image_index, size=(448, 336), instances=(box,), parent=box.image_index) for box in boxes
    )
    parts = [part for index in range(1, NUM_FRAMES + 1) for part in (TextPart(f"Image {index}:"), ImagePart(index))]
    prompt = Message(Role.USER, (*parts, TextPart("How many chairs are there in the room? " * 8)))
    go_on = Message(Role.USER, (ImagePart(NUM_FRAMES + 1), TextPart("Go on, or answer.")))
    words = "The chair by the window is seen in three of the frames, and the one by the door in two. " * 5
    turns = [
        Turn(context=(go_on if turn else prompt,), text=words, thought=words, actions=(box,), tokens=tokens(300))
        for turn, box in enumerate(boxes)
    ]
    turns[0] = Turn(context=(prompt,), text=words, actions=boxes[:1], tokens=tokens(4300))
    turns.append(Turn(context=(go_on,), text=words, answer=rng.choice(ANSWERS), tokens=tokens(300)))
    sample = Sample(
        id=f"vsi/{number}",
        task="vsi",
        question="How many chairs are there in the room?",
        images=tuple(Path(f"{index}.png") for index in range(NUM_FRAMES)),
        options=() if is_number else ("one", "two", "three", "four"),
        answer="3" if is_number else "B",
        answer_type=AnswerType.NUMBER if is_number else AnswerType.CHOICE,
        metadata={"question_type": "object_counting" if is_number else "route_planning"},
    )
    return Rollout(sample=sample, status=Status.ANSWERED, images=(*frames, *drawn), turns=tuple(turns))


def tokens(num_context: int) -> TurnTokens:
    """Image pads before the turn, and 150 sampled tokens."""
    return TurnTokens(
        context_ids=array("i", [151655] * num_context),
        token_ids=array("i", range(1000, 1150)),
        logprobs=array("f", (-0.001 * number for number in range(150))),
        loss_mask=array("b", [1] * 150),
    )


def write_maze_rollouts(path: Path, num: int) -> None:
    """200 demonstrations played by the runner; copies of them under other names to fill up."""
    config = EpisodeConfig()
    samples = [task_named("maze").generate("test", index, 0, {}) for index in range(25)]
    policy = TokenPolicy(dict(script(sample, config) for sample in samples))
    with RolloutWriter(path, header("maze")) as writer:
        play(samples, policy, config, writer)
    first, *lines = path.read_text().splitlines(keepends=True)
    with path.open("w") as file:
        file.write(first)
        for number in range(num):
            line = lines[number % len(lines)]
            file.write(line.replace('"id":"', f'"id":"{number}/', 1))


def header(benchmark: str) -> Header:
    return new_header(
        protocol="compact",
        model="made up",
        seed=0,
        style="default",
        drawing=True,
        sampling=SamplingParams(),
        config={"source": {"benchmark": benchmark}},
    )


if __name__ == "__main__":
    main()
