"""Benchmarks that need no download: test splits of the tasks, made on the spot with computed answers."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from vilasr.benchmarks.base import WHOLE, Shard
from vilasr.data.parallel import made_in_order
from vilasr.tasks import task_named

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vilasr.types import Json, Sample


@dataclass(frozen=True, kw_only=True, slots=True)
class GeneratedBenchmark:
    """Samples of the test split of a task.

    Attributes:
        parts: options of the task; sample i is made with `parts[i % len(parts)]`, so that any number of samples holds
            all parts.
        num: its full size.
        workers: processes that make samples; 1 makes them in this one.
    """

    name: str
    task: str
    parts: tuple[Mapping[str, str], ...] = field(default_factory=lambda: ({},))
    num: int = 2000
    workers: int = 1

    @property
    def source(self) -> dict[str, Json]:
        return {"benchmark": self.name}

    def samples(self, num: int | None = None, seed: int = 0, shard: Shard = WHOLE) -> Iterator[Sample]:
        """The first `num` (default: all) samples; another `seed` is another set of the same kind.

        Sample ids are "<benchmark>/test/<seed>/<index>", because the same index with other options is another sample.
        """
        positions = shard.positions(self.num if num is None else num)
        with closing(made_in_order(partial(_make, self, seed), positions, self.workers)) as made:
            yield from made


def _make(benchmark: GeneratedBenchmark, seed: int, index: int) -> Sample:
    options = benchmark.parts[index % len(benchmark.parts)]
    sample = task_named(benchmark.task).generate("test", index, seed, options)
    return replace(sample, id=f"{benchmark.name}/test/{seed}/{index}")


GENERATED = (
    GeneratedBenchmark(name="maze", task="maze", parts=({"question": "end", "size": "3-6"},)),
    GeneratedBenchmark(
        name="maze-ood",
        task="maze",
        parts=(
            {"question": "end", "size": "3-6", "styles": "heldout"},
            {"question": "end", "size": "7-8", "styles": "seen"},
            {"question": "end", "size": "3-6", "styles": "heldout"},
            {"question": "end", "size": "7-8", "styles": "heldout"},
        ),
    ),
    GeneratedBenchmark(name="maze-valid", task="maze", parts=({"question": "valid", "size": "3-6"},)),
    GeneratedBenchmark(name="maze-shortest", task="maze", parts=({"question": "shortest", "size": "3-6"},)),
    GeneratedBenchmark(name="static", task="static", num=1000),
    GeneratedBenchmark(name="video", task="video", num=500),
    GeneratedBenchmark(name="multiview", task="multiview", num=1000),
)
