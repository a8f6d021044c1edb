"""`vilasr rollout`, with an endpoint that answers at once."""

from __future__ import annotations

import json

import pytest

from vilasr.cli.main import main
from vilasr.rollout import read_rollouts


@pytest.fixture
def mazes(tmp_path, capsys):
    """A dataset of six."""
    folder = tmp_path / "mazes"
    assert main(["generate", "maze", "--split", "test", "--num", "6", "--seed", "1", "--out", str(folder)]) == 0
    capsys.readouterr()
    return folder


def keys(path):
    return sorted((rollout.sample.id, rollout.sibling) for rollout in read_rollouts(path)[1])


def test_every_sample_gets_its_attempts_and_stdout_tells_how_they_ended(mazes, endpoint, tmp_path, vilasr):
    out = tmp_path / "new" / "rollouts.jsonl"
    words = ["--model", "stub", "--endpoint", endpoint, "--samples-per-prompt", 2, "--top-p", 0.9, "--seed", 4]
    code, told, err = vilasr("rollout", mazes, *words, "--out", out)
    assert (code, err) == (0, "")
    assert told.startswith("maze-test: ")
    assert "answered " in told
    assert f"12 rollouts in {out}" in told
    assert [sibling for _, sibling in keys(out)] == [0, 1] * 6
    header, rollouts = read_rollouts(out)
    assert (header.model, header.seed, header.sampling.temperature, header.sampling.top_p) == ("stub", 4, 1.0, 0.9)
    assert header.config["source"]["dataset"]["task"] == "maze"
    assert len({rollout.seed for rollout in rollouts}) == 12


def test_an_attempt_that_ends_badly_is_data_and_the_exit_code_is_0(mazes, endpoint, tmp_path, vilasr):
    words = ["--model", "stub", "--endpoint", endpoint, "--strict", "--max-turns", 1]
    code, told, _ = vilasr("rollout", mazes, *words, "--out", tmp_path / "rollouts.jsonl")
    assert code == 0
    assert "answered            0.0 %" in told


def test_more_samples_and_more_attempts_can_be_asked_for_later(mazes, endpoint, tmp_path, vilasr):
    out = tmp_path / "rollouts.jsonl"
    words = ["rollout", mazes, "--model", "stub", "--endpoint", endpoint, "--out", out, "--resume"]
    assert vilasr(*words, "--num", 2)[0] == 0
    first = keys(out)
    assert [sibling for _, sibling in first] == [0, 0]
    assert vilasr(*words, "--samples-per-prompt", 2)[0] == 0
    assert len(keys(out)) == 12
    assert set(first) < set(keys(out))


def test_a_broken_picture_is_named_and_the_others_run(mazes, endpoint, tmp_path, vilasr):
    broken = sorted((mazes / "images").iterdir())[2]
    broken.write_bytes(broken.read_bytes()[:60])
    out = tmp_path / "rollouts.jsonl"
    code, told, err = vilasr("rollout", mazes, "--model", "stub", "--endpoint", endpoint, "--out", out)
    assert code == 0
    assert len(keys(out)) == 5
    assert "left out            image 1" in told
    assert "is left out: " in err


def test_an_existing_file_is_refused_without_resume_and_with_other_data(mazes, endpoint, tmp_path, vilasr):
    out = tmp_path / "rollouts.jsonl"
    words = ["--model", "stub", "--endpoint", endpoint, "--out", out]
    assert vilasr("rollout", mazes, *words)[0] == 0
    before = out.read_bytes()
    code, _, err = vilasr("rollout", mazes, *words)
    assert code == 2
    assert "expected a new file; got one that exists. Give --resume" in err
    other = tmp_path / "other"
    assert vilasr("generate", "maze", "--split", "test", "--num", 6, "--seed", 2, "--out", other)[0] == 0
    code, _, err = vilasr("rollout", other, *words, "--resume")
    assert code == 2
    assert "config.source.dataset.seed: 1 in the file, 2 now" in err
    assert out.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--samples-per-prompt", "0"], "--samples-per-prompt: expected a whole number from 1; got '0'"),
        (["--num", "0"], "--num: expected a whole number from 1; got '0'"),
        (["--max-tokens", "0"], "--max-tokens: expected a whole number from 1; got '0'"),
        (["--top-p", "2"], "--top-p: expected a number from 0 to 1; got '2'"),
        (["--seed", "-1"], "--seed: expected a whole number from 0; got '-1'"),
        (["--colour"], "unrecognized arguments: --colour"),
    ],
)
def test_bad_options_end_with_2_and_a_message(mazes, endpoint, tmp_path, vilasr, change, message):
    out = tmp_path / "rollouts.jsonl"
    code, told, err = vilasr("rollout", mazes, "--model", "stub", "--endpoint", endpoint, "--out", out, *change)
    assert (code, told) == (2, "")
    assert message in err
    assert not out.exists()


def test_what_is_no_dataset_is_bad_input(tmp_path, endpoint, vilasr):
    words = ["--model", "stub", "--endpoint", endpoint, "--out", tmp_path / "rollouts.jsonl"]
    for data in (tmp_path / "missing", tmp_path):
        code, _, err = vilasr("rollout", data, *words)
        assert code == 2
        assert "expected a dataset folder with dataset.json; got none" in err
    assert vilasr("rollout", *words)[0] == 2


def test_a_folder_is_no_place_for_the_file(mazes, endpoint, tmp_path, vilasr):
    code, _, err = vilasr("rollout", mazes, "--model", "stub", "--endpoint", endpoint, "--out", tmp_path)
    assert code == 2
    assert f"expected a file; got a folder. Give {tmp_path / 'rollouts.jsonl'}" in err


def test_a_local_model_runs_and_its_tokens_are_kept(mazes, tiny, tmp_path, vilasr):
    out = tmp_path / "rollouts.jsonl"
    words = ["--model", tiny, "--num", 2, "--max-tokens", 8, "--concurrency", 2, "--temperature", 0]
    assert vilasr("rollout", mazes, *words, "--out", out)[0] == 0
    for line in out.read_text().splitlines()[1:]:
        assert all(0 < len(turn["tokens"]["token_ids"]) <= 8 for turn in json.loads(line)["turns"])
