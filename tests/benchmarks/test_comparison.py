"""Runs compared: paired differences by hand, and what is said of them."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from vilasr.benchmarks import ComparedRun, compare_runs, comparison_table, summary_of, write_comparison
from vilasr.errors import InputError
from vilasr.rollout import new_header
from vilasr.scoring import RolloutFacts
from vilasr.types import SamplingParams, Status


def facts(sample_id, score, groups=(), status=Status.ANSWERED):
    counts = {"num_turns": 2, "num_drawings": 1, "num_drawn_images": 1, "is_reflective": False}
    return RolloutFacts(sample_id=sample_id, sibling=0, status=status, score=score, groups=groups, **counts)


def run(name, rows, *, benchmark="maze", mode="default", drawing=True, **more):
    settings = {"protocol": "compact", "model": name, "seed": 0, "style": "default", "drawing": drawing}
    header = new_header(**settings, sampling=SamplingParams())
    summary = summary_of(rows, benchmark=benchmark, header=header, metric_mode=mode)
    return ComparedRun(name=name, summary=summary | more, facts=rows)


SIZES = ("size=3", "size=4")
FIRST = [facts(str(number), float(number % 2), (SIZES[number % 2],)) for number in range(40)]
"""Right in size 4, wrong in size 3."""
BETTER = [facts(str(number), float(number % 4 != 0), (SIZES[number % 2],)) for number in range(40)]
"""Right in half of size 3 too."""


def test_the_difference_is_that_of_the_pairs_with_its_own_interval():
    made = compare_runs([run("first", FIRST), run("better", BETTER)])
    assert [each["summary"]["score"] for each in made["runs"]] == [50.0, 75.0]
    assert made["runs"][0]["difference"] is None
    difference = made["runs"][1]["difference"]
    # Ten of forty pairs differ, by 1: variance 40/39 x 0.25 x 0.75.
    assert difference["score"] == 25.0
    assert difference["stderr"] == pytest.approx(100 * (0.25 * 0.75 / 39) ** 0.5, abs=1e-3)
    low, high = difference["ci95"]
    assert 10 <= low <= 15
    assert 35 <= high <= 42
    assert difference["groups"]["size=3"]["score"] == 50.0
    assert difference["groups"]["size=4"] == {
        "score": 0.0,
        "num": 20,
        "stderr": 0.0,
        "ci95": [0.0, 0.0],
        "interval": "bootstrap",
    }


def test_pairing_makes_the_interval_narrower_than_that_of_two_unrelated_runs():
    made = compare_runs([run("first", FIRST), run("better", BETTER)])
    stderrs = [each["summary"]["stderr"] for each in made["runs"]]
    assert made["runs"][1]["difference"]["stderr"] < 0.7 * (stderrs[0] ** 2 + stderrs[1] ** 2) ** 0.5


def test_a_comparison_can_be_repeated_to_the_digit():
    runs = [run("first", FIRST), run("better", BETTER)]
    assert compare_runs(runs, seed=3) == compare_runs(runs, seed=3)


def test_the_difference_of_a_mean_of_tasks_is_the_mean_of_the_differences_of_tasks():
    tasks = ("task=object_counting", "task=route_planning")
    first = [facts(str(number), 0.0, (tasks[number > 8],)) for number in range(10)]
    second = [facts(str(number), 0.5 if number > 8 else 0.0, (tasks[number > 8],)) for number in range(10)]
    made = compare_runs([run("first", first, benchmark="vsi"), run("second", second, benchmark="vsi")])
    scores = [each["summary"]["score"] for each in made["runs"]]
    difference = made["runs"][1]["difference"]
    assert scores == [0.0, 25.0]
    assert difference["score"] == 25.0  # and not 5, the mean over items
    assert (difference["stderr"], difference["ci95"]) == (None, [-100.0, 100.0])  # a task of one item


def test_only_shared_and_scored_samples_are_paired_and_the_others_are_told():
    second = [*BETTER[10:], facts("new", 1.0), facts("newer", 1.0)]
    second[0] = facts("10", None)
    made = compare_runs([run("first", FIRST), run("second", second)])
    difference = made["runs"][1]["difference"]
    counts = [difference[key] for key in ("num", "num_shared", "num_unscored", "num_only_first", "num_only_this")]
    assert counts == [29, 30, 1, 10, 2]
    table = comparison_table(made)
    assert 'second: 30 samples shared with "first", 10 only there, 2 only here.' in table
    assert "second: Without a score in one of the two, so not paired: 1 sample." in table


def test_runs_that_share_no_sample_have_an_unknown_difference():
    made = compare_runs([run("a", FIRST), run("b", [facts("x", 1.0), facts("y", 0.0)])])
    difference = made["runs"][1]["difference"]
    assert (difference["score"], difference["num_shared"]) == (None, 0)
    assert 'b: No sample is shared with "a": nothing can be paired' in comparison_table(made)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (run("b", FIRST, benchmark="static"), "b: expected a run of maze scored in mode default, as a is; got one of "),
        (run("b", FIRST, mode="official"), "got one of maze scored in mode official"),
    ],
)
def test_other_benchmarks_and_other_modes_are_refused(other, message):
    with pytest.raises(InputError, match=message):
        compare_runs([run("a", FIRST), other])


def test_one_run_is_not_a_comparison():
    with pytest.raises(InputError, match="runs: expected at least two; got 1"):
        compare_runs([run("a", FIRST)])


def test_the_table_tells_scores_differences_and_drawing_on_and_off():
    table = comparison_table(
        compare_runs([run("on", FIRST), run("off", BETTER, drawing=False), run("three", FIRST, complete=False)])
    )
    lines = [line.split() for line in table.splitlines()]
    assert [line[:2] for line in lines[3:6]] == [["on", "50.0"], ["off", "75.0"], ["three", "50.0"]]
    assert [line[5:6] for line in lines[3:6]] == [[], ["+25.0"], ["+0.0"]]
    assert ["drawing", "on", "off", "on"] in lines
    assert [
        "size=4",
        "100.0",
        "100.0",
        "+0.0",
        "(+0.0",
        "to",
        "+0.0)",
        "100.0",
        "+0.0",
        "(+0.0",
        "to",
        "+0.0)",
    ] in lines
    assert "three: This run is not complete: its time was up after 40 samples." in table


class Balance(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_pages_hold_every_run_and_names_from_outside_stay_text(tmp_path):
    evil = "<script>x</script>|`"
    rows = [facts(str(number), 1.0, (f"style={evil}{number % 2}",)) for number in range(4)]
    write_comparison(compare_runs([run(evil, rows), run("b", rows), run("c", FIRST)]), tmp_path)
    html, markdown = (tmp_path / "compare.html").read_text(), (tmp_path / "compare.md").read_text()
    parser = Balance()
    parser.feed(html)
    assert parser.open == []
    assert "script" not in parser.seen
    assert parser.seen.count("svg") >= 5
    assert "<script>" not in markdown
    assert "| b | 100.0 | 51.0 to 100.0 by Wilson | +0.0 | +0.0 to +0.0 | 4 |" in markdown
    assert sorted(path.name for path in tmp_path.iterdir()) == ["compare.html", "compare.md"]
