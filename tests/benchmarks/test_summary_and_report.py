from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest

from vilasr.benchmarks import render_html, render_markdown, summary_of, write_report
from vilasr.rollout import new_header
from vilasr.scoring import RolloutFacts
from vilasr.types import SamplingParams, Status

FIXED_KEYS = (
    "benchmark num score stderr ci95 answered_rate truncated_rate error_rate mean_turns mean_drawings groups "
    "metric_mode model drawing seed version"
)


def facts(number, score, status=Status.ANSWERED, groups=("size=4",), **other):
    counts = {"num_turns": 2, "num_drawings": 1, "num_drawn_images": 1, "is_reflective": False}
    return RolloutFacts(sample_id=str(number), sibling=0, status=status, score=score, groups=groups, **(counts | other))


def make_summary(rows, **changes):
    settings = {"protocol": "compact", "model": "nano", "seed": 3, "style": "default", "drawing": True}
    header = new_header(**{**settings, "sampling": SamplingParams(), **changes})
    return summary_of(rows, benchmark="maze", header=header)


ROWS = [facts(number, float(number % 4 != 0), groups=(f"size={3 + number % 3}",)) for number in range(100)]


def test_the_summary_has_the_fixed_keys_and_scores_in_percent():
    made = make_summary(ROWS)
    assert set(FIXED_KEYS.split()) <= set(made)
    assert (made["benchmark"], made["num"], made["score"], made["seed"], made["model"]) == (
        "maze",
        100,
        75.0,
        3,
        "nano",
    )
    assert made["stderr"] == pytest.approx(100 * (0.75 * 0.25 / 99) ** 0.5, abs=1e-3)
    low, high = made["ci95"]
    assert 60 < low < 75 < high < 90
    assert made["groups"]["size=3"]["num"] == 34
    assert {"score", "num"} <= set(made["groups"]["size=3"])
    assert json.loads(json.dumps(made, allow_nan=False)) == made


def test_the_summary_of_nothing_says_unknown_and_not_zero():
    made = make_summary([])
    assert (made["num"], made["score"], made["stderr"], made["ci95"]) == (0, None, None, [0.0, 100.0])
    assert "unknown" in render_markdown(made)
    assert "unknown" in render_html(made)


def test_the_reports_tell_the_headline_the_groups_and_how_rollouts_ended(tmp_path):
    rows = [*ROWS, facts("x", 0.0, Status.TRUNCATED_TURNS, errors=("off_image",), drawing_score=0.5, agrees=True)]
    made = make_summary(rows)
    write_report(made, tmp_path)
    markdown, html = (tmp_path / "report.md").read_text(), (tmp_path / "report.html").read_text()
    assert "# maze: 74.3" in markdown
    assert "| 3 | 73.5 |" in markdown
    for told in ("truncated\\_turns", "off\\_image", "| drawing score | 50.0 |", "answers that agree with the drawing"):
        assert told in markdown
    for told in ('href="rollouts.html"', "74.3", "<svg", "truncated_turns", "off_image"):
        assert told in html
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.md"]


class Balance(HTMLParser):
    """Collects tags, and fails on one that is not closed."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], set()

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_names_from_outside_stay_text():
    evil = "<script>alert(1)</script>|`x`"
    made = make_summary([facts("1", 1.0, groups=(f"style={evil}", "style=x", evil, evil + "y"))], model=evil)
    parser = Balance()
    parser.feed(render_html(made))
    assert parser.open == []
    assert "script" not in parser.seen
    assert "http" not in render_html(made).replace("http-equiv", "")
    assert "<script>" not in render_markdown(made)


def test_a_kind_of_one_group_is_left_out_of_the_report_and_not_of_the_summary():
    made = make_summary([facts("1", 1.0, groups=("size=4",))])
    assert "size=4" in made["groups"]
    assert "By size" not in render_markdown(made)


def test_groups_are_in_natural_order():
    made = make_summary([facts(number, 1.0, groups=(f"size={number}",)) for number in (10, 9, 3)])
    markdown = render_markdown(made)
    assert markdown.index("| 3 |") < markdown.index("| 9 |") < markdown.index("| 10 |")
