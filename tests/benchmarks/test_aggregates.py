"""Scores of benchmarks from groups and scores of items, computed by hand."""

from __future__ import annotations

import pytest

from vilasr.benchmarks import Aggregation, MeanOf, aggregation_of, estimate_means, mean_scores, summary_of
from vilasr.benchmarks.aggregate import missing_groups
from vilasr.benchmarks.spar import HIGH, LOW, MIDDLE
from vilasr.rollout import new_header
from vilasr.scoring import Guess, RolloutFacts
from vilasr.types import SamplingParams, Status

VSI_ROWS = [
    *[("task=object_counting", score) for score in (1.0, 0.5, 0.0)],  # 0.5
    ("task=object_abs_distance", 0.3),
    ("task=object_size_estimation", 0.7),
    ("task=room_size_estimation", 0.1),
    *[("task=object_rel_distance", score) for score in (1.0, 0.0)],  # 0.5
    *[("task=object_rel_direction_easy", score) for score in (1.0,) * 9 + (0.0,)],  # 0.9
    *[("task=object_rel_direction_medium", score) for score in (1.0, 0.0)],  # 0.5
    ("task=object_rel_direction_hard", 0.1),
    ("task=route_planning", 0.0),
    ("task=obj_appearance_order", 1.0),
]


def test_vsi_is_the_mean_of_eight_tasks_and_direction_that_of_its_three_levels():
    scores = mean_scores(aggregation_of("vsi"), VSI_ROWS)
    assert scores["task=object_rel_direction"] == pytest.approx((0.9 + 0.5 + 0.1) / 3)  # and not 10.1 / 13, pooled
    assert scores["overall"] == pytest.approx((0.5 + 0.3 + 0.7 + 0.1 + 0.5 + 0.5 + 0.0 + 1.0) / 8)
    assert aggregation_of("vsi-debiased") is aggregation_of("vsi")


def test_spar_is_the_mean_of_twenty_tasks_with_three_levels_beside_it():
    rows = [
        *[(f"task={task}", 0.2) for task in LOW],
        *[(f"task={task}", score) for task in MIDDLE for score in (0.5, 0.7)],
        *[(f"task={task}", 1.0) for task in HIGH[1:] for _ in range(5)],
        (f"task={HIGH[0]}", 0.0),
    ]
    scores = mean_scores(aggregation_of("spar"), rows)
    assert (len(LOW), len(MIDDLE), len(HIGH)) == (8, 3, 9)
    assert scores["level=Low"] == pytest.approx(0.2)
    assert scores["level=Middle"] == pytest.approx(0.6)
    assert scores["level=High"] == pytest.approx(8 / 9)
    assert scores["overall"] == pytest.approx((8 * 0.2 + 3 * 0.6 + 8 * 1.0) / 20)


def test_mmsi_and_spatialeval_are_means_over_items():
    assert aggregation_of("mmsi") is None
    assert aggregation_of("spatialeval") is None


def test_a_group_without_items_does_not_count_and_is_named():
    rows = VSI_ROWS[:4]
    assert mean_scores(aggregation_of("vsi"), rows)["overall"] == pytest.approx((0.5 + 0.3) / 2)
    missing = missing_groups(aggregation_of("vsi"), {group for group, _ in rows})
    assert len(missing) == 8
    assert missing[0] == "task=object_size_estimation"
    assert mean_scores(aggregation_of("vsi"), []) == {}


def test_the_variance_of_a_mean_of_groups_is_that_of_independent_groups():
    both = Aggregation(overall=MeanOf("overall", ("many", "few")))
    scores = {"many": [1.0, 0.0] * 50, "few": [1.0, 0.0, 0.0, 0.0]}
    estimate = estimate_means(both, scores, seed=1)["overall"]
    assert estimate.mean == pytest.approx((0.5 + 0.25) / 2)
    many, few = 25 / 99 / 100, 0.1875 * 4 / 3 / 4  # sample variances over n
    assert estimate.stderr == pytest.approx((many + few) ** 0.5 / 2)
    assert estimate.num == 104
    low, high = estimate.ci95
    assert low < estimate.mean < high
    assert high - low == pytest.approx(2 * 1.96 * estimate.stderr, rel=0.25)  # coarse: four items


def test_one_item_in_a_group_says_nothing_about_the_spread():
    both = Aggregation(overall=MeanOf("overall", ("many", "one")))
    estimate = estimate_means(both, {"many": [1.0, 0.0], "one": [1.0]})["overall"]
    assert (estimate.mean, estimate.stderr, estimate.ci95) == (0.75, None, (0.0, 1.0))


def test_where_the_scores_of_every_group_are_equal_their_wilson_intervals_are_combined():
    inner = MeanOf("inner", ("a", "b"))
    both = Aggregation(overall=MeanOf("overall", (inner, "c")))
    made = estimate_means(both, {"a": [1.0] * 3, "b": [1.0] * 3, "c": [0.0] * 3})
    side = 1 - 3 / 6.8416  # of three right answers: 0.4385 to 1; of three wrong ones: 0 to 0.5615
    assert made["inner"].interval == made["overall"].interval == "wilson"
    assert made["inner"].ci95 == pytest.approx((1 - side / 2**0.5, 1.0))
    assert made["overall"].ci95 == pytest.approx((0.5 - side / 2**0.5 / 2, 0.5 + side / 2))
    mixed = estimate_means(both, {"a": [1.0] * 3, "b": [1.0, 0.0, 1.0], "c": [0.0] * 3})
    assert mixed["inner"].interval == mixed["overall"].interval == "bootstrap"


def facts(number, group, score, guess=None):
    counts = {"num_turns": 1, "num_drawings": 0, "num_drawn_images": 0, "is_reflective": False}
    return RolloutFacts(
        sample_id=str(number), sibling=0, status=Status.ANSWERED, score=score, groups=(group,), guess=guess, **counts
    )


def summary(name, rows):
    header = new_header(protocol="compact", model="m", seed=0, style="default", drawing=True, sampling=SamplingParams())
    return summary_of(
        [facts(number, *row) for number, row in enumerate(rows)], benchmark=name, header=header, excluded={"video": 2}
    )


def test_the_summary_uses_the_aggregate_of_its_benchmark():
    made = summary("vsi", VSI_ROWS)
    assert made["score"] == pytest.approx(100 * 3.6 / 8)
    assert made["groups"]["task=object_rel_direction"]["score"] == pytest.approx(50)
    assert made["groups"]["task=object_rel_direction"]["num"] == 13
    assert made["groups"]["task=object_counting"]["score"] == pytest.approx(50)
    assert made["missing_groups"] == []
    assert (made["num_excluded"], made["excluded"]) == (2, {"video": 2})
    assert summary("mmsi", VSI_ROWS)["score"] == pytest.approx(100 * 14.7 / 23, abs=1e-3)  # of items
    assert "task=route_planning" in summary("vsi", VSI_ROWS[:3])["missing_groups"]


def test_unscored_is_not_zero_in_an_aggregate():
    made = summary("vsi", [*VSI_ROWS, ("task=route_planning", None)])
    assert made["score"] == pytest.approx(100 * 3.6 / 8)
    assert made["num_unscored"] == 1


def test_guessing_is_averaged_as_the_scores_are():
    rows = [("task=object_counting", 1.0, Guess(number=2.0)), ("task=route_planning", 0.0, Guess(chance=0.25))]
    rows += [
        (f"task=object_rel_direction_{level}", 0.0, Guess(chance=chance))
        for level, chance in zip(("easy", "medium", "hard"), (0.5, 0.25, 0.25), strict=True)
    ]
    made = summary("vsi", rows)
    assert made["groups"]["task=object_rel_direction"]["guessing"] == pytest.approx(
        100 * (0.5 + 0.25 + 0.25) / 3, abs=1e-3
    )
    assert made["guessing"] == pytest.approx((100 + 25 + 100 / 3) / 3, abs=1e-3)
    undefined = summary("vsi", [*rows, ("task=object_counting", 1.0, None)])
    assert undefined["guessing"] is None
    assert undefined["groups"]["task=object_rel_direction"]["guessing"] is not None
