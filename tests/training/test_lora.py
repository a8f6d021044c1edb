"""Adapters: they alone are trained and kept, they go on exactly, and the finished model needs none."""

from __future__ import annotations

import json
import sys
from shutil import copytree

import pytest
import torch
from handmade import noise, ragged, sft_config
from peft import PeftModel
from safetensors.torch import load_file
from tiny_models import write_tiny_model

from vilasr.errors import InputError, MissingExtraError
from vilasr.policies.transformers import load_model, patchify
from vilasr.training.batch import make_batch, token_logprobs
from vilasr.training.config import LoraSection, OptimSection
from vilasr.training.distributed import ALONE
from vilasr.training.learner import open_learner
from vilasr.training.lora import add_adapters
from vilasr.training.metrics import read_metrics
from vilasr.training.sft import train_sft

LORA = LoraSection(rank=2, alpha=8)


class StoppedError(Exception):
    pass


def stop_after_three(step, metrics):
    if step == 2:
        raise StoppedError


def trained_names(model):
    return {name for name, weight in model.named_parameters() if weight.requires_grad}


def logprobs(loaded):
    samples, _ = ragged(loaded)
    with torch.no_grad():
        return token_logprobs(loaded.model, make_batch(samples, loaded.model, pad_id=loaded.chat.stop_id))


def test_fresh_adapters_change_nothing_and_are_all_that_is_trained(tiny_folder):
    loaded = load_model(tiny_folder)
    before = logprobs(loaded)
    add_adapters(loaded.model, LORA, frozen=["vision", "projector"], name="tiny")
    torch.testing.assert_close(logprobs(loaded), before, rtol=0, atol=0)
    # Two matrices each on the seven linear layers of two text layers.
    trained = trained_names(loaded.model)
    assert len(trained) == 2 * 7 * 2
    assert all("lora_" in name and "visual" not in name for name in trained)
    sizes = {weight.shape for name, weight in loaded.model.named_parameters() if "q_proj.lora_A" in name}
    assert sizes == {(2, 32)}


def test_adapters_begin_the_same_at_every_start_and_leave_the_generator_as_it_was(tiny_folder):
    weights = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        model = load_model(tiny_folder).model
        state = torch.get_rng_state()
        add_adapters(model, LORA, frozen=[], name="tiny")
        assert torch.equal(torch.get_rng_state(), state)
        weights.append({name: weight for name, weight in model.named_parameters() if "lora_" in name})
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_a_part_that_is_not_frozen_gets_adapters_too(nano_folder):
    model = load_model(nano_folder).model
    with pytest.raises(InputError, match=r"lora\.targets: expected names of linear layers .*\(.*qkv.*\); got q_proj"):
        add_adapters(model, LoraSection(rank=1, targets=["qkv", "q_proj"]), frozen=["text"], name="nano")
    add_adapters(model, LoraSection(rank=1, targets=["qkv"]), frozen=["text"], name="nano")
    assert all(".visual.blocks." in name for name in trained_names(model))


def test_without_peft_the_extra_is_named(tiny_folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingExtraError, match=r"lora: expected the package 'peft'.*pip install 'vilasr\[train\]'"):
        add_adapters(load_model(tiny_folder).model, LORA, frozen=[], name="tiny")


@pytest.fixture(scope="module")
def runs(nano_folder, tmp_path_factory):
    """A run with dropout, straight and stopped after its third step -> both configs."""
    out = tmp_path_factory.mktemp("lora")
    settings = {"steps": 4, "save_every": 2, "lora": LORA.model_copy(update={"dropout": 0.2})}
    straight, stopped = (sft_config(nano_folder, out / name, **settings) for name in ("straight", "stopped"))
    train_sft(straight)
    with pytest.raises(StoppedError):
        train_sft(stopped, report=stop_after_three)
    train_sft(stopped)
    return straight, stopped


def test_a_run_that_was_stopped_ends_with_the_very_same_weights_and_log(runs):
    models = [load_file(run.out / "model" / "model.safetensors") for run in runs]
    assert models[0].keys() == models[1].keys()
    assert all(torch.equal(models[0][name], models[1][name]) for name in models[0])
    logs = [read_metrics(run.out / "metrics.jsonl") for run in runs]
    assert [line["loss"] for line in logs[0]] == [line["loss"] for line in logs[1]]


def test_a_checkpoint_holds_the_adapters_and_their_moments_alone(runs):
    checkpoint = runs[0].out / "checkpoints" / "000004"
    names = {path.name for path in checkpoint.iterdir()}
    assert names == {"adapter_model.safetensors", "adapter_config.json", "optimizer.safetensors", "state.json"}
    weights = load_file(checkpoint / "adapter_model.safetensors")
    assert all(name.endswith((".lora_A.weight", ".lora_B.weight")) for name in weights)
    assert any(tensor.abs().max() > 0 for name, tensor in weights.items() if "lora_B" in name)


def test_the_finished_model_has_the_adapters_in_its_weights_and_nothing_else_changed(runs, nano_folder):
    before = load_file(nano_folder / "model.safetensors")
    after = load_file(runs[0].out / "model" / "model.safetensors")
    adapters = load_file(runs[0].out / "checkpoints" / "000004" / "adapter_model.safetensors")
    assert {name: tensor.shape for name, tensor in after.items()} == {
        name: tensor.shape for name, tensor in before.items()
    }
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {
        name.removeprefix("base_model.model.").replace(".lora_B", "") for name in adapters if "lora_B" in name
    }
    name = min(changed)
    start = "base_model.model." + name.removesuffix(".weight")
    delta = 8 / 2 * adapters[f"{start}.lora_B.weight"] @ adapters[f"{start}.lora_A.weight"]  # alpha / rank
    torch.testing.assert_close(after[name], before[name] + delta)


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")  # peft's own wrapper asks for it
def test_peft_reads_a_checkpoint_over_the_base_and_says_what_the_finished_model_says(runs, nano_folder):
    finished = load_model(runs[0].out / "model")
    base = load_model(nano_folder)
    picture = noise(0, (160, 160))
    pads = [finished.chat.image_id] * finished.images.num_tokens(finished.images.grid(picture.size))
    ids = torch.tensor([[*finished.chat.encode("Look: "), *pads, *finished.chat.encode("A [12, 34]")]])
    inputs = {
        "input_ids": ids,
        "mm_token_type_ids": (ids == finished.chat.image_id).int(),
        "pixel_values": patchify(picture, finished.images),
        "image_grid_thw": torch.tensor([finished.images.grid(picture.size)]),
    }
    with torch.no_grad():
        expected = finished.model(**inputs).logits
        adapted = PeftModel.from_pretrained(base.model, runs[0].out / "checkpoints" / "000004")
        torch.testing.assert_close(adapted(**inputs).logits, expected, atol=1e-4, rtol=1e-4)


def test_the_base_is_in_bfloat16_and_the_adapters_are_not_where_products_are(nano_folder, tmp_path):
    config = sft_config(nano_folder, tmp_path, steps=1, precision="bf16", lora=LORA)
    model = open_learner(config, ALONE, start=None).model
    assert {weight.dtype for name, weight in model.named_parameters() if "lora_" in name} == {torch.float32}
    assert {weight.dtype for name, weight in model.named_parameters() if "lora_" not in name} == {torch.bfloat16}
    finished = load_file(train_sft(config) / "model.safetensors")
    assert {tensor.dtype for tensor in finished.values()} == {torch.bfloat16}


def test_frozen_parts_have_no_adapters_and_a_run_says_what_does_not_fit(nano_folder, tmp_path):
    config = sft_config(nano_folder, tmp_path, steps=1, lora=LORA, optim=OptimSection(freeze=["text"]))
    with pytest.raises(InputError, match=r"lora\.targets: .* parts that are not frozen .* out of optim\.freeze\.$"):
        train_sft(config)


def test_adapters_of_another_architecture_are_refused(runs, tmp_path):
    other = str(write_tiny_model(tmp_path / "other", "qwen2_5_vl"))
    copytree(runs[0].out / "checkpoints", tmp_path / "run" / "checkpoints")
    config = runs[0].model_copy(update={"model": other, "out": tmp_path / "run"})
    state_file = tmp_path / "run" / "checkpoints" / "000004" / "state.json"
    state = json.loads(state_file.read_text())
    state["config"]["model"] = other
    state_file.write_text(json.dumps(state))
    with pytest.raises(InputError, match=r"000004: expected adapters for \d+ matrices of this model; got other ones: "):
        train_sft(config)
