"""The study, its units, and when each counts as done."""

from __future__ import annotations

import os
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from finished import finish, say_done

from vilasr.errors import InputError
from vilasr.experiments.driver import check_starts, chosen
from vilasr.experiments.evidence import METRICS
from vilasr.experiments.study import load_study
from vilasr.experiments.units import State, agrees, units_of

ROOT = Path(__file__).parents[2]
ORDER = [
    *("mazes/base", "sft/seed-0", "mazes/sft/seed-0", "attempts/sft/seed-0", "grpo/seed-0", "mazes/grpo/seed-0"),
    *("sft/seed-1", "mazes/sft/seed-1", "attempts/sft/seed-1", "grpo/seed-1", "mazes/grpo/seed-1"),
]


@pytest.fixture
def units(study_file):
    return {unit.name: unit for unit in units_of(load_study(study_file))}


def test_units_come_seed_by_seed_and_each_after_what_it_needs(units):
    assert list(units) == ORDER
    needs = {name: unit.needs for name, unit in units.items() if unit.seed != 1}
    assert needs == {
        "mazes/base": None,
        "sft/seed-0": None,
        "mazes/sft/seed-0": "sft/seed-0",
        "attempts/sft/seed-0": "sft/seed-0",
        "grpo/seed-0": "sft/seed-0",
        "mazes/grpo/seed-0": "grpo/seed-0",
    }


def test_the_commands_say_start_folder_and_seeds(units, tmp_path):
    assert units["grpo/seed-1"].command == (
        *("train", "grpo", f"{tmp_path}/grpo.toml", f"model={tmp_path}/runs/models/sft/seed-1/model"),
        *(f"out={tmp_path}/runs/models/grpo/seed-1", "seed=2", "prompts.seed=8"),
    )
    assert units["attempts/sft/seed-1"].command == (
        *("eval", "maze", "--num", "1", "--seed", "0", "--samples-per-prompt", "4", "--temperature", "1"),
        *("--model", f"{tmp_path}/runs/models/sft/seed-1/model"),
        *("--out", f"{tmp_path}/runs/evaluations/attempts/sft/seed-1", "--resume"),
    )


def test_a_model_that_may_not_draw_is_measured_without_drawing(study_file):
    text = study_file.read_text().replace('made_by = "make nano"', "drawing = false")
    study_file.write_text(text)
    words = {unit.name: unit.command for unit in units_of(load_study(study_file))}
    assert "--no-drawing" in words["mazes/base"]
    assert "--no-drawing" not in words["mazes/sft/seed-0"]


def test_only_a_finished_run_of_these_very_settings_is_done(study_file, units):
    training, evaluation = units["sft/seed-0"], units["mazes/sft/seed-0"]
    assert {unit.state for unit in units.values()} == {State.NEW}
    training.folder.mkdir(parents=True)
    (training.folder / "metrics.jsonl").touch()
    assert training.state is State.BEGUN
    say_done(training)
    assert training.state is State.DONE
    config = study_file.parent / "sft.toml"
    before = config.read_text()
    for old, new, expected in (("threads = 1", "threads = 2", State.DONE), ("steps = 2", "steps = 3", State.BEGUN)):
        config.write_text(before.replace(old, new))
        assert {unit.name: unit for unit in units_of(load_study(study_file))}["sft/seed-0"].state is expected
    finish(evaluation, "1", "1", "0", "1")
    assert evaluation.state is State.DONE
    say_done(evaluation, {"complete": False, "num": 4, "num_excluded": 0})
    assert evaluation.state is State.BEGUN
    say_done(evaluation, {"complete": True, "num": 3, "num_excluded": 1})
    assert evaluation.state is State.DONE


def test_what_was_measured_before_its_model_was_trained_anew_is_outdated(units):
    evaluation = units["mazes/sft/seed-0"]
    finish(evaluation, "1", "1", "0", "1")
    weights = Path(evaluation.start) / "model.safetensors"
    weights.parent.mkdir(parents=True)
    weights.touch()
    worked = (evaluation.folder / "rollouts.jsonl").stat().st_mtime
    os.utime(weights, (worked - 1, worked - 1))
    assert evaluation.state is State.DONE
    os.utime(weights, (worked + 1, worked + 1))
    assert evaluation.state is State.OUTDATED


def test_what_was_measured_before_the_shipped_model_was_rebuilt_is_outdated(units):
    shipped = replace(units["mazes/base"], start="nano")
    finish(shipped, "1", "1", "1", "1")
    assert shipped.state is State.DONE
    os.utime(shipped.folder / "rollouts.jsonl", (0, 0))
    assert shipped.state is State.OUTDATED


@pytest.mark.parametrize(
    ("saved", "told", "same"),
    [
        ({"lr": 1, "keep": 2}, {"lr": 1, "keep": 3}, True),
        ({"lr": 1}, {"lr": 2}, False),
        ({"validation": {"num": 80}}, {"validation": {"num": 100}}, False),
        ({"lr": 1}, {"lr": 1, "came_since": 0}, True),
        ({"data": {"tasks": [{"task": "maze"}]}}, {"data": {"tasks": [{"task": "marks"}]}}, False),
        ({"tasks": [1]}, {"tasks": [1, 2]}, False),
        ({"options": {"question": "end"}}, {"options": {"question": "end", "size": "3"}}, False),
    ],
)
def test_settings_that_decide_nothing_or_came_since_make_no_other_run(saved, told, same):
    assert agrees(saved, told) is same


def test_only_takes_models_evaluations_and_runs_with_what_they_need(units):
    everything = list(units.values())
    assert [unit.name for unit in chosen(everything, [])] == ORDER
    assert [unit.name for unit in chosen(everything, ["mazes/grpo/seed-1"])] == [
        *("sft/seed-1", "grpo/seed-1", "mazes/grpo/seed-1")
    ]
    assert [unit.name for unit in chosen(everything, ["attempts", "base"])] == [
        *("mazes/base", "sft/seed-0", "attempts/sft/seed-0", "sft/seed-1", "attempts/sft/seed-1")
    ]
    with pytest.raises(InputError, match=r"--only: expected a model, an evaluation or a run of the study; got 'ppo'"):
        chosen(everything, ["ppo"])


def test_a_start_that_is_not_there_is_told_with_the_command_that_makes_it(study_file, units):
    study = load_study(study_file)
    with pytest.raises(
        InputError, match=r"start: expected a checkpoint folder; got no such .* Make it first: make nano"
    ):
        check_starts(study, list(units.values()))
    check_starts(study, [unit for unit in units.values() if unit.model == "grpo"])
    (study_file.parent / "start").mkdir()
    (study_file.parent / "start" / "config.json").write_text("{}")
    check_starts(study, list(units.values()))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'start = "base"',
            'start = "grpo"',
            "expected each below the one that it starts from; got sft, which starts from",
        ),
        ('name = "grpo"', 'name = "sft"', "models: expected each name once; got base, sft, sft"),
        (
            'against = "base"',
            'against = "bass"',
            "models of 'Does stage 1 help.'. expected one of base, sft, grpo; got",
        ),
        ('models = ["sft"]', 'models = ["stf"]', "models of attempts: expected one of base, sft, grpo; got 'stf'"),
        ('evaluation = "mazes"', 'evaluation = "maze"', "evaluation of mazes: expected one of mazes, attempts; got"),
        ('stage = "sft"', "", "give config with a stage"),
        ("num = 4", "number = 4", r"evaluations.0.num"),
        ('against = "base"', 'against = "base"\nmetric = "accurracy"', "metric: expected one of accuracy, reflection"),
        ('name = "base"', 'name = "../base"', r"models.0.name"),
        ("seeds = [0, 1]", "seeds = []", "seeds"),
        (
            'benchmark = "maze"',
            'benchmark = "vsi"',
            "evaluation mazes: expected a benchmark whose items are generated, one of maze, maze-ood, .*; got 'vsi'",
        ),
        (
            "num = 4",
            'num = 4\noptions = ["--data", "mazes"]',
            "evaluation mazes: expected items that are generated, so no --data; got --data mazes",
        ),
        ("num = 4", 'num = 4\noptions = ["--data=mazes"]', "so no --data; got --data=mazes"),
    ],
)
def test_a_wrong_study_is_refused_with_what_is_wrong(study_file, old, new, message):
    study_file.write_text(study_file.read_text().replace(old, new, 1))
    with pytest.raises(InputError, match=message):
        load_study(study_file)


def test_an_option_that_eval_does_not_take_is_named(study_file, capsys):
    study_file.write_text(study_file.read_text().replace("num = 4", 'num = 4\noptions = ["--tempo", "1"]'))
    with pytest.raises(InputError, match=r"evaluation mazes: expected options that 'vilasr eval' takes"):
        units_of(load_study(study_file))
    assert "--tempo" in capsys.readouterr().err


def test_the_shipped_study_is_whole_and_its_two_ways_of_teaching_differ_in_drawing_alone(monkeypatch):
    monkeypatch.chdir(ROOT)
    study = load_study(Path("configs/results.toml"))
    units = units_of(study)
    names = [unit.name for unit in units]
    assert len({unit.folder for unit in units}) == len(units)
    assert all(unit.needs is None or names.index(unit.needs) < place for place, unit in enumerate(units))
    assert {question.metric for question in study.questions} <= METRICS.keys()
    drawn, text = (
        tomllib.loads(Path(f"configs/results/sft-{name}.toml").read_text(encoding="utf-8"))
        for name in ("drawn", "text")
    )
    assert drawn.pop("out") != text.pop("out")
    assert {source.pop("without_drawing") for source in text["data"]["tasks"]} == {1.0}
    assert {source.pop("mistakes") for source in drawn["data"]["tasks"]} == {0.3}
    assert drawn == text
    trainings = [unit for unit in units if unit.model in ("sft", "text") and unit.evaluation is None]
    assert [unit.settings["data"]["seed"] for unit in trainings] == [100, 100, 101, 101, 102, 102]
