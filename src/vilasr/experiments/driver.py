"""Runs the units that are not done, in order and as many at a time as asked for, each in a process of its own.

A unit that fails is reported, and so are those that need it; the others go on. Whatever ends the driver, even SIGKILL,
the next start goes on from what the folders hold: the commands resume by themselves. A unit whose driver was killed may
live on; the lock on the folder of all runs is its too, so that nobody works in that folder beside it.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO

from vilasr.cli.common import make_folder, say
from vilasr.errors import InputError
from vilasr.experiments.units import State
from vilasr.files import lock
from vilasr.machine import num_cores

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from vilasr.experiments.study import Study
    from vilasr.experiments.units import Unit

VILASR = (sys.executable, "-m", "vilasr")
GRACE_S = 120.0
"""How long a unit that was interrupted may take to end by itself, before it is killed. Nothing is lost then either."""
LOOK_S = 0.2
LOCK_FILE = ".lock"


class Outcome(Enum):
    """What became of a unit."""

    DONE = "done"
    FAILED = "failed"
    BLOCKED = "needs one that failed"
    LEFT = "left for another time"


def chosen(units: Sequence[Unit], names: Collection[str]) -> list[Unit]:
    """The units of these names, or of these models or evaluations, and what they need; all of them without names.

    Raises:
        InputError: a name that nothing has.
    """
    known = {name for unit in units for name in (unit.name, unit.model, unit.evaluation) if name}
    for name in names:
        if name not in known:
            raise InputError("--only", expected="a model, an evaluation or a run of the study", got=repr(name))
    if not names:
        return list(units)
    wanted = {unit.name for unit in units if {unit.name, unit.model, unit.evaluation} & {*names}}
    for unit in reversed(units):  # what is needed stands before
        if unit.name in wanted and unit.needs:
            wanted.add(unit.needs)
    return [unit for unit in units if unit.name in wanted]


def check_starts(study: Study, units: Sequence[Unit]) -> None:
    """Raises InputError for a checkpoint that is not there, and that a unit which is not done starts from."""
    makers = {row.start: row.made_by for row in study.models if row.made_by}
    for unit in units:
        command = makers.get(unit.start)
        if command and not (Path(unit.start) / "config.json").exists() and unit.state is not State.DONE:
            remedy = f"Make it first: {command}"
            raise InputError(unit.start, expected="a checkpoint folder", got="no such checkpoint", remedy=remedy)


def run_units(
    units: Sequence[Unit],
    *,
    out: Path,
    max_seconds: float | None = None,
    jobs: int = 1,
    program: Sequence[str] = VILASR,
) -> dict[str, Outcome]:
    """Run what is not done; returns what became of each unit.

    Args:
        out: folder of all runs.
        max_seconds: after so long the units at work are interrupted, and the rest is left.
        jobs: units at work at the same time. From two on each has its share of the cores, and writes into
            OUT/logs/NAME.log instead of the terminal.
        program: what the words of a unit's command are given to.
    """
    deadline = None if max_seconds is None else time.monotonic() + max_seconds
    outcomes = {unit.name: Outcome.DONE if unit.state is State.DONE else Outcome.LEFT for unit in units}
    with _only_driver(make_folder(out), deadline) as lock:
        if lock is None:
            return outcomes
        waiting = {unit.name: f"[{place + 1}/{len(units)}] {unit.name}" for place, unit in enumerate(units)}
        at_work: list[_Work] = []
        try:
            while (waiting or at_work) and not _is_past(deadline):
                unit = _next(units, waiting, at_work) if len(at_work) < jobs else None
                if unit is None:
                    _wait(at_work, outcomes, deadline)
                    continue
                title = waiting.pop(unit.name)
                outcomes[unit.name] = _settled(unit, title, outcomes)
                if outcomes[unit.name] is Outcome.LEFT:
                    at_work.append(
                        _start(unit, title, program, lock, logs=out / "logs" if jobs > 1 else None, jobs=jobs)
                    )
        finally:
            _stop(at_work)
            outcomes |= {work.unit.name: Outcome.DONE for work in at_work if work.unit.state is State.DONE}
    return outcomes


@dataclass(frozen=True, kw_only=True, slots=True)
class _Work:
    """A unit at work."""

    unit: Unit
    title: str
    process: subprocess.Popen[bytes]
    begun: float


def _next(units: Sequence[Unit], waiting: Collection[str], at_work: Sequence[_Work]) -> Unit | None:
    """The first unit that waits for none of the others."""
    unfinished = {*waiting, *(work.unit.name for work in at_work)}
    return next((unit for unit in units if unit.name in waiting and unit.needs not in unfinished), None)


def _settled(unit: Unit, title: str, outcomes: Mapping[str, Outcome]) -> Outcome:
    """What becomes of a unit without running it; LEFT when it has to be run."""
    state = unit.state  # now: what it needs may have been made anew
    if state is State.DONE:
        return Outcome.DONE
    if outcomes.get(unit.needs or "") in (Outcome.FAILED, Outcome.BLOCKED):
        return Outcome.BLOCKED
    if state is State.OUTDATED:
        say(f"{title}: {unit.folder} is older than the model {unit.start}. Delete it to run it anew.")
        return Outcome.FAILED
    return Outcome.LEFT


def _start(unit: Unit, title: str, program: Sequence[str], lock: int, *, logs: Path | None, jobs: int) -> _Work:
    say(f"{title}: vilasr {shlex.join(unit.command)}")
    environment = dict(os.environ)
    if logs is not None:
        environment.setdefault("OMP_NUM_THREADS", str(max(1, num_cores() // jobs)))
    with _log_file(logs, unit) as log:
        # In a group of its own: Ctrl-C reaches it through us, and once.
        process = subprocess.Popen(
            [*program, *unit.command],
            env=environment,
            stdout=log,
            stderr=log,
            pass_fds=(lock,),
            process_group=0,
        )
    return _Work(unit=unit, title=title, process=process, begun=time.monotonic())


@contextmanager
def _log_file(logs: Path | None, unit: Unit) -> Iterator[IO[bytes] | None]:
    if logs is None:
        yield None
        return
    with (make_folder(logs) / f"{unit.name.replace('/', '-')}.log").open("ab") as file:
        yield file


def _wait(at_work: list[_Work], outcomes: dict[str, Outcome], deadline: float | None) -> None:
    """Until one of them has ended, or time is up; those that have ended are no longer at work."""
    while not (ended := [work for work in at_work if work.process.poll() is not None]):
        if _is_past(deadline):
            return
        time.sleep(LOOK_S)
    for work in ended:
        at_work.remove(work)
        outcomes[work.unit.name] = _outcome(work)


def _outcome(work: _Work) -> Outcome:
    """Of a unit whose process has ended by itself."""
    code = work.process.returncode
    if code == 0 and work.unit.state is State.DONE:
        say(f"{work.title}: done in {time.monotonic() - work.begun:.0f} s")
        return Outcome.DONE
    why = f"exit code {code}" if code else f"it ended well, but {work.unit.folder} is not what the study says"
    say(f"{work.title}: failed, {why}")
    return Outcome.FAILED


def _stop(at_work: Sequence[_Work]) -> None:
    for work in at_work:
        work.process.send_signal(signal.SIGINT)
    last = time.monotonic() + GRACE_S
    for work in at_work:
        try:
            work.process.wait(max(0.0, last - time.monotonic()))
        except subprocess.TimeoutExpired:
            work.process.kill()
            work.process.wait()


def _is_past(deadline: float | None) -> bool:
    return deadline is not None and time.monotonic() > deadline


@contextmanager
def _only_driver(out: Path, deadline: float | None) -> Iterator[int | None]:
    """The lock of the folder, once nobody else has it; None when time is up before."""
    with (out / LOCK_FILE).open("ab") as file:
        waited = False
        while not _locked(file):
            if not waited:
                say(f"Waiting for an earlier start that is still at work in {out}.")
            waited = True
            if _is_past(deadline):
                yield None
                return
            time.sleep(LOOK_S)
        yield file.fileno()


def _locked(file: BinaryIO) -> bool:
    try:
        lock(file)
    except BlockingIOError:
        return False
    return True
