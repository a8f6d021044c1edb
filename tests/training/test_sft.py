"""Supervised fine-tuning: it learns, and a run that is stopped goes on as if nothing had happened."""

from __future__ import annotations

import json
import math
import shutil
import sys
from dataclasses import replace
from functools import partial

import pytest
import torch
from handmade import sft_config
from safetensors.torch import load_file, save_file

from vilasr.env import EpisodeConfig
from vilasr.errors import InputError
from vilasr.policies.transformers import load_model, read_frame
from vilasr.protocol import COMPACT
from vilasr.training import metrics, sft
from vilasr.training.config import (
    CopyingSection,
    DataSection,
    OptimSection,
    PointingSection,
    TaskSource,
    ValidationSection,
)
from vilasr.training.distributed import Scorer
from vilasr.training.guidance import Guidance
from vilasr.training.learner import Learner, adjusted, episode_of
from vilasr.training.metrics import read_metrics
from vilasr.training.optim import make_optimizer
from vilasr.training.sft import train_sft, train_step
from vilasr.training.streak import Streak
from vilasr.training.stream import open_stream


class StoppedError(Exception):
    pass


def stop_at(last):
    def report(step, metrics):
        if step == last:
            raise StoppedError

    return report


def weights(folder):
    return load_file(folder / "model.safetensors")


def log(config):
    return [
        {key: value for key, value in line.items() if key != "seconds"}
        for line in read_metrics(config.out / "metrics.jsonl")
    ]


def test_a_short_run_lowers_the_loss_and_leaves_a_model_that_loads(nano_folder, tmp_path):
    config = sft_config(nano_folder, tmp_path / "run", steps=12)
    reported = []
    model = train_sft(config, report=lambda step, metrics: reported.append((step, metrics["loss"])))
    assert [step for step, _ in reported] == list(range(12))
    assert sum(loss for _, loss in reported[-3:]) < sum(loss for _, loss in reported[:3]) - 3
    assert model == tmp_path / "run" / "model"
    assert load_model(model).protocol == "compact"
    assert not (model / "state.json").exists()
    assert set(log(config)[0]) == {"step", "loss", "confident", "grad_norm", "tokens", "lr"}


@pytest.mark.parametrize("hidden_lr", [None, 1e-2])
def test_a_run_that_was_stopped_twice_ends_with_the_very_same_weights_and_log(nano_folder, tmp_path, hidden_lr):
    settings = {"steps": 5, "save_every": 1, "keep": 1, "pointing": PointingSection(weight=0.3, layer=1)}
    settings["optim"] = OptimSection(lr=1e-3, hidden_lr=hidden_lr)
    straight = sft_config(nano_folder, tmp_path / "straight", **settings)
    stopped = sft_config(nano_folder, tmp_path / "stopped", **settings)
    expected = weights(train_sft(straight))
    for last in (1, 3):
        with pytest.raises(StoppedError):
            train_sft(stopped, report=stop_at(last))
    model = train_sft(stopped)
    found = weights(model)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    assert log(stopped) == log(straight)
    assert {path.name for path in model.iterdir()} == {path.name for path in (straight.out / "model").iterdir()}
    assert [path.name for path in (stopped.out / "checkpoints").iterdir()] == ["000005"]


def test_a_finished_run_given_again_trains_no_more(nano_folder, tmp_path):
    config = sft_config(nano_folder, tmp_path, steps=1)
    before = weights(train_sft(config))
    again = weights(train_sft(config, report=stop_at(0)))
    assert all(torch.equal(again[name], tensor) for name, tensor in before.items())


def test_the_folder_of_a_run_with_another_config_is_refused(nano_folder, tmp_path):
    train_sft(sft_config(nano_folder, tmp_path, steps=1))
    train_sft(sft_config(nano_folder, tmp_path, steps=1, keep=7, save_every=9))  # does not change the result
    with pytest.raises(InputError, match=r"got a run that differs in steps, optim\. Give another folder: out=PATH"):
        train_sft(sft_config(nano_folder, tmp_path, steps=2, optim=OptimSection(lr=1.0)))


def test_a_run_begun_before_a_key_was_known_goes_on(nano_folder, tmp_path):
    config = sft_config(nano_folder, tmp_path, steps=1)
    train_sft(config)
    state_file = config.out / "checkpoints" / "000001" / "state.json"
    state = json.loads(state_file.read_text())
    del state["config"]["copying"]
    state_file.write_text(json.dumps(state | {"config": state["config"] | {"a_key_of_old": 1}}))
    train_sft(config, report=stop_at(0))


def test_a_torn_checkpoint_is_passed_over_and_the_run_ends_with_the_very_same_weights(nano_folder, tmp_path):
    settings = {"steps": 5, "save_every": 2}
    straight = sft_config(nano_folder, tmp_path / "straight", **settings)
    torn = sft_config(nano_folder, tmp_path / "torn", **settings)
    expected = weights(train_sft(straight))
    with pytest.raises(StoppedError):
        train_sft(torn, report=stop_at(4))
    newest = torn.out / "checkpoints" / "000004" / "optimizer.safetensors"
    newest.write_bytes(newest.read_bytes()[:-100])
    found = weights(train_sft(torn))
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    assert log(torn) == log(straight)


def test_a_run_whose_disk_was_full_at_a_checkpoint_goes_on_from_the_one_before(nano_folder, tmp_path, files_limited_to):
    straight, full = (sft_config(nano_folder, tmp_path / name, steps=3, save_every=1) for name in ("straight", "full"))
    expected = weights(train_sft(straight))
    with pytest.raises(StoppedError):
        train_sft(full, report=stop_at(1))
    with (
        files_limited_to(20_000),
        pytest.raises(InputError, match=r"000002: expected room on the disk; got file too large\. Make room"),
    ):
        train_sft(full)
    assert [path.name for path in (full.out / "checkpoints").iterdir()] == ["000001"]
    found = weights(train_sft(full))
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    assert log(full) == log(straight)


def test_a_run_may_go_on_with_other_means_to_the_same_end(nano_folder, tmp_path):
    config = sft_config(nano_folder, tmp_path, steps=1)
    train_sft(config)
    held_out = ValidationSection(tasks=[TaskSource(task="marks", split="validation")], num=1)
    changes = {"micro_tokens": 500, "gradient_checkpointing": True, "strategy": "fsdp2", "validation": held_out}
    train_sft(config.model_copy(update=changes), report=stop_at(0))


def test_the_metrics_are_plotted_at_the_end(nano_folder, tmp_path, monkeypatch, caplog):
    train_sft(sft_config(nano_folder, tmp_path / "with", steps=2))
    assert (tmp_path / "with" / "metrics.png").read_bytes().startswith(b"\x89PNG")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    metrics._warn_without_plots.cache_clear()
    train_sft(sft_config(nano_folder, tmp_path / "without", steps=2, save_every=1))
    assert not (tmp_path / "without" / "metrics.png").exists()
    assert caplog.text.count("No plots of the metrics: matplotlib is not installed. Run: pip install") == 1


def test_a_base_model_that_is_no_vision_language_model_is_refused(nano_folder, tmp_path):
    shutil.copytree(nano_folder, tmp_path / "text")
    config_file = tmp_path / "text" / "config.json"
    config_file.write_text(json.dumps(json.loads(config_file.read_text()) | {"model_type": "qwen2"}))
    with pytest.raises(
        InputError, match=r"expected a checkpoint of the Qwen2\.5-VL or Qwen3-VL family; got model_type"
    ):
        train_sft(sft_config(tmp_path / "text", tmp_path / "run", steps=1))


def test_a_base_model_without_image_tokens_is_refused(nano_folder, tmp_path):
    shutil.copytree(nano_folder, tmp_path / "blind")
    tokenizer_file = tmp_path / "blind" / "tokenizer.json"
    tokenizer_file.write_text(tokenizer_file.read_text().replace("<|image_pad|>", "<|nothing|>"))
    with pytest.raises(InputError, match=r"expected a chat tokenizer with .*; got one without <\|image_pad\|>"):
        train_sft(sft_config(tmp_path / "blind", tmp_path / "run", steps=1))


def test_bad_data_stops_the_run_with_its_own_error(nano_folder, tmp_path):
    data = DataSection(tasks=[TaskSource(task="marks", options={"num": "9"})], batch_size=2, window=1)
    with pytest.raises(InputError, match="option num of task marks"):
        train_sft(sft_config(nano_folder, tmp_path, steps=1, data=data))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pointing": PointingSection(weight=0.1, layer=3)}, "pointing: expected layers below 3 .*got layer 3 and 2"),
        (
            {"pointing": PointingSection(weight=0.1, num_heads=3)},
            "pointing: .*at most 2 heads; got layer 2 and 3 heads",
        ),
        (
            {"pointing": PointingSection(weight=0.1, naming=0.1)},
            r"pointing\.naming: .*at most 2 heads; got layer 2 and 6 heads",
        ),
        ({"copying": CopyingSection(weight=0.1, late_layer=2)}, "copying: .*at most 2 heads; got layer 2 and 6 heads"),
    ],
)
def test_guiding_a_layer_or_heads_that_are_not_there_is_refused(nano_folder, tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        train_sft(sft_config(nano_folder, tmp_path, steps=1, **changes))


def test_protocol_and_image_size_are_the_configs_where_it_gives_them_and_else_the_models(nano, nano_folder, tmp_path):
    for loaded in (nano, read_frame(nano_folder)):
        assert adjusted(loaded, sft_config("", tmp_path, steps=1)) == loaded
        other = adjusted(loaded, sft_config("", tmp_path, steps=1, protocol="json", max_pixels=224**2))
        episode = episode_of(other)
        assert other.protocol == episode.protocol.name == "json"
        assert episode.sizer == replace(loaded.sizer, max_pixels=224**2)
    with pytest.raises(InputError, match="got 'morse'"):
        episode_of(adjusted(nano, sft_config("", tmp_path, steps=1, protocol="morse")))


def test_steps_that_are_skipped_are_counted_and_told_and_no_line_holds_a_nan(
    nano_folder, tmp_path, caplog, monkeypatch
):
    """Where the model's own weights are broken, it is so from the first step."""
    folder = shutil.copytree(nano_folder, tmp_path / "broken")
    broken = weights(folder)
    broken["model.language_model.norm.weight"][0] = float("nan")
    save_file(broken, folder / "model.safetensors", {"format": "pt"})
    monkeypatch.setattr(sft, "Streak", partial(Streak, length=2))
    config = sft_config(folder, tmp_path / "run", steps=3)
    train_sft(config)
    assert [line["skipped"] for line in log(config)] == [1, 1, 1]
    assert not {"loss", "grad_norm"} & log(config)[0].keys()
    assert "NaN" not in (config.out / "metrics.jsonl").read_text()
    [warning] = [record.message for record in caplog.records if "in a row" in record.message]
    assert warning.startswith("2 steps in a row changed nothing: their gradients were not finite. ")


def one_step(loaded, config, optimizer):
    episode = EpisodeConfig(protocol=COMPACT, sizer=loaded.sizer)
    load = open_stream(config.data, episode, chat=loaded.chat, settings=loaded.images)
    guidance = Guidance(config, loaded)
    samples = [load(0), load(1)]
    learner = Learner(loaded=loaded, scorer=Scorer(loaded.model), optimizer=optimizer)
    return train_step(learner, samples, config, guidance=guidance)


def test_the_metrics_of_a_model_that_knows_nothing_are_those_of_even_odds(nano_folder, tmp_path):
    loaded = load_model(nano_folder)
    with torch.no_grad():
        loaded.model.get_input_embeddings().weight.zero_()  # tied: every logit is 0
    config = sft_config(nano_folder, tmp_path, steps=1)
    metrics = one_step(loaded, config, make_optimizer(loaded.model, config.optim))
    assert metrics["loss"] == pytest.approx(math.log(loaded.model.config.text_config.vocab_size), rel=1e-5)
    assert metrics["confident"] == 0.0
    assert metrics["tokens"] % 2 == 0


def test_a_gradient_that_is_not_finite_changes_no_weight(nano_folder, tmp_path):
    loaded = load_model(nano_folder)
    config = sft_config(nano_folder, tmp_path, steps=1)
    optimizer = make_optimizer(loaded.model, config.optim)
    with torch.no_grad():
        loaded.model.model.language_model.norm.weight[0] = float("nan")
    before = {name: weight.detach().clone() for name, weight in loaded.model.named_parameters()}
    metrics = one_step(loaded, config, optimizer)
    assert metrics["skipped"] == 1
    assert "grad_norm" not in metrics
    for name, weight in loaded.model.named_parameters():
        torch.testing.assert_close(weight, before[name], equal_nan=True, rtol=0, atol=0)
        assert weight.grad is None
