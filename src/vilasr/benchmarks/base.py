"""What a benchmark is: a name and its samples; and what is left out of it, which is told and counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from vilasr.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vilasr.types import Json, Sample


@dataclass(frozen=True, slots=True)
class Exclusion:
    """An item that cannot be asked or scored. `reason` begins with what is wrong: "video: no such file: ..."."""

    id: str
    reason: str

    @property
    def kind(self) -> str:
        """What is wrong, in a word: "video"."""
        return self.reason.partition(":")[0]


OnExcluded = Callable[[Exclusion], None]


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `index`, from 0, of `count`: every `count`-th item, so that each part holds something of everything."""

    index: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            expected = "i/n with i from 0 to n - 1, such as 0/4"
            raise InputError("shard", expected=expected, got=f"{self.index}/{self.count}")

    def positions(self, num: int) -> range:
        """Those of its items among `num`."""
        return range(self.index, num, self.count)


WHOLE = Shard()


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadOptions:
    """How the files of a benchmark are read.

    Attributes:
        num_frames: of each video.
        workers: processes that decode videos.
        cache: folder of decoded frames; None: the user's.
        on_excluded: is told of each item that is left out.
        on_video: is told of each video that is ready, and how many there are.
    """

    num_frames: int = 16
    workers: int = 1
    cache: Path | None = None
    on_excluded: OnExcluded = lambda exclusion: None
    on_video: Callable[[int], None] = lambda num: None


class Benchmark(Protocol):
    """A fixed set of samples to be measured on."""

    @property
    def name(self) -> str: ...

    @property
    def num(self) -> int:
        """How many items it has, those that will turn out to be unusable included."""
        ...

    @property
    def source(self) -> dict[str, Json]:
        """What decides its samples: a run with another source is another run."""
        ...

    def samples(self, num: int | None = None, seed: int = 0, shard: Shard = WHOLE) -> Iterator[Sample]:
        """The first `num` samples (default: all), of these one shard, one by one in a fixed order."""
        ...
