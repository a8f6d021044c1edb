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


def validate(unit, *times: tuple[int, list[float]]) -> None:
    """A finished run of GRPO, 90 s long: (step, reward of each validation question), which is right from 1 on."""
    say_done(unit)
    (unit.folder / "metrics.jsonl").write_text(json.dumps({"step": 0, "seconds": 90.0}) + "\n")
    rows = []
    for step, rewards in times:
        by_id = {f"maze/{number}": reward for number, reward in enumerate(rewards)}
        scores = {name: float(reward >= 1) for name, reward in by_id.items()}
        rows.append({"step": step, "rewards": by_id, "scores": scores})
    (unit.folder / "validation.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_before_anything_was_run_the_page_has_no_tables_of_nothing_but_the_commands_and_what_is_left(study):
    page = written(study)
    assert "0 of 11. Not to be edited" in page
    assert [line for line in page.splitlines() if line.startswith("| model |")] == [
        "| model | what it is | starts from | asked | trained by | seeds done | minutes a seed |"
    ]
    assert "Not run yet:\n\n- Does stage 1 help? (accuracy)\n" in page
    nothing = "Nothing of this was run yet. Command: `vilasr"
    assert f"{nothing} eval maze --num 4 --seed 0 --model MODEL --out FOLDER`." in page
    assert f"{nothing} train grpo CONFIG model=START out=FOLDER`." in page
    assert page[page.index("## Not run yet") :].splitlines()[2:] == [
        "- `mazes`, not begun: `base`, `sft` (seeds 0, 1), `grpo` (seeds 0, 1)",
        "- training, not begun: `sft` (seeds 0, 1), `grpo` (seeds 0, 1)",
        "- `attempts`, not begun: `sft` (seeds 0, 1)",
    ]
    assert not study.plots.exists()


def test_a_question_is_asked_of_each_measure_once_one_of_them_has_an_answer(study_file, units):
    asked = 'against = "base"\nmeasures = ["mazes", "attempts"]'
    study_file.write_text(study_file.read_text().replace('against = "base"', asked))
    finish(units["mazes/base"], "0", "0", "0", "1")
    finish(units["mazes/sft/seed-0"], "1", "1", "0", "1")
    page = written(load_study(study_file))
    assert "\n- mazes: Not shown, the interval of the difference contains 0: sft - base = +50.0 points" in page
    assert "\n- attempts: not run yet.\n" in page


def test_the_numbers_of_the_tables_by_hand(study, units):
    finish(units["mazes/base"], "0", "0", "0", "1")
    finish(units["mazes/sft/seed-0"], "1", "1", "0", "1")
    finish(units["mazes/sft/seed-1"], "1", "1", "1", "1")
    page = written(study)
    assert row_of(page, "base", after="## Accuracy")[0].startswith("25.0 (")
    assert row_of(page, "sft", after="## Accuracy")[0].startswith("87.5 +- 17.7 (")  # of 75 and 100
    assert row_of(page, "grpo", after="## Accuracy") == ["not run yet"]
    reflection, drawings, _, agreement, score, answered = row_of(page, "base", after="## How they answer")
    # All four alike, so by Wilson: 4 / (4 + 1.96^2) and its mirror image.
    assert (reflection, score, answered) == ("0.0 (0.0 to 49.0)", "100.0 (51.0 to 100.0)", "100.0 (51.0 to 100.0)")
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
    assert "- `mazes`, not begun: `base`" not in page
    assert "- `mazes`, not begun: `sft` (seed 0), `grpo` (seeds 0, 1)\n" in page


def test_pass_at_k_by_hand(study, units):
    finish(units["attempts/sft/seed-0"], "0100")
    (values,) = Evidence(study).values(study.measures[1], "sft", METRICS["pass@2"]).values()
    assert list(values.values()) == [0.5]
    assert [text.partition(",")[0] for text in row_of(written(study), "sft", after="## Several attempts")] == [
        *("25.0", "50.0", "100.0")
    ]


def test_what_the_file_of_an_earlier_and_larger_study_holds_beyond_this_one_does_not_count(study, units):
    finish(units["mazes/base"], "11", "01", "11", "01", "00", "00")
    say_done(units["mazes/base"], {"complete": True, "num": 4, "num_excluded": 0})
    (values,) = Evidence(study).values(study.measures[0], "base", METRICS["accuracy"]).values()
    assert list(values.values()) == [1, 0, 1, 0]


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
    # Each question earns 0.25 more: that is certain, however far apart the questions are.
    validate(units["grpo/seed-0"], (0, [0.0, 0.75, 1.0, 0.25]), (1, [0.0] * 4), (2, [0.25, 1.0, 1.25, 0.5]))
    # Two earn 1 more, two 0.5 less: 0.25 more on the whole, which may be chance.
    validate(units["grpo/seed-1"], (0, [0.0, 0.0, 0.5, 0.5]), (2, [1.0, 1.0, 0.0, 0.0]))
    page = written(study)
    assert row_of(page, "grpo", after="## Reinforcement") == [
        *("0", "4", "0.500 to 0.750", "+0.250 (+0.250 to +0.250)", "25.0 to 50.0")
    ]
    curve = read_curve(units["grpo/seed-0"].folder, seed=0)
    assert [(step, mean.value) for step, mean in curve.reward.items()] == [(0, 0.5), (1, 0.0), (2, 0.75)]
    assert [(step, mean.value) for step, mean in curve.accuracy.items()] == [(0, 0.25), (1, 0.0), (2, 0.5)]
    other = read_curve(units["grpo/seed-1"].folder, seed=1)
    assert (other.gain.value, other.has_risen) == (0.25, False)
    low, high = other.gain.ci95
    assert low < 0 < 0.25 < high <= 1
    assert "- grpo: In part: in 1 of 2 runs." in page
    assert row_of(page, "grpo", after="## Models")[-2:] == ["seeds 0, 1", "2"]  # 90 s
    assert risen([curve], num_seeds=2) == "Yes: in 1 of 1 runs. So far 1 of 2 seeds only."


def test_a_gain_is_that_of_the_questions_whose_answer_was_scored_first_and_last(units):
    unit = units["grpo/seed-0"]
    validate(unit, (0, [0.0, 0.5, 0.5]), (2, [0.25, 0.75]))
    curve = read_curve(unit.folder, seed=0)
    assert (curve.gain.value, curve.gain.num_items) == (0.25, 2)
    assert [mean.num_items for mean in curve.reward.values()] == [3, 2]


@pytest.mark.parametrize("times", [[], [(0, [0.0, 1.0])], [(0, [0.0]), (2, [1.0])]], ids=["never", "once", "one item"])
def test_without_two_times_and_two_questions_there_is_no_curve(units, times):
    validate(units["grpo/seed-0"], *times)
    assert read_curve(units["grpo/seed-0"].folder, seed=0) is None


def test_plots_are_drawn_and_linked_where_there_is_something_to_see(study, units):
    pytest.importorskip("matplotlib")
    finish(units["mazes/sft/seed-0"], "1", "1", "0", "1")
    finish(units["attempts/sft/seed-0"], "0100")
    validate(units["grpo/seed-0"], (0, [0.5, 0.5]), (2, [1.0, 0.75]))
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
