"""Whose folder it is: a run goes on with the data it was started with, and with no other."""

from __future__ import annotations

import json
import shutil

import pytest
from handmade import sft_config
from handmade_grpo import grpo_config, loud

from vilasr.data import DatasetInfo, write_dataset
from vilasr.errors import InputError
from vilasr.tasks import task_named
from vilasr.training.checkpoint import read_state
from vilasr.training.config import DataSection, TaskSource
from vilasr.training.grpo import train_grpo
from vilasr.training.resume import find_start, identity, only_run
from vilasr.training.sft import train_sft

OPTIONS = {"num": "1"}


def write_marks(folder, *, seed):
    task = task_named("marks")
    info = DatasetInfo(name="m", task="marks", version=task.version, split="train", seed=seed, num=2, options=OPTIONS)
    write_dataset(folder, info, lambda index: task.generate("train", index, seed, OPTIONS))
    return folder


def sft_on(out, *, model="nano", **source):
    data = DataSection(tasks=[TaskSource(without_drawing=1.0, **source)], batch_size=2, window=2)
    return sft_config(model, out, steps=1, data=data)


def checkpoint_of(config, state):
    """The folder of a run that has only this to go on from."""
    folder = config.out / "checkpoints" / "000001"
    folder.mkdir(parents=True)
    (folder / "state.json").write_text(json.dumps({"step": 1, **state}))
    return folder


def start_of(config):
    start = find_start(config, config.out)
    return start.folder, start.step


def test_a_run_goes_on_with_what_its_checkpoint_says(tmp_path):
    config = sft_config("nano", tmp_path / "run", steps=1)
    new = find_start(config, config.out)
    assert (new.folder, new.step, new.state) == (None, 0, {})
    found = checkpoint_of(config, new.identity | {"position": 7})
    start = find_start(config, config.out)
    assert (start.folder, start.step, start.state["position"]) == (found, 1, 7)
    assert start.identity == new.identity == identity(config)


def test_a_rollout_file_that_was_reordered_or_has_grown_is_refused(tmp_path):
    path = tmp_path / "rollouts.jsonl"
    path.write_text("header\nfirst\nsecond\n")
    config = sft_on(tmp_path / "run", rollouts=path)
    found = checkpoint_of(config, identity(config))
    assert start_of(config) == (found, 1)
    for changed in ("header\nsecond\nfirst\n", "header\nfirst\nsecond\nthird\n"):
        path.write_text(changed)
        with pytest.raises(
            InputError,
            match=r"rollouts\.jsonl: expected what it held when the run in .* was started; got something else",
        ):
            find_start(config, config.out)


def test_a_rollout_file_that_is_the_whole_data_counts_too(tmp_path):
    path = tmp_path / "rollouts.jsonl"
    path.write_text("header\nfirst\n")
    config = sft_config("nano", tmp_path / "run", steps=1, data=DataSection(rollouts=path))
    before = identity(config)
    path.write_text("header\nother\n")
    assert identity(config)["config"] == before["config"]
    assert identity(config)["data"].keys() == before["data"].keys() == {str(path)}
    assert identity(config)["data"] != before["data"]


def test_rows_that_were_changed_are_other_data_though_the_dataset_says_the_same_of_itself(tmp_path):
    folder = write_marks(tmp_path / "set", seed=1)
    config = sft_on(tmp_path / "run", dataset=folder)
    found = checkpoint_of(config, identity(config))
    shutil.rmtree(folder)
    write_marks(folder, seed=1)
    assert start_of(config) == (found, 1)
    shutil.copytree(write_marks(tmp_path / "other", seed=2) / "data", folder / "data", dirs_exist_ok=True)
    with pytest.raises(InputError, match=r"set: expected what it held .*; got something else\. Put that back, or give"):
        find_start(config, config.out)


def test_a_model_that_was_trained_anew_begins_another_run(tmp_path):
    (tmp_path / "model").mkdir()
    weights = tmp_path / "model" / "model.safetensors"
    weights.write_bytes(b"first")
    config = sft_on(tmp_path / "run", model=str(tmp_path / "model"), task="marks")
    checkpoint_of(config, identity(config))
    assert start_of(config)[1] == 1
    weights.write_bytes(b"other")
    with pytest.raises(InputError, match=r"model: expected what it held when the run in .*; got something else"):
        find_start(config, config.out)
    shutil.rmtree(tmp_path / "model")  # of a chain that is finished the first links may go
    assert start_of(config)[1] == 1


@pytest.mark.parametrize("stage", ["sft", "grpo"])
def test_a_folder_is_left_to_the_run_that_is_at_work_in_it(nano_folder, tmp_path, stage):
    out = tmp_path / "run"
    refused = pytest.raises(InputError, match=r"run: expected a folder of our own; got another run that is at work")
    with only_run(out), refused:
        if stage == "sft":
            train_sft(sft_on(out, model=nano_folder, task="marks", options=OPTIONS))
        else:
            train_grpo(grpo_config(nano_folder, out, steps=1), reward=loud)
    assert [path.name for path in out.iterdir()] == [".lock"]


def test_data_that_cannot_be_read_are_left_to_those_who_need_them(tmp_path):
    assert identity(sft_on(tmp_path / "run", dataset=tmp_path / "none"))["data"] == {}
    assert identity(sft_on(tmp_path / "run", rollouts=tmp_path / "none.jsonl"))["data"] == {}


def test_a_run_begun_before_data_were_digested_goes_on(tmp_path):
    config = sft_on(tmp_path / "run", dataset=write_marks(tmp_path / "set", seed=1))
    assert start_of(config) == (None, 0)
    found = checkpoint_of(config, {"config": identity(config)["config"]})
    assert start_of(config) == (found, 1)


@pytest.mark.parametrize("stage", ["sft", "grpo"])
def test_a_dataset_of_another_seed_under_the_same_name_is_refused(nano_folder, tmp_path, stage):
    folder, out = write_marks(tmp_path / "set", seed=1), tmp_path / "run"

    def run():
        if stage == "sft":
            train_sft(sft_on(out, model=nano_folder, dataset=folder))
        else:
            train_grpo(grpo_config(nano_folder, out, steps=1, prompts={"data": folder}), reward=loud)

    run()
    assert read_state(out / "checkpoints" / "000001")["data"].keys() == {str(folder), str(nano_folder)}
    run()  # nothing left to do
    shutil.rmtree(folder)
    write_marks(folder, seed=2)
    with pytest.raises(
        InputError, match=r"set: expected what it held when the run in .* was started; got something else"
    ):
        run()
