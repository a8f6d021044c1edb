"""Reading a finished rollout file to measure it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from vilasr.scoring import RolloutFacts
    from vilasr.types import Json, Rollout, RolloutKey


class RolloutReader:
    """The rollouts of a file, one by one; when they have been read, what is to be told beside them.

    Attributes:
        header: the file's.
        bad_lines: what is wrong with each line that cannot be used; it is left out.
        retried: rollouts that were tried again, since the policy had failed.
    """

    def __init__(
        self, path: str | Path, *, wanted: Callable[[RolloutKey], bool] = lambda key: True, tokens: bool = False
    ) -> None:
        """Only rollouts that are `wanted` count; with `tokens` they hold those of their turns.

        Raises:
            InputError: no such file, or none of rollouts.
        """
        from vilasr.rollout import read_rollouts

        self.bad_lines: list[str] = []
        self.retried: set[RolloutKey] = set()
        self._wanted = wanted
        self.header, self._rollouts = read_rollouts(
            path, on_bad_line=lambda error: self.bad_lines.append(str(error)), on_retried=self._retry, tokens=tokens
        )

    def _retry(self, key: RolloutKey) -> None:
        if self._wanted(key):
            self.retried.add(key)

    def __iter__(self) -> Iterator[Rollout]:
        """Those that are wanted; the file is read once."""
        return (rollout for rollout in self._rollouts if self._wanted(rollout.key))

    def facts_of(self, rollout: Rollout, mode: str = "default") -> RolloutFacts:
        """What reports need of one of them, in a metric mode."""
        from vilasr.benchmarks import facts_for

        return facts_for(rollout, drawing=self.header.drawing, mode=mode)

    def summary(
        self,
        facts: Sequence[RolloutFacts],
        benchmark: str,
        *,
        mode: str = "default",
        excluded: Mapping[str, int] | None = None,
    ) -> dict[str, Json]:
        """The content of summary.json, of all facts: to be asked for when every rollout was read."""
        from vilasr.benchmarks import summary_of

        return summary_of(
            facts,
            benchmark=benchmark,
            header=self.header,
            metric_mode=mode,
            excluded=excluded,
            num_bad_lines=len(self.bad_lines),
            num_retried=len(self.retried),
        )
