"""`vilasr generate`: the dataset, its preview, and everything that can come in between."""

from __future__ import annotations

import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vilasr.cli.generate import choose
from vilasr.cli.main import main
from vilasr.data import read_dataset
from vilasr.tasks import TASK_NAMES, task_named
from vilasr.types import Sample

MAX_SECONDS = 600
"""Of a wait for what ends by itself: the system may write gigabytes of others to the disk first."""
COMMAND = [sys.executable, "-c", "from vilasr.cli.main import run; run()", "generate", "maze"]
INTERRUPTED = (130, "\nInterrupted. Give the same command again: it goes on where it stopped.\n")


def files_of(folder):
    """Contents by name, hidden files too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_generate_writes_a_dataset_that_can_be_read(tmp_path, capsys):
    command = ["generate", "maze", "--split", "test", "--num", "5", "--seed", "7", "--out", str(tmp_path / "mazes")]
    assert main([*command, "--family-option", "question=shortest", "--family-option", "size=3"]) == 0
    assert capsys.readouterr().out == f"5 samples in {tmp_path / 'mazes'}\n"
    info, samples = read_dataset(tmp_path / "mazes")
    assert (info.task, info.split, info.seed, info.num) == ("maze", "test", 7, 5)
    assert info.options == {"question": "shortest", "size": "3"}
    expected = [task_named("maze").generate("test", row, 7, dict(info.options)) for row in range(5)]
    assert [(sample.id, sample.question, sample.answer, sample.metadata) for sample in samples] == [
        (sample.id, sample.question, sample.answer, json.loads(json.dumps(sample.metadata))) for sample in expected
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["maze", "--num", "0"], "argument --num: expected a whole number from 1; got '0'"),
        (["maze", "--num", "-3"], "argument --num: expected a whole number from 1; got '-3'"),
        (["maze", "--num", "ten"], "argument --num: expected a whole number from 1; got 'ten'"),
        (["maze", "--num", "1", "--seed", "-1"], "argument --seed: expected a whole number from 0; got '-1'"),
        (["maze", "--num", "1", "--workers", "0"], "argument --workers: expected a whole number from 1; got '0'"),
        (["maze", "--num", "1", "--split", "dev"], "split: expected one of train, validation, test; got 'dev'"),
        (["chess", "--num", "1"], f"task: expected one of {', '.join(TASK_NAMES)}; got 'chess'"),
        (["maze", "--num", "1", "--family-option", "colour=red"], "option of task maze: expected one of question="),
        (
            ["maze", "--num", "1", "--family-option", "size=99"],
            "option size of task maze: expected a number or a range",
        ),
        (["maze", "--num", "1", "--family-option", "size"], "--family-option: expected key=value, each key once"),
    ],
)
def test_generate_refuses_bad_arguments_and_leaves_nothing(arguments, message, tmp_path, capsys):
    assert main(["generate", *arguments, "--out", str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_generate_refuses_an_option_given_twice(tmp_path, capsys):
    options = ["--family-option", "size=3", "--family-option", "size=4"]
    assert main(["generate", "maze", "--num", "1", "--out", str(tmp_path / "out"), *options]) == 2
    assert "got 'size' twice" in capsys.readouterr().err


def test_the_bytes_do_not_depend_on_the_number_of_workers(tmp_path):
    for workers in ("1", "2"):
        assert main(["generate", "marks", "--num", "24", "--workers", workers, "--out", str(tmp_path / workers)]) == 0
    assert files_of(tmp_path / "1") == files_of(tmp_path / "2")


# --- the preview ------------------------------------------------------------------------------------------------------


def test_the_preview_shows_each_type_with_its_drawing(tmp_path, capsys):
    command = ["generate", "maze", "--num", "40", "--family-option", "question=mixed", "--out", str(tmp_path)]
    assert main([*command, "--preview"]) == 0
    page = (tmp_path / "preview.html").read_text()
    assert capsys.readouterr().out == f"40 samples in {tmp_path}\n{tmp_path / 'preview.html'}\n"
    samples = [json.loads(text) for text in re.findall(r'id="sample-\d+">(.*?)</script>', page)]
    assert len(samples) == 40
    assert {sample["type"] for sample in samples[:3]} == {"end", "shortest", "valid"}
    assert all(sample["images"][-1]["marks"] for sample in samples)
    assert "40 of 40 samples: task maze, split train, seed 0, question mixed." in page
    assert not [name for name in files_of(tmp_path) if name.startswith(".")]


def test_one_sample_is_no_samples(tmp_path, capsys):
    assert main(["generate", "marks", "--num", "1", "--out", str(tmp_path / "one")]) == 0
    assert capsys.readouterr().out == f"1 sample in {tmp_path / 'one'}\n"


def test_a_preview_can_be_added_later(tmp_path):
    command = ["generate", "marks", "--num", "3", "--out", str(tmp_path)]
    assert main(command) == 0
    before = files_of(tmp_path)
    assert main([*command, "--preview"]) == 0
    after = files_of(tmp_path)
    assert '"num":3' in after.pop("preview.html").decode()
    assert after == before


def test_types_are_chosen_in_turn():
    types = "aaaabac"
    samples = [
        Sample(id=str(place), task="t", question="?", images=(Path("x.png"),), metadata={"question_type": kind})
        for place, kind in enumerate(types)
    ]
    assert [sample.id for sample in choose(samples, 5)] == ["0", "4", "6", "1", "2"]


# --- interrupted ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Files of 200 mazes that were made without an accident."""
    folder = tmp_path_factory.mktemp("undisturbed")
    assert main(["generate", "maze", "--num", "200", "--workers", "1", "--out", str(folder)]) == 0
    return files_of(folder)


def start(folder, num=200):
    command = [*COMMAND, "--num", str(num), "--workers", "2", "--out", str(folder)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)


def wait_for_rows(folder, num, process):
    deadline = time.monotonic() + 60
    journal = folder / "data" / ".00000.rows.jsonl"
    while not (journal.exists() and journal.read_bytes().count(b"\n") >= num):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def descendants(process):
    """Ids of the workers and helpers of a process."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(child) for child in children]


def workers_of(process):
    return [child for child in descendants(process) if "spawn_main" in command_of(child)]


def command_of(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def wait_until_gone(pids):
    deadline = time.monotonic() + MAX_SECONDS
    while any("multiprocessing" in command_of(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_ctrl_c_ends_all_processes_quietly_and_the_same_command_goes_on(undisturbed, tmp_path):
    with start(tmp_path) as process:
        wait_for_rows(tmp_path, 5, process)
        helpers = descendants(process)
        assert len(workers_of(process)) == 2
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does it: every process of the group gets it
        assert (process.wait(MAX_SECONDS), process.stderr.read()) == INTERRUPTED
        wait_until_gone(helpers)
    assert not list(tmp_path.glob("data/*.parquet"))
    with start(tmp_path) as process:
        assert process.wait(MAX_SECONDS) == 0
    assert files_of(tmp_path) == undisturbed


def test_ctrl_c_while_workers_start_is_quiet_too(tmp_path):
    with start(tmp_path) as process:
        while len(workers_of(process)) < 1:
            assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)
        assert (process.wait(MAX_SECONDS), process.stderr.read()) == INTERRUPTED


def test_a_run_that_is_killed_again_and_again_ends_as_if_it_had_not_been(undisturbed, tmp_path):
    rng = random.Random(0)
    for _ in range(2):
        with start(tmp_path) as process:
            before = num_rows(tmp_path)
            wait_for_rows(tmp_path, min(before + rng.randrange(1, 60), 190), process)
            helpers = descendants(process)
            process.kill()
            process.wait()
            wait_until_gone(helpers)
        assert num_rows(tmp_path) >= before
        assert not list(tmp_path.glob("data/*.parquet"))
    with start(tmp_path) as process:
        assert process.wait(MAX_SECONDS) == 0
    assert files_of(tmp_path) == undisturbed


def num_rows(folder):
    journal = folder / "data" / ".00000.rows.jsonl"
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def test_a_killed_worker_ends_the_run_with_what_to_do(tmp_path):
    with start(tmp_path) as process:
        wait_for_rows(tmp_path, 5, process)
        os.kill(workers_of(process)[0], signal.SIGKILL)
        assert process.wait(MAX_SECONDS) == 2
        error = process.stderr.read()
    assert error.startswith("error: worker process: expected one that works to the end; got one killed by signal 9")
    assert error.count("\n") == 1


# --- a full disk ------------------------------------------------------------------------------------------------------


def test_a_file_that_may_not_grow_is_told_with_what_is_missing(undisturbed, tmp_path):
    def allow_40_kb():
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))

    command = [*COMMAND, "--num", "200", "--workers", "2", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=allow_40_kb, check=False)
    assert done.returncode == 2
    told = re.fullmatch(
        rf"error: {tmp_path}: expected room on the disk for 200 samples; got (?:file too large|no space left on "
        r"device) after (\d+); (\d+) are missing, about [\d.]+ [kM]B\. Free some space and give the same command "
        r"again: it goes on where it stopped\.\n",
        done.stderr,
    )
    there, missing = map(int, told.groups())
    assert there + missing == 200
    assert 5 < there <= num_rows(tmp_path)
    with start(tmp_path) as process:
        assert process.wait(MAX_SECONDS) == 0
    assert files_of(tmp_path) == undisturbed


def may_mount():
    unshare = shutil.which("unshare")
    return bool(unshare) and subprocess.run([unshare, "-rm", "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not may_mount(), reason="no private mounts here: a full disk of our own cannot be had")
def test_a_full_disk_is_told_and_room_makes_the_same_command_go_on(tmp_path):
    generate = " ".join(f"'{word}'" for word in [*COMMAND, "--num", "100", "--workers", "2", "--out", "small/maze"])
    script = f"""
        cd {tmp_path} && mkdir small && mount -t tmpfs -o size=300k none small || exit 9
        {generate}; echo "first $?"
        mount -o remount,size=30m small
        {generate}; echo "second $?"
        cp -r small/maze copy
    """
    done = subprocess.run(["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == "first 2\n100 samples in small/maze\nsecond 0\n", done.stderr
    assert re.fullmatch(
        r"error: small/maze: expected room on the disk for 100 samples; got no space left on device after \d+; \d+ are "
        r"missing(, about [\d.]+ [kM]B)?\. Free some space and give the same command again: it goes on where it "
        r"stopped\.\n",
        done.stderr,
    )
    assert main(["generate", "maze", "--num", "100", "--out", str(tmp_path / "direct")]) == 0
    assert files_of(tmp_path / "copy") == files_of(tmp_path / "direct")
