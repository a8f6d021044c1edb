"""`vilasr train sft`: what is checked before, what is left behind, and the memory settings it starts with."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from vilasr.cli.main import build_parser
from vilasr.training import memory
from vilasr.training.provenance import git_commit


@pytest.fixture
def config(tiny, tmp_path):
    """Two steps on pictures of one mark."""
    file = tmp_path / "config.toml"
    file.write_text(
        f"""
        model = "{tiny}"
        out = "{tmp_path / "run"}"
        steps = 2
        precision = "fp32"
        threads = 1
        [data]
        batch_size = 1
        window = 1
        max_tokens = 600
        tasks = [{{ task = "marks", options = {{ num = "1" }} }}]
        """
    )
    return file


def test_a_dry_run_prints_the_config_opens_model_and_data_and_writes_nothing(config, tmp_path, vilasr):
    code, out, err = vilasr("train", "sft", config, "optim.lr=2e-3", "data.seed=7", "--dry-run")
    assert code == 0
    resolved = json.loads(out)
    assert (resolved["optim"]["lr"], resolved["data"]["seed"], resolved["steps"]) == (0.002, 7, 2)
    assert resolved["data"]["tasks"][0]["task"] == "marks"
    assert "million weights, protocol compact" in err
    assert "the first sample has" in err
    assert not (tmp_path / "run").exists()


def test_a_dry_run_may_be_asked_for_anywhere_among_the_overrides(config, tmp_path, vilasr):
    code, out, _ = vilasr("train", "sft", config, "optim.lr=2e-3", "--dry-run", "data.seed=7")
    assert code == 0
    assert (json.loads(out)["optim"]["lr"], json.loads(out)["data"]["seed"]) == (0.002, 7)
    assert not (tmp_path / "run").exists()
    words = ["sft", "c.toml", "steps=1", "data.seed=7"]
    for place in range(len(words) + 1):
        asked = build_parser(["train"]).parse_args(["train", *words[:place], "--dry-run", *words[place:]])
        assert (asked.stage, asked.config, asked.overrides, asked.dry_run) == ("sft", "c.toml", words[2:], True)
    plain = build_parser(["train"]).parse_args(["train", *words])
    assert (plain.overrides, plain.dry_run) == (words[2:], False)


def test_a_run_leaves_model_metrics_and_where_they_came_from(config, tmp_path, vilasr):
    code, out, _ = vilasr("train", "sft", config)
    assert code == 0
    assert "2 steps, last loss" in out
    assert f"Model: {tmp_path / 'run' / 'model'}" in out
    assert (tmp_path / "run" / "model" / "model.safetensors").exists()
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 2
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["config"]["steps"] == 2
    assert record["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert set(record["versions"]) == {"python", "vilasr", "torch", "transformers", "numpy", "pillow"}


def test_a_finished_run_stays_as_it_is_and_another_config_is_refused(config, tmp_path, vilasr):
    assert vilasr("train", "sft", config)[0] == 0
    before = (tmp_path / "run" / "run.json").read_bytes()
    assert vilasr("train", "sft", config)[0] == 0
    code, _, err = vilasr("train", "sft", config, "data.seed=8")
    assert code == 2
    assert "got a run that differs in data. Give another folder: out=PATH." in err
    assert (tmp_path / "run" / "run.json").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["optim.rate=1"], "optim.rate: expected a known key ("),
        (["stepps=1"], "stepps: expected a known key ("),
        (["optim.lr=fast"], "optim.lr: expected "),
        (["steps=0"], "steps: expected "),
        (["steps.lr=1"], "override steps.lr: expected a key inside a section; got steps is a value"),
        (["optim.lr"], "override: expected key.path=value; got 'optim.lr'"),
        (["data.tasks=[]"], "data: expected "),
        (["model=/no/such/folder", "--dry-run"], "/no/such/folder: expected 'nano', a checkpoint folder"),
        (
            ['data.tasks=[{task = "chess"}]', "--dry-run"],
            "expected one of maze, marks, lengths, static, video, multiview; got 'chess'",
        ),
        (['data.tasks=[{task = "maze", options = {colour = "1"}}]', "--dry-run"], "got 'colour'"),
        (["device=gpu"], "device: expected cpu, or another that torch can use here; got 'gpu'"),
    ],
)
def test_bad_settings_end_with_2_and_a_message_that_names_them(config, tmp_path, vilasr, words, message):
    code, _, err = vilasr("train", "sft", config, *words)
    assert code == 2
    assert message in err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("text", "message"), [(None, "a readable TOML file"), ("steps = = 1", "valid TOML")])
def test_a_file_that_is_missing_or_no_toml_is_bad_input(tmp_path, vilasr, text, message):
    file = tmp_path / "config.toml"
    if text is not None:
        file.write_text(text)
    code, _, err = vilasr("train", "sft", file)
    assert code == 2
    assert f"{file}: expected {message}" in err


def test_an_unknown_stage_is_told_with_those_there_are(config, vilasr):
    code, _, err = vilasr("train", "dpo", config)
    assert code == 2
    assert "invalid choice: 'dpo' (choose from 'sft', " in err


# --- memory -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def starts(monkeypatch):
    """Starts the command again only here: [(program, words, environment)]. No setting of glibc's is in place."""
    calls = []
    monkeypatch.setattr(memory.os, "execve", lambda *call: calls.append(call))
    monkeypatch.setattr(memory.platform, "libc_ver", lambda: ("glibc", "2.36"))
    monkeypatch.setattr(sys, "argv", ["/usr/bin/vilasr", "train", "sft", "c.toml"])
    monkeypatch.setattr(sys, "orig_argv", ["python3", "-X", "dev", "/usr/bin/vilasr", "train", "sft", "c.toml"])
    for name in memory.KEEP_MEMORY:
        monkeypatch.delenv(name, raising=False)
    return calls


def test_the_command_starts_again_as_it_was_with_the_settings_added(starts):
    memory.restart_keeping_memory()
    program, words, environment = starts.pop()
    assert program == sys.executable
    assert words[1:] == ["-X", "dev", "/usr/bin/vilasr", "train", "sft", "c.toml"]
    assert memory.KEEP_MEMORY.items() <= environment.items()


def test_it_starts_once_and_never_against_settings_of_the_user(starts, monkeypatch):
    monkeypatch.setenv("MALLOC_TOP_PAD_", "1")
    memory.restart_keeping_memory()
    assert starts == []


def test_a_program_that_only_calls_the_command_is_not_started_again(starts, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/usr/lib/python3/pytest/__main__.py"])
    memory.restart_keeping_memory()
    assert starts == []


def test_another_c_library_is_left_alone_and_an_old_glibc_gets_the_threshold_it_can_take():
    assert memory.keep_memory_settings("", "") == {}
    assert memory.keep_memory_settings("musl", "1.2") == {}
    assert memory.keep_memory_settings("glibc", "2.36")["MALLOC_MMAP_THRESHOLD_"] == "4000000000"
    assert memory.keep_memory_settings("glibc", "2.31")["MALLOC_MMAP_THRESHOLD_"] == "33554432"


# --- where it came from -----------------------------------------------------------------------------------------------


def test_the_commit_is_that_of_tracked_files_and_says_when_they_were_changed(tmp_path):
    def git(*words):
        subprocess.run(["git", "-C", tmp_path, "-c", "user.name=n", "-c", "user.email=e@x", *words], check=True)

    assert git_commit(tmp_path / "missing") is None
    (tmp_path / "code").mkdir()
    file = tmp_path / "code" / "file.py"
    file.write_text("1\n")
    git("init", "--quiet")
    assert git_commit(file.parent) is None
    git("add", ".")
    git("commit", "--quiet", "-m", "first")
    commit = git_commit(file.parent)
    assert len(commit) == 40
    file.write_text("2\n")
    assert git_commit(file.parent) == f"{commit}-dirty"
    (tmp_path / "ignored").mkdir()
    assert git_commit(tmp_path / "ignored") is None
