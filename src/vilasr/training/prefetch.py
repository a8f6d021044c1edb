"""Prepare data on a thread while the model computes, in order and bounded."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

Item = TypeVar("Item")


def prefetched(items: Iterator[Item], *, ahead: int) -> Generator[Item, None, None]:
    """The same items in the same order, `ahead` of them ready and one in the making; an exception comes in its turn.

    Closing it waits until the item in the making is done: a thread that renders while the program ends crashes it.
    """
    ready: queue.Queue[tuple[Item | None, BaseException | None]] = queue.Queue(maxsize=ahead)
    stopped = threading.Event()

    def put(entry: tuple[Item | None, BaseException | None]) -> None:
        while not stopped.is_set():
            try:
                ready.put(entry, timeout=0.2)
            except queue.Full:
                continue
            return

    def work() -> None:
        try:
            for item in items:
                put((item, None))
                if stopped.is_set():
                    return
        except BaseException as error:  # handed over, raised by the consumer
            put((None, error))
        else:
            put((None, StopIteration()))

    thread = threading.Thread(target=work, name="prefetch", daemon=True)
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item  # type: ignore[misc]  # an entry without an error holds an item
    finally:
        stopped.set()
        thread.join()
