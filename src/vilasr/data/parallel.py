"""A function of many numbers, computed by several processes, the results in order.

Workers are fresh interpreters: a forked one would share GL contexts, and locks that threads of the parent hold. Each
has a pipe to the parent and ends when the pipe does, so none outlives a killed parent by more than the number it is at.
Memory is bounded: nothing is handed out far ahead of the result that is due.
"""

from __future__ import annotations

import signal
import threading
import time
import traceback
from collections import deque
from contextlib import contextmanager
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from vilasr.errors import InputError, InvariantError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from multiprocessing.context import SpawnProcess

SLOTS = 2
"""Numbers a worker holds: the one it is at, and the next, so that it never waits for the parent."""
AHEAD = 16
"""Numbers handed out, for each worker, before the result that is due."""
GRACE_S = 3.0
"""How long workers may finish what they are at before they are killed."""

T = TypeVar("T")
Outcome = tuple[Literal["made", "refused", "failed"], Any]
"""("made", result), ("refused", fields of an InputError) or ("failed", traceback)."""


def made_in_order(make: Callable[[int], T], numbers: Iterable[int], num_workers: int) -> Generator[T]:
    """`make(number)` for each number, in order; with one worker in this process. Close it to end the workers.

    Args:
        make: can be pickled, and so can its results.

    Raises:
        InputError: the first that `make` raises, in order; or a worker was killed.
        InvariantError: `make` raised anything else in a worker; holds the traceback from there.
    """
    if num_workers <= 1:
        yield from map(make, numbers)
        return
    workers = _Workers(make, num_workers)
    try:
        yield from workers.results(iter(numbers))
    finally:
        workers.close()


class _Workers:
    def __init__(self, make: Callable[[int], object], num: int) -> None:
        self._processes: dict[Connection, SpawnProcess] = {}
        resource_tracker.ensure_running()  # else started below, where it lets interrupts through again
        try:
            with _interrupts_held():
                for _ in range(num):
                    self._start(make)
        except BaseException:
            self.close()
            raise

    def _start(self, make: Callable[[int], object]) -> None:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, make), daemon=True)
        process.start()
        theirs.close()
        self._processes[ours] = process

    def results(self, numbers: Iterator[int]) -> Iterator[Any]:
        outcomes: dict[int, Outcome] = {}
        handed_out: deque[int] = deque()
        free = deque([*self._processes] * SLOTS)
        while True:
            while free and len(handed_out) < AHEAD * len(self._processes):
                number = next(numbers, None)
                if number is None:
                    break
                self._hand_out(number, free.popleft())
                handed_out.append(number)
            if not handed_out:
                return
            if handed_out[0] in outcomes:
                yield _opened(outcomes.pop(handed_out.popleft()))
                continue
            for connection in wait([*self._processes]):
                assert isinstance(connection, Connection)
                number, outcome = self._receive(connection)
                outcomes[number] = outcome
                free.append(connection)

    def close(self) -> None:
        for connection in self._processes:
            connection.close()
        deadline = time.monotonic() + GRACE_S
        for process in self._processes.values():
            process.join(max(0.0, deadline - time.monotonic()))
            process.kill()
            process.join()
            process.close()

    def _hand_out(self, number: int, connection: Connection) -> None:
        try:
            connection.send(number)
        except OSError as error:
            raise self._ended(connection) from error

    def _receive(self, connection: Connection) -> tuple[int, Outcome]:
        try:
            received: tuple[int, Outcome] = connection.recv()
        except (EOFError, OSError) as error:
            raise self._ended(connection) from error
        return received

    def _ended(self, connection: Connection) -> InputError:
        process = self._processes[connection]
        process.join(GRACE_S)
        code = process.exitcode or 0
        how = f"one killed by signal {-code}" if code < 0 else f"one that ended with exit code {code}"
        return InputError(
            "worker process",
            expected="one that works to the end",
            got=f"{how} (was it short of memory?)",
            remedy="Give the same command again: it goes on where it stopped. Fewer workers take less memory.",
        )


def _work(connection: Connection, make: Callable[[int], object]) -> None:
    """The life of a worker: a number in, what came of it out, until the parent closes the pipe or is gone."""
    try:
        while True:
            number = connection.recv()
            connection.send((number, _outcome(make, number)))
    except (EOFError, OSError):
        return


def _outcome(make: Callable[[int], object], number: int) -> Outcome:
    try:
        return "made", make(number)
    except InputError as error:
        return "refused", (error.what, error.expected, error.got, error.remedy)
    except Exception:  # raised again by the parent, with this traceback
        return "failed", traceback.format_exc()


def _opened(outcome: Outcome) -> Any:
    kind, content = outcome
    if kind == "refused":
        what, expected, got, remedy = content
        raise InputError(what, expected=expected, got=got, remedy=remedy)
    if kind == "failed":
        raise InvariantError(f"A worker failed.\n{content}")
    return content


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C waits until the end. Processes started in here never see it, though a terminal sends it to all of them."""
    if not hasattr(signal, "pthread_sigmask") or threading.current_thread() is not threading.main_thread():
        yield  # Windows; or a thread that Ctrl-C does not end
        return
    seen: list[int] = []
    # What is blocked stays so in new processes. Here another thread may take the signal, and the handler is called.
    handler = signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        signal.signal(signal.SIGINT, handler)
    if seen:
        signal.raise_signal(signal.SIGINT)
