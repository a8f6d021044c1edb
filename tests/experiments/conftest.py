"""A study of a few lines."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1] / "policies")]

STUDY = """
out = "{folder}/runs"
page = "{folder}/results.md"
seeds = [0, 1]

[[models]]
name = "base"
title = "the start"
start = "{folder}/start"
made_by = "make nano"

[[models]]
name = "sft"
title = "stage 1"
stage = "sft"
config = "{folder}/sft.toml"
start = "base"

[[models]]
name = "grpo"
title = "stage 3"
stage = "grpo"
config = "{folder}/grpo.toml"
start = "sft"

[[evaluations]]
name = "mazes"
benchmark = "maze"
num = 4

[[evaluations]]
name = "attempts"
benchmark = "maze"
num = 1
samples_per_prompt = 4
temperature = 1
models = ["sft"]

[[measures]]
title = "mazes"
evaluation = "mazes"

[[measures]]
title = "attempts"
evaluation = "attempts"

[[questions]]
ask = "Does stage 1 help?"
model = "sft"
against = "base"
"""
SFT = """
steps = {steps}
threads = 1
precision = "fp32"
[data]
seed = 5
batch_size = 1
window = 1
max_tokens = 600
tasks = [{{ task = "marks", options = {{ num = "1" }} }}]
"""
GRPO = """
steps = 1
num_prompts = 1
num_siblings = 2
max_tokens = 5
seed = 1
threads = 1
prompts = { seed = 7, tasks = [{ task = "marks" }] }
validation = { every = 1, num = 2 }
"""


@pytest.fixture
def study_file(tmp_path):
    """A study of two seeds, and the configs of its two stages."""
    (tmp_path / "study.toml").write_text(STUDY.format(folder=tmp_path))
    (tmp_path / "sft.toml").write_text(SFT.format(steps=2))
    (tmp_path / "grpo.toml").write_text(GRPO)
    return tmp_path / "study.toml"
