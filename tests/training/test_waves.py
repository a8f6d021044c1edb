"""Rejection sampling with the engine: stopped anywhere, it comes to the very bits of a run that was not."""

from __future__ import annotations

import pytest

from vilasr.data import DatasetInfo, write_dataset
from vilasr.rollout import read_rollouts
from vilasr.tasks import task_named
from vilasr.training.rejection import sample_rollouts
from vilasr.training.rejection_config import RejectionConfig


def config_for(model, out, **changes):
    """Seven questions, two attempts at each, in waves of three: 3, 3, 3, 3, 2."""
    marks = {"task": "marks", "options": {"num": "1"}}
    settings = {
        "prompts": {"tasks": [marks], "num": 7},
        "num_siblings": 2,
        "concurrency": 3,
        "sampling": {"max_tokens": 8},
        "threads": 1,
    }
    return RejectionConfig.model_validate({"model": str(model), "out": out, **settings, **changes})


class StoppedError(Exception):
    pass


def sample(config, *, stop_at=None):
    """Sample; or raise StoppedError with the first attempt that makes it so many that are kept."""

    def report(stage, done, total, shown):
        if shown and stop_at is not None and done >= stop_at:
            raise StoppedError

    sample_rollouts(config, report=report)


def kept(config):
    """(sample id, sibling) -> ids and log-probabilities of each turn."""
    return {
        (rollout.sample.id, rollout.sibling): [
            (turn.tokens.token_ids.tolist(), turn.tokens.logprobs.tolist()) for turn in rollout.turns
        ]
        for rollout in read_rollouts(config.sampled)[1]
    }


def test_a_run_that_was_stopped_in_the_midst_of_waves_has_the_very_log_probabilities_of_one_that_was_not(
    nano_folder, tmp_path
):
    straight, stopped = (config_for(nano_folder, tmp_path / name) for name in ("straight", "stopped"))
    sample(straight)
    for stop_at in (1, 2, 5, 7):
        with pytest.raises(StoppedError):
            sample(stopped, stop_at=stop_at)
        assert stop_at <= len(kept(stopped)) < 14  # a stop lets the rest of its wave be kept, so at most 12
    sample(stopped)
    assert kept(stopped) == kept(straight)
    assert len(kept(straight)) == 14


def test_a_question_that_cannot_be_asked_keeps_no_wave_waiting(nano_folder, tmp_path, caplog):
    marks = task_named("marks")
    samples = [marks.generate("train", index, 1, {"num": "1"}) for index in range(3)]
    info = DatasetInfo(name="marks", task="marks", version=1, split="train", seed=1, num=3)
    write_dataset(tmp_path / "data", info, samples.__getitem__)
    pictures = sorted((tmp_path / "data" / "images").iterdir())
    pictures[1].write_bytes(pictures[1].read_bytes()[:60])
    config = config_for(nano_folder, tmp_path / "run", prompts={"data": tmp_path / "data"})
    sample(config)
    assert len(kept(config)) == 4
    assert sum("left out: marks/train" in message for message in caplog.messages) == 1
