"""Metrics in TensorBoard and Weights & Biases: the numbers of metrics.jsonl, each step once."""

from __future__ import annotations

import sys

import pytest
from handmade import sft_config

from vilasr.errors import MissingExtraError
from vilasr.training.metrics import MetricsLog, read_metrics
from vilasr.training.sft import train_sft
from vilasr.training.trackers import open_trackers


class StoppedError(Exception):
    pass


class Remembering:
    """A tracker that keeps what it is told."""

    def __init__(self):
        self.lines, self.closed = [], False

    def write(self, step, values):
        self.lines.append((step, dict(values)))

    def close(self):
        self.closed = True


def scalars(folder):
    """{name: [(step, value), ...]} of the event files in `folder`."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    return {name: [(event.step, event.value) for event in events.Scalars(name)] for name in events.Tags()["scalars"]}


def test_a_tracker_is_told_the_numbers_and_closed(tmp_path):
    tracker = Remembering()
    log = MetricsLog(tmp_path / "metrics.jsonl", first_step=0, trackers=[tracker])
    log.write(3, {"loss": 0.5, "tokens": 7, "reward": float("nan"), "reasons": {"late": 1}, "note": "slow"})
    log.close()
    assert tracker.lines == [(3, {"loss": 0.5, "tokens": 7})]
    assert tracker.closed


def test_tensorboard_has_each_step_of_a_resumed_run_once(nano_folder, tmp_path):
    config = sft_config(nano_folder, tmp_path / "run", steps=4, save_every=2, trackers=["tensorboard", "tensorboard"])

    def stop(step, metrics):
        if step == 2:  # of which there is no checkpoint
            raise StoppedError

    with pytest.raises(StoppedError):
        train_sft(config, report=stop)
    train_sft(config)
    found = scalars(tmp_path / "run" / "tensorboard")
    lines = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert found.keys() == lines[0].keys() - {"step"}
    assert [step for step, _ in found["loss"]] == [0, 1, 2, 3]
    assert [value for _, value in found["loss"]] == pytest.approx([line["loss"] for line in lines])


def test_a_run_of_wandb_goes_on_under_its_own_name(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    for first_step in (0, 1):
        [tracker] = open_trackers(["wandb"], tmp_path / "run", first_step=first_step, config={"steps": 2})
        tracker.write(first_step, {"loss": 0.5})
        tracker.close()
    kept = [path.name for path in (tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb")]
    assert len(set(kept)) == 1


@pytest.mark.parametrize(("name", "module"), [("tensorboard", "torch.utils.tensorboard"), ("wandb", "wandb")])
def test_a_tracker_without_its_package_says_what_to_install(name, module, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"tracker {name}: .* Run: pip install 'vilasr\[{name}\]'"):
        open_trackers([name], tmp_path, first_step=0, config={})
