"""Commands that are killed with SIGKILL at ten random moments, started again each time, and lose nothing."""

from __future__ import annotations

import json
import random
import time

import pytest
from fork_server import Commands

from vilasr.rollout import read_rollouts

NUM_KILLS = 10
MAX_SECONDS_A_START = 120

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def commands(tmp_path_factory):
    with Commands(tmp_path_factory.mktemp("log") / "output.txt") as server:
        yield server


def run_undisturbed(commands, words):
    commands.start(words)
    assert commands.wait() == 0, commands.log.read_text()


def run_and_kill(commands, words, progress_file, *, num_lines, seed):
    """Start, wait until the file has some random number of lines, wait a little more, kill: ten times. Then finish.

    The moments are spread over the whole run; two that fall close together give a kill while the command still starts.
    The eleventh kill comes when the last line is written, and what follows from it is not.
    """
    rng = random.Random(seed)
    codes = []
    moments = sorted(rng.uniform(0, 0.85 * num_lines) for _ in range(NUM_KILLS))
    for moment in moments:
        commands.start(words)
        wait_for_lines(progress_file, moment)
        time.sleep(rng.uniform(0, 0.03))
        codes.append(commands.kill())
    assert codes.count(-9) >= NUM_KILLS - 2, commands.log.read_text()  # one may have ended before it was killed
    assert {*codes} <= {-9, 0}, commands.log.read_text()
    commands.start(words)
    wait_for_lines(progress_file, num_lines)
    assert commands.kill() in (-9, 0), commands.log.read_text()
    run_undisturbed(commands, words)


def wait_for_lines(path, num):
    deadline = time.monotonic() + MAX_SECONDS_A_START
    while not path.exists() or path.read_bytes().count(b"\n") < num:
        assert time.monotonic() < deadline, f"{path} never had {num} lines"
        time.sleep(0.005)


def told(path):
    """(sample id, sibling) -> how the rollout ended and every word of it. Doubled or broken lines raise."""
    _, rollouts = read_rollouts(path)
    return {
        (rollout.sample.id, rollout.sibling): (rollout.status, [turn.text for turn in rollout.turns])
        for rollout in rollouts
    }


def names_in(folder):
    """Without hidden files: a kill in the middle of a write leaves the part that was written."""
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def without_times(summary):
    return {key: value for key, value in summary.items() if key != "seconds"}


def test_eval_killed_ten_times_gives_the_summary_of_an_undisturbed_run(commands, endpoint, tmp_path):
    words = ["eval", "maze", "--num", 32, "--model", "stub", "--endpoint", endpoint, "--concurrency", 4, "--resume"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run_undisturbed(commands, [*words, "--out", whole])
    run_and_kill(commands, [*words, "--out", killed], killed / "rollouts.jsonl", num_lines=33, seed=1)
    assert told(killed / "rollouts.jsonl") == told(whole / "rollouts.jsonl")
    assert len(told(killed / "rollouts.jsonl")) == 32
    summaries = [json.loads((folder / "summary.json").read_text()) for folder in (whole, killed)]
    assert without_times(summaries[1]) == without_times(summaries[0])
    assert 0 < summaries[0]["score"] < 100
    assert names_in(killed) == names_in(whole)


def test_rollout_killed_ten_times_with_a_model_says_what_an_undisturbed_run_says(commands, tiny, tmp_path):
    data = tmp_path / "mazes"
    run_undisturbed(commands, ["generate", "maze", "--split", "test", "--num", 20, "--seed", 5, "--out", data])
    words = ["rollout", data, "--model", tiny, "--samples-per-prompt", 2, "--temperature", 0]
    words += ["--max-tokens", 24, "--concurrency", 4, "--resume"]
    whole, killed = tmp_path / "whole" / "rollouts.jsonl", tmp_path / "killed" / "rollouts.jsonl"
    run_undisturbed(commands, [*words, "--out", whole])
    run_and_kill(commands, [*words, "--out", killed], killed, num_lines=41, seed=2)
    assert told(killed) == told(whole)
    assert len(told(killed)) == 40
    assert names_in(killed.parent / "images") == names_in(whole.parent / "images")


def test_training_killed_ten_times_ends_with_the_same_weights_and_losses(commands, tiny, tmp_path):
    from safetensors.torch import load_file

    config = tmp_path / "config.toml"
    config.write_text(
        f"""
        model = "{tiny}"
        out = "unset"
        steps = 20
        precision = "fp32"
        threads = 1
        save_every = 3
        optim = {{ lr = 1e-3, warmup = 3, weight_decay = 0.01 }}
        [data]
        batch_size = 2
        window = 2
        max_tokens = 600
        tasks = [{{ task = "marks", options = {{ num = "1" }} }}]
        """
    )
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run_undisturbed(commands, ["train", "sft", config, f"out={whole}"])
    run_and_kill(commands, ["train", "sft", config, f"out={killed}"], killed / "metrics.jsonl", num_lines=20, seed=3)
    metrics = [
        [
            {key: value for key, value in json.loads(line).items() if key != "seconds"}
            for line in (folder / "metrics.jsonl").read_text().splitlines()
        ]
        for folder in (whole, killed)
    ]
    assert [line["step"] for line in metrics[0]] == list(range(20))
    assert metrics[1] == metrics[0]
    assert metrics[0][-1]["loss"] < metrics[0][0]["loss"]
    weights = [load_file(folder / "model" / "model.safetensors") for folder in (whole, killed)]
    assert set(weights[0]) == set(weights[1])
    assert all(weights[0][name].equal(weights[1][name]) for name in weights[0])
    run = json.loads((killed / "run.json").read_text())
    assert run["config"]["steps"] == 20
    assert set(run["versions"]) >= {"vilasr", "python", "torch", "transformers"}


def test_grpo_killed_ten_times_ends_with_the_same_weights_rollouts_and_metrics(commands, brief, tmp_path):
    from safetensors.torch import load_file

    config = tmp_path / "config.toml"
    config.write_text(
        f"""
        model = "{brief}"
        out = "unset"
        steps = 12
        num_prompts = 2
        num_siblings = 4
        max_tokens = 60
        threads = 1
        save_every = 3
        keep_rollouts = 5
        optim = {{ lr = 1e-3 }}
        reward = {{ length_penalty = 1.0, free_length = 0, max_length = 240 }}
        prompts = {{ tasks = [{{ task = "marks", options = {{ num = "1" }} }}] }}
        validation = {{ every = 6, num = 2 }}
        """
    )
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run_undisturbed(commands, ["train", "grpo", config, f"out={whole}"])
    run_and_kill(commands, ["train", "grpo", config, f"out={killed}"], killed / "metrics.jsonl", num_lines=13, seed=4)
    metrics = [
        [
            {key: value for key, value in json.loads(line).items() if not key.startswith("seconds")}
            for line in (folder / "metrics.jsonl").read_text().splitlines()
        ]
        for folder in (whole, killed)
    ]
    assert [line["step"] for line in metrics[0]] == list(range(13))
    assert metrics[1] == metrics[0]
    assert sum(line.get("updates", 0) for line in metrics[0]) > 6
    assert sum("validation_reward" in line for line in metrics[0]) == 3
    assert (killed / "validation.jsonl").read_text() == (whole / "validation.jsonl").read_text()
    weights = [load_file(folder / "model" / "model.safetensors") for folder in (whole, killed)]
    assert set(weights[0]) == set(weights[1])
    assert all(weights[0][name].equal(weights[1][name]) for name in weights[0])
    for name in ("000000.jsonl", "000005.jsonl", "000010.jsonl"):
        assert told(killed / "rollouts" / name) == told(whole / "rollouts" / name)
