"""`vilasr eval` and `vilasr score`, with an endpoint that answers at once."""

from __future__ import annotations

import json
import re
import shutil

import pytest
from answering_server import RefusedError, digest_of, reply, serve

from vilasr.rollout import read_rollouts

FIXED_KEYS = {
    *("benchmark", "num", "score", "stderr", "ci95", "answered_rate", "truncated_rate", "error_rate", "mean_turns"),
    *("mean_drawings", "groups", "metric_mode", "model", "drawing", "seed", "version"),
}


@pytest.fixture(scope="module")
def run_of_24(endpoint, tmp_path_factory):
    """The folder of a finished run."""
    from vilasr.cli.main import main

    folder = tmp_path_factory.mktemp("eval") / "run"
    assert main(["eval", "maze", "--num", "24", *model(endpoint), "--seed", "3", "--out", str(folder)]) == 0
    return folder


def model(endpoint):
    return ["--model", "stub", "--endpoint", endpoint]


def test_the_summary_has_the_fixed_keys_and_scores_from_0_to_100(run_of_24):
    summary = json.loads((run_of_24 / "summary.json").read_text())
    assert set(summary) >= FIXED_KEYS
    assert summary["benchmark"] == "maze"
    assert summary["num"] == 24
    assert summary["model"] == "stub"
    assert summary["drawing"] is True
    assert summary["seed"] == 3
    assert summary["metric_mode"] == "default"
    assert 0 < summary["score"] < 100
    assert summary["ci95"][0] <= summary["score"] <= summary["ci95"][1]
    assert summary["answered_rate"] + summary["truncated_rate"] + summary["error_rate"] == pytest.approx(1)
    assert 0 < summary["mean_drawings"] <= 1
    assert all(set(group) >= {"score", "num"} for group in summary["groups"].values())
    assert sum(group["num"] for name, group in summary["groups"].items() if name.startswith("size=")) == 24


def test_a_finished_run_has_its_rollouts_and_pages_and_nothing_half_written(run_of_24):
    names = {path.name for path in run_of_24.iterdir()}
    assert names == {
        "summary.json",
        "run.json",
        "report.html",
        "report.md",
        "rollouts.jsonl",
        "rollouts.html",
        "images",
    }
    assert (run_of_24 / "rollouts.jsonl").read_bytes().count(b"\n") == 25


def test_several_attempts_at_each_sample_give_pass_at_k_and_run_json_says_how_it_was_made(endpoint, tmp_path, vilasr):
    words = ["--num", 3, *model(endpoint), "--samples-per-prompt", 4, "--temperature", 1, "--out", tmp_path / "run"]
    code, out, _ = vilasr("eval", "maze", *words)
    assert code == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (summary["num"], summary["num_rollouts"]) == (3, 12)
    assert {k: value["num"] for k, value in summary["pass_at"].items()} == {"1": 3, "2": 3, "4": 3}
    assert summary["pass_at"]["1"]["score"] == pytest.approx(summary["score"])
    assert "pass@4" in out
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["config"]["samples_per_prompt"], record["config"]["num"]) == (4, 3)
    assert record["hardware"]


def test_the_table_on_stdout_tells_the_score(endpoint, tmp_path, vilasr):
    code, out, err = vilasr("eval", "maze", "--num", 4, *model(endpoint), "--out", tmp_path / "run")
    assert (code, err) == (0, "")
    score = json.loads((tmp_path / "run" / "summary.json").read_text())["score"]
    assert out.startswith(f"maze: {score:.1f} of 100 (95 % interval")
    assert "report.html" in out


def test_resuming_a_finished_run_asks_nothing_and_gives_the_same_summary(run_of_24, endpoint, vilasr):
    before = json.loads((run_of_24 / "summary.json").read_text())
    lines = (run_of_24 / "rollouts.jsonl").read_bytes()
    words = ["--num", 24, *model(endpoint), "--seed", 3, "--out", run_of_24, "--resume"]
    assert vilasr("eval", "maze", *words)[0] == 0
    assert (run_of_24 / "rollouts.jsonl").read_bytes() == lines
    assert json.loads((run_of_24 / "summary.json").read_text()) == before


class ShakyServer:
    """Refuses about every third picture as long as it is down; counts what it is asked."""

    def __init__(self):
        self.is_down = True
        self.num_asked = 0

    def __call__(self, messages):
        self.num_asked += 1
        if self.is_down and digest_of(messages)[0] % 3 == 0:
            raise RefusedError("out of memory")
        return reply(messages)


def rollouts_of(folder):
    return {rollout.sample.id: rollout for rollout in read_rollouts(folder / "rollouts.jsonl")[1]}


def summary_of(folder):
    """But for how long it took."""
    return json.loads((folder / "summary.json").read_text()) | {"seconds": None}


def test_resuming_tries_again_what_failed_for_want_of_the_model_and_touches_nothing_else(endpoint, tmp_path, vilasr):
    server, run = ShakyServer(), tmp_path / "run"
    with serve(server) as url:
        words = ["--num", 16, *model(url), "--out", run]
        assert vilasr("eval", "maze", *words)[0] == 0
        lines, first = (run / "rollouts.jsonl").read_bytes(), rollouts_of(run)
        failed = {name for name, rollout in first.items() if rollout.status.value == "policy_error"}
        assert 0 < len(failed) < 12
        assert any(rollout.status.value == "no_action" for rollout in first.values())
        assert "--resume tries again" in (run / "report.md").read_text()

        server.is_down, server.num_asked = False, 0
        code, out, _ = vilasr("eval", "maze", *words, "--resume")
        assert code == 0
        assert len(failed) <= server.num_asked <= 10 * len(failed)
        assert (run / "rollouts.jsonl").read_bytes().startswith(lines)
        second = rollouts_of(run)
        assert {name for name in first if second[name] != first[name]} == failed
        assert re.search(rf"tried again +{len(failed)}\n", out)
        assert f"Tried again: {len(failed)} rollout" in (run / "report.md").read_text()
        resumed = summary_of(run)

        server.num_asked = 0
        assert vilasr("eval", "maze", *words, "--resume")[0] == 0
        assert (server.num_asked, summary_of(run)) == (0, resumed)
    assert vilasr("eval", "maze", "--num", 16, *model(endpoint), "--out", tmp_path / "calm")[0] == 0
    assert resumed == summary_of(tmp_path / "calm") | {"num_retried": len(failed)}


def test_what_was_tried_again_in_a_shard_is_counted_when_shards_are_merged(tmp_path, vilasr):
    server, run = ShakyServer(), tmp_path / "run"
    with serve(server) as url:
        for shard in ("0/2", "1/2"):
            words = ["--num", 8, *model(url), "--out", run, "--resume", "--shard", shard]
            server.is_down = True
            assert vilasr("eval", "maze", *words)[0] == 0
            server.is_down = False
            assert vilasr("eval", "maze", *words)[0] == 0
    assert vilasr("eval", "maze", "--merge", "--out", run)[0] == 0
    lines = (run / "rollouts.jsonl").read_bytes()
    assert summary_of(run)["num_retried"] == lines.count(b'"status":"policy_error"') > 0
    assert summary_of(run)["num_rollouts"] == 8
    assert "policy_error" not in summary_of(run)["statuses"]


def test_what_was_tried_again_after_merging_is_kept_when_shards_are_merged_once_more(tmp_path, vilasr):
    server, run = ShakyServer(), tmp_path / "run"
    with serve(server) as url:
        words = ["--num", 8, *model(url), "--out", run, "--resume"]
        for shard in ("0/2", "1/2"):
            assert vilasr("eval", "maze", *words, "--shard", shard)[0] == 0
        assert vilasr("eval", "maze", "--merge", "--out", run)[0] == 0
        assert summary_of(run)["statuses"]["policy_error"] > 0
        server.is_down = False
        assert vilasr("eval", "maze", *words)[0] == 0
    calm = summary_of(run)
    assert "policy_error" not in calm["statuses"]
    assert vilasr("eval", "maze", "--merge", "--out", run)[0] == 0
    assert summary_of(run) == calm


def test_a_shard_whose_last_line_was_cut_off_costs_no_other_line_when_merged(endpoint, tmp_path, vilasr):
    run = tmp_path / "run"
    for shard in ("0/2", "1/2"):
        assert vilasr("eval", "maze", "--num", 6, *model(endpoint), "--out", run, "--resume", "--shard", shard)[0] == 0
    with (run / "rollouts-0-of-2.jsonl").open("a") as file:
        file.write('{"sample":{"id":"maze/test/0/9","ima')
    assert vilasr("eval", "maze", "--merge", "--out", run)[0] == 0
    assert (summary_of(run)["num"], summary_of(run)["num_bad_lines"]) == (6, 0)


def test_shards_of_runs_that_were_asked_for_different_things_are_not_merged(endpoint, tmp_path, vilasr):
    def shard(index, *words):
        folder = [*model(endpoint), "--out", tmp_path / "run", "--resume", "--shard", f"{index}/2"]
        assert vilasr("eval", "maze", *words, *folder)[0] == 0

    def refused():
        return vilasr("eval", "maze", "--merge", "--out", tmp_path / "run")[2]

    shard(0, "--num", 4)
    shard(1, "--num", 6)
    assert "expected shards that ran with one --num; got 4 and 6" in refused()
    shard(0, "--num", 6, "--samples-per-prompt", 2)
    assert "expected shards that ran with one --samples-per-prompt; got 1 and 2" in refused()
    record = tmp_path / "run" / "shard-0-of-2.json"
    theirs = json.loads((tmp_path / "run" / "shard-1-of-2.json").read_text())
    record.write_text(json.dumps(theirs | {"index": 0}))
    assert "expected each sample in one shard; got 'maze/test/0/1' in several" in refused()


def test_fewer_attempts_at_each_sample_can_be_asked_for_later(endpoint, tmp_path, vilasr):
    words = ["--num", 3, *model(endpoint), "--out", tmp_path / "run", "--resume"]
    for attempts in (3, 1):
        assert vilasr("eval", "maze", *words, "--samples-per-prompt", attempts)[0] == 0
        assert summary_of(tmp_path / "run")["num_rollouts"] == 3 * attempts


def test_more_samples_can_be_asked_for_later_and_fewer_too(endpoint, tmp_path, vilasr):
    words = [*model(endpoint), "--out", tmp_path / "run", "--resume"]
    for num in (4, 7, 3):
        assert vilasr("eval", "maze", "--num", num, *words)[0] == 0
        assert json.loads((tmp_path / "run" / "summary.json").read_text())["num"] == num
    assert (tmp_path / "run" / "rollouts.jsonl").read_bytes().count(b"\n") == 8


def test_a_folder_with_a_run_in_it_is_refused_without_resume(run_of_24, endpoint, vilasr):
    code, _, err = vilasr("eval", "maze", *model(endpoint), "--out", run_of_24)
    assert code == 2
    assert "expected a new or empty folder; got one with files in it. Give --resume" in err


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (["--no-drawing"], "drawing: true in the file, false now"),
        (["--max-turns", "3"], "config.episode.limits.max_turns: null in the file, 3 now"),
        (["--max-pixels", "9999"], "config.episode.sizer.max_pixels: 1003520 in the file, 9999 now"),
        (["--temperature", "0.5"], "sampling.temperature: 0.0 in the file, 0.5 now"),
        (["--style", "published"], 'style: "default" in the file, "published" now'),
    ],
)
def test_resuming_with_other_settings_names_what_differs(run_of_24, endpoint, vilasr, change, named):
    before = (run_of_24 / "rollouts.jsonl").read_bytes()
    words = ["--num", 24, *model(endpoint), "--seed", 3, "--out", run_of_24, "--resume"]
    code, _, err = vilasr("eval", "maze", *words, *change)
    assert code == 2
    assert named in err
    assert (run_of_24 / "rollouts.jsonl").read_bytes() == before


@pytest.mark.parametrize("name", ["maze-ood", "maze-valid", "maze-shortest"])
def test_every_maze_benchmark_runs_and_so_it_does_without_drawing(endpoint, tmp_path, vilasr, name):
    words = ["--num", 4, *model(endpoint), "--no-drawing", "--out", tmp_path / "run"]
    assert vilasr("eval", name, *words)[0] == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (summary["benchmark"], summary["drawing"], summary["mean_drawings"]) == (name, False, 0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mazes"], "expected one of maze, maze-ood, maze-valid, maze-shortest, static, video, multiview, vsi, "),
        (["maze", "--shard", "4/4"], "--shard: expected i/n with i from 0 to n - 1, such as 0/4; got '4/4'"),
        (["maze", "--shard", "1"], "--shard: expected i/n with i from 0 to n - 1, such as 0/4; got '1'"),
        (["maze", "--seeds", "1,1"], "--seeds: expected each seed once; got '1,1'"),
        (["maze", "--merge", "--shard", "0/2"], "--merge: expected no --shard beside it; got both"),
        (["maze", "--merge"], "expected the shards of a run; got none that is done. Run each with --shard first."),
        (["maze", "--num", "0"], "--num: expected a whole number from 1; got '0'"),
        (["maze", "--num", "ten"], "--num: expected a whole number from 1; got 'ten'"),
        (["maze", "--data", "nowhere"], "--data: expected the folder of a dataset, or a file in the unified JSON; got"),
        (["maze", "--metric-mode", "mine"], "--metric-mode: expected one of default, official, "),
        (["maze", "--temperature", "-1"], "--temperature: expected a number from 0 to 1000; got '-1'"),
        (["maze", "--num", "1" + 20 * "0"], "--num: expected a whole number up to 1,000,000,000,000,000; got '1000"),
        (["maze", "--top-p", "0"], "--top-p: expected a number above 0, up to 1; got 0"),
        (["maze", "--concurrency", "0"], "--concurrency: expected a whole number from 1; got '0'"),
        (["maze", "--endpoint", "host:8000"], "expected a URL such as http://localhost:8000/v1; got 'host:8000'"),
        (["maze", "--protocol", "morse"], "got 'morse'"),
        (["maze", "--style", "cubist"], "got 'cubist'"),
    ],
)
def test_bad_usage_ends_with_2_and_a_message(endpoint, tmp_path, vilasr, words, message):
    named = [] if "--endpoint" in words else model(endpoint)
    code, out, err = vilasr("eval", *words, *named, "--out", tmp_path / "run")
    assert (code, out) == (2, "")
    assert message in err
    assert not (tmp_path / "run" / "rollouts.jsonl").exists()


def test_several_seeds_load_the_model_once_and_say_what_each_says_alone(tiny, tmp_path, vilasr, monkeypatch):
    from vilasr.policies.transformers import policy

    loads, load_model = [], policy.load_model
    monkeypatch.setattr(policy, "load_model", lambda *words, **more: loads.append(words) or load_model(*words, **more))
    words = ["--num", 2, "--model", tiny, "--device", "cpu", "--max-tokens", 8, "--max-turns", 2]
    assert vilasr("eval", "maze", *words, "--seeds", "4,5", "--out", tmp_path / "both")[0] == 0
    assert len(loads) == 1
    assert vilasr("eval", "maze", *words, "--seed", 5, "--out", tmp_path / "alone")[0] == 0
    said = [
        {name: [turn.text for turn in rollout.turns] for name, rollout in rollouts_of(folder).items()}
        for folder in (tmp_path / "both" / "seed-5", tmp_path / "alone")
    ]
    assert said[0] == said[1]
    assert len(said[0]) == 2


def test_out_is_required(vilasr):
    code, _, err = vilasr("eval", "maze")
    assert code == 2
    assert "--out: expected a folder for the results; got none. Give --out DIR." in err


def test_a_server_that_is_not_there_is_bad_input(tmp_path, vilasr, monkeypatch):
    monkeypatch.setattr("vilasr.policies.openai.FIRST_BACKOFF_S", 0.001)
    words = ["--num", 2, *model("http://127.0.0.1:9/v1"), "--out", tmp_path / "run"]
    code, _, err = vilasr("eval", "maze", *words)
    assert code == 2
    assert "expected a server that answers at http://127.0.0.1:9/v1" in err


# --- score ------------------------------------------------------------------------------------------------------------


def test_scoring_the_file_again_gives_the_summary_of_the_run(run_of_24, tmp_path, vilasr):
    target = tmp_path / "scores" / "again.json"
    code, out, err = vilasr("score", run_of_24 / "rollouts.jsonl", "--json", target)
    assert (code, err) == (0, "")
    assert out.startswith("maze: ")
    assert json.loads(target.read_text()).items() <= json.loads((run_of_24 / "summary.json").read_text()).items()


def test_json_to_stdout_comes_alone(run_of_24, vilasr):
    code, out, _ = vilasr("score", run_of_24 / "rollouts.jsonl", "--json", "-")
    assert code == 0
    assert json.loads(out)["num"] == 24


def test_a_summary_never_replaces_what_it_was_computed_from(run_of_24, tmp_path, vilasr):
    run = tmp_path / "run"
    shutil.copytree(run_of_24, run)
    before = (run / "rollouts.jsonl").read_bytes()
    code, _, err = vilasr("score", run / "rollouts.jsonl", "--json", run / "rollouts.jsonl")
    assert code == 2
    assert "--json: expected a file of its own; got" in err
    assert vilasr("compare", run, run_of_24, "--json", run / "summary.json")[0] == 2
    assert (run / "rollouts.jsonl").read_bytes() == before
    assert summary_of(run) == summary_of(run_of_24)


def test_bad_lines_are_told_and_counted(run_of_24, tmp_path, vilasr):
    lines = (run_of_24 / "rollouts.jsonl").read_bytes().splitlines(keepends=True)
    file = tmp_path / "rollouts.jsonl"
    file.write_bytes(b"".join([*lines[:3], b"{}\n", lines[3], lines[4][:50]]))
    code, out, err = vilasr("score", file)
    assert code == 0
    assert "3 samples" in out
    assert "bad lines           2" in out
    assert "line 4" in err
    assert "line 6: cut off" in err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "expected a rollout file; got no such file or directory"),
        (b"", "got a first line that is no header"),
        (b"hello\n", "got a first line that is no header"),
        (b'{"schema_version": 99}\n', "got schema version 99"),
    ],
)
def test_what_is_no_rollout_file_is_bad_input(tmp_path, vilasr, content, message):
    file = tmp_path / "file.jsonl"
    if content is not None:
        file.write_bytes(content)
    code, out, err = vilasr("score", file)
    assert (code, out) == (2, "")
    assert message in err


def test_a_file_without_rollouts_has_no_score(run_of_24, tmp_path, vilasr):
    file = tmp_path / "empty.jsonl"
    file.write_bytes((run_of_24 / "rollouts.jsonl").read_bytes().splitlines(keepends=True)[0])
    code, _, err = vilasr("score", file)
    assert code == 2
    assert "expected at least one rollout; got none" in err


def test_an_unknown_mode_is_told_with_those_there_are(run_of_24, vilasr):
    code, _, err = vilasr("score", run_of_24 / "rollouts.jsonl", "--metric-mode", "mine")
    assert code == 2
    modes = "default, official, lmms-eval, vlmevalkit, vilasr, vilasr-reward"
    assert f"--mode: expected one of {modes}; got 'mine'" in err
