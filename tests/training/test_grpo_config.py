"""What a run of GRPO is told, which questions it asks, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from handmade_grpo import grpo_config
from pydantic import ValidationError

from vilasr.data import DatasetInfo, write_dataset
from vilasr.errors import InputError
from vilasr.tasks import task_named
from vilasr.training.config import load_config
from vilasr.training.grpo_config import GrpoConfig
from vilasr.training.grpo_prompts import held_out, open_prompts
from vilasr.training.prompt_config import PromptSection

MARKS = {"task": "marks", "options": {"num": "1"}}
CONFIGS = Path(__file__).parents[2] / "configs"


def dataset(folder, *, split="train", num=6, seed=3):
    """A dataset of the task marks."""
    task, options = task_named("marks"), {"num": "1"}
    info = DatasetInfo(name="m", task="marks", version=task.version, split=split, seed=seed, num=num, options=options)
    write_dataset(folder, info, lambda index: task.generate(split, index, seed, options))
    return folder


def config_with(**changes):
    return grpo_config("nano", Path("unused"), steps=1, **changes)


def test_the_defaults_are_the_papers():
    config = GrpoConfig.model_validate(
        {"model": "nano", "out": "x", "steps": 1, "prompts": {"tasks": [{"task": "maze"}]}}
    )
    assert (config.loss.average, config.loss.advantage, config.zero_variance) == ("sequence", "std", "skip")
    assert (config.reward.beta, config.reward.must_draw) == (0, False)
    assert (config.reward.drawing, config.reward.length_penalty) == (0, 0)
    assert (config.temperature, config.num_siblings, config.max_tokens) == (1.0, 8, 1024)
    assert (config.optim.lr, config.optim.weight_decay) == (1e-6, 0.01)
    part = config_with(optim={"warmup": 2}).optim
    assert (part.lr, part.weight_decay, part.warmup) == (1e-6, 0.01, 2)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("**/grpo*.toml")), ids=lambda path: path.name)
def test_every_shipped_config_loads(path):
    assert load_config(GrpoConfig, path).steps > 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lag": 1}, "lag = 1 needs loss.correction"),
        ({"lora": {"rank": 2, "dropout": 0.1}}, "lora.dropout must be 0"),
        ({"loss": {"num_updates": 3}}, "at most num_prompts"),
        ({"concurrency": 1}, "concurrency from num_siblings"),
        ({"num_siblings": 1}, "greater than 1"),
        ({"temperature": 0}, "greater than 0"),
        ({"prompts": {}}, "give either prompts.tasks or prompts.data"),
        (
            {"prompts": {"data": "x"}, "validation": {"every": 1}},
            "validation needs validation.tasks or",
        ),
        ({"validation": {"tasks": [MARKS], "data": "x"}}, "give either validation.tasks or validation.data"),
        ({"reward": {"length_penalty": 1, "free_length": 9, "max_length": 9}}, "free_length must be below"),
        ({"reward": {"beta": 1.0}}, "less than 1"),
        ({"stepps": 1}, "Extra inputs are not permitted"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        config_with(**changes)


# --- questions --------------------------------------------------------------------------------------------------------


def test_the_questions_follow_from_their_place_and_the_seed():
    section = PromptSection.model_validate({"tasks": [MARKS, {**MARKS, "options": {"num": "2"}}]})
    batch, position = open_prompts(section, batch_size=3)(12, 3)
    assert [sample.id.split("/")[3] for sample in batch] == ["12", "13", "14"]
    assert position == 15
    assert [sample.id for sample in open_prompts(section, batch_size=3)(12, 3)[0]] == [sample.id for sample in batch]
    other, _ = open_prompts(section.model_copy(update={"seed": 1}), batch_size=3)(12, 3)
    assert {sample.id for sample in other}.isdisjoint(sample.id for sample in batch)


def test_rows_of_a_folder_are_asked_once_an_epoch_in_a_new_order(tmp_path):
    prompts = open_prompts(PromptSection(data=dataset(tmp_path, num=6)), batch_size=2)
    epochs = [
        [sample.id for first in range(start, start + 6, 2) for sample in prompts(first, 2)[0]] for start in (0, 6)
    ]
    assert len(set(epochs[0])) == 6
    assert sorted(epochs[0]) == sorted(epochs[1])
    assert epochs[0] != epochs[1]


def test_whatever_a_step_asks_again_each_row_is_asked_once_an_epoch_and_no_row_twice_at_a_time(tmp_path):
    prompts = open_prompts(PromptSection(data=dataset(tmp_path, num=5)), batch_size=2)
    asked, positions = [], [0]
    for num in (2, 1, 2, 2, 2, 2):  # the first two, one in the place of the second, and so on
        questions, position = prompts(positions[-1], num)
        asked.append({sample.id for sample in questions})
        positions.append(position)
    assert len(set.union(*asked[:3])) == 5
    assert [len(batch) for batch in asked[3:]] == [2, 2, 2]
    assert positions == [0, 2, 3, 5, 7, 9, 12]  # the fifth row of the second epoch stays alone, and is left out


def test_a_folder_with_fewer_rows_than_a_step_asks_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"expected at least 7 rows, .*; got 6\. Lower num_prompts\."):
        open_prompts(PromptSection(data=dataset(tmp_path, num=6)), batch_size=7)


def test_a_folder_in_which_two_rows_have_one_id_is_refused(tmp_path):
    info = DatasetInfo(name="m", task="marks", version=1, split="train", seed=0, num=2)
    row = task_named("marks").generate("train", 0, 0, {"num": "1"})
    write_dataset(tmp_path, info, lambda index: row)
    with pytest.raises(InputError, match=f"an id of its own for each row; got '{row.id}' twice"):
        open_prompts(PromptSection(data=tmp_path), batch_size=1)


def test_an_unknown_task_is_refused():
    with pytest.raises(InputError, match="got 'chess'"):
        open_prompts(PromptSection.model_validate({"tasks": [{"task": "chess"}]}), batch_size=1)


def test_the_split_that_models_are_evaluated_on_is_refused(tmp_path):
    test = {**MARKS, "split": "test"}
    for section in ({"prompts": {"tasks": [test]}}, {"validation": {"every": 1, "tasks": [test]}}):
        with pytest.raises(ValidationError, match="'train' or 'validation', since models are evaluated on 'test'"):
            config_with(**section)
    folder = dataset(tmp_path, split="test")
    refusal = r'with; got the split "test", which is for evaluation alone\. Make others: vilasr generate marks'
    with pytest.raises(InputError, match=refusal):
        open_prompts(PromptSection(data=folder), batch_size=1)
    with pytest.raises(InputError, match=refusal):
        held_out(config_with(validation={"every": 1, "data": folder}))


# --- validation -------------------------------------------------------------------------------------------------------


def test_validation_takes_the_tasks_of_the_prompts_from_another_split():
    tasks = [MARKS, {**MARKS, "options": {"num": "2"}}]
    samples = held_out(config_with(prompts={"tasks": tasks}, validation={"every": 5, "num": 2}))
    assert [sample.id.split("/")[:4] for sample in samples] == [["marks", "validation", "0", str(n)] for n in range(4)]
    assert held_out(config_with()) == []


@pytest.mark.parametrize(
    "tasks", [[MARKS], [{**MARKS, "options": {"num": "2"}}]], ids=["same samples", "same worlds, other options"]
)
def test_validation_on_the_stream_that_is_trained_on_is_refused(tasks):
    with pytest.raises(InputError, match="got 1 that are, marks/train/0 first"):
        held_out(config_with(validation={"every": 1, "tasks": tasks}))
    assert held_out(config_with(validation={"every": 1, "tasks": tasks, "seed": 1, "num": 1}))


def test_validation_on_the_folder_that_is_trained_on_is_refused(tmp_path):
    folder = dataset(tmp_path / "a")
    with pytest.raises(InputError, match="got 1 that are, marks/train/3 first"):
        held_out(config_with(prompts={"data": folder}, validation={"every": 1, "data": folder}))
    with pytest.raises(InputError, match="got 1 that are, marks/train/3 first"):
        held_out(config_with(prompts={"tasks": [MARKS], "seed": 3}, validation={"every": 1, "data": folder}))


def test_rows_with_the_same_content_are_refused_whatever_they_are_called(tmp_path):
    ours = dataset(tmp_path / "ours", num=3)
    info = DatasetInfo(name="copy", task="copied", version=1, split="train", seed=0, num=1)
    row = replace(task_named("marks").generate("train", 2, 3, {"num": "1"}), id="copied/1")
    write_dataset(tmp_path / "copy", info, lambda index: row)
    with pytest.raises(InputError, match=r"got 1 that are, marks/train/3/2.* first\. Take split = \"valid"):
        held_out(config_with(prompts={"data": ours}, validation={"every": 1, "data": tmp_path / "copy"}))
