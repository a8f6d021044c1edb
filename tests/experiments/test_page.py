"""docs/results.md, from folders written by hand."""

from __future__ import annotations

import json
import re

import pytest
from finished import attempt, finish, say_done

from vilasr.experiments import page as pages
from vilasr.experiments import plots
from vilasr.experiments.curves import read_curve, risen
from vilasr.experiments.evidence import METRICS, Evidence
from vilasr.experiments.intervals import Mean
from vilasr.experiments.page import write_page
from vilasr.experiments.study import load_study
from vilasr.experiments.tables import cell, origin_line, table
from vilasr.experiments.units import units_of


@pytest.fixture
def study(study_file):
    return load_study(study_file)


@pytest.fixture
def units(study):
    return {unit.name: unit for unit in units_of(study)}


def written(study) -> str:
    write_page(study)
    return study.page.read_text(encoding="utf-8")


def row_of(page: str, model: str, *, after: str) -> list[str]:
    """The cells of the first row of a model below a heading."""
    section = page[page.index(after) :]
    line = next(line for line in section.splitlines() if line.startswith(f"| {model} |"))
    return [text.strip() for text in line.strip("|").split("|")][1:]


def validate(unit, *lines: tuple[int, float, float]) -> None:
    """A finished run of GRPO with 50 validation questions; (step, reward, accuracy), the deviation of rewards 0.7."""
    say_done(unit)
    record = json.loads((unit.folder / "run.json").read_text())
    record["config"]["validation"]["num"] = 50
    (unit.folder / "run.json").write_text(json.dumps(record))
    rows = [
        {"step": step, "validation_reward": reward, "validation_reward_std": 0.7, "validation_accuracy": accuracy}
        for step, reward, accuracy in lines
    ]
    rows.insert(1, {"step": 1, "reward": 0.3, "seconds": 90.0})
    (unit.folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_before_anything_was_run_the_page_says_so_everywhere_and_lists_what_is_left(study):
    page = written(study)
    assert "0 of 11. Not to be edited" in page
    assert row_of(page, "sft", after="## Accuracy") == ["not run yet"]
    assert row_of(page, "sft", after="## Several attempts") == ["not run yet"] * 3
    assert row_of(page, "grpo", after="## Reinforcement")[2] == "not run yet"
    assert "- mazes: not run yet." in page
    assert "- grpo: not run yet." in page
    assert (
        "Nothing of this was run yet. Command: `vilasr eval maze --num 4 --seed 0 --model MODEL --out FOLDER`." in page
    )
    assert re.findall(r"^- `(.*)", page, re.MULTILINE) == [
        "mazes/base`: not begun",
        "sft`, seeds 0, 1: not begun",
        "mazes/sft`, seeds 0, 1: not begun",
        "attempts/sft`, seeds 0, 1: not begun",
        "grpo`, seeds 0, 1: not begun",
        "mazes/grpo`, seeds 0, 1: not begun",
    ]
    assert not study.plots.exists()


def test_the_numbers_of_the_tables_by_hand(study, units):
    finish(units["mazes/base"], "0", "0", "0", "1")
    finish(units["mazes/sft/seed-0"], "1", "1", "0", "1")
    finish(units["mazes/sft/seed-1"], "1", "1", "1", "1")
    page = written(study)
    assert row_of(page, "base", after="## Accuracy")[0].startswith("25.0 (")
    assert row_of(page, "sft", after="## Accuracy")[0].startswith("87.5 +- 17.7 (")  # of 75 and 100
    assert row_of(page, "grpo", after="## Accuracy") == ["not run yet"]
    reflection, drawings, _, agreement, score, answered = row_of(page, "base", after="## How they answer")
    assert (reflection, score, answered) == ("0.0 (0.0 to 0.0)", "100.0 (100.0 to 100.0)", "100.0 (100.0 to 100.0)")
    assert agreement.startswith("25.0 (")  # right answers are what the right drawing shows
    assert float(drawings.partition(" ")[0]) > 1
    assert "sft - base = +62.5 points" in page  # 87.5 - 25
    assert "seeds 0, 1; commit 0123456789ab-dirty; hardware: Abacus, 2 cores." in page


def test_what_some_seeds_are_missing_of_is_told(study, units):
    finish(units["mazes/base"], "0", "0", "0", "1")
    finish(units["mazes/sft/seed-1"], "1", "1", "0", "1")
    page = written(study)
    assert row_of(page, "sft", after="## Accuracy")[0].endswith(", seed 1 only")
    assert "So far seed 1 only." in page
    assert "- `mazes/sft`, seed 0: not begun" in page


def test_pass_at_k_by_hand(study, units):
    finish(units["attempts/sft/seed-0"], "0100")
    (values,) = Evidence(study).values(study.measures[1], "sft", METRICS["pass@2"]).values()
    assert list(values.values()) == [0.5]
    assert [text.partition(",")[0] for text in row_of(written(study), "sft", after="## Several attempts")] == [
        *("25.0", "50.0", "100.0")
    ]


def test_groups_make_a_measure_of_some_items(study_file, units):
    study_file.write_text(
        study_file.read_text().replace('title = "mazes"', 'title = "mazes"\ngroups = ["size=3", "size=5"]')
    )
    study = load_study(study_file)
    finish(units["mazes/base"], "1", "1", "1", "1")
    (values,) = Evidence(study).values(study.measures[0], "base", METRICS["accuracy"]).values()
    sizes = {sample.id: sample.metadata["n"] for sample in (attempt(index).sample for index in range(4))}
    assert {*values} == {item for item, size in sizes.items() if size in (3, 5)}
    assert 0 < len(values) < 4


def test_curves_and_what_follows_from_them(study, units):
    validate(units["grpo/seed-0"], (0, 0.5, 0.5), (2, 1.0, 0.75))
    validate(units["grpo/seed-1"], (0, 0.5, 0.5), (2, 0.6, 0.5))
    curve = read_curve(units["grpo/seed-0"].folder, seed=0)
    assert (curve.num, curve.gain) == (50, 0.5)
    assert curve.reward[0].half == pytest.approx(1.96 * 0.7 / 7)
    assert curve.accuracy[0].half == pytest.approx(1.96 * 0.5 / 7)
    assert curve.gain_half == pytest.approx(1.96 * 0.1 * 2**0.5)
    page = written(study)
    assert row_of(page, "grpo", after="## Reinforcement") == [
        *("0", "50", "0.500 to 1.000", "+0.500 +- 0.277", "50.0 to 75.0")
    ]
    assert "- grpo: In part: in 1 of 2 runs." in page
    assert row_of(page, "grpo", after="## Models")[-2:] == ["seeds 0, 1", "2"]  # 90 s
    assert risen([curve], num_seeds=2) == "Yes: in 1 of 1 runs. So far 1 of 2 seeds only."


def test_plots_are_drawn_and_linked_where_there_is_something_to_see(study, units):
    pytest.importorskip("matplotlib")
    finish(units["mazes/sft/seed-0"], "1", "1", "0", "1")
    finish(units["attempts/sft/seed-0"], "0100")
    validate(units["grpo/seed-0"], (0, 0.5, 0.5), (2, 1.0, 0.75))
    page = written(study)
    linked = re.findall(r"!\[.*?\]\(results/(.*?)\)", page)
    assert linked == ["accuracy.png", "answers-mazes.png", "passes-attempts.png", "curves.png"]
    assert {path.name for path in study.plots.iterdir()} == {*linked}
    assert all((study.plots / name).stat().st_size > 3000 for name in linked)


def test_without_matplotlib_the_page_is_written_and_says_so(study, units, monkeypatch):
    monkeypatch.setattr(plots, "can_plot", lambda: False)
    monkeypatch.setattr(pages, "can_plot", lambda: False)
    finish(units["mazes/sft/seed-0"], "1", "1", "0", "1")
    page = written(study)
    assert "pip install 'vilasr[plots]'" in page
    assert "![" not in page


def test_nothing_to_take_a_number_of_is_not_zero(study, units):
    unit = units["mazes/sft/seed-0"]
    finish(unit, "1", "1", "1", "1")
    lines = (unit.folder / "rollouts.jsonl").read_text().replace('"drawing":true', '"drawing":false', 1)
    (unit.folder / "rollouts.jsonl").write_text(lines)
    assert row_of(written(study), "sft", after="## How they answer")[3:5] == ["none", "none"]


def test_a_table_without_runs_names_the_command_and_seeds_are_named_where_some_are_missing():
    assert table(("a", "b"), [("1", "2")]) == ["| a | b |", "|---|---|", "| 1 | 2 |"]
    assert origin_line([], ["vilasr x"]) == "Nothing of this was run yet. Command: `vilasr x`."
    mean = Mean(value=0.5, ci95=(0.25, 0.75), spread=None, seeds=(1,), num_items=8)
    assert cell(mean, METRICS["accuracy"], seeds=[1]) == "50.0 (25.0 to 75.0)"
    assert cell(mean, METRICS["drawings"], seeds=[0, 1]) == "0.5 (0.2 to 0.8), seed 1 only"
