"""GRPO whole: it learns, goes on after a stop as if nothing had happened, and survives what cannot be learned from."""

from __future__ import annotations

import json
import math
import shutil
from functools import partial

import pytest
import torch
from handmade_grpo import grpo_config, log, loud, weights
from safetensors.torch import load_file

from vilasr.data import DatasetInfo, write_dataset
from vilasr.errors import InputError, InvariantError
from vilasr.policies.transformers import forward, load_model
from vilasr.rollout import read_rollouts
from vilasr.tasks import task_named
from vilasr.training import grpo, grpo_update
from vilasr.training.config import DataSection, LoraSection
from vilasr.training.grpo import train_grpo
from vilasr.training.grpo_config import GrpoValidationSection, LossSection
from vilasr.training.grpo_prompts import held_out
from vilasr.training.grpo_rewards import Earned
from vilasr.training.grpo_update import logprob_error
from vilasr.training.learner import episode_of
from vilasr.training.metrics import read_metrics
from vilasr.training.streak import Streak
from vilasr.training.stream import open_stream


class StoppedError(Exception):
    pass


def stop_at(last):
    def report(step, metrics):
        if step == last:
            raise StoppedError

    return report


def answers(config):
    """The lines of validation.jsonl; none without a validation."""
    path = config.out / "validation.jsonl"
    return read_metrics(path) if path.exists() else []


def same(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_a_run_raises_its_reward_and_leaves_a_model_metrics_and_plots(nano_folder, tmp_path):
    optim = {"lr": 2e-2, "weight_decay": 0.0, "final_lr": 1.0}
    config = grpo_config(nano_folder, tmp_path / "run", steps=16, num_siblings=8, optim=optim, save_every=20)
    model = train_grpo(config, reward=loud)
    metrics = log(config)
    assert [line["step"] for line in metrics] == list(range(16))
    assert metrics[0]["reward"] < 0.6
    assert sum(line["reward"] for line in metrics[-4:]) / 4 > 0.75
    learned = [line for line in metrics if line["updates"]]  # when all is learned, attempts may be alike
    assert len(learned) >= 8
    assert all(line["logprob_difference"] < 1e-4 for line in learned)
    assert all(line["logprob_error"] < 1e-4 for line in learned)
    first = metrics[0]
    assert first["entropy"] == pytest.approx(
        math.log(load_model(nano_folder).model.config.text_config.vocab_size), rel=0.1
    )
    assert first["kl"] == pytest.approx(0, abs=1e-6)
    assert first["clipped"] == 0
    assert (first["updates"], first["turns"], first["drawings"]) == (1, 1, 0)
    assert first["tokens"] == 5
    assert {name for name in first if name.startswith("status_")} == {"status_truncated_length"}
    assert load_model(model).protocol == "compact"
    assert (config.out / "metrics.png").stat().st_size > 1000
    parts = read_metrics(config.out / "metrics.jsonl")[0]
    assert {"seconds_generation", "seconds_scoring", "seconds_update"} <= parts.keys()
    assert parts["seconds"] > parts["seconds_generation"] > 0


@pytest.mark.parametrize(
    "changes",
    [
        {"validation": GrpoValidationSection(every=2, num=2)},
        {"lag": 1, "loss": LossSection(correction=2.0)},
        {"zero_variance": "resample", "loss": LossSection(num_updates=2, average="token")},
        {"lora": LoraSection(rank=2), "gradient_checkpointing": True},
    ],
    ids=["plain", "lag", "resample", "adapters"],
)
def test_a_run_that_was_stopped_twice_ends_with_the_very_same_weights_and_log(nano_folder, tmp_path, changes):
    straight = grpo_config(nano_folder, tmp_path / "straight", steps=4, **changes)
    stopped = grpo_config(nano_folder, tmp_path / "stopped", steps=4, **changes)
    expected = weights(train_grpo(straight, reward=loud))
    for last in (1, 2):
        with pytest.raises(StoppedError):
            train_grpo(stopped, reward=loud, report=stop_at(last))
    model = train_grpo(stopped, reward=loud)
    assert same(weights(model), expected)
    assert log(stopped) == log(straight)
    assert answers(stopped) == answers(straight)
    again = train_grpo(stopped, reward=loud, report=stop_at(0))  # finished: trains no more
    assert same(weights(again), expected)
    assert log(stopped) == log(straight)
    assert answers(stopped) == answers(straight)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_engine_samples_with_the_adapters_that_were_learned(nano_folder, tmp_path, precision):
    lora = LoraSection(rank=2, alpha=8)
    config = grpo_config(nano_folder, tmp_path, steps=3, lora=lora, precision=precision, max_tokens=20, keep_rollouts=2)
    train_grpo(config, reward=loud)
    assert [line["updates"] for line in log(config)] == [1, 1, 1]
    adapters = load_file(tmp_path / "checkpoints" / "000003" / "adapter_model.safetensors")
    learned = {name: tensor.abs().max() for name, tensor in adapters.items() if "lora_B" in name}  # they begin as 0
    assert all(largest > 1e-3 for name, largest in learned.items() if "visual" not in name)
    tolerance = 1e-4 if precision == "fp32" else 0.05  # the engine's bfloat16 is rounded in other places
    assert max(line["logprob_error"] for line in log(config)) < tolerance

    base = load_model(nano_folder)  # what was sampled last, with adapters, is not what it would say
    data = DataSection(rollouts=tmp_path / "rollouts" / "000002.jsonl")
    sample = open_stream(data, episode_of(base), chat=base.chat, settings=base.images)(0)
    assert logprob_error(base, sample, config) > 2 * tolerance


def test_the_embedded_model_draws_and_trainer_and_sampler_agree_on_every_turn(tmp_path):
    maze = {"task": "maze", "options": {"question": "end", "size": "3", "length": "2-3"}}
    settings = {"prompts": {"tasks": [maze]}, "max_tokens": 128, "num_prompts": 1, "episode": {}}
    config = grpo_config("nano", tmp_path, steps=1, optim={"lr": 1e-5, "weight_decay": 0.0}, **settings)
    train_grpo(config, reward=lambda rollout: Earned(total=rollout.sibling, correct=0, format=0))
    [line] = log(config)
    assert line["drawings"] >= 2
    assert line["turns"] >= 3
    assert line["updates"] == 1
    assert 0 < line["logprob_difference"] < 1e-4


def test_with_lag_the_samples_of_a_step_are_one_update_old(nano_folder, tmp_path):
    settings = {"lag": 1, "loss": LossSection(correction=2.0), "save_every": 3, "num_siblings": 4}
    config = grpo_config(nano_folder, tmp_path, steps=4, **settings)
    train_grpo(config, reward=loud)
    differences = [line["logprob_difference"] for line in log(config)]
    assert differences[0] < 1e-4  # nothing was learned yet
    assert differences[1] > 1e-3
    assert differences[2] > 1e-3
    assert differences[3] < 1e-4  # sampling does not run ahead over a checkpoint
    assert max(line["logprob_error"] for line in log(config)) < 1e-4  # with the weights of the sampler
    assert log(config)[1]["correction"] != 1
    assert log(config)[3]["correction"] == pytest.approx(1, abs=1e-4)


def test_without_rounds_a_run_learns_all_the_same(nano_folder, tmp_path):
    exact = grpo_config(nano_folder, tmp_path / "exact", steps=2)
    train_grpo(exact, reward=loud)
    config = grpo_config(nano_folder, tmp_path / "free", steps=2, exact=False, concurrency=3)
    train_grpo(config, reward=loud)
    assert log(config)[0]["reward"] == log(exact)[0]["reward"]
    assert log(config)[1]["loss"] == pytest.approx(log(exact)[1]["loss"], abs=1e-4)


def test_validation_is_of_the_weights_before_a_step_and_of_the_final_model(nano_folder, tmp_path):
    config = grpo_config(nano_folder, tmp_path, steps=3, validation=GrpoValidationSection(every=2, num=3))
    train_grpo(config, reward=loud)
    validated = {line["step"]: line["validation_reward"] for line in log(config) if "validation_reward" in line}
    assert validated.keys() == {0, 2, 3}
    last = log(config)[-1]
    assert last.keys() >= {"step", "validation_accuracy", "validation_accuracy_marks"}
    assert last["validation_reward_marks"] == last["validation_reward"]
    assert "loss" not in last


def test_what_each_answer_to_a_question_of_the_validation_earned_is_kept(nano_folder, tmp_path):
    def by_number(rollout):
        """0, 0.5, 1: by the number of the question; and half of it is right."""
        number = int(rollout.sample.id.split("/")[3])
        return Earned(total=0.5 * number, correct=0.25 * number, format=1.0)

    section = GrpoValidationSection(every=2, num=3)
    config = grpo_config(nano_folder, tmp_path, steps=1, validation=section)
    train_grpo(config, reward=by_number)
    ids = [sample.id for sample in held_out(config)]
    for line, step in zip(answers(config), (0, 1), strict=True):
        assert line == {
            "step": step,
            "rewards": dict(zip(ids, (0.0, 0.5, 1.0), strict=True)),
            "scores": dict(zip(ids, (0.0, 0.25, 0.5), strict=True)),
        }
    assert log(config)[-1]["validation_reward"] == pytest.approx(0.5)
    without = grpo_config(nano_folder, tmp_path / "without", steps=1)
    train_grpo(without, reward=by_number)
    assert not (without.out / "validation.jsonl").exists()


def test_log_probabilities_that_differ_are_told(nano_folder, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(grpo, "LOGPROB_TOLERANCE", -1.0)  # then any difference is too large
    train_grpo(grpo_config(nano_folder, tmp_path / "fp32", steps=2), reward=loud)
    warnings = [record.message for record in caplog.records if "log-probabilities" in record.message]
    assert warnings[0].startswith("Step 0: with the same weights, log-probabilities of the sampler and of training")
    caplog.clear()
    train_grpo(grpo_config(nano_folder, tmp_path / "bf16", steps=1, precision="bf16"), reward=loud)
    assert "log-probabilities" not in caplog.text
    assert log(grpo_config(nano_folder, tmp_path / "bf16", steps=1))[0]["logprob_error"] > 1e-4


def test_a_temperature_or_top_p_that_biases_what_is_learned_is_told_once(nano_folder, tmp_path, caplog):
    told = "samples are drawn from another distribution"
    config = grpo_config(nano_folder, tmp_path / "warm", steps=2, temperature=0.7, top_p=0.9)
    train_grpo(config, reward=loud)
    [warning] = [record.message for record in caplog.records if told in record.message]
    assert warning.startswith("temperature = 0.7, top_p = 0.9: samples")
    caplog.clear()
    train_grpo(grpo_config(nano_folder, tmp_path / "plain", steps=1), reward=loud)
    assert told not in caplog.text


# --- steps that teach nothing -----------------------------------------------------------------------------------------


def test_when_all_groups_have_equal_rewards_no_weight_changes_and_the_run_goes_on(
    nano_folder, tmp_path, caplog, monkeypatch
):
    monkeypatch.setattr(grpo, "Streak", partial(Streak, length=3))
    config = grpo_config(nano_folder, tmp_path, steps=4)
    model = train_grpo(config)  # the paper's reward: an untrained model earns nothing
    before = weights(nano_folder)
    assert all(torch.equal(tensor, before[name].to(tensor.dtype)) for name, tensor in weights(model).items())
    assert [(line["updates"], line["zero_variance"]) for line in log(config)] == [(0, 1)] * 4
    assert "loss" not in log(config)[0]
    assert all(line["logprob_error"] < 1e-4 for line in log(config))  # they agree although nothing is learned
    [warning] = [record.message for record in caplog.records if "in a row" in record.message]
    assert warning.startswith("3 steps in a row taught nothing: no group had rewards that differ. Give questions")
    assert "temperature" not in warning  # another warning calls that biasing


def test_gradients_that_are_not_finite_are_counted_and_told_as_what_they_are(
    nano_folder, tmp_path, caplog, monkeypatch
):
    monkeypatch.setattr(grpo, "Streak", partial(Streak, length=2))
    monkeypatch.setattr(
        grpo_update, "clipped_loss", lambda logprobs, *_, **__: (logprobs.sum() * math.nan, logprobs > 0)
    )
    config = grpo_config(nano_folder, tmp_path, steps=3)
    train_grpo(config, reward=loud)
    assert [(line["updates"], line["skipped"]) for line in log(config)] == [(0, 1)] * 3
    assert "loss" not in log(config)[0]
    assert "NaN" not in (tmp_path / "metrics.jsonl").read_text()
    [warning] = [record.message for record in caplog.records if "in a row" in record.message]
    assert warning.startswith("2 steps in a row changed nothing: their gradients were not finite. Begin anew")


def test_resampling_puts_other_questions_in_the_place_of_groups_that_teach_nothing(nano_folder, tmp_path):
    settings = {"zero_variance": "resample", "max_resamples": 2, "keep_rollouts": 1}
    config = grpo_config(nano_folder, tmp_path, steps=2, **settings)
    train_grpo(config, reward=some_questions_teach)
    # The first step asks 0 and 1, and 2 in the place of 0; the second goes on with 3 and 4, and 5 in the place of 3.
    assert [asked(config, step) for step in (0, 1)] == [{0, 1, 2}, {3, 4, 5}]
    for line in log(config):
        assert (line["updates"], line["replaced"], line["zero_variance"]) == (1, 1, pytest.approx(1 / 3))
    assert len(list(read_rollouts(tmp_path / "rollouts" / "000001.jsonl")[1])) == 6


def some_questions_teach(rollout):
    """Each third question has siblings of equal rewards."""
    number = int(rollout.sample.id.split("/")[3])
    return Earned(total=float(number % 3 != 0 and rollout.sibling), correct=0, format=0)


def asked(config, step):
    """The numbers of the questions of a step whose rollouts were kept."""
    _, rollouts = read_rollouts(config.out / "rollouts" / f"{step:06d}.jsonl")
    return {int(rollout.sample.id.split("/")[3]) for rollout in rollouts}


def test_a_run_that_was_stopped_goes_on_with_the_question_after_the_last_that_was_asked(nano_folder, tmp_path):
    settings = {"zero_variance": "resample", "keep_rollouts": 1, "save_every": 1}
    config = grpo_config(nano_folder, tmp_path, steps=3, **settings)
    with pytest.raises(StoppedError):
        train_grpo(config, reward=some_questions_teach, report=stop_at(1))
    train_grpo(config, reward=some_questions_teach)
    assert [asked(config, step) for step in (0, 1, 2)] == [{0, 1, 2}, {3, 4, 5}, {6, 7, 8}]


def test_a_reward_that_is_not_a_number_drops_the_rollout_with_a_counted_reason(nano_folder, tmp_path, caplog):
    def reward(rollout):
        return Earned(total=float("nan"), correct=0, format=0) if rollout.sibling == 0 else loud(rollout)

    config = grpo_config(nano_folder, tmp_path, steps=1, num_siblings=4)
    train_grpo(config, reward=reward)
    [line] = log(config)
    assert (line["dropped"], line["dropped_reward_not_finite"], line["updates"]) == (2, 2, 1)
    assert "sibling 0: its reward is nan" in caplog.text


def test_when_every_reward_is_not_a_number_no_weight_changes(nano_folder, tmp_path):
    config = grpo_config(nano_folder, tmp_path, steps=1)
    train_grpo(config, reward=lambda rollout: Earned(total=math.nan, correct=0, format=0))
    [line] = log(config)
    assert (line["dropped_reward_not_finite"], line["updates"], line["zero_variance"]) == (4, 0, 1)
    assert "reward" not in line


def test_an_engine_that_fails_in_every_rollout_stops_the_run_with_its_reason(nano_folder, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(forward.ModelRunner, "prefill", fail)
    with pytest.raises(InvariantError, match=r"All 4 rollouts of a step failed\. .*out of memory"):
        train_grpo(grpo_config(nano_folder, tmp_path, steps=1))


# --- what is kept and what is refused ---------------------------------------------------------------------------------


def test_the_rollouts_of_some_steps_are_kept_with_their_tokens(nano_folder, tmp_path):
    config = grpo_config(nano_folder, tmp_path, steps=3, keep_rollouts=2)
    train_grpo(config, reward=loud)
    assert sorted(path.name for path in (tmp_path / "rollouts").glob("*.jsonl")) == ["000000.jsonl", "000002.jsonl"]
    header, rollouts = read_rollouts(tmp_path / "rollouts" / "000002.jsonl")
    kept = list(rollouts)
    assert header.sampling.temperature == 1.0
    assert len(kept) == 4
    assert all(turn.tokens is not None and len(turn.tokens.token_ids) == 5 for turn in kept[0].turns)


def test_questions_may_come_from_a_dataset_folder_and_a_broken_picture_is_left_out(nano_folder, tmp_path):
    data = tmp_path / "data"
    task, options = task_named("marks"), {"num": "1"}
    info = DatasetInfo(name="m", task="marks", version=task.version, split="train", seed=3, num=4, options=options)
    write_dataset(data, info, lambda index: task.generate("train", index, 3, options))
    broken = sorted((data / "images").glob("*.png"))[0]
    broken.write_bytes(b"no picture")
    config = grpo_config(nano_folder, tmp_path / "run", steps=2, prompts={"data": data})
    train_grpo(config, reward=loud)
    assert sum(line.get("dropped_bad_sample", 0) for line in log(config)) == 1


def test_a_base_model_without_image_tokens_is_refused(nano_folder, tmp_path):
    folder = shutil.copytree(nano_folder, tmp_path / "base")
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["added_tokens"] = [token for token in tokenizer["added_tokens"] if token["content"] != "<|image_pad|>"]
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(InputError, match=r"got one without <\|image_pad\|>"):
        train_grpo(grpo_config(folder, tmp_path / "run", steps=1))


def test_the_folder_of_a_run_with_another_config_is_refused(nano_folder, tmp_path):
    train_grpo(grpo_config(nano_folder, tmp_path, steps=1))
    train_grpo(grpo_config(nano_folder, tmp_path, steps=1, keep=7, save_every=9))  # does not change the result
    with pytest.raises(InputError, match=r"got a run that differs in seed\. Give another folder: out=PATH"):
        train_grpo(grpo_config(nano_folder, tmp_path, steps=1, seed=5))
