"""Checkpoints: whole or not at all, and the optimizer as it was."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import shutil
import signal
import sys
from functools import partial
from itertools import groupby

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from vilasr.errors import InputError
from vilasr.policies.transformers import load_model
from vilasr.policies.transformers.model import save_model
from vilasr.training.checkpoint import (
    checkpoints,
    flatten_optimizer,
    load_optimizer,
    newest_checkpoint,
    restore_optimizer,
    save_atomically,
    write_checkpoint,
    write_final,
)


def stepped_optimizer(parameters, *, steps=2, lr=0.01):
    """AdamW after some steps with known gradients."""
    optimizer = torch.optim.AdamW(parameters, lr=lr, fused=True)
    for step in range(steps):
        for number, parameter in enumerate(parameters):
            parameter.grad = torch.full_like(parameter, 0.1 * (step + number + 1))
        optimizer.step()
    return optimizer


def weights(*shapes):
    return [torch.nn.Parameter(torch.ones(shape)) for shape in shapes]


def save(nano, out, step, *, keep=2):
    optimizer = stepped_optimizer([nano.model.model.visual.merger.norm.weight], steps=1, lr=0.0)
    moments = flatten_optimizer(optimizer)
    return write_checkpoint(out, step, partial(save_model, nano), moments, state={"config": {"a": 1}}, keep=keep)


def test_a_checkpoint_loads_with_the_very_weights_and_says_its_step(nano, tmp_path):
    folder = save(nano, tmp_path, 7)
    assert folder == tmp_path / "checkpoints" / "000007"
    assert checkpoints(tmp_path) == [folder]
    state = json.loads((folder / "state.json").read_text())
    files = state.pop("files")
    assert state == {"step": 7, "config": {"a": 1}}
    assert files == {path.name: path.stat().st_size for path in folder.iterdir() if path.name != "state.json"}
    again = load_model(folder)
    for name, tensor in nano.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], tensor), name
    assert again.sizer == nano.sizer
    assert again.protocol == "compact"


def test_only_the_newest_are_kept_whatever_their_number_of_digits(nano, tmp_path):
    for step in (999_998, 999_999, 1_000_000):
        save(nano, tmp_path, step)
    assert [path.name for path in checkpoints(tmp_path)] == ["999999", "1000000"]
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["1000000", "999999"]


def test_a_checkpoint_that_was_begun_and_not_finished_does_not_count(nano, tmp_path):
    whole = save(nano, tmp_path, 1)
    for name in (".000002.partial", "000003"):
        (tmp_path / "checkpoints" / name).mkdir()
        (tmp_path / "checkpoints" / name / "model.safetensors").write_bytes(b"half")
    assert checkpoints(tmp_path) == [whole]
    assert checkpoints(tmp_path / "nowhere") == []
    save(nano, tmp_path, 2)
    assert not (tmp_path / "checkpoints" / ".000002.partial").exists()


def test_a_checkpoint_that_lost_any_part_or_half_of_it_is_passed_over_with_a_warning(nano, tmp_path, caplog):
    good, torn = save(nano, tmp_path, 1), save(nano, tmp_path, 2)
    assert newest_checkpoint(tmp_path) == torn
    parts = {path: path.read_bytes() for path in torn.iterdir()}
    assert {"model.safetensors", "tokenizer.json", "vilasr.json"} < {path.name for path in parts}
    for path, content in parts.items():
        path.write_bytes(content[: len(content) // 2])
        assert newest_checkpoint(tmp_path) == good, path.name
        path.unlink()
        assert newest_checkpoint(tmp_path) == good, path.name
        path.write_bytes(content)
        assert newest_checkpoint(tmp_path) == torn
    assert "000002 is damaged (tokenizer.json: " in caplog.text
    assert "the one before it is taken" in caplog.text
    load_model(good)


@pytest.mark.parametrize("content", ["[]", "{}", '{"step": "2"}'])
def test_a_state_that_names_no_step_is_damage(nano, tmp_path, caplog, content):
    good = save(nano, tmp_path, 1)
    (save(nano, tmp_path, 2) / "state.json").write_text(content)
    assert newest_checkpoint(tmp_path) == good
    assert "000002 is damaged (state.json names no step)" in caplog.text


def test_a_checkpoint_of_old_that_names_no_files_still_counts(nano, tmp_path):
    folder = save(nano, tmp_path, 1)
    state = json.loads((folder / "state.json").read_text())
    del state["files"]
    (folder / "state.json").write_text(json.dumps(state))
    assert newest_checkpoint(tmp_path) == folder


def killed_at(operation, write, root):
    """Do `write` in a fork that is killed right before its file operation of that number; whether it came that far.

    Operations are those that Python's audit hooks tell of: files and folders opened, listed, renamed, made, removed.
    """

    def run():
        num_done = 0

        def count(event, args):
            nonlocal num_done
            if event.startswith(("open", "os.", "shutil.")) and any(str(arg).startswith(str(root)) for arg in args):
                num_done += 1
                if num_done > operation:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        write()

    child = multiprocessing.get_context("fork").Process(target=run)
    child.start()
    child.join()
    assert child.exitcode in (0, -signal.SIGKILL)
    return child.exitcode != 0


def write_small(folder, value):
    folder.mkdir(parents=True)
    for name in ("model.safetensors", "more.safetensors"):
        save_file({"weight": torch.full((3,), float(value))}, folder / name)
    (folder / "config.json").write_text(json.dumps({"value": value}))


def values_in(folder):
    """Everything of `write_small` in a folder; one value where it is whole."""
    weights = [load_file(folder / f"{name}.safetensors")["weight"].tolist() for name in ("model", "more")]
    return {json.loads((folder / "config.json").read_text())["value"], *weights[0], *weights[1]}


def write_small_checkpoint(out, step, *, value, keep=2):
    return write_checkpoint(out, step, partial(write_small, value=value), {}, state={}, keep=keep)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize(("step", "newest"), [(3, [2, 10]), (2, [2, 1, 10])], ids=["a new step", "a step again"])
def test_a_kill_at_any_point_of_writing_a_checkpoint_leaves_one_that_is_whole(tmp_path, step, newest):
    operation, is_killed, found = 0, True, []
    while is_killed:
        out = tmp_path / str(operation)
        for number in (1, 2):
            write_small_checkpoint(out, number, value=number)
        is_killed = killed_at(operation, partial(write_small_checkpoint, out, step, value=10, keep=1), out)
        [value] = values_in(newest_checkpoint(out))
        found.append(value)
        write_small_checkpoint(out, step, value=20, keep=1)
        assert values_in(newest_checkpoint(out)) == {20}
        assert [path.name for path in (out / "checkpoints").iterdir() if path.name[0] != "."] == [f"{step:06d}"]
        shutil.rmtree(out)
        operation += 1
    assert operation > 15
    assert [value for value, _ in groupby(found)] == newest


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_kill_at_any_point_of_writing_the_final_model_leaves_the_old_the_new_or_none(tmp_path):
    operation, is_killed, found = 0, True, []
    while is_killed:
        folder = tmp_path / str(operation) / "model"
        write_final(folder, partial(write_small, value=1))
        is_killed = killed_at(operation, partial(write_final, folder, partial(write_small, value=2)), folder.parent)
        [value] = values_in(folder) if folder.exists() else [None]
        found.append(value)
        write_final(folder, partial(write_small, value=3))
        assert values_in(folder) == {3}
        assert [path.name for path in folder.parent.iterdir()] == ["model"]
        operation += 1
    assert operation > 10
    assert [value for value, _ in groupby(found)] == [1, None, 2]


def test_checkpoints_of_which_none_can_be_read_are_refused_and_none_at_all_is_a_beginning(nano, tmp_path):
    assert newest_checkpoint(tmp_path) is None
    (save(nano, tmp_path, 1) / "model.safetensors").write_bytes(b"")
    with pytest.raises(
        InputError, match=r"checkpoints: expected a checkpoint that can be read; got 1 damaged\. Copy one"
    ):
        newest_checkpoint(tmp_path)


def test_a_damaged_checkpoint_never_pushes_out_those_that_can_be_read(nano, tmp_path):
    save(nano, tmp_path, 1)
    (save(nano, tmp_path, 9) / "model.safetensors").write_bytes(b"")
    save(nano, tmp_path, 3, keep=1)  # the run went on from step 1
    assert [path.name for path in checkpoints(tmp_path)] == ["000003"]


FULL = r"room on the disk; got no space left on device\. Make room, then give .*goes on from"
CLOSED = r"a place that can be written; got permission denied\. Make it writable, then give .*goes on from"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), FULL),
        (SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"), FULL),
        (PermissionError(errno.EACCES, "Permission denied"), CLOSED),
        (SafetensorError('I/O error: Permission denied (os error 13) at path "/x"'), CLOSED),
        (SafetensorError("cut off"), r"a place that can be written; got cut off\. Make it writable"),
    ],
    ids=["full", "full, says safetensors", "closed", "closed, says safetensors", "unknown"],
)
def test_a_failure_to_write_says_what_to_do_and_leaves_the_last_checkpoint(nano, tmp_path, error, message):
    last = save(nano, tmp_path, 1)

    def fail(folder):
        folder.mkdir(parents=True)
        raise error

    with pytest.raises(InputError, match=f"000002: expected {message}"):
        write_checkpoint(tmp_path, 2, fail, {}, state={}, keep=2)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["000001"]
    assert checkpoints(tmp_path) == [last]
    load_model(last)
    load_file(last / "optimizer.safetensors")


def test_on_a_full_disk_no_file_takes_the_place_of_a_whole_one(nano, tmp_path, files_limited_to):
    last, path = save(nano, tmp_path, 1), tmp_path / "state.safetensors"
    save_atomically(path, {"weight": torch.zeros(3)}, {"step": "1"})
    before = path.read_bytes()
    with files_limited_to(10_000):
        with pytest.raises(InputError, match=r"state\.safetensors: expected room on the disk; got file too large"):
            save_atomically(path, {"weight": torch.zeros(9999)}, {"step": "2"})
        with pytest.raises(InputError, match=r"000002: expected room on the disk; got file too large"):
            save(nano, tmp_path, 2)
    assert path.read_bytes() == before
    assert [*tmp_path.glob(".*")] == []
    assert newest_checkpoint(tmp_path) == last


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_whoever_may_read_what_the_user_writes_may_read_the_weights(tmp_path, mask, mode):
    """safetensors makes files for their owner alone; a server in a container is another user."""
    before = os.umask(mask)
    try:
        saved = write_small_checkpoint(tmp_path, 1, value=1)
        write_final(tmp_path / "model", partial(write_small, value=1))
        save_atomically(tmp_path / "model" / "state.safetensors", {"weight": torch.zeros(3)})
    finally:
        os.umask(before)
    modes = {
        path.name: path.stat().st_mode & 0o777 for folder in (saved, tmp_path / "model") for path in folder.iterdir()
    }
    assert {"model.safetensors", "optimizer.safetensors", "state.json", "state.safetensors"} < modes.keys()
    assert set(modes.values()) == {mode}


def test_a_final_model_replaces_an_older_one_and_carries_no_run_state(nano, tmp_path):
    loaded = load_model(save(nano, tmp_path, 1))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "left.over").write_text("old")
    write_final(tmp_path / "model", partial(save_model, loaded))
    names = {path.name for path in (tmp_path / "model").iterdir()}
    assert names >= {"model.safetensors", "config.json", "tokenizer.json", "preprocessor_config.json", "vilasr.json"}
    assert not names & {"state.json", "optimizer.safetensors", "left.over"}
    assert load_model(tmp_path / "model").sizer == nano.sizer


def test_a_restored_optimizer_goes_on_exactly(tmp_path):
    straight, stopped = weights((3, 2), (4,)), weights((3, 2), (4,))
    stepped_optimizer(straight, steps=5)
    flat = flatten_optimizer(stepped_optimizer(stopped, steps=3))
    assert set(flat) == {f"{n}.{moment}" for n in (0, 1) for moment in ("step", "exp_avg", "exp_avg_sq")}
    save_atomically(tmp_path / "optimizer.safetensors", flat, {})
    optimizer = torch.optim.AdamW(stopped, lr=0.01, fused=True)
    load_optimizer(tmp_path, optimizer)
    for step in (3, 4):
        for number, parameter in enumerate(stopped):
            parameter.grad = torch.full_like(parameter, 0.1 * (step + number + 1))
        optimizer.step()
    assert all(torch.equal(one, other) for one, other in zip(straight, stopped, strict=True))


@pytest.mark.parametrize("shapes", [[(3, 2)], [(3, 2), (5,)], [(4,), (3, 2)]])
def test_the_state_of_other_parameters_is_refused(shapes):
    flat = flatten_optimizer(stepped_optimizer(weights((3, 2), (4,))))
    with pytest.raises(InputError, match=rf"here: expected the optimizer state of {len(shapes)} trainable parameters"):
        restore_optimizer(torch.optim.AdamW(weights(*shapes)), flat, name="here")


def test_a_parameter_that_never_had_a_gradient_has_no_state_and_is_no_hindrance():
    used, unused = weights((3, 2), (4,))
    before = torch.optim.AdamW([used, unused])
    used.grad = torch.ones_like(used)
    before.step()
    after = torch.optim.AdamW([used, unused])
    restore_optimizer(after, flatten_optimizer(before), name="here")
    assert after.state_dict()["state"].keys() == {0}
    after.step()


def test_the_state_before_the_first_step_is_restored_too():
    optimizer = torch.optim.AdamW(weights((2,)))
    restore_optimizer(optimizer, flatten_optimizer(optimizer), name="here")
    assert flatten_optimizer(optimizer) == {}


def test_a_process_that_writes_no_checkpoint_keeps_no_moments():
    assert flatten_optimizer(stepped_optimizer(weights((3, 2))), keep=False) == {}
