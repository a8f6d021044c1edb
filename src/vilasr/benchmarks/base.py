"""What a benchmark is: a name and its samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vilasr.types import Sample


class Benchmark(Protocol):
    """A fixed set of samples to be measured on."""

    @property
    def name(self) -> str: ...

    @property
    def num(self) -> int:
        """How many samples it has by default."""
        ...

    def samples(self, num: int | None = None, seed: int = 0) -> Iterator[Sample]:
        """The first `num` samples, one by one, in a fixed order."""
        ...
