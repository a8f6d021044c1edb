"""`vilasr train rejection`: the command as it ships, and what is left after it was killed at random moments."""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path

import pytest

from vilasr.errors import InputError
from vilasr.rollout import read_rollouts
from vilasr.training.metrics import read_metrics
from vilasr.training.provenance import write_run_json

sys.path.append(str(Path(__file__).parents[2] / "training"))


@pytest.fixture(scope="module")
def teacher():
    """Base URL of a server that counts two marks, mostly right, and corrects itself about half the time."""
    from answering_server import serve
    from correcting_server import reply

    with serve(reply) as url:
        yield url


@pytest.fixture
def config(tiny, teacher, tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(
        f"""
        model = "{tiny}"
        out = "{tmp_path / "run"}"
        num_siblings = 2
        concurrency = 3
        threads = 1
        endpoint = {{ url = "{teacher}", model = "stub" }}
        replay = [{{ task = "marks", weight = 0.5, options = {{ num = "1" }} }}]
        [prompts]
        num = 12
        tasks = [{{ task = "marks", options = {{ num = "2" }} }}]
        [sft]
        steps = 4
        precision = "fp32"
        save_every = 1
        data = {{ batch_size = 1, window = 1, max_tokens = 4096 }}
        """
    )
    return file


def test_a_dry_run_checks_model_and_questions_and_writes_nothing(config, tmp_path, vilasr):
    code, out, err = vilasr("train", "rejection", config, "sft.steps=7", "--dry-run")
    assert code == 0, err
    assert json.loads(out)["sft"]["steps"] == 7
    assert "Sampling: 2 attempts at each of 12 questions, 24 in all." in err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ('replay=[{ dataset = "nowhere" }]', "nowhere: expected a dataset folder"),
        ('sft.lora={ rank = 1, targets = ["query"] }', "lora.targets: expected names of linear layers"),
        (
            'sft.validation={ num = 1, tasks = [{ task = "marks" }] }',
            "validation: expected samples that are not trained",
        ),
    ],
)
def test_a_dry_run_finds_what_would_stop_the_training_too(config, vilasr, word, message):
    code, _, err = vilasr("train", "rejection", config, word, "--dry-run")
    assert code == 2
    assert message in err


def test_a_disk_that_is_full_when_a_run_notes_its_settings_is_bad_input(tmp_path, files_limited_to):
    write_run_json(tmp_path, {"steps": 1}, strategy="one process")
    before = (tmp_path / "run.json").read_bytes()
    with (
        files_limited_to(50),
        pytest.raises(InputError, match=r"run\.json: expected room on the disk; .*\. Make room, then give the same"),
    ):
        write_run_json(tmp_path, {"steps": 2}, strategy="one process")
    assert [*tmp_path.iterdir()] == [tmp_path / "run.json"]
    assert (tmp_path / "run.json").read_bytes() == before


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("select.reflectiv=1", "select.reflectiv: expected a known key ("),
        ("sft.optim.rate=1", "sft.optim.rate: expected a known key ("),
        ("sft.out=here", "sft.out follows from the rest of this file"),
        ("num_siblings=0", "num_siblings: expected "),
    ],
)
def test_bad_settings_end_with_2_and_a_message_that_names_them(config, tmp_path, vilasr, word, message):
    code, _, err = vilasr("train", "rejection", config, word)
    assert code == 2
    assert message in err
    assert not (tmp_path / "run").exists()


def test_a_run_prints_the_tables_and_leaves_a_model(config, tmp_path, vilasr):
    code, out, err = vilasr("train", "rejection", config)
    assert code == 0, err
    assert "| reflective  | " in out
    assert "4 steps, last loss" in out
    assert f"Model: {tmp_path / 'run' / 'model'}" in out
    assert json.loads((tmp_path / "run" / "run.json").read_text())["config"]["num_siblings"] == 2


@pytest.mark.slow
def test_killed_ten_times_while_it_samples_and_trains_it_ends_as_if_it_had_not_been(config, tmp_path):
    from fork_server import Commands

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    num_lines = 1 + 12 * 2  # of sampled.jsonl, the header included; then 12 steps
    moments = [num_lines * each / 5 for each in range(5)] + [num_lines + 2 * each for each in range(1, 6)]
    with Commands(tmp_path / "log.txt") as commands:
        words = ["train", "rejection", config, "sft.steps=12", "sft.save_every=3"]
        commands.start([*words, f"out={whole}"])
        assert commands.wait() == 0, commands.log.read_text()
        codes, while_training = kill_at(moments, commands, [*words, f"out={killed}"], killed, seed=3)
        assert codes.count(-9) >= 9, commands.log.read_text()
        assert 4 <= while_training <= 6
        commands.start([*words, f"out={killed}"])
        assert commands.wait() == 0, commands.log.read_text()
    assert told(killed / "sampled.jsonl", in_order=False) == told(whole / "sampled.jsonl", in_order=False)
    assert told(killed / "selected.jsonl") == told(whole / "selected.jsonl")
    assert (killed / "selection.md").read_bytes() == (whole / "selection.md").read_bytes()
    assert [step for step, _, _ in losses(whole)] == list(range(12))
    assert losses(killed) == losses(whole)
    assert (killed / "model" / "model.safetensors").read_bytes() == (whole / "model" / "model.safetensors").read_bytes()


@pytest.mark.slow
def test_killed_ten_times_while_the_engine_samples_it_has_the_very_rollouts_of_a_run_that_was_not(brief, tmp_path):
    from fork_server import Commands

    file = tmp_path / "config.toml"
    file.write_text(
        f"""
        model = "{brief}"
        out = "unset"
        num_siblings = 3
        concurrency = 6
        threads = 1
        sampling = {{ max_tokens = 200 }}
        prompts = {{ num = 10, tasks = [{{ task = "marks", options = {{ num = "1" }} }}] }}
        """
    )
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    with Commands(tmp_path / "log.txt") as commands:
        commands.start(["train", "rejection", file, f"out={whole}"])
        assert commands.wait() == 2  # an untrained model answers nothing
        moments = [1 + 2.5 * each for each in range(10)]  # of a header and 30 rollouts
        codes, _ = kill_at(moments, commands, ["train", "rejection", file, f"out={killed}"], killed, seed=5)
        assert codes.count(-9) >= 9, commands.log.read_text()
        commands.start(["train", "rejection", file, f"out={killed}"])
        assert commands.wait() == 2, commands.log.read_text()
    assert sampled(killed) == sampled(whole)
    assert len(sampled(whole)) == 30
    assert len({len(turns) for turns in sampled(whole).values()}) > 1
    assert "took most, 30 of the 30 that came to it" in commands.log.read_text()


def kill_at(moments, commands, words, out, *, seed):
    """Start, wait for so many rollouts and steps, wait a little more, kill; again and again -> exit codes, and how
    many of the kills found training begun."""
    rng = random.Random(seed)
    codes, while_training = [], 0
    for moment in moments:
        commands.start(words)
        wait_for_progress(out, moment)
        time.sleep(rng.uniform(0, 0.05))
        codes.append(commands.kill())
        while_training += (out / "metrics.jsonl").exists()
    return codes, while_training


def sampled(out):
    """(sample id, sibling) -> ids and log-probabilities of each turn."""
    return {
        (each.sample.id, each.sibling): [(turn.tokens.token_ids, turn.tokens.logprobs) for turn in each.turns]
        for each in read_rollouts(out / "sampled.jsonl")[1]
    }


def wait_for_progress(out, wanted):
    deadline = time.monotonic() + 120
    while progress(out) < wanted:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def progress(out):
    files = (out / "sampled.jsonl", out / "metrics.jsonl")
    return sum(path.read_bytes().count(b"\n") for path in files if path.exists())


def told(path, *, in_order=True):
    rollouts = read_rollouts(path)[1]
    entries = [(each.sample.id, each.sibling, [turn.text for turn in each.turns]) for each in rollouts]
    return entries if in_order else sorted(entries)


def losses(out):
    return [(line["step"], line["loss"], line["grad_norm"]) for line in read_metrics(out / "metrics.jsonl")]
