"""What the embedded model can do, measured and told."""

from __future__ import annotations

import json

import pytest

from vilasr.errors import InputError
from vilasr.experiments.card import by_type, measure, overview, write_card, write_page


def estimate(score, low, high, guessing, num=100, answers="choice"):
    return {"score": score, "ci95": [low, high], "guessing": guessing, "num": num, "answers": answers}


def summary(score, groups, **other):
    told = {
        "drawing_score": None,
        "valid_marks": None,
        "drawing_agreement": None,
        "reflection_rate": 0.0,
        "version": "1.0",
        "seed": 0,
    }
    return estimate(score, score - 5, score + 5, 40.0, 200) | {"groups": groups} | told | other


@pytest.fixture
def comparison():
    words = summary(50.0, {"question=side": estimate(55.0, 45.0, 65.0, 50.0)})
    groups = {
        "question=side": estimate(75.0, 66.0, 83.0, 50.0),
        "question=depth": estimate(31.0, 25.0, 37.0, 30.0, answers="number"),
        "question=free": estimate(20.0, 12.0, 28.0, None, answers="other"),
    }
    seeds = {"0": 59.0, "1": 61.0}
    drawn = summary(
        60.0, groups, drawing_score=72.5, valid_marks=0.932, seeds=seeds, seed_spread=1.4142, reflection_rate=0.031
    )
    difference = {"score": 10.0, "ci95": [4.0, 16.0]}
    runs = [
        {"name": "w", "summary": words, "difference": None},
        {"name": "d", "summary": drawn, "difference": difference},
    ]
    return {"benchmark": "static", "runs": runs}


def test_the_overview_has_drawn_and_words_beside_each_other_and_their_paired_difference(comparison):
    row = overview([comparison])[2]
    assert row == (
        "| `static` | 200 | 40.0 | 60.0 (55.0 to 65.0) +- 1.4 | 50.0 (45.0 to 55.0) | +10.0 (+4.0 to +16.0) | 72.5 "
        "| 93.2 % |  | 3.1 % |"
    )


def test_a_type_is_better_than_guessing_where_its_whole_interval_is(comparison):
    lines = by_type(comparison)
    assert lines[2].endswith("| 75.0 (66.0 to 83.0) | 55.0 (45.0 to 65.0) | yes |")
    assert lines[3].endswith("| 31.0 (25.0 to 37.0) |  | not shown |")
    assert lines[4].endswith("| unknown | 20.0 (12.0 to 28.0) |  |  |")
    assert lines[6:] == [
        "Groups of choices: 1 of 1 are better than guessing with 95 % confidence, drawn; on average by +25.0 points.",
        "Groups of numbers: 0 of 1 are better than guessing with 95 % confidence, drawn; on average by +1.0 points.",
    ]


def test_the_page_tells_what_reinforcement_gained_question_by_question(comparison, tmp_path):
    run = tmp_path / "last"
    run.mkdir()
    (run / "run.json").write_text(json.dumps({"config": {"seed": 7, "steps": 24, "validation": {"temperature": 1.0}}}))
    lines = [
        {"step": step, "rewards": {"a": reward, "b": reward + 0.5}, "scores": {"a": 0.0, "b": 1.0}}
        for step, reward in ((0, 0.5), (12, 0.75), (24, 1.25))
    ]
    (run / "validation.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    write_page([comparison], tmp_path / "nano.md", reinforced=run)
    said = (tmp_path / "nano.md").read_text()
    assert (
        "2 questions at temperature 1, seed 7: 0.750 (step 0) to 1.000 (step 12) to 1.500 (step 24). "
        "Gained, question by question: +0.750 (+0.750 to +0.750)."
    ) in said
    assert (tmp_path / "nano-reward.png").exists() == ("(nano-reward.png)" in said)

    (run / "validation.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines[:2]))
    write_page([comparison], tmp_path / "unfinished.md", reinforced=run)
    (run / "run.json").unlink()
    write_page([comparison], tmp_path / "of-no-command.md", reinforced=run)
    for page in ("unfinished.md", "of-no-command.md"):
        assert "## Reinforcement" not in (tmp_path / page).read_text()


def test_the_card_keeps_its_words_and_gets_a_new_table(comparison, tmp_path):
    card = tmp_path / "README.md"
    card.write_text("# nano\n<!-- measured -->\nold\n<!-- end -->\nLimits\n")
    write_card([comparison], card)
    text = card.read_text()
    assert text.startswith("# nano\n<!-- measured -->\n")
    assert text.endswith("<!-- end -->\nLimits\n")
    assert "old" not in text
    assert "| `static` | 200 |" in text
    write_card([comparison], card)
    assert card.read_text() == text


def test_a_card_without_a_place_for_the_table_is_refused(comparison, tmp_path):
    card = tmp_path / "README.md"
    card.write_text("# nano\n")
    with pytest.raises(InputError, match="measured"):
        write_card([comparison], card)
    assert card.read_text() == "# nano\n"


def test_the_embedded_model_is_measured_once_drawn_and_in_words(tmp_path):
    def run():
        return [*measure("nano", tmp_path, num_items={"maze": 2}, seeds=(0, 1))]

    (made,) = run()
    words, drawn = (each["summary"] for each in made["runs"])
    assert (words["drawing"], drawn["drawing"]) == (False, True)
    assert words["num"] == drawn["num"] == made["runs"][1]["difference"]["num_shared"] == 4
    assert drawn["guessing"] == 25.0
    (of_these_weights,) = tmp_path.iterdir()
    summaries = sorted(of_these_weights.rglob("summary.json"))
    times = [path.stat().st_mtime_ns for path in summaries]
    assert len(times) == 6  # drawn and in words: two seeds, and over both
    assert run() == [json.loads((of_these_weights / "maze.json").read_text())]
    assert times == [path.stat().st_mtime_ns for path in summaries]
    page = tmp_path / "nano.md"
    write_page([made], page, reinforced=tmp_path / "none")
    assert "## maze" in page.read_text()
    assert "Reinforcement" not in page.read_text()
    assert (tmp_path / "nano.png").exists() == ("![" in page.read_text())
