"""`vilasr eval` on files of published benchmarks, and in shards, with a budget and with several seeds."""

from __future__ import annotations

import json
import sys
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path += [str(Path(__file__).parents[2] / "benchmarks"), str(Path(__file__).parents[2] / "data")]
from published_files import mmsi_row, vsi_row, write_rows, write_vsi


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VILASR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def run(vilasr, endpoint, tmp_path):
    """`run("vsi", ...)` -> (summary, stdout, stderr) of a run into `out`, which must succeed."""

    def evaluate(*words, out=tmp_path / "run"):
        code, told, err = vilasr("eval", *words, "--model", "stub", "--endpoint", endpoint, "--out", out)
        assert code == 0, err
        path = out / "summary.json"
        return json.loads(path.read_text()) if path.exists() else None, told, err

    return evaluate


@pytest.fixture
def vsi(tmp_path):
    """Two numbers and two choices that can be asked, and three items that cannot."""
    rows = [
        vsi_row(0),
        vsi_row(1, ground_truth="1"),
        vsi_row(2, "route_planning"),
        vsi_row(3, "route_planning", ground_truth="A"),
        vsi_row(4, ground_truth="many"),
        vsi_row(5, scene_name="broken"),
        vsi_row(0),
    ]
    folder = write_vsi(tmp_path / "vsi", rows)
    (folder / "scannet" / "broken.mp4").write_text("no video")
    return folder


def test_without_files_it_says_what_to_fetch_and_no_model_is_asked(vilasr, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = vilasr("eval", "vsi")
    assert (code, out) == (2, "")
    assert "error: vsi: expected its files in data/vsi; got no such folder." in err
    assert "hf download nyu-visionx/VSI-Bench --repo-type dataset --local-dir data/vsi" in err
    assert not list(tmp_path.iterdir())


def test_a_run_reports_the_tasks_and_what_was_left_out(run, vsi, tmp_path):
    summary, told, err = run("vsi", "--data", vsi, "--frames", 3)
    assert summary["num"] == 4
    assert set(summary["groups"]) == {"task=object_counting", "task=route_planning"}
    means = [group["score"] for group in summary["groups"].values()]
    assert summary["score"] == pytest.approx(sum(means) / 2)
    assert summary["excluded"] == {"ground_truth": 1, "id": 1, "video": 1}
    assert summary["num_excluded"] == 3
    assert summary["complete"] is True
    assert len(summary["missing_groups"]) == 8
    assert "left out            ground_truth 1, id 1, video 1" in told
    assert "no items of         object_abs_distance" in told
    assert "left out: vsi/4: ground_truth: expected a number; got 'many'" in err
    rows = [json.loads(line) for line in (tmp_path / "run" / "excluded.jsonl").read_text().splitlines()]
    assert {row["id"] for row in rows} == {"vsi/4", "vsi/0 (test.jsonl, row 7)", "vsi/5"}
    assert (tmp_path / "run" / "rollouts.jsonl").read_bytes().count(b"\n") == 5


def test_a_dataset_of_ours_is_measured_and_resumed_like_files_of_other_people(run, vilasr, endpoint, tmp_path):
    mixed = ["--family-option", "question=mixed", "--split", "validation", "--num", 20]
    assert vilasr("generate", "maze", *mixed, "--out", tmp_path / "mazes")[0] == 0
    summary, told, err = run("maze", "--data", tmp_path / "mazes")
    assert summary["num"] + summary["num_excluded"] == summary["num_items"] == 20
    assert summary["excluded"] == {"kind": summary["num_excluded"]}
    assert f"left out            kind {summary['num_excluded']}" in told
    assert "expected a maze that maze makes; got {'question_type': '" in err
    assert {key for key in summary["groups"] if key.startswith("question=")} == {"question=end"}
    run("maze", "--data", tmp_path / "mazes", "--resume")
    words = ["--model", "stub", "--endpoint", endpoint, "--out", tmp_path / "run", "--resume"]
    assert "config.source" in vilasr("eval", "maze", *words)[2]


def test_resuming_with_other_data_or_frames_is_refused(run, vsi, vilasr, endpoint, tmp_path):
    run("vsi", "--data", vsi, "--frames", 2)
    words = ["--data", vsi, "--model", "stub", "--endpoint", endpoint, "--out", tmp_path / "run", "--resume"]
    assert "config.source.num_frames: 2 in the file, 3 now" in vilasr("eval", "vsi", *words, "--frames", 3)[2]
    write_rows(vsi / "test.jsonl", [vsi_row(0)])
    assert "config.source.files.test.jsonl" in vilasr("eval", "vsi", *words, "--frames", 2)[2]


def test_shards_merge_to_what_one_run_gives(run, vsi, vilasr, tmp_path):
    whole, _, _ = run("vsi", "--data", vsi)
    shards = tmp_path / "shards"
    for index in range(2):
        summary, told, _ = run("vsi", "--data", vsi, "--shard", f"{index}/2", out=shards)
        assert summary is None
        assert f"Shard {index} of 2 is done. When all are: vilasr eval vsi --merge --out {shards}" in told
    code, told, err = vilasr("eval", "vsi", "--merge", "--out", shards)
    assert code == 0, err
    merged = json.loads((shards / "summary.json").read_text())
    timing = {"seconds"}
    assert {key: value for key, value in merged.items() if key not in timing} == {
        key: value for key, value in whole.items() if key not in timing
    }
    assert told.startswith("vsi: ")
    assert (shards / "rollouts.jsonl").read_bytes().count(b"\n") == 5


def test_merging_names_the_shard_that_is_missing(run, vsi, vilasr, tmp_path):
    run("vsi", "--data", vsi, "--shard", "0/2")
    code, _, err = vilasr("eval", "vsi", "--merge", "--out", tmp_path / "run")
    assert code == 2
    assert "expected 2 shards that are done; got no shard 1" in err
    assert "expected shards of mmsi; got vsi" in vilasr("eval", "mmsi", "--merge", "--out", tmp_path / "run")[2]


def test_shards_of_different_settings_are_not_merged(run, vsi, vilasr, tmp_path):
    run("vsi", "--data", vsi, "--shard", "0/2")
    run("vsi", "--data", vsi, "--shard", "1/2", "--no-drawing")
    code, _, err = vilasr("eval", "vsi", "--merge", "--out", tmp_path / "run")
    assert code == 2
    assert "drawing: false in the file, true now" in err


def test_several_seeds_give_a_run_each_and_a_summary_over_them(run, tmp_path):
    summary, told, _ = run("maze", "--num", 6, "--seeds", "0,1,2")
    out = tmp_path / "run"
    scores = {seed: json.loads((out / f"seed-{seed}" / "summary.json").read_text())["score"] for seed in "012"}
    assert summary["seeds"] == scores
    assert summary["seed_mean"] == pytest.approx(sum(scores.values()) / 3, abs=1e-3)
    assert summary["num"] == 18  # other seeds are other mazes
    assert summary["score"] == pytest.approx(summary["seed_mean"], abs=1e-3)
    assert (out / "seed-1" / "report.html").is_file()
    assert told.startswith("maze: ")


def test_seeds_of_published_items_are_attempts_at_the_same_items(run, tmp_path):
    folder = tmp_path / "mmsi"
    write_rows(folder / "MMSI_Bench.parquet", [mmsi_row(number) for number in range(3)])
    summary, _, _ = run("mmsi", "--data", folder, "--seeds", "4,5")
    assert (summary["num"], summary["num_rollouts"]) == (3, 6)


def test_a_budget_ends_the_run_in_time_and_resuming_completes_it(run, monkeypatch):
    words = ["maze", "--concurrency", 1]
    clock = SimpleNamespace(monotonic=count(0, 0.1).__next__)
    with monkeypatch.context() as patched:
        patched.setattr("vilasr.cli.run_file.time", clock)
        summary, _, err = run(*words, "--max-seconds", 1)
    num = summary["num"]
    assert 0 < num < 15
    assert summary["complete"] is False
    assert f"at {num} samples of about 2,000. --resume goes on." in err
    summary, _, _ = run(*words, "--resume", "--num", num + 2)
    assert (summary["num"], summary["complete"]) == (num + 2, True)


def test_a_budget_that_is_used_up_at_once_still_measures_what_is_done(run, monkeypatch):
    whole, _, _ = run("maze", "--num", 12)
    clock = SimpleNamespace(monotonic=count(0, 10).__next__)
    monkeypatch.setattr("vilasr.cli.run_file.time", clock)
    words = ["--resume", "--max-seconds", 1]
    assert run("maze", "--num", 12, *words)[0] == whole
    more, _, err = run("maze", "--num", 15, *words)
    assert (more["num"], more["complete"]) == (12, False)
    assert "at 12 samples of about 15. --resume goes on." in err


def test_pictures_that_turn_out_damaged_are_left_out_and_listed(run, tmp_path):
    folder = tmp_path / "mmsi"
    whole = mmsi_row(0)["images"][0]
    write_rows(folder / "MMSI_Bench.parquet", [mmsi_row(0), mmsi_row(1, images=[whole[:-30]])])
    summary, _, err = run("mmsi", "--data", folder)
    assert (summary["num"], summary["excluded"]) == (1, {"image": 1})
    assert "mmsi/1" in err
    assert "mmsi/1" in (tmp_path / "run" / "excluded.jsonl").read_text()
