"""A progress bar on stderr for whatever takes longer than two seconds."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

DELAY_S = 2.0
LOG_INTERVAL_S = 30.0
"""How often a bar is printed where stderr is a file and every print stays."""


class Progress:
    """Use as a context manager:

    with Progress(len(samples), "rollouts", done=len(already)) as progress:
        ...
        progress.advance()
    """

    def __init__(self, total: int | None, unit: str, *, done: int = 0) -> None:
        """`total` is None when unknown; `done` of it were there before."""
        from tqdm import tqdm

        is_terminal = sys.stderr.isatty()
        self._bar = tqdm(
            total=total,
            initial=done,
            unit=f" {unit}",
            file=sys.stderr,
            delay=DELAY_S,
            mininterval=0.2 if is_terminal else LOG_INTERVAL_S,
            dynamic_ncols=is_terminal,
        )

    def advance(self, num: int = 1) -> None:
        self._bar.update(num)

    def show(self, **values: object) -> None:
        """Values shown beside the bar: `show(answered="97 %")`."""
        self._bar.set_postfix({key: str(value) for key, value in values.items()}, refresh=False)

    def note(self, text: str) -> None:
        """A line on stderr that does not tear the bar."""
        self._bar.write(text, file=sys.stderr)

    def close(self) -> None:
        self._bar.close()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
