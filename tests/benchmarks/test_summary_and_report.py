from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from vilasr.benchmarks import render_html, render_markdown, summary_of, write_report
from vilasr.benchmarks.charts import difference_bar, histogram, outcome_bar, score_bar
from vilasr.benchmarks.wording import caveats, cell
from vilasr.rollout import new_header
from vilasr.scoring import Guess, RolloutFacts
from vilasr.types import SamplingParams, Status

FIXED_KEYS = (
    "benchmark num score stderr ci95 answered_rate truncated_rate error_rate mean_turns mean_drawings groups "
    "metric_mode model drawing seed version"
)


def facts(number, score, status=Status.ANSWERED, groups=("size=4",), **other):
    counts = {"num_turns": 2, "num_drawings": 1, "num_drawn_images": 1, "is_reflective": False}
    return RolloutFacts(sample_id=str(number), sibling=0, status=status, score=score, groups=groups, **(counts | other))


def make_header(**changes):
    settings = {"protocol": "compact", "model": "nano", "seed": 3, "style": "default", "drawing": True}
    return new_header(**{**settings, "sampling": SamplingParams(), **changes})


def make_summary(rows, **changes):
    return summary_of(rows, benchmark="maze", header=make_header(**changes))


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
    for told in ('href="rollouts.html"', "74.3", "<svg", "truncated_turns", "off image"):
        assert told in html
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.md"]


class Balance(HTMLParser):
    """Collects tags, and fails on one that is not closed."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], set()

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        if tag not in ("meta", "link"):
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


def test_reports_and_summary_say_which_interval_it_is():
    mixed = make_summary(ROWS)
    sure = make_summary([facts(number, 1.0, groups=(f"size={number % 2}",)) for number in range(6)])
    assert (mixed["interval"], sure["interval"], sure["groups"]["size=0"]["interval"]) == (
        "bootstrap",
        "wilson",
        "wilson",
    )
    for told in (render_markdown(mixed), render_html(mixed)):
        assert "95 % interval 67.0 to 83.0 by bootstrap" in told
        assert "by bootstrap over samples; by Wilson where all scores are equal" in told
    for told in (render_markdown(sure), render_html(sure)):
        assert "95 % interval 61.0 to 100.0 by Wilson" in told  # 6 / (6 + 1.96^2)
        assert "43.8 to 100.0 by Wilson" in told  # 3 / (3 + 1.96^2)
    assert "95 % interval 0.0 to 100.0 for want of samples" in render_markdown(make_summary(ROWS[:1]))


def test_guessing_stands_beside_the_scores_and_as_a_line_in_their_bars():
    two, four = Guess(chance=0.5), Guess(chance=0.25)
    rows = [facts(0, 1.0, groups=("question=side",), guess=two), facts(1, 0.0, groups=("question=side",), guess=two)]
    rows += [facts(2, 1.0, groups=("question=order",), guess=four), facts(3, None, groups=("question=order",))]
    made = make_summary(rows)
    assert [made["groups"][f"question={name}"]["guessing"] for name in ("side", "order")] == [50.0, 25.0]
    assert made["groups"]["question=side"]["answers"] == "choice"
    assert made["guessing"] == pytest.approx((50 + 50 + 25) / 3, abs=1e-3)
    assert "| order | 100.0 | 0.0 to 100.0 for want of samples | 25.0 | 1 |" in render_markdown(made)
    assert 'class="guessing" x1="25.00"' in render_html(made)


def test_each_group_of_numbers_has_its_own_best_constant():
    truths = {"question=count": (2, 2, 4), "question=metres": (100, 100)}
    rows = [
        facts(f"{group}{place}", 0.0, groups=(group,), guess=Guess(number=truth))
        for group, numbers in truths.items()
        for place, truth in enumerate(numbers)
    ]
    made = make_summary(rows)
    assert made["groups"]["question=count"]["guessing"] == 70.0  # 2, 2 and half of 4, which passes one threshold
    assert made["guessing"] == pytest.approx((3 * 70 + 2 * 100) / 5)


def test_the_share_of_marks_that_are_true_is_that_of_all_graded_marks():
    made = make_summary([facts(0, 1.0, num_graded=8, num_valid=8), facts(1, 0.0, num_graded=2, num_valid=1)])
    assert made["valid_marks"] == 0.9  # of ten, not the mean of 1 and a half
    assert "| marks that are true of the world | 90.0 % |" in render_markdown(made)
    assert make_summary([facts(0, 1.0)])["valid_marks"] is None


def test_what_guessing_is_not_defined_for_has_none():
    made = make_summary([facts(0, 1.0, groups=("question=a",)), facts(1, 1.0, groups=("question=b",))])
    assert made["guessing"] is None
    assert "| a | 100.0 | 0.0 to 100.0 for want of samples |  | 1 |" in render_markdown(made)
    assert 'class="guessing"' not in render_html(made)


def test_a_kind_of_one_group_is_left_out_of_the_report_and_not_of_the_summary():
    made = make_summary([facts("1", 1.0, groups=("size=4",))])
    assert "size=4" in made["groups"]
    assert "By size" not in render_markdown(made)


def test_groups_are_in_natural_order():
    made = make_summary([facts(number, 1.0, groups=(f"size={number}",)) for number in (10, 9, 3)])
    markdown = render_markdown(made)
    assert markdown.index("| 3 |") < markdown.index("| 9 |") < markdown.index("| 10 |")


# --- what a reader must know ------------------------------------------------------------------------------------------


def test_a_whole_and_complete_run_has_no_caveats():
    assert caveats(make_summary(ROWS) | {"complete": True, "num_items": 100}) == []
    assert "Before you trust it" not in render_html(make_summary(ROWS))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"complete": False}, "This run is not complete: its time was up after 100 samples."),
        ({"num_items": 5130}, "This is a part of the benchmark: 100 of 5,130 items."),
        ({"missing_groups": ["task=room_size", "task=route"]}, "No item of room_size, route is in it."),
        (
            {"num_unscored": 3},
            "Not scored: 3 rollouts, for want of a right answer that can be read. Unscored is not zero",
        ),
        (
            {"num_excluded": 5, "excluded": {"video": 4, "image": 1}},
            "Left out: 5 items, in no mean, for what is wrong: ",
        ),
        ({"num_bad_lines": 1}, "Not read: 1 line of the rollout file"),
        ({"num_retried": 3}, "Tried again: 3 rollouts, for the model could not be reached or failed. The last attempt"),
        ({"num": 1}, "One sample says nothing about the spread"),
    ],
)
def test_what_the_score_leaves_out_is_told_at_the_top(change, told):
    made = make_summary(ROWS) | change
    assert any(sentence.startswith(told) for sentence in caveats(made))
    html, markdown = render_html(made), render_markdown(made)
    assert html.index(told) < html.index("What came of the rollouts")
    assert markdown.index(f"> {cell(told)}") < markdown.index("| answered |")


def test_items_that_were_left_out_do_not_make_a_run_a_part():
    made = make_summary(ROWS) | {"num_items": 102, "num_excluded": 2, "excluded": {"video": 2}}
    assert len(caveats(made)) == 1


def test_unscored_rollouts_are_an_outcome_of_their_own_and_can_be_looked_at():
    rows = [*ROWS[:3], facts("u", None), facts("t", 0.0, Status.TIMEOUT), facts("p", 0.5)]
    made = make_summary(rows)
    assert made["outcomes"] == {"right": 2, "partly": 1, "wrong": 1, "truncated": 1, "error": 0, "unscored": 1}
    assert made["score"] == pytest.approx(100 * 2.5 / 5)
    html = render_html(made)
    assert '<a href="rollouts.html#verdict=unscored">not scored</a>' in html
    assert '<a href="rollouts.html#status=truncated">truncated</a>' in html
    assert '<a href="rollouts.html#verdict=wrong&amp;status=answered">wrong</a>' in html
    assert 'aria-label="right 2, partly right 1, wrong 1, truncated 1, not scored 1"' in html
    assert "took longer than its limit of seconds" in html
    assert "| not scored | 1 |" in render_markdown(made)


def test_groups_link_to_their_rollouts():
    assert 'href="rollouts.html#group=size%3D3"' in render_html(make_summary(ROWS))


def test_a_mean_over_groups_has_no_rollouts_of_its_own_to_link_to():
    groups = ("task=object_rel_direction_easy",), ("task=object_rel_direction_hard",), ("task=route_planning",)
    rows = [facts(number, 1.0, groups=groups[number % 3]) for number in range(6)]
    html = render_html(summary_of(rows, benchmark="vsi", header=make_header()))
    assert 'href="rollouts.html#group=task%3Droute_planning"' in html
    assert '<th scope="row">object_rel_direction</th>' in html


def test_failures_of_the_model_itself_are_told_above_the_score():
    made = make_summary([*ROWS, facts("lost", 0.0, Status.POLICY_ERROR)]) | {"complete": True, "num_items": 101}
    [sentence] = caveats(made)
    assert sentence == (
        "1 rollout ended because the model could not be reached or failed, and counted as 0. --resume tries again."
    )


def test_pass_at_k_is_told_for_powers_of_two_and_for_all_attempts():
    rows = [facts("s", float(number == 0)) for number in range(3)]
    passes = {k: value["score"] for k, value in make_summary(rows)["pass_at"].items()}
    assert passes == pytest.approx({"1": 100 / 3, "2": 200 / 3, "3": 100.0}, abs=0.01)


def test_the_report_over_seeds_has_a_row_for_each_and_links_to_their_reports(tmp_path):
    runs = {seed: make_summary(ROWS[seed:], seed=seed) | {"complete": seed != 2} for seed in (0, 1, 2)}
    top = make_summary(ROWS) | {"seeds": {"0": 75.0, "1": 75.8, "2": 75.5}, "seed_mean": 75.43, "seed_spread": 0.4}
    write_report(top, tmp_path, seeds=runs)
    html, markdown = (tmp_path / "report.html").read_text(), (tmp_path / "report.md").read_text()
    for seed in runs:
        assert f'<a href="seed-{seed}/report.html">seed {seed}</a>' in html
    for told in (html, markdown):
        assert "Mean of 3 seeds: 75.43, standard deviation between seeds 0.40." in told
        assert "seed 2: This run is not complete" in told
        assert "0, 1, 2" in told
    assert "rollouts.html" not in html
    assert "| 1 | 75.8 |" in markdown


# --- plots ------------------------------------------------------------------------------------------------------------


def test_a_bar_is_as_long_as_the_score_and_its_whisker_as_the_interval():
    svg = score_bar({"score": 62.5, "ci95": [50.0, 75.0]})
    assert '<rect class="bar" width="62.50" height="12"/>' in svg
    assert '<line class="whisker" x1="50.00" x2="75.00" y1="6" y2="6"/>' in svg
    assert score_bar({"score": None, "ci95": [0, 100]}) == ""


def test_a_difference_goes_from_the_middle_to_its_side():
    better = difference_bar({"score": 5.0, "ci95": [-5.0, 10.0]}, 10.0)
    assert '<rect class="more" x="50.00" width="25.00" height="12"/>' in better
    assert '<line class="whisker" x1="25.00" x2="100.00" y1="6" y2="6"/>' in better
    assert '<rect class="less" x="0.00" width="50.00"' in difference_bar({"score": -30.0, "ci95": [-40, -20]}, 10.0)


def test_shares_of_outcomes_fill_the_bar():
    svg = outcome_bar({"right": 3, "partly": 0, "wrong": 1})
    assert '<rect class="of-right" x="0.000" width="75.000"' in svg
    assert '<rect class="of-wrong" x="75.000" width="25.000"' in svg
    assert "of-partly" not in svg


def test_a_histogram_has_a_column_for_every_number_and_gathers_a_long_tail():
    svg = histogram({"1": 2, "3": 4}, "Rollouts by turns")
    assert re.findall(r'class="tick"[^>]*>(\d+\+?)<', svg) == ["1", "2", "3"]
    assert 'height="96.0"' in svg
    assert 'height="48.0"' in svg
    long = histogram({"0": 1, "7": 1, "15": 2, "40": 3}, "Rollouts by drawings")
    assert re.findall(r'class="tick"[^>]*>(\d+\+?)<', long) == [*map(str, range(15)), "15+"]
    assert ">5</text>" in long
