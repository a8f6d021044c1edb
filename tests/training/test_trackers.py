"""Metrics in TensorBoard and Weights & Biases: the numbers of metrics.jsonl, each step once."""

from __future__ import annotations

import logging
import sys

import pytest
from handmade import sft_config

from vilasr.errors import InputError, MissingExtraError
from vilasr.training.metrics import MetricsLog, read_metrics
from vilasr.training.sft import train_sft
from vilasr.training.trackers import TensorBoard, Trackers, WeightsAndBiases, check_trackers


class StoppedError(Exception):
    pass


class Remembering:
    """A tracker that keeps what it is told, and fails when told so."""

    def __init__(self, *, fails=False):
        self.lines, self.closed, self.fails = [], False, fails

    def __str__(self):
        return "failing" if self.fails else "working"

    def write(self, step, values):
        if self.fails:
            raise BrokenPipeError("gone")
        self.lines.append((step, dict(values)))

    def close(self):
        self.closed = True
        if self.fails:
            raise BrokenPipeError("gone")


def scalars(folder):
    """{name: [(step, value), ...]} of the event files in `folder`."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    return {name: [(event.step, event.value) for event in events.Scalars(name)] for name in events.Tags()["scalars"]}


def test_a_tracker_is_told_the_numbers_and_closed(tmp_path):
    tracker = Remembering()
    log = MetricsLog(tmp_path / "metrics.jsonl", first_step=0, tracker=tracker)
    log.write(3, {"loss": 0.5, "tokens": 7, "reward": float("nan"), "reasons": {"late": 1}, "note": "slow"})
    log.close()
    assert tracker.lines == [(3, {"loss": 0.5, "tokens": 7})]
    assert tracker.closed


def test_a_tracker_that_fails_is_told_of_once_and_the_others_and_the_run_go_on(tmp_path, caplog):
    failing, working = Remembering(fails=True), Remembering()
    with caplog.at_level(logging.WARNING):
        log = MetricsLog(tmp_path / "metrics.jsonl", first_step=0, tracker=Trackers([failing, working]))
        for step in range(3):
            log.write(step, {"loss": 0.5})
        log.close()
    assert [record.message for record in caplog.records] == [
        "Tracker failing gets no more metrics, from step 0 on: BrokenPipeError('gone')"
    ]
    assert [step for step, _ in working.lines] == [0, 1, 2]
    assert working.closed
    assert len(read_metrics(tmp_path / "metrics.jsonl")) == 3


def test_a_tracker_that_cannot_be_closed_keeps_no_other_from_it(caplog):
    failing, working = Remembering(fails=True), Remembering()
    Trackers([failing, working]).close()
    assert working.closed
    assert "Tracker failing could not be closed" in caplog.text


@pytest.mark.parametrize("stopped_at", [0, 2])  # before the first checkpoint, and after it
def test_tensorboard_has_each_step_of_a_resumed_run_once(stopped_at, nano_folder, tmp_path):
    config = sft_config(nano_folder, tmp_path / "run", steps=4, save_every=2, trackers=["tensorboard"])

    def stop(step, metrics):
        if step == stopped_at:
            raise StoppedError

    with pytest.raises(StoppedError):
        train_sft(config, report=stop)
    train_sft(config)
    found = scalars(tmp_path / "run" / "tensorboard")
    lines = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert found.keys() == lines[0].keys() - {"step"}
    assert [step for step, _ in found["loss"]] == [0, 1, 2, 3]
    assert [value for _, value in found["loss"]] == pytest.approx([line["loss"] for line in lines])


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "tensorboard").write_text("a file")
    with pytest.raises(InputError, match=r"tensorboard: expected a place that can be written; got file exists"):
        TensorBoard(tmp_path, first_step=0)


def test_a_run_of_wandb_goes_on_under_its_own_name_and_one_begun_anew_has_another(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    ids = []
    for first_step in (0, 1, 0):
        tracker = WeightsAndBiases(tmp_path / "run", first_step=first_step, config={"steps": 2})
        tracker.write(first_step, {"loss": 0.5})
        tracker.close()
        ids.append((tmp_path / "run" / "wandb" / "id").read_text())
    assert ids[0] == ids[1] != ids[2]
    kept = {path.name for path in (tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb")}
    assert kept == {f"run-{run_id}.wandb" for run_id in ids}


def test_wandb_without_a_login_says_what_to_do(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")

    def refuse(**settings):
        raise wandb.errors.UsageError("api_key not configured (no-tty)")

    monkeypatch.setattr(wandb, "init", refuse)
    with pytest.raises(InputError, match=r"tracker wandb: .* got api_key not configured .* Run `wandb login`"):
        WeightsAndBiases(tmp_path, first_step=0, config={})


@pytest.mark.parametrize("name", ["tensorboard", "wandb"])
def test_a_tracker_without_its_package_is_refused_before_anything_is_loaded(name, nano_folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=rf"tracker {name}: .* Run: pip install 'vilasr\[{name}\]'"):
        check_trackers([name])
    config = sft_config(nano_folder, tmp_path / "run", steps=1, trackers=[name])
    with pytest.raises(MissingExtraError):
        train_sft(config)
    assert not (tmp_path / "run" / "metrics.jsonl").exists()
