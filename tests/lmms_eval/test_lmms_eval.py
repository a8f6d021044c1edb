"""With the real lmms-eval, where it is installed (docs/lmms_eval.md says how)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import pytest
from tiny_task import write_task

from vilasr.rollout import read_rollouts

pytestmark = pytest.mark.skipif(find_spec("lmms_eval") is None, reason="lmms-eval is not installed: extra lmms-eval")
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


def run_tiny_maze(task, *words):
    """What `python -m lmms_eval` prints, errors included: its exit code is always 0."""
    command = [sys.executable, "-m", "lmms_eval", "--model", "vilasr", "--tasks", "tiny_maze", "--include_path", task]
    environment = os.environ | OFFLINE | {"HF_HOME": str(task.parent / "cache")}
    done = subprocess.run(
        [str(word) for word in (*command, *words)], capture_output=True, text=True, env=environment, timeout=300
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("drawing", [True, False])
def test_a_task_of_lmms_eval_is_scored_with_and_without_drawing(tmp_path, drawing):
    samples = write_task(tmp_path / "task", num=4, broken=1)
    kept = tmp_path / "kept"
    told = run_tiny_maze(
        tmp_path / "task",
        *("--model_args", f"model=nano,drawing={str(drawing).lower()},rollouts_path={kept}"),
        *("--output_path", tmp_path / "out"),
    )
    assert "tiny_maze/test/3 gets an empty answer. " in told
    rollouts = {rollout.sample.id: rollout for rollout in read_rollouts(kept / "tiny_maze.jsonl")[1]}
    assert rollouts.keys() == {"tiny_maze/test/0", "tiny_maze/test/1", "tiny_maze/test/2"}
    assert all(bool(rollout.actions) == drawing for rollout in rollouts.values())
    right = sum(rollouts[f"tiny_maze/test/{index}"].answer == samples[index].answer for index in range(3))
    (results,) = (tmp_path / "out").rglob("*_results.json")
    assert json.loads(results.read_text())["results"]["tiny_maze"]["accuracy,none"] == right / 4


def test_a_task_that_compares_probabilities_is_refused(tmp_path):
    write_task(tmp_path / "task", num=1, output_type="multiple_choice")
    told = run_tiny_maze(tmp_path / "task")
    assert "task: expected the output type generate_until; got loglikelihood or multiple_choice." in told
