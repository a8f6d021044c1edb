"""Checkpoints: whole or not at all, and the optimizer as it was."""

from __future__ import annotations

import errno
import json

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from vilasr.errors import InputError
from vilasr.policies.transformers import load_model
from vilasr.training import checkpoint
from vilasr.training.checkpoint import (
    checkpoints,
    flatten_optimizer,
    load_optimizer,
    newest_checkpoint,
    restore_optimizer,
    save_atomically,
    save_checkpoint,
    save_final,
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
    return save_checkpoint(out, step, nano, optimizer, state={"config": {"a": 1}}, keep=keep)


def test_a_checkpoint_loads_with_the_very_weights_and_says_its_step(nano, tmp_path):
    folder = save(nano, tmp_path, 7)
    assert folder == tmp_path / "checkpoints" / "000007"
    assert checkpoints(tmp_path) == [folder]
    assert json.loads((folder / "state.json").read_text()) == {"step": 7, "config": {"a": 1}}
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


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "config.json", "state.json"])
def test_a_checkpoint_that_lost_a_part_is_passed_over_with_a_warning(nano, tmp_path, caplog, name):
    good, torn = save(nano, tmp_path, 1), save(nano, tmp_path, 2)
    assert newest_checkpoint(tmp_path) == torn
    content = (torn / name).read_bytes()
    (torn / name).write_bytes(content[: len(content) // 2])
    assert newest_checkpoint(tmp_path) == good
    assert "000002 is damaged (" in caplog.text
    assert "the one before it is taken" in caplog.text
    load_model(good)


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


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "No space left on device"), SafetensorError("I/O error: No space left on device")],
    ids=["from the system", "from safetensors"],
)
def test_a_full_disk_says_so_and_leaves_the_last_checkpoint_as_it_was(nano, tmp_path, monkeypatch, error):
    last = save(nano, tmp_path, 1)

    def full(*_, **__):
        raise error

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(InputError, match=r"000002: expected a disk .* has room; got .*No space left.*goes on from"):
        save(nano, tmp_path, 2)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["000001"]
    assert checkpoints(tmp_path) == [last]
    load_model(last)
    load_file(last / "optimizer.safetensors")

    with pytest.raises(InputError, match=r"state\.safetensors: expected a disk"):
        save_atomically(tmp_path / "state.safetensors", {}, {})


def test_a_final_model_replaces_an_older_one_and_carries_no_run_state(nano, tmp_path):
    loaded = load_model(save(nano, tmp_path, 1))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "left.over").write_text("old")
    save_final(loaded, tmp_path / "model")
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
