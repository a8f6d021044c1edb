"""Checkpoints load, and broken ones say what is wrong with them."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from conversations import prompt, run, view
from tiny_models import write_tiny_model

from vilasr.errors import InputError
from vilasr.policies.transformers import TransformersPolicy, load_model, save_model
from vilasr.protocol import Sizer
from vilasr.types import SamplingParams


@pytest.fixture
def copy(folder, tmp_path):
    """A checkpoint to spoil."""
    return shutil.copytree(folder, tmp_path / "copy")


def test_a_plain_checkpoint_gets_the_settings_of_its_family(loaded):
    assert loaded.protocol == {"qwen2_5_vl": "vilasr", "qwen3_vl": "json"}[loaded.family]
    assert loaded.sizer == Sizer(factor=8, min_pixels=64, max_pixels=4096)
    assert loaded.max_context_tokens == 4096
    assert not loaded.model.training


def test_our_settings_file_overrides_them(copy):
    settings = {"protocol": "compact", "min_pixels": 128, "max_pixels": 1024, "max_context_tokens": 77}
    (copy / "vilasr.json").write_text(json.dumps(settings))
    loaded = load_model(copy)
    assert (loaded.protocol, loaded.max_context_tokens) == ("compact", 77)
    assert loaded.sizer == Sizer(factor=8, min_pixels=128, max_pixels=1024)


def test_older_preprocessor_files_name_their_pixels(copy):
    path = copy / "preprocessor_config.json"
    content = json.loads(path.read_text())
    del content["size"]
    path.write_text(json.dumps(content | {"min_pixels": 256, "max_pixels": 512}))
    assert load_model(copy).sizer == Sizer(factor=8, min_pixels=256, max_pixels=512)


def test_a_saved_model_says_the_same_when_loaded_again(loaded, tmp_path):
    save_model(loaded, tmp_path / "saved")
    again = load_model(tmp_path / "saved")
    observation = prompt("what?", view(1, (16, 24), 0))
    talk = ((observation,), 5, SamplingParams(temperature=1.0, max_tokens=12))
    ((before,),) = run(TransformersPolicy(loaded), talk)
    ((after,),) = run(TransformersPolicy(again), talk)
    assert before.text == after.text
    assert (again.protocol, again.sizer, again.images) == (loaded.protocol, loaded.sizer, loaded.images)


def test_a_missing_folder_names_what_is_expected():
    with pytest.raises(InputError, match=r"got no such folder\. Give the folder that holds config.json"):
        load_model("./no/such/folder")


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "preprocessor_config.json"])
def test_a_missing_file_is_named(copy, name):
    (copy / name).unlink()
    with pytest.raises(InputError, match=f"expected a checkpoint folder with {name}"):
        load_model(copy)


def test_another_architecture_is_refused_with_the_families_that_work(copy):
    (copy / "config.json").write_text(json.dumps({"model_type": "llama"}))
    with pytest.raises(InputError, match=r"Qwen2.5-VL or Qwen3-VL family; got model_type 'llama'"):
        load_model(copy)


def test_broken_weights_are_named(copy):
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"expected complete \*.safetensors weights"):
        load_model(copy)


def test_missing_weights_are_counted(copy):
    from safetensors.torch import load_file, save_file

    tensors = load_file(copy / "model.safetensors")
    dropped = sorted(name for name in tensors if "layers.1.mlp" in name)
    save_file({n: t for n, t in tensors.items() if n not in dropped}, copy / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match=f"got {len(dropped)} weights missing"):
        load_model(copy)


def test_pickled_weights_are_never_read(copy):
    (copy / "model.safetensors").unlink()
    torch.save({}, copy / "pytorch_model.bin")
    with pytest.raises(InputError, match="safetensors"):
        load_model(copy)


def test_a_broken_json_file_is_named(copy):
    (copy / "preprocessor_config.json").write_text("{")
    with pytest.raises(InputError, match=r"preprocessor_config.json: expected a JSON object"):
        load_model(copy)


def test_a_tokenizer_of_another_checkpoint_is_noticed(copy):
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"image_token_id": 250}))
    with pytest.raises(InputError, match=r"<\|image_pad\|> to be token 250, as config.json says; got token 261"):
        load_model(copy)


def test_control_tokens_beyond_the_embeddings_are_refused(copy):
    tokens = json.loads((copy / "tokenizer.json").read_text())
    first = tokens["added_tokens"][0]
    more = [first | {"id": number, "content": f"<|{number}|>"} for number in range(len(tokens["model"]["vocab"]), 301)]
    known = {token["id"] for token in tokens["added_tokens"]}
    tokens["added_tokens"] += [token for token in more if token["id"] not in known]
    (copy / "tokenizer.json").write_text(json.dumps(tokens))
    with pytest.raises(InputError, match=r"tokenizer\.json: expected control tokens below 300, .*; got token 300"):
        load_model(copy)


def test_half_precision_runs(tmp_path):
    loaded = load_model(write_tiny_model(tmp_path, "qwen3_vl"), dtype=torch.bfloat16)
    ((completion,),) = run(
        TransformersPolicy(loaded), ((prompt("x", view(1, (16, 16), 0)),), 0, SamplingParams(max_tokens=5))
    )
    assert len(completion.tokens.token_ids) <= 5
