"""`vilasr score --mode --compare`: a finished run in another metric mode, and what changes."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from vilasr.rollout import RolloutWriter, new_header
from vilasr.types import AnswerType, ImageRecipe, Rollout, Sample, SamplingParams, Status, Turn

CHOICES = ("B", "(B)", "Because", "Apple is wrong, B", None)
NUMBERS = ("3", "3.5 meters", "three", "5 to 6")


@pytest.fixture
def run_file(tmp_path):
    """Nine answers to VSI-Bench questions whose right answers are B and 3; one rollout never answered."""
    image = Image.new("RGB", (32, 32))
    recipe = ImageRecipe(base=1, size=image.size)
    header = new_header(
        protocol="compact", model="by hand", seed=0, style="default", drawing=True, sampling=SamplingParams()
    )
    with RolloutWriter(tmp_path / "rollouts.jsonl", header) as writer:
        for number, answer in enumerate((*CHOICES, *NUMBERS)):
            is_number = number >= len(CHOICES)
            sample = Sample(
                id=f"vsi/{number}",
                task="vsi",
                question="?",
                images=(image,),
                options=() if is_number else ("Apple", "chair"),
                answer="3" if is_number else "B",
                answer_type=AnswerType.NUMBER if is_number else AnswerType.CHOICE,
                metadata={"question_type": "object_counting" if is_number else "route_planning"},
            )
            status = Status.TRUNCATED_TURNS if answer is None else Status.ANSWERED
            turns = (Turn(context=(), text="...", answer=answer),)
            writer.append(Rollout(sample=sample, status=status, images=(recipe,), turns=turns))
    return tmp_path / "rollouts.jsonl"


def test_the_summary_is_in_the_mode_asked_for(run_file, vilasr):
    scores = {}
    for mode in ("default", "official", "vilasr"):
        code, out, _ = vilasr("score", run_file, "--mode", mode, "--json", "-")
        assert code == 0
        summary = json.loads(out)
        assert summary["metric_mode"] == mode
        scores[mode] = summary["score"]
    # default: B, (B), B; 1, 0.7, 1, 0. official: B; 1, 0.7, 0, 0 (5 for 3 is too far). vilasr: B, Because; 1, 0, 0, 0.
    expected = {"default": (3 + 2.7) / 9, "official": (1 + 1.7) / 9, "vilasr": (2 + 1) / 9}
    assert scores == {mode: pytest.approx(100 * score, abs=1e-3) for mode, score in expected.items()}


def test_comparing_lists_what_changes_with_both_readings_and_both_scores(run_file, vilasr):
    code, out, err = vilasr("score", run_file, "--mode", "official", "--compare", "default")
    assert (code, err) == (0, "")
    table = out[out.index("official 30.00") :].splitlines()
    assert table[0] == "official 30.00, default 63.33: 3 of 9 rollouts change, 0 higher in official, 3 lower"
    rows = [line.split("  ") for line in table[1:]]
    assert [[cell.strip() for cell in row if cell] for row in rows] == [
        ["id", "answer", "official", "default"],
        ["vsi/1", "'(B)'", "nothing", "0.00", "B", "1.00"],
        ["vsi/3", "'Apple is wrong, B'", "nothing", "0.00", "B", "1.00"],
        ["vsi/7", "'three'", "nothing", "0.00", "3.0", "1.00"],
    ]


def test_the_comparison_is_in_the_json_whole(run_file, tmp_path, vilasr):
    target = tmp_path / "scores.json"
    assert vilasr("score", run_file, "--mode", "vilasr", "--compare", "default", "--json", target)[0] == 0
    compared = json.loads(target.read_text())["compared"]
    changed = compared.pop("changed")
    score = pytest.approx(63.3333, abs=1e-3)
    assert compared == {"mode": "default", "score": score, "num_changed": 5, "num_higher": 1, "num_lower": 4}
    assert changed[1] == {
        "id": "vsi/2",
        "sibling": 0,
        "answer": "Because",
        "read": {"value": "B", "score": 1.0, "explanation": "B is right"},
        "read_by_other": {"value": None, "score": 0.0, "explanation": "no option named; right is B"},
    }


def test_a_mode_compared_with_itself_changes_nothing(run_file, vilasr):
    out = vilasr("score", run_file, "--compare", "default")[1]
    assert out.endswith("0 of 9 rollouts change, 0 higher in default, 0 lower\n")


def test_a_long_list_is_cut_and_says_where_the_rest_is(run_file, vilasr, monkeypatch):
    monkeypatch.setattr("vilasr.cli.changes.MAX_LISTED", 1)
    out = vilasr("score", run_file, "--mode", "official", "--compare", "default")[1]
    assert out.endswith("  and 2 more: --json FILE writes them all\n")
    assert "vsi/3" not in out


def test_an_unknown_mode_to_compare_with_is_bad_usage(run_file, vilasr):
    code, _, err = vilasr("score", run_file, "--compare", "mine")
    assert code == 2
    assert "--compare: expected one of default, official, " in err
