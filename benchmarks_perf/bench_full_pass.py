"""A full pass over files in the original layout of each published benchmark. Targets: 15 minutes, 2 GB, exact scores.

    python benchmarks_perf/bench_full_pass.py                a twentieth of the items
    python benchmarks_perf/bench_full_pass.py --scale 1      5,130 + 7,211 + 1,000 + 135 items, 288 videos

The files are made first: small pictures, short videos, and some items that are broken. Then everything that `vilasr
eval` does is measured, from reading the files to the report and the page of rollouts, with a policy that draws a box
and answers right or wrong by a rule. From that rule the scores are computed here once more, group by group.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import re
import resource
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from vilasr.benchmarks import LoadOptions, benchmark_named
from vilasr.benchmarks.mmsi import TYPES
from vilasr.benchmarks.spar import HIGH, LOW, MIDDLE, TASKS, VIEW_CHANGE
from vilasr.benchmarks.vsi import CHOICE, LEVELS, NUMERIC
from vilasr.cli.measured import write_results
from vilasr.cli.shards import WHOLE_FILE, RunRecord
from vilasr.env import EpisodeConfig
from vilasr.machine import hardware
from vilasr.rollout import RolloutWriter, new_header, run_rollouts
from vilasr.types import Completion, SamplingParams, TextPart

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vilasr.benchmarks import Exclusion
    from vilasr.types import Observation, Rollout, Sample

SIZES = {"vsi": 5130, "spar": 7211, "mmsi": 1000, "spatialeval": 135}
NUM_VIDEOS = 288
FRAMES_OF_A_VIDEO = 40
WORKERS = 2
LIMIT_S, LIMIT_MB = 900, 2000
BROKEN_EVERY = 100
"""Every so many items have no gold answer that can be read."""
DRAWING = """<think> Here. </think> Action: Object Mapper
```json
[{"index": 1, "bbox_2d": [3, 4, 30, 28], "label": "it"}]
```"""


@dataclass(slots=True)
class Plan:
    """What the policy will say to each item, and what that is worth, by group."""

    answers: dict[str, str] = field(default_factory=dict)
    scores: dict[str, list[float]] = field(default_factory=dict)
    num_broken: int = 0

    def add(self, key: str, group: str, *, right: str, wrong: str, near: str | None = None) -> str:
        """The gold answer of a new item. Of each group every third answer is wrong, and every fifth is near."""
        if len(self.answers) % BROKEN_EVERY == BROKEN_EVERY - 1:
            self.answers[key] = right
            self.num_broken += 1
            return "?"
        number = len(self.scores.setdefault(group, []))
        if number % 3 == 0:
            said, score = wrong, 0.0
        elif number % 5 == 0 and near is not None:
            said, score = near, 0.6  # 22 % off: theta 0.50 to 0.75 of ten
        else:
            said, score = right, 1.0
        self.answers[key] = said
        self.scores[group].append(score)
        return right


class PlannedPolicy:
    """Draws a box, then gives the planned answer to the item that the question names in brackets."""

    name = "planned"

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers = answers

    def open(self, *, seed: int, sampling: SamplingParams) -> PlannedSession:
        return PlannedSession(self.answers)

    async def close(self) -> None:
        return None


class PlannedSession:
    def __init__(self, answers: dict[str, str]) -> None:
        self.answers, self.answer = answers, ""

    async def respond(self, observation: Observation) -> Completion:
        if self.answer:
            return Completion(text=f"<think> So. </think> Action: Answer\n<answer> {self.answer} </answer>")
        texts = [part.text for message in observation.messages for part in message.parts if isinstance(part, TextPart)]
        match = re.search(r"\[(\w+ \d+)\]", texts[-1])
        assert match
        self.answer = self.answers[match[1]]
        return Completion(text=DRAWING)

    async def close(self) -> None:
        return None


# --- files ------------------------------------------------------------------------------------------------------------


def make_vsi(folder: Path, num: int, scale: float, plan: Plan) -> None:
    num_videos = max(3, round(NUM_VIDEOS * scale))
    datasets = ("arkitscenes", "scannet", "scannetpp")
    videos = [(datasets[number % 3], f"scene{number}") for number in range(num_videos)]
    for number, (dataset, scene) in enumerate(videos):
        write_video(folder / dataset / f"{scene}.mp4", number)
    kinds = (*NUMERIC, *CHOICE)
    with (folder / "test.jsonl").open("w") as file:
        for number in range(num):
            kind = kinds[number % len(kinds)]
            key = f"vsi {number}"
            if kind in NUMERIC:
                gold = plan.add(key, kind, right="2.5", wrong="9", near="3.05")
            else:
                gold = plan.add(key, kind, right="C", wrong="A")
            dataset, scene = videos[number % num_videos]
            row = {
                "id": number,
                "dataset": dataset,
                "scene_name": scene,
                "question_type": kind,
                "question": f"What is it? [{key}]",
                "options": None if kind in NUMERIC else ["A. bed", "B. lamp", "C. door", "D. sink"],
                "ground_truth": gold,
            }
            file.write(json.dumps(row) + "\n")


def make_spar(folder: Path, num: int, plan: Plan) -> None:
    def row(number: int) -> dict[str, Any]:
        task, key = TASKS[number % len(TASKS)], f"spar {number}"
        question = f"What is it? [{key}]"
        if task in LOW:
            gold = plan.add(key, task, right="2.5", wrong="9", near="3.05")
        elif task == VIEW_CHANGE:
            gold = plan.add(key, task, right="move_right:0.3,rotate_up:10", wrong="no idea")
        else:
            gold = plan.add(key, task, right="C", wrong="A")
            question += "\nA. bed\nB. lamp\nC. door\nD. sink\nYour answer can only include one of options A, B, C or D."
        image = [{"bytes": picture(number + view), "path": None} for view in range(3 if task.endswith("_mv") else 1)]
        texts = {"img_type": "single_view", "format_type": "select", "source": "scannet"}
        return {"id": number, **texts, "task": task, "image": image, "question": question, "answer": gold}

    for part in range(4):
        path = folder / "data" / f"test-{part:05d}-of-00004.parquet"
        write_parquet(path, (row(number) for number in range(num * part // 4, num * (part + 1) // 4)))


def make_mmsi(folder: Path, num: int, plan: Plan) -> None:
    def row(number: int) -> dict[str, Any]:
        kind, key = TYPES[number % len(TYPES)], f"mmsi {number}"
        return {
            "id": number,
            "images": [picture(number + view) for view in range(2 + number % 4)],
            "question_type": kind.replace("-", "–"),
            "question": f"What is it? [{key}]\nOptions: A: bed, B: lamp, C: door, D: sink",
            "answer": plan.add(key, kind, right="D", wrong="B"),
            "thought": "It is a sink.",
        }

    write_parquet(folder / "MMSI_Bench.parquet", map(row, range(num)))


def make_spatialeval(folder: Path, num: int, plan: Plan) -> None:
    def row(number: int) -> dict[str, Any]:
        part, key = ("spatialreal" if number < num else "mazenav"), f"spatialeval {number}"
        gold = plan.add(key, part, right="B", wrong="A") if number < num else "B"
        text = f"What is it? [{key}] Available options:\nA. bed\nB. lamp\nC. door\nD. sink."
        answers = {"oracle_answer": "lamp", "oracle_option": gold, "oracle_full_answer": "B. lamp"}
        return {
            "id": f"{part}.vqa.{number}.0",
            "text": text,
            "image": {"bytes": picture(number), "path": None},
            **answers,
        }

    write_parquet(folder / "vqa" / "test-00000-of-00001.parquet", map(row, range(2 * num)))


def write_parquet(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows)), path, row_group_size=100)


def picture(number: int, size: tuple[int, int] = (112, 84)) -> bytes:
    """A PNG of two colours, nearly each of its own."""
    image = Image.new("RGB", size, (number % 256, number * 7 % 256, number // 256))
    image.paste((255 - number % 256, 80, 40), (10, 10, 50, 60))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def write_video(path: Path, number: int, size: tuple[int, int] = (112, 84)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        pixels = np.full((size[1], size[0], 3), number % 200, dtype=np.uint8)
        for index in range(FRAMES_OF_A_VIDEO):
            pixels[:, 2 * index : 2 * index + 8] = 255 - 5 * index
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))


# --- the pass ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Pass:
    name: str
    seconds: float
    summary: dict[str, Any]


def run_pass(name: str, data: Path, out: Path, plan: Plan, cache: Path) -> Pass:
    """What `vilasr eval` does, with the planned policy."""
    begun = time.perf_counter()
    out.mkdir(parents=True)
    excluded: list[Exclusion] = []
    benchmark = benchmark_named(name, data, LoadOptions(workers=WORKERS, cache=cache, on_excluded=excluded.append))
    header = new_header(
        protocol="compact",
        model="planned",
        seed=0,
        style="default",
        drawing=True,
        sampling=SamplingParams(),
        config={"source": benchmark.source},
    )
    sample_ids: list[str] = []

    def samples() -> Iterable[Sample]:
        for sample in benchmark.samples():
            sample_ids.append(sample.id)
            yield sample

    with RolloutWriter(out / WHOLE_FILE, header) as writer:

        def keep(rollout: Rollout) -> None:
            writer.append(rollout)

        asyncio.run(run_rollouts(samples(), PlannedPolicy(plan.answers), EpisodeConfig(), on_done=keep))
    reasons = {exclusion.id: exclusion.reason for exclusion in excluded}
    record = RunRecord(benchmark=name, sample_ids=sorted(sample_ids), excluded=reasons, complete=True)
    measured = write_results(out, name, record, mode="default")
    return Pass(name=name, seconds=time.perf_counter() - begun, summary=measured.summary)


def expected_score(name: str, scores: dict[str, list[float]]) -> float:
    """The score of a benchmark as its definition says, from the scores of its items."""
    means = {group: fmean(values) for group, values in scores.items()}
    if name == "vsi":
        direction = fmean(means[level] for level in LEVELS)
        others = [mean for group, mean in means.items() if group not in LEVELS]
        assert len(others) == 7
        return 100 * (sum(others) + direction) / 8
    if name == "spar":
        assert len(means) == 20
        return 100 * sum(means.values()) / 20
    values = [score for group in scores.values() for score in group]
    return 100 * sum(values) / len(values)


def check(done: Pass, plan: Plan) -> None:
    """Raises SystemExit when a figure is not the one that the plan gives."""
    expected = {"score": expected_score(done.name, plan.scores)}
    if done.name == "spar":
        for level, tasks in (("Low", LOW), ("Middle", MIDDLE), ("High", HIGH)):
            expected[f"level={level}"] = 100 * fmean(fmean(plan.scores[task]) for task in tasks)
    found = {key: done.summary["score"] if key == "score" else done.summary["groups"][key]["score"] for key in expected}
    wrong = {key: (found[key], value) for key, value in expected.items() if abs(found[key] - value) > 1e-3}
    num = sum(map(len, plan.scores.values()))
    if wrong or done.summary["num"] != num or done.summary["num_excluded"] != plan.num_broken:
        counts = f"{done.summary['num']} of {num} items, {done.summary['num_excluded']} of {plan.num_broken} left out"
        raise SystemExit(f"{done.name}: (found, expected) {wrong}; {counts}")


def peak_mb() -> float:
    """Of this process, and of as many workers as there were at a time."""
    to_mb = 1e6 if sys.platform == "darwin" else 1e3
    own, child = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return float(own + WORKERS * child) / to_mb


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=0.05, help="share of the items and videos (default: 0.05)")
    scale = parser.parse_args().scale
    nums = {name: max(60, round(size * scale)) for name, size in SIZES.items()}
    total = 0.0
    with tempfile.TemporaryDirectory() as text:
        root = Path(text)
        plans = {name: Plan() for name in SIZES}
        (root / "vsi").mkdir()
        begun = time.perf_counter()
        make_vsi(root / "vsi", nums["vsi"], scale, plans["vsi"])
        make_spar(root / "spar", nums["spar"], plans["spar"])
        make_mmsi(root / "mmsi", nums["mmsi"], plans["mmsi"])
        make_spatialeval(root / "spatialeval", nums["spatialeval"], plans["spatialeval"])
        print(f"files made in {time.perf_counter() - begun:.0f} s, {sum(nums.values()):,} items")
        before = peak_mb()
        for name, num in nums.items():
            done = run_pass(name, root / name, root / "out" / name, plans[name], root / "cache")
            check(done, plans[name])
            total += done.seconds
            print(f"  {name:<12}{num:>6,} items {done.seconds:7.1f} s  score {done.summary['score']:.2f}, as computed")
        begun = time.perf_counter()
        next(iter(benchmark_named("vsi", root / "vsi", LoadOptions(cache=root / "cache")).samples()))
        print(f"  first sample of vsi again, with its videos in the cache: {time.perf_counter() - begun:.2f} s")
    memory = f"peak memory {peak_mb():,.0f} MB (limit {LIMIT_MB:,}; {before:,.0f} when the files were made)"
    print(f"in all {total:.0f} s (limit {LIMIT_S}), {memory}")
    print(f"hardware: {hardware()}")
    if total > LIMIT_S or peak_mb() > LIMIT_MB:
        raise SystemExit("over the limit")


if __name__ == "__main__":
    main()
