"""Two processes, started by torchrun, do what one does. Their part is in two_processes.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from shutil import copytree

import pytest
import torch
from safetensors.torch import load_file
from two_processes import MARKS, adapted_config, gradient_config, gradients, run_config

from vilasr.env import EpisodeConfig
from vilasr.errors import InputError
from vilasr.policies.transformers import load_model
from vilasr.protocol import COMPACT
from vilasr.training.config import DataSection, LoraSection
from vilasr.training.distributed import ALONE, Ranks, in_force
from vilasr.training.metrics import read_metrics
from vilasr.training.resume import find_start
from vilasr.training.sft import train_sft
from vilasr.training.stream import open_stream

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
COMMAND = """
steps = 1
precision = "fp32"
[data]
batch_size = 2
window = 1
tasks = [{ task = "marks", options = { num = "1" }, without_drawing = 1.0 }]
"""


@pytest.fixture(scope="module")
def two(nano_folder, tmp_path_factory):
    """The folder that two processes have left behind."""
    out = tmp_path_factory.mktemp("two")
    (out / "command.toml").write_text(COMMAND)
    paths = os.pathsep.join(map(str, (HERE, HERE.parent / "policies")))
    words = ["-m", "torch.distributed.run", "--nproc_per_node", "2", "--local-addr", "127.0.0.1"]
    words += [HERE / "two_processes.py", nano_folder, out]
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def alone(nano_folder, tmp_path_factory):
    """The gradients and metrics of one process that takes the batch whole: of all weights, and of adapters."""
    out = tmp_path_factory.mktemp("one")
    return {
        "weights": gradients(gradient_config(nano_folder, out), ALONE),
        "adapters": gradients(gradient_config(nano_folder, out, lora=LoraSection(rank=2)), ALONE),
    }


def test_the_package_is_a_program_that_torchrun_can_start():
    done = subprocess.run([sys.executable, "-m", "vilasr", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("vilasr ")


@pytest.mark.parametrize("strategy", ["ddp", "fsdp2"])
@pytest.mark.parametrize(("name", "trained"), [("whole", "weights"), ("parts", "weights"), ("lora", "adapters")])
def test_two_processes_have_the_gradients_of_one(two, alone, strategy, name, trained):
    expected, metrics = alone[trained]
    found = load_file(two / f"{strategy}-{name}.safetensors")
    assert found.keys() == expected.keys()
    difference = max((found[key] - expected[key]).abs().max().item() for key in expected)
    print(f"{strategy}, {name}: largest difference {difference:.1e}")
    assert difference < 1e-6
    told = json.loads((two / f"{strategy}-{name}.json").read_text())
    assert {key: told[key] for key in ("loss", "confident", "grad_norm")} == pytest.approx(
        {key: metrics[key] for key in ("loss", "confident", "grad_norm")}, rel=1e-5
    )
    assert 0 < told["tokens"] <= metrics["tokens"]


def weights(run):
    return load_file(run / "model" / "model.safetensors")


def log(run):
    return [
        {key: value for key, value in line.items() if key != "seconds"} for line in read_metrics(run / "metrics.jsonl")
    ]


def test_a_run_of_two_processes_goes_like_that_of_one(two, nano_folder, tmp_path):
    config = run_config(nano_folder, tmp_path / "run")
    train_sft(config)
    for line, expected in zip(log(two / "as-one"), log(config.out), strict=True):
        assert line["loss"] == pytest.approx(expected["loss"], abs=1e-5)
    found, expected = weights(two / "as-one"), weights(config.out)
    assert found.keys() == expected.keys()
    # AdamW divides by the root of tiny moments, which carries rounding far in the first steps.
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize("run", ["ddp", "fsdp2"])
def test_two_processes_that_were_stopped_end_with_the_very_same_weights_and_log(two, run):
    straight, stopped = weights(two / run / "straight"), weights(two / run / "stopped")
    assert straight.keys() == stopped.keys()
    assert all(torch.equal(stopped[name], tensor) for name, tensor in straight.items())
    assert log(two / run / "stopped") == log(two / run / "straight")
    load_model(two / run / "stopped" / "model")


def test_checkpoints_of_pieces_hold_whole_weights_and_moments(two, nano_folder):
    before = load_file(nano_folder / "model.safetensors")
    checkpoint = two / "fsdp2" / "straight" / "checkpoints" / "000004"
    saved = load_file(checkpoint / "model.safetensors")
    assert {name: (tensor.shape, tensor.dtype) for name, tensor in saved.items()} == {
        name: (tensor.shape, torch.float32) for name, tensor in before.items()
    }
    model = load_model(checkpoint).model
    moments = load_file(checkpoint / "optimizer.safetensors")
    num_moments = sum(tensor.numel() for name, tensor in moments.items() if name.endswith(".exp_avg"))
    assert num_moments == sum(weight.numel() for weight in model.parameters())


def items(two, *, part):
    """Digests by step and process."""
    by_rank = [
        [json.loads(line) for line in (two / "ddp" / f"items-{part}-{rank}.jsonl").read_text().splitlines()]
        for rank in (0, 1)
    ]
    return list(zip(*by_rank, strict=True))


def test_no_item_is_skipped_or_repeated_over_a_stop(two, nano):
    straight, stopped, resumed = (items(two, part=part) for part in ("straight", "stopped", "resumed"))
    assert len(stopped) == 3
    assert stopped[:2] + resumed == straight
    config = run_config("nano", "out")
    episode = EpisodeConfig(protocol=COMPACT, sizer=nano.sizer)
    load = open_stream(config.data, episode, chat=nano.chat, settings=nano.images)
    expected = [sha256(load(index).patches.numpy().tobytes()).hexdigest() for index in range(16)]
    seen = [digest for step in straight for own in step for digest in own]
    assert sorted(seen) == sorted(expected)
    assert all(len(own) == 2 for step in straight for own in step)


def test_adapters_in_pieces_are_merged_and_the_held_out_loss_is_that_of_one_process(two, nano_folder, tmp_path):
    config = adapted_config(nano_folder, tmp_path / "run")
    train_sft(config)
    told, expected = ([line.get("held_out_loss") for line in log(run)] for run in (two / "lora", config.out))
    assert told == [None, None, pytest.approx(expected[2], abs=1e-4), pytest.approx(expected[3], abs=1e-4)]
    found, expected = weights(two / "lora"), weights(config.out)
    assert found.keys() == expected.keys()
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)


def test_the_command_says_which_strategy_is_in_force_and_only_the_first_process_speaks(two):
    first, second = ((two / f"told-{rank}.txt").read_text() for rank in (0, 1))
    assert "Strategy: ddp over 2 processes." in first
    assert "1 steps, last loss" in first
    assert "Strategy" not in second
    assert "last loss" not in second
    assert json.loads((two / "command" / "run.json").read_text())["strategy"] == "ddp over 2 processes"
    assert (two / "command" / "model" / "model.safetensors").exists()
    for told in (first, second):
        assert "error: data.batch_size: expected a multiple of the 2 processes; got 3." in told


def test_without_torchrun_there_is_one_process_whatever_the_strategy():
    assert in_force("fsdp2") == "one process"


def test_a_stage_that_runs_in_one_process_is_not_started_in_two(monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match=r"torchrun: expected one process for this stage; got 2\. Start it without\."):
        in_force(None)


def test_a_run_goes_on_with_another_number_of_processes_only_between_windows(two, nano_folder, tmp_path):
    data = DataSection(tasks=[MARKS], batch_size=4, window=2)
    copytree(two / "ddp" / "straight", tmp_path / "run")
    config = run_config(nano_folder, tmp_path / "run", data=data)
    train_sft(config)  # after the fourth step, which ends a window
    state_file = tmp_path / "run" / "checkpoints" / "000004" / "state.json"
    state = json.loads(state_file.read_text())
    assert state["processes"] == 2
    state_file.write_text(json.dumps(state | {"step": 3}))
    with pytest.raises(InputError, match=r"000004: expected the 2 processes that have shared the data so far; got 1\."):
        train_sft(config)


def test_with_auxiliary_losses_a_run_keeps_its_processes_and_the_size_of_its_passes(nano_folder, tmp_path):
    def config(**changes):
        copying = {"concluding": 0.1}
        return run_config(nano_folder, tmp_path / "run", copying=copying, **changes)

    begun = find_start(config(), tmp_path / "run").identity
    for saved, of_one, told in (
        ({"processes": 2, "micro_tokens": 512}, 512, "expected the 2 processes that have .* Start as many.$"),
        ({"processes": 1, "micro_tokens": 512}, None, "micro_tokens: expected 512, as this run began: .*; got None"),
    ):
        folder = tmp_path / "run" / "checkpoints" / "000002"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "state.json").write_text(json.dumps({"step": 2, **begun, **saved}))
        with pytest.raises(InputError, match=told):
            train_sft(config(micro_tokens=of_one))


def test_sums_of_one_process_are_its_own_values():
    assert Ranks().summed(1.5, 2) == [1.5, 2]
    assert Ranks().largest(3) == 3
