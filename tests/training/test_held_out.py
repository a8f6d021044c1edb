"""The loss on samples that are never trained on, and what counts as one."""

from __future__ import annotations

import math
from dataclasses import replace
from zlib import crc32

import pytest
import torch
from handmade import noise, problem, sft_config

from vilasr.data import DatasetInfo, write_dataset
from vilasr.env import Episode, EpisodeConfig
from vilasr.errors import InputError
from vilasr.policies.transformers import load_model
from vilasr.protocol import COMPACT, format_turn
from vilasr.rollout import RolloutWriter, new_header
from vilasr.training.config import DataSection, TaskSource, ValidationSection
from vilasr.training.distributed import ALONE
from vilasr.training.held_out import HeldOut, check_held_out
from vilasr.training.learner import open_learner
from vilasr.training.metrics import read_metrics
from vilasr.training.sft import train_sft
from vilasr.types import SamplingParams

MARKS = TaskSource(task="marks", split="validation", options={"num": "1"}, without_drawing=1.0)


def write_rollouts(path, *ids, pictures=None):
    """One turn each, on a sample with that id and a picture of its own, or those of the given numbers."""
    header = new_header(
        protocol="compact", model="teacher", seed=0, style="default", drawing=True, sampling=SamplingParams()
    )
    with RolloutWriter(path, header) as writer:
        for name, picture in zip(ids, pictures or [crc32(name.encode()) for name in ids], strict=True):
            sample = problem(noise(picture, (160, 160)))
            episode = Episode(replace(sample, id=name), EpisodeConfig(protocol=COMPACT))
            episode.reset()
            episode.step(format_turn("Yes.", answer="A", protocol=COMPACT, sizes=[], model_sizes=[]))
            writer.append(episode.rollout())
    return path


def test_the_loss_is_measured_every_so_many_steps_and_after_the_last(nano_folder, tmp_path):
    validation = ValidationSection(tasks=[MARKS], num=3, every=2)
    settings = {"steps": 5, "save_every": 5}
    train_sft(sft_config(nano_folder, tmp_path / "with", validation=validation, **settings))
    train_sft(sft_config(nano_folder, tmp_path / "without", **settings))
    lines = read_metrics(tmp_path / "with" / "metrics.jsonl")
    assert [line["step"] for line in lines if "held_out_loss" in line] == [1, 3, 4]
    assert lines[-1]["held_out_loss"] < lines[1]["held_out_loss"]
    assert [line["loss"] for line in lines] == [
        line["loss"] for line in read_metrics(tmp_path / "without" / "metrics.jsonl")
    ]


@pytest.mark.parametrize("micro_tokens", [None, 1])
def test_the_loss_of_a_model_that_knows_nothing_is_that_of_even_odds(nano_folder, tmp_path, micro_tokens):
    validation = ValidationSection(tasks=[MARKS], num=3)
    config = sft_config(nano_folder, tmp_path, steps=1, validation=validation, micro_tokens=micro_tokens)
    learner = open_learner(config, ALONE, start=None)
    with torch.no_grad():
        learner.model.get_input_embeddings().weight.zero_()  # tied: every logit is 0
    held_out = HeldOut(config, EpisodeConfig(protocol=COMPACT, sizer=learner.loaded.sizer), learner)
    assert held_out.loss() == pytest.approx(math.log(learner.model.config.text_config.vocab_size), rel=1e-5)
    assert learner.model.training


def test_rollouts_can_be_held_out(nano_folder, tmp_path):
    path = write_rollouts(tmp_path / "rollouts.jsonl", "a/1", "a/2")
    config = sft_config(
        nano_folder, tmp_path / "run", steps=1, validation=ValidationSection(rollouts=path, num=2), max_pixels=224**2
    )
    train_sft(config)
    assert read_metrics(tmp_path / "run" / "metrics.jsonl")[0]["held_out_loss"] > 0
    assert load_model(tmp_path / "run" / "model").sizer.max_pixels == 224**2


def checked(tmp_path, validation, **data):
    check_held_out(sft_config("", tmp_path, steps=1, validation=validation, data=DataSection(**data)))


def test_a_task_is_apart_by_its_split_or_by_the_seed(tmp_path):
    train = MARKS.model_copy(update={"split": "train"})
    checked(tmp_path, ValidationSection(tasks=[MARKS], num=1), tasks=[train])
    checked(tmp_path, ValidationSection(tasks=[train], num=1, seed=1), tasks=[train])
    said = "validation: expected samples that are not trained on; got 1 that are, marks/train/0 first"
    with pytest.raises(
        InputError, match=rf'{said}\. Take split = "validation", or another seed, for one of the two\.$'
    ):
        checked(tmp_path, ValidationSection(tasks=[train], num=1), tasks=[train])


def test_rollouts_are_apart_by_the_ids_of_their_samples(tmp_path):
    one = write_rollouts(tmp_path / "one" / "rollouts.jsonl", "a/1", "marks/train/0/5/1-1")
    other = write_rollouts(tmp_path / "other" / "rollouts.jsonl", "a/1", "b/1")
    apart = write_rollouts(tmp_path / "apart" / "rollouts.jsonl", "b/2")
    train = MARKS.model_copy(update={"split": "train"})
    checked(tmp_path, ValidationSection(rollouts=apart, num=1), rollouts=one)
    with pytest.raises(InputError, match=r"got 1 that are, a/1 first"):
        checked(tmp_path, ValidationSection(rollouts=other, num=1), rollouts=one)
    with pytest.raises(InputError, match=r"got 1 that are, marks/train/0 first"):
        checked(tmp_path, ValidationSection(tasks=[train], num=1), rollouts=one)
    with pytest.raises(InputError, match=r"got 1 that are, marks/train/0 first"):
        checked(tmp_path, ValidationSection(rollouts=one, num=1), tasks=[train])
    with pytest.raises(InputError, match=r"got 1 that are, a/1 first"):
        checked(tmp_path, ValidationSection(rollouts=other, num=1), tasks=[TaskSource(rollouts=one)])


def test_the_same_pictures_and_questions_under_other_names_are_refused(tmp_path):
    one = write_rollouts(tmp_path / "one" / "rollouts.jsonl", "a/1", "a/2", pictures=[1, 2])
    renamed = write_rollouts(tmp_path / "renamed" / "rollouts.jsonl", "b/1", "b/2", pictures=[3, 2])
    apart = write_rollouts(tmp_path / "apart" / "rollouts.jsonl", "c/1", "c/2", pictures=[4, 5])
    checked(tmp_path, ValidationSection(rollouts=apart, num=1), rollouts=one)
    with pytest.raises(
        InputError,
        match=r"validation: expected samples .*; got 1 that are, a/2 first\. Leave them out of one of the two; or, if "
        r"they only share their names, import one under another --name\.$",
    ):
        checked(tmp_path, ValidationSection(rollouts=renamed, num=1), rollouts=one)


def test_a_dataset_and_rollouts_on_its_samples_under_other_names_are_not_apart(tmp_path):
    rollouts = write_rollouts(tmp_path / "rollouts.jsonl", "a/1", pictures=[7])
    copied = replace(problem(noise(7, (160, 160))), id="copied/1")
    info = DatasetInfo(name="copied", task="copied", version=1, split="train", seed=0, num=1)
    write_dataset(tmp_path / "set", info, lambda index: copied)
    source = TaskSource(dataset=tmp_path / "set")
    with pytest.raises(InputError, match=r"got 1 that are, copied/1 first"):
        checked(tmp_path, ValidationSection(rollouts=rollouts, num=1), tasks=[source])
    other = replace(copied, question="Which not?")
    write_dataset(tmp_path / "other", info, lambda index: other)
    checked(tmp_path, ValidationSection(rollouts=rollouts, num=1), tasks=[TaskSource(dataset=tmp_path / "other")])


def test_a_dataset_is_not_apart_from_another_of_the_same_worlds(tmp_path):
    for name, seed in (("trained", 3), ("asked otherwise", 3), ("apart", 4)):
        info = DatasetInfo(name=name, task="marks", version=1, split="train", seed=seed, num=1)
        write_dataset(
            tmp_path / name, info, lambda index, name=name: replace(problem(noise(1, (9, 9))), id=name, question=name)
        )
    sources = {name: [TaskSource(dataset=tmp_path / name)] for name in ("trained", "asked otherwise", "apart")}
    checked(tmp_path, ValidationSection(tasks=sources["apart"], num=1), tasks=sources["trained"])
    with pytest.raises(InputError, match=r"got 1 that are, marks/train/3 first"):
        checked(tmp_path, ValidationSection(tasks=sources["asked otherwise"], num=1), tasks=sources["trained"])


def test_validation_needs_a_number_and_one_origin():
    for settings in ({"num": 3}, {"tasks": [MARKS]}, {"num": 3, "tasks": [MARKS], "rollouts": "x.jsonl"}):
        with pytest.raises(ValueError, match=r"give validation\.num, and either validation\.tasks or"):
            ValidationSection(**settings)
