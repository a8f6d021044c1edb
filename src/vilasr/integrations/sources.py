"""What can be exported: a dataset folder, or a rollout file."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from vilasr.data import read_dataset
from vilasr.data.dataset import check_name
from vilasr.errors import DataError, InputError
from vilasr.rollout import read_rollouts

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    from vilasr.data import DatasetInfo
    from vilasr.rollout import Header
    from vilasr.types import Json, Rollout, Sample

DATASET_FILE = "dataset.json"
ROLLOUT_FILE = "rollouts.jsonl"


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A dataset or a rollout file, not yet read.

    Attributes:
        info: of a dataset, else None; header: of a rollout file, else None.
        on_bad: is told of each row or line that cannot be used; reading goes on.
        num: only the first so many samples or rollouts are read; None for all.
    """

    path: Path
    info: DatasetInfo | None
    header: Header | None
    on_bad: Callable[[DataError], None]
    num: int | None = None

    @property
    def name(self) -> str:
        """What the files of an export are called. Raises InputError for one that would lead out of their folder."""
        name = self.info.name if self.info is not None else self.path.stem
        return check_name(name, f"name of {str(self.path)!a}", remedy="Rename it.")

    @property
    def split(self) -> str:
        """Of a dataset; rollouts are for training."""
        return self.info.split if self.info is not None else "train"

    def rollouts(self) -> Iterator[Rollout]:
        """Those of a rollout file."""
        return islice(read_rollouts(self.path, on_bad_line=self.on_bad)[1], self.num)

    def samples(self) -> Iterator[Sample]:
        """The samples, each once; those of rollouts too."""
        if self.info is not None:
            return islice(read_dataset(self.path, on_bad_row=self.on_bad)[1], self.num)
        return islice(self._samples_of_rollouts(), self.num)

    def _samples_of_rollouts(self) -> Iterator[Sample]:
        seen: set[str] = set()
        for rollout in read_rollouts(self.path, on_bad_line=self.on_bad)[1]:
            if rollout.sample.id not in seen:
                seen.add(rollout.sample.id)
                yield rollout.sample


def open_source(path: str | os.PathLike[str], *, on_bad: Callable[[DataError], None], num: int | None = None) -> Source:
    """What the user named. Raises InputError when it is neither a dataset nor a rollout file."""
    source = Path(path)
    if not source.exists():
        expected, got = "a dataset folder or a rollout file", "no such file or folder"
        raise InputError(str(path), expected=expected, got=got, remedy="Check the path.")
    if source.is_dir() and not (source / DATASET_FILE).exists():
        if not (source / ROLLOUT_FILE).is_file():
            expected = f"a folder with {DATASET_FILE} or {ROLLOUT_FILE}, or a rollout file"
            raise InputError(str(path), expected=expected, got="a folder with neither", remedy="Check the path.")
        source = source / ROLLOUT_FILE
    if source.is_dir():
        return Source(path=source, info=read_dataset(source)[0], header=None, on_bad=on_bad, num=num)
    return Source(path=source, info=None, header=read_rollouts(source)[0], on_bad=on_bad, num=num)


def recorded(header: Header, *keys: str) -> Json:
    """A setting of the header's config by its path, None where it is not there: a header may be of anything."""
    value: Json = header.config
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
