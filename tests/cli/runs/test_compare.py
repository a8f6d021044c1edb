"""`vilasr compare`, on runs of an endpoint that answers at once."""

from __future__ import annotations

import json

import pytest


@pytest.fixture(scope="module")
def runs(endpoint, tmp_path_factory):
    """Three folders: drawing on, drawing off with fewer samples, two seeds."""
    from vilasr.cli.main import main

    folder = tmp_path_factory.mktemp("runs")
    model = ["--model", "stub", "--endpoint", endpoint]
    assert main(["eval", "maze", "--num", "12", *model, "--out", str(folder / "on")]) == 0
    assert main(["eval", "maze", "--num", "8", *model, "--no-drawing", "--out", str(folder / "off")]) == 0
    assert main(["eval", "maze", "--num", "4", *model, "--seeds", "0,5", "--out", str(folder / "seeds")]) == 0
    return folder


def test_two_runs_are_compared_on_stdout_and_written_on_demand(runs, tmp_path, vilasr):
    words = ["compare", runs / "on", runs / "off", "--out", tmp_path / "both", "--json", tmp_path / "both.json"]
    code, out, err = vilasr(*words)
    assert (code, err) == (0, "")
    assert out.startswith("maze, metric mode default; differences to on, paired")
    assert 'off: 8 samples shared with "on", 4 only there, 0 only here.' in out
    assert {path.name for path in (tmp_path / "both").iterdir()} == {"compare.html", "compare.md"}
    made = json.loads((tmp_path / "both.json").read_text())
    first, second = made["runs"]
    assert (first["name"], first["difference"], second["difference"]["num_shared"]) == ("on", None, 8)
    assert [run["summary"]["drawing"] for run in made["runs"]] == [True, False]
    stored = json.loads((runs / "on" / "summary.json").read_text())
    assert first["summary"] == stored


def test_json_to_stdout_comes_alone_and_is_the_same_every_time(runs, vilasr):
    words = ["compare", runs / "on", runs / "off", "--json", "-"]
    code, out, _ = vilasr(*words)
    assert code == 0
    assert json.loads(out) == json.loads(vilasr(*words)[1])


def test_a_folder_of_seeds_is_one_run(runs, vilasr):
    code, out, _ = vilasr("compare", runs / "seeds", runs / "on", "--json", "-")
    assert code == 0
    first, second = json.loads(out)["runs"]
    stored = json.loads((runs / "seeds" / "summary.json").read_text())
    assert first["summary"].items() >= stored.items()
    assert (first["summary"]["num"], second["difference"]["num_shared"]) == (8, 4)  # those of seed 0


def test_equal_folder_names_are_told_apart(runs, vilasr):
    code, out, _ = vilasr("compare", runs / "seeds" / "seed-0", runs / "on" / ".." / "seeds" / "seed-0", "--json", "-")
    assert code == 0
    assert len({run["name"] for run in json.loads(out)["runs"]}) == 2


def test_runs_of_other_seeds_share_nothing_and_that_is_said(runs, vilasr):
    code, out, _ = vilasr("compare", runs / "seeds" / "seed-0", runs / "seeds" / "seed-5")
    assert code == 0
    assert 'seed-5: No sample is shared with "seed-0": nothing can be paired' in out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "expected the folder of a finished run; got no summary.json in it. Give the --out folder"),
        ("{", "expected the summary of a run; got one that cannot be read"),
        ("[]", "expected the summary of a run; got a file without its keys"),
        ('{"benchmark": "maze", "metric_mode": "mine", "excluded": {}}', "got metric mode 'mine'"),
        (
            '{"benchmark": "maze", "metric_mode": "default", "excluded": {}}',
            "expected a rollout file; got no such file",
        ),
        (
            '{"benchmark": "static", "metric_mode": "default", "excluded": {}}',
            "got one of static scored in mode default",
        ),
    ],
)
def test_what_is_no_finished_run_of_the_same_benchmark_is_refused(runs, tmp_path, vilasr, content, message):
    folder = tmp_path / "other"
    folder.mkdir()
    if content is not None:
        (folder / "summary.json").write_text(content)
    if content and "static" in content:
        (folder / "rollouts.jsonl").write_bytes((runs / "on" / "rollouts.jsonl").read_bytes())
    code, out, err = vilasr("compare", runs / "on", folder)
    assert (code, out) == (2, "")
    assert message in err


def test_a_folder_that_is_not_there_and_a_single_run_are_refused(runs, vilasr):
    assert "got no such folder" in vilasr("compare", runs / "on", runs / "none")[2]
    assert "runs: expected at least two; got 1" in vilasr("compare", runs / "on")[2]


def test_the_folder_of_seeds_has_a_report_that_links_to_those_of_the_seeds(runs):
    html = (runs / "seeds" / "report.html").read_text()
    assert 'href="seed-5/report.html"' in html
    assert (runs / "seeds" / "seed-5" / "report.html").exists()
    assert "seed 0, seed 5: This is a part of the benchmark: 4 of 2,000 items." in html
