"""What would stop the fine-tuning after rejection sampling stops it before anything is sampled."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
import torch
from handmade import noise, problem
from test_held_out import write_rollouts

from vilasr.data import DatasetInfo, write_dataset
from vilasr.errors import InputError
from vilasr.policies.transformers import load_model
from vilasr.training.beforehand import check_fine_tuning
from vilasr.training.rejection import train_rejection
from vilasr.training.rejection_config import RejectionConfig

MARKS = {"task": "marks", "options": {"num": "1"}}
HELD_OUT = {**MARKS, "split": "validation"}


def config_with(folder, out, *, prompts=None, replay=(), **sft):
    """A run whose endpoint nobody answers."""
    return RejectionConfig.model_validate(
        {
            "model": str(folder),
            "out": out,
            "prompts": prompts or {"tasks": [MARKS], "num": 2},
            "endpoint": {"url": "http://127.0.0.1:9/v1", "model": "nobody"},
            "replay": list(replay),
            "sft": {"steps": 1, "data": {"batch_size": 1}, **sft},
        }
    )


def test_a_model_without_weights_has_the_layers_of_the_one_that_is_read(tiny_folder, tmp_path):
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    (folder / "model.safetensors").unlink()
    without, loaded = load_model(folder, device="meta"), load_model(tiny_folder)
    shapes = [{name: weight.shape for name, weight in each.model.named_parameters()} for each in (without, loaded)]
    assert shapes[0] == shapes[1]
    assert {weight.device.type for weight in without.model.parameters()} == {"meta"}
    assert (without.images, without.sizer, without.protocol) == (loaded.images, loaded.sizer, loaded.protocol)


def test_what_can_be_trained_passes_and_the_generator_stays_as_it_was(nano_folder, tmp_path):
    state = torch.get_rng_state()
    validation = {"num": 1, "tasks": [HELD_OUT]}
    settings = {"lora": {"rank": 2}, "matmul_attention": True, "gradient_checkpointing": True}
    check_fine_tuning(config_with(nano_folder, tmp_path, replay=[MARKS], validation=validation, **settings))
    assert torch.equal(torch.get_rng_state(), state)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"replay": [{"dataset": "nowhere"}]}, "nowhere: expected a dataset folder"),
        ({"replay": [MARKS, {"task": "marks", "options": {"num": "9"}}]}, "option num of task marks"),
        ({"replay": [{"rollouts": "nowhere.jsonl"}]}, "nowhere.jsonl: expected a rollout file"),
        ({"lora": {"rank": 2, "targets": ["query"]}}, r"lora\.targets: expected names of linear layers .*; got query"),
        ({"optim": {"freeze": ["vision", "projector", "text"]}}, r"optim\.freeze: expected something left to train"),
        (
            {"matmul_attention": True, "pointing": {"weight": 0.1, "layer": 9}},
            "pointing: expected layers below 3 and .*; got layer 9",
        ),
        ({"validation": {"num": 1, "rollouts": "nowhere.jsonl"}}, "nowhere.jsonl: expected a rollout file"),
        ({"validation": {"num": 1, "tasks": [MARKS]}}, "validation: .* got 1 that are, marks/train/0 first"),
        (
            {"validation": {"num": 1, "tasks": [MARKS], "seed": 5}, "replay": [MARKS], "data": {"seed": 5}},
            "validation: .* got 1 that are, marks/train/5 first",
        ),
    ],
    ids=["folder", "option", "file", "adapters", "freezing", "guidance", "validation", "questions", "replay"],
)
def test_before_anything_is_sampled_it_is_told(nano_folder, tmp_path, settings, message):
    config = config_with(nano_folder, tmp_path / "run", **settings)
    with pytest.raises(InputError, match=message):
        train_rejection(config)
    assert not config.sampled.exists()


def test_a_question_of_a_folder_may_not_be_held_out_as_well_where_it_is_asked(nano_folder, tmp_path):
    """Rows are told by their pictures and questions: those of a file may be called otherwise."""
    info = DatasetInfo(name="own", task="imported-own", version=0, split="imported", seed=0, num=2)
    rows = [problem(noise(number, (160, 160))) for number in (1, 2)]
    write_dataset(tmp_path / "own", info, lambda index: replace(rows[index], id=f"own/{index}"))
    held_out = write_rollouts(tmp_path / "held-out" / "rollouts.jsonl", "other/1", pictures=[2])
    validation = {"num": 1, "rollouts": held_out}
    folder = tmp_path / "own"
    check_fine_tuning(
        config_with(nano_folder, tmp_path / "run", prompts={"data": folder, "num": 1}, validation=validation)
    )
    config = config_with(nano_folder, tmp_path / "run", prompts={"data": folder}, validation=validation)
    with pytest.raises(InputError, match=r"got 1 that are, own/1 first\. Leave them out of one of the two; or"):
        check_fine_tuning(config)
