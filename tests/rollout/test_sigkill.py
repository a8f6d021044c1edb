"""A real process, killed for real at random moments."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time

from vilasr.rollout import read_rollouts

WRITE = """
import asyncio, sys
from PIL import Image
from vilasr.env import EpisodeConfig
from vilasr.policies.scripted import ScriptedPolicy
from vilasr.rollout import RolloutWriter, new_header, run_rollouts
from vilasr.types import Sample, SamplingParams

config = EpisodeConfig()
header = new_header(protocol="compact", model="scripted", seed=1, style="default", drawing=True,
                    sampling=SamplingParams(), config={"limits": config.limits})

def samples():
    for number in range(40):
        image = Image.new("RGB", (56, 56), (number, 2 * number, 0))
        yield Sample(id=str(number), task="maze", question="?", images=(image,), options=("x", "y"), answer="A")

def say(observation, turn):
    return "<think> " + "long " * 20000 + "</think> Action: Answer <answer>A</answer>"

with RolloutWriter(sys.argv[1], header, resume=True) as writer:
    print("open", flush=True)
    def keep(rollout):
        writer.append(rollout)
        print("done", flush=True)
    asyncio.run(run_rollouts(samples(), ScriptedPolicy(say), config, num_siblings=2, concurrency=3, seed=1,
                             on_done=keep, skip=lambda name, sibling: (name, sibling) in writer.done))
"""


def test_a_run_that_is_killed_again_and_again_loses_and_doubles_nothing(tmp_path):
    path = tmp_path / "rollouts.jsonl"
    rng = random.Random(0)
    num_told = 0
    for _ in range(10):
        process = subprocess.Popen([sys.executable, "-c", WRITE, str(path)], stdout=subprocess.PIPE, text=True)
        for _ in range(rng.randrange(1, 9)):
            num_told += process.stdout.readline() == "done\n"
        time.sleep(rng.random() * 0.01)
        process.kill()
        num_told += process.communicate()[0].count("done\n")
        if path.exists() and rng.random() < 0.5:  # a line of which only a part reached the disk
            with path.open("ab") as stream:
                stream.write(b'{"sample":{"id":"0","tas')
    num_there = len(list(read_rollouts(path, on_bad_line=lambda error: None)[1]))
    assert 0 < num_told <= num_there
    subprocess.run(
        [sys.executable, "-c", WRITE, str(path)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    rollouts = list(read_rollouts(path)[1])
    keys = [(rollout.sample.id, rollout.sibling) for rollout in rollouts]
    assert sorted(keys) == sorted((str(number), sibling) for number in range(40) for sibling in range(2))
    assert all(image.exists() for rollout in rollouts for image in rollout.sample.images)
    assert path.read_bytes().count(b'"schema_version"') == 1
    assert all(json.loads(line) for line in path.read_bytes().splitlines())
