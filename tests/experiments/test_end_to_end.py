"""A whole study of one step and two mazes, with the commands as they ship."""

from __future__ import annotations

import json

import pytest
from tiny_models import write_tiny_model

from vilasr.experiments.__main__ import main


@pytest.fixture
def small(study_file):
    """One seed of stage 1 of an untrained model, measured on two mazes."""
    folder = study_file.parent
    write_tiny_model(folder / "start", "qwen3_vl")
    (folder / "start" / "vilasr.json").write_text(json.dumps({"protocol": "compact", "max_pixels": 4096}))
    text = study_file.read_text().replace("seeds = [0, 1]", "seeds = [3]")
    (folder / "sft.toml").write_text((folder / "sft.toml").read_text().replace("steps = 2", "steps = 1"))
    study_file.write_text(text.replace("num = 4", 'num = 2\noptions = ["--max-tokens", "4", "--max-turns", "1"]'))
    return study_file


@pytest.mark.slow
def test_a_study_is_trained_measured_and_told_and_a_second_start_finds_nothing_to_do(small, capfd):
    words = ["--study", str(small), "--only", "mazes/sft/seed-3"]
    assert main(words) == 0
    captured = capfd.readouterr()
    assert captured.out.splitlines()[-1] == "2 done"
    folder = small.parent / "runs"
    assert (folder / "models" / "sft" / "seed-3" / "model" / "model.safetensors").exists()
    summary = json.loads((folder / "evaluations" / "mazes" / "sft" / "seed-3" / "summary.json").read_text())
    assert (summary["num"], summary["answered_rate"]) == (2, 0)
    page = (small.parent / "results.md").read_text()
    assert "| sft | 0.0 (0.0 to 65.8) |" in page  # of two, by Wilson
    assert "hardware: " in page
    assert "unknown" not in page

    assert main(words) == 0
    assert "vilasr train" not in capfd.readouterr().err
    assert main(["--study", str(small), "--list"]) == 0
    assert capfd.readouterr().out.splitlines()[-1] == "4 not begun, 2 done"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--only", "ppo"], "error: --only: expected a model, an evaluation or a run of the study; got 'ppo'"),
        (["seeds=3"], "seeds: expected"),
        (["--study", "nowhere.toml"], "nowhere.toml: expected a readable TOML file"),
        ([], "expected a checkpoint folder; got no such checkpoint. Make it first: make nano"),
    ],
)
def test_bad_input_ends_with_2_and_a_message_before_anything_is_run(study_file, capsys, words, message):
    assert main(["--study", str(study_file), *words]) == 2
    assert message in capsys.readouterr().err
    assert not (study_file.parent / "runs").exists()


def test_options_are_not_abbreviated_and_a_wrong_one_ends_as_in_vilasr(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["--pag"])
    first, second = capsys.readouterr().err.splitlines()
    assert first == "error: unrecognized arguments: --pag"
    assert second == "Run 'python -m vilasr.experiments --help' to see what it takes."


def test_the_page_alone_can_be_written_at_any_time(study_file, capsys):
    assert main(["--study", str(study_file), "--page"]) == 0
    assert capsys.readouterr().out == f"Written: {study_file.parent / 'results.md'}\n"
    assert "Nothing of this was run yet" in (study_file.parent / "results.md").read_text()
