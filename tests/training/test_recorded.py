"""Rollouts of others as training data: official conversations that `vilasr import` wrote, and what does not fit."""

from __future__ import annotations

import json

import pytest
from handmade import noise, sft_config
from tiny_models import write_tiny_model

from vilasr.env import EpisodeConfig
from vilasr.errors import InputError
from vilasr.integrations import import_official
from vilasr.policies.transformers import load_model
from vilasr.protocol import COMPACT, Sizer, protocol_named
from vilasr.training.config import DataSection
from vilasr.training.metrics import read_metrics
from vilasr.training.sft import train_sft
from vilasr.training.stream import open_stream

DRAW = (
    "<think>The chair.</think> Action: Object Mapper\n```json\n"
    '[{"index": 1, "bbox_2d": [4, 4, 20, 20], "label": "chair"}]\n```'
)
ANSWER = "<think>So.</think> Action: Answer\n<answer> B </answer>"
PROMPT = "<image>The index is 1.\n### Question:\nWhere?\n\nBegin your reasoning."


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Sees images of up to 64 x 64 pixels, in patches of 8 x 8; protocol vilasr, pixels."""
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny", "qwen2_5_vl")


@pytest.fixture
def official(tmp_path):
    """`official(size, ...)`: a rollout file of conversations, each about an image of that size and a drawn one."""

    def run(*sizes):
        rows = []
        for number, size in enumerate(sizes):
            names = [f"{number}.png", f"{number}-drawn.png"]
            for name in names:
                noise(number, size).save(tmp_path / name)
            talk = [("user", PROMPT), ("assistant", DRAW), ("user", "<image>The index is 2."), ("assistant", ANSWER)]
            messages = [{"role": role, "content": text} for role, text in talk]
            rows.append({"conversations": messages, "images": names})
        (tmp_path / "official.json").write_text(json.dumps(rows))
        with (tmp_path / "official.json").open("rb") as stream:
            done = import_official(
                stream,
                tmp_path,
                tmp_path / "imported",
                name="official",
                on_row=lambda: None,
                on_rejected=lambda number, reason: pytest.fail(reason),
            )
        return done.path

    return run


def config_for(model, path, out, **changes):
    data = DataSection(rollouts=path, batch_size=2, window=1)
    return sft_config(model, out, data=data, matmul_attention=False, **({"steps": 1} | changes))


def test_official_conversations_are_trained_on_epoch_after_epoch(model, official, tmp_path):
    config = config_for(model, official((56, 48), (48, 56), (64, 64)), tmp_path / "run", steps=None, epochs=1.3)
    assert config.num_steps == 2  # 3.9 rollouts, 2 a step
    train_sft(config)
    lines = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert len(lines) == 2
    assert all(0 < line["loss"] < 20 and "dropped" not in line for line in lines)


def test_every_word_of_the_replies_is_trained_and_nothing_else(model, official):
    loaded = load_model(model)
    episode = EpisodeConfig(protocol=protocol_named(loaded.protocol), sizer=loaded.sizer)
    data = DataSection(rollouts=official((56, 48)))
    sample = open_stream(data, episode, chat=loaded.chat, settings=loaded.images)(0)
    said = sample.ids[sample.loss_mask].tolist()
    assert said == loaded.chat.completion(DRAW) + loaded.chat.completion(ANSWER)
    assert len(sample.grids) == 2


def test_numbers_in_pixels_of_another_size_are_left_out_with_a_reason(model, official, tmp_path, caplog):
    # Seen at 64x64, and at 80x80 through 64x64: the latter's numbers would be a quarter too large.
    config = config_for(model, official((64, 64), (80, 80)), tmp_path / "run")
    train_sft(config)
    assert read_metrics(tmp_path / "run" / "metrics.jsonl")[0]["dropped_other_size"] == 1
    assert "official/2: speaks of pixels of an image of 80x80, which is 64x64 here." in caplog.text


def test_more_pixels_let_the_same_conversations_in_and_the_model_keeps_them(model, official, tmp_path):
    config = config_for(model, official((64, 64), (80, 80)), tmp_path / "run", max_pixels=80 * 80)
    finished = train_sft(config)
    assert "dropped" not in read_metrics(tmp_path / "run" / "metrics.jsonl")[0]
    assert load_model(finished).sizer == Sizer(factor=8, min_pixels=64, max_pixels=6400)


def test_another_protocol_than_the_models_is_refused_or_learned(model, official, tmp_path):
    path = official((56, 48))
    (tmp_path / "compact").mkdir()
    folder = write_tiny_model(tmp_path / "compact", "qwen2_5_vl")
    (folder / "vilasr.json").write_text(json.dumps({"protocol": COMPACT.name}))
    with pytest.raises(InputError, match=r"in the protocol of the run, compact; got vilasr\. Give protocol=vilasr"):
        train_sft(config_for(folder, path, tmp_path / "run"))
    finished = train_sft(config_for(folder, path, tmp_path / "run", protocol="vilasr"))
    assert load_model(finished).protocol == "vilasr"
