"""Runs the units that are not done, one after the other, each in a process of its own.

A unit that fails is reported, and so are those that need it; the others go on. Whatever ends the driver, even SIGKILL,
the next start goes on from what the folders hold: the commands resume by themselves. A unit whose driver was killed may
live on; the lock on the folder of all runs is its too, so that nobody works in that folder beside it.
"""

from __future__ import annotations

import fcntl
import shlex
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from vilasr.cli.common import make_folder, say
from vilasr.errors import InputError
from vilasr.experiments.units import State

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from vilasr.experiments.study import Study
    from vilasr.experiments.units import Unit

VILASR = (sys.executable, "-m", "vilasr")
GRACE_S = 120.0
"""How long a unit that was interrupted may take to end by itself, before it is killed. Nothing is lost then either."""
LOOK_S = 0.5
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
    units: Sequence[Unit], *, out: Path, max_seconds: float | None = None, program: Sequence[str] = VILASR
) -> dict[str, Outcome]:
    """Run what is not done, in order; returns what became of each unit.

    Args:
        out: folder of all runs.
        max_seconds: after so long the unit at work is interrupted, and the rest is left.
        program: what the words of a unit's command are given to.
    """
    deadline = None if max_seconds is None else time.monotonic() + max_seconds
    outcomes = {unit.name: Outcome.DONE if unit.state is State.DONE else Outcome.LEFT for unit in units}
    with _only_driver(make_folder(out), deadline) as lock:
        if lock is None:
            return outcomes
        for place, unit in enumerate(units):
            if deadline is not None and time.monotonic() > deadline:
                break
            state = unit.state  # now: what it needs may have been made anew
            if state is not State.DONE and outcomes.get(unit.needs or "") in (Outcome.FAILED, Outcome.BLOCKED):
                outcomes[unit.name] = Outcome.BLOCKED
                continue
            title = f"[{place + 1}/{len(units)}] {unit.name}"
            outcomes[unit.name] = Outcome.DONE if state is State.DONE else _run(unit, title, lock, deadline, program)
    return outcomes


def _run(unit: Unit, title: str, lock: int, deadline: float | None, program: Sequence[str]) -> Outcome:
    """A unit that is not done, as far as time allows."""
    if unit.state is State.OUTDATED:
        say(f"{title}: {unit.folder} is older than the model {unit.start}. Delete it to run it anew.")
        return Outcome.FAILED
    say(f"{title}: vilasr {shlex.join(unit.command)}")
    begun = time.monotonic()
    # In a group of its own: Ctrl-C reaches it through us, and once.
    child = subprocess.Popen([*program, *unit.command], pass_fds=(lock,), process_group=0)
    try:
        code = child.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        _stop(child)
        return Outcome.DONE if unit.state is State.DONE else Outcome.LEFT
    except BaseException:
        _stop(child)
        raise
    if code == 0 and unit.state is State.DONE:
        say(f"{title}: done in {time.monotonic() - begun:.0f} s")
        return Outcome.DONE
    why = f"exit code {code}" if code else f"it ended well, but {unit.folder} is not what the study says"
    say(f"{title}: failed, {why}")
    return Outcome.FAILED


def _stop(child: subprocess.Popen[bytes]) -> None:
    child.send_signal(signal.SIGINT)
    try:
        child.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


@contextmanager
def _only_driver(out: Path, deadline: float | None) -> Iterator[int | None]:
    """The lock of the folder, once nobody else has it; None when time is up before."""
    with (out / LOCK_FILE).open("ab") as file:
        waited = False
        while not _locked(file.fileno()):
            if not waited:
                say(f"Waiting for an earlier start that is still at work in {out}.")
            waited = True
            if deadline is not None and time.monotonic() > deadline:
                yield None
                return
            time.sleep(LOOK_S)
        yield file.fileno()


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
