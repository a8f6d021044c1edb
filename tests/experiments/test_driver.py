"""Units that are small scripts: which are run, in which order, and what becomes of the rest of them."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vilasr.experiments.driver import Outcome, run_units
from vilasr.experiments.units import State, Unit

PYTHON = (sys.executable, "-S", "-c")
FINISH = """
import json, os, pathlib, sys, time
folder, log, name = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
open(log, "a").write(name + "\\n")
(folder / "model").mkdir(parents=True, exist_ok=True)
(folder / "begun.jsonl").touch()
{extra}
(folder / "run.json").write_text(json.dumps({{"config": {{"name": name}}}}))
(folder / "model" / "vilasr.json").touch()
"""
FAIL = "raise SystemExit(3)"
SLEEP = 'time.sleep(0 if (folder / "slept").exists() else [(folder / "slept").touch(), 30][1])'


@pytest.fixture
def make(tmp_path):
    """Makes a unit that finishes, after what is done in `extra`."""

    def unit(name: str, *, needs: str | None = None, extra: str = "") -> Unit:
        folder = tmp_path / "runs" / name
        return Unit(
            name=name,
            model=name,
            evaluation=None,
            seed=0,
            command=(FINISH.format(extra=extra), str(folder), str(tmp_path / "log"), name),
            folder=folder,
            start=str(tmp_path / "runs" / needs / "model") if needs else "start",
            needs=needs,
            settings={"name": name},
        )

    return unit


@pytest.fixture
def drive(tmp_path):
    def run(*units, **settings):
        return run_units(units, out=tmp_path / "runs", program=PYTHON, **settings)

    return run


def log(tmp_path) -> list[str]:
    path = tmp_path / "log"
    return path.read_text().split() if path.exists() else []


def test_units_run_in_order_and_what_is_done_is_not_run_again(make, drive, tmp_path, capfd):
    units = make("a"), make("b", needs="a"), make("c")
    assert drive(*units) == dict.fromkeys("abc", Outcome.DONE)
    assert log(tmp_path) == ["a", "b", "c"]
    assert drive(*units, make("d")) == dict.fromkeys("abcd", Outcome.DONE)
    assert log(tmp_path) == ["a", "b", "c", "d"]
    err = capfd.readouterr().err
    assert "[2/3] b: vilasr" in err
    assert "[4/4] d: done in" in err


def test_a_unit_that_fails_stops_only_those_that_need_it(make, drive, tmp_path, capfd):
    units = make("a", extra=FAIL), make("b", needs="a"), make("c", needs="b"), make("d")
    assert drive(*units) == {"a": Outcome.FAILED, "b": Outcome.BLOCKED, "c": Outcome.BLOCKED, "d": Outcome.DONE}
    assert log(tmp_path) == ["a", "d"]
    assert "[1/4] a: failed, exit code 3" in capfd.readouterr().err
    assert drive(make("a"), *units[1:]) == dict.fromkeys("abcd", Outcome.DONE)


def test_what_is_done_stays_done_when_what_it_came_from_fails(make, drive):
    assert drive(make("b", needs="a")) == {"b": Outcome.DONE}
    assert drive(make("a", extra=FAIL), make("b", needs="a")) == {"a": Outcome.FAILED, "b": Outcome.DONE}


def test_a_unit_that_ends_well_and_leaves_no_result_has_failed(make, drive, capfd):
    assert drive(make("a", extra="raise SystemExit(0)")) == {"a": Outcome.FAILED}
    assert "it ended well, but" in capfd.readouterr().err


def test_an_outdated_folder_is_not_touched_and_named(make, drive, tmp_path, capfd):
    unit = make("b", needs="a")
    drive(unit)
    weights = Path(unit.start) / "model.safetensors"
    weights.parent.mkdir(parents=True)
    weights.touch()
    os.utime(weights, (time.time() + 60,) * 2)
    assert unit.state is State.OUTDATED
    assert drive(unit) == {"b": Outcome.FAILED}
    assert log(tmp_path) == ["b"]
    assert f"{unit.folder} is older than the model {unit.start}. Delete it to run it anew." in capfd.readouterr().err


def test_when_time_is_up_the_unit_at_work_is_interrupted_and_the_next_start_goes_on(make, drive, tmp_path, capfd):
    units = make("a", extra=SLEEP), make("b")
    begun = time.monotonic()
    assert drive(*units, max_seconds=3) == {"a": Outcome.LEFT, "b": Outcome.LEFT}
    assert time.monotonic() - begun < 20
    assert units[0].state is State.BEGUN
    assert "KeyboardInterrupt" in capfd.readouterr().err
    assert drive(*units) == {"a": Outcome.DONE, "b": Outcome.DONE}
    assert log(tmp_path) == ["a", "a", "b"]


MEET = """
(folder.parent / f"{name}-is-here").touch()
while not (folder.parent / "OTHER-is-here").exists(): time.sleep(0.01)
print("met")
"""


def test_two_jobs_are_at_work_together_and_a_unit_still_comes_after_what_it_needs(make, drive, tmp_path, capfd):
    units = (
        make("a", extra=MEET.replace("OTHER", "c")),
        make("b", needs="a"),
        make("c", extra=MEET.replace("OTHER", "a")),
    )
    assert drive(*units, jobs=2, max_seconds=30) == dict.fromkeys("abc", Outcome.DONE)
    assert log(tmp_path).index("a") < log(tmp_path).index("b")
    assert (tmp_path / "runs" / "logs" / "a.log").read_text() == "met\n"
    assert "met" not in capfd.readouterr().out


def test_of_two_jobs_one_fails_and_the_other_is_not_disturbed(make, drive):
    units = make("a", extra=FAIL), make("b", needs="a"), make("c", extra="time.sleep(0.5)"), make("d", needs="c")
    assert drive(*units, jobs=2) == {"a": Outcome.FAILED, "b": Outcome.BLOCKED, "c": Outcome.DONE, "d": Outcome.DONE}


def test_when_time_is_up_all_jobs_are_interrupted(make, drive):
    units = make("a", extra=SLEEP), make("b", extra=SLEEP), make("c")
    begun = time.monotonic()
    assert drive(*units, jobs=2, max_seconds=3) == dict.fromkeys("abc", Outcome.LEFT)
    assert time.monotonic() - begun < 20
    assert drive(*units, jobs=2) == dict.fromkeys("abc", Outcome.DONE)


def test_a_driver_that_is_killed_leaves_its_unit_at_work_and_the_next_one_waits_for_it(make, drive, tmp_path, capfd):
    unit = make("a", extra='while not (folder.parent / "go").exists(): time.sleep(0.01)')
    with beside(unit) as driver:
        wait_until(lambda: log(tmp_path))
        driver.kill()
    assert drive(unit, max_seconds=0.1) == {"a": Outcome.LEFT}
    (tmp_path / "runs" / "go").touch()
    assert drive(unit) == {"a": Outcome.DONE}
    assert log(tmp_path) == ["a"]  # once
    assert "Waiting for an earlier start that is still at work in" in capfd.readouterr().err


def test_a_driver_that_is_interrupted_ends_its_unit(make, drive, tmp_path):
    with beside(make("a", extra=SLEEP)) as driver:
        wait_until((tmp_path / "runs" / "a" / "slept").exists)
        driver.send_signal(signal.SIGINT)
        assert driver.wait() != 0
    begun = time.monotonic()
    assert drive(make("a")) == {"a": Outcome.DONE}
    assert time.monotonic() - begun < 20  # nobody holds the lock


def beside(unit: Unit) -> subprocess.Popen[bytes]:
    """A process that drives this unit."""
    lines = (
        "import sys, pickle; from pathlib import Path; from vilasr.experiments.driver import run_units",
        "run_units([pickle.loads(bytes.fromhex(sys.argv[1]))], out=Path(sys.argv[2]), program=sys.argv[3:])",
    )
    out = str(unit.folder.parent)
    return subprocess.Popen([sys.executable, "-c", "\n".join(lines), pickle.dumps(unit).hex(), out, *PYTHON])


def wait_until(happened) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)
