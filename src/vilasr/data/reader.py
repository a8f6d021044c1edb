"""Reads a dataset row by row: a million rows take no more memory than one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vilasr.data.dataset import IMAGE_FOLDER, DatasetInfo, read_info, shard_path
from vilasr.data.rows import decode_row, read_shard
from vilasr.errors import DataError, InputError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    from vilasr.types import Sample


def read_dataset(
    path: str | os.PathLike[str], *, on_bad_row: Callable[[DataError], None] | None = None
) -> tuple[DatasetInfo, Iterator[Sample]]:
    """What the dataset says about itself, and its samples in order. Images are paths; none is opened.

    Args:
        path: the folder.
        on_bad_row: is told of each row that cannot be used; reading goes on. Without it the first one raises.

    Raises:
        InputError: no dataset there; while iterating, a shard that is missing or damaged.
        DataError: a bad row, while iterating; names shard and row.
    """
    folder = Path(path)
    return read_info(folder), _samples(folder, read_info(folder), on_bad_row)


def shard_file(folder: Path, info: DatasetInfo, shard: int) -> Path:
    """A shard of a dataset. Raises InputError where it is missing."""
    path = shard_path(folder, shard)
    if not path.exists():
        got = f"no {path.name}: it is not complete"
        remedy = "Run the command that generates it again: it goes on where it stopped."
        raise InputError(str(folder), expected=f"{info.num_shards} shards", got=got, remedy=remedy)
    return path


def _samples(folder: Path, info: DatasetInfo, on_bad_row: Callable[[DataError], None] | None) -> Iterator[Sample]:
    inside = folder.resolve() / IMAGE_FOLDER
    for shard in range(info.num_shards):
        path = shard_file(folder, info, shard)
        for number, row in enumerate(read_shard(path)):
            try:
                sample = decode_row(row, folder)
                _check_inside(sample, inside)
            except DataError as error:
                located = DataError(f"{path}, row {number}: {error}")
                if on_bad_row is None:
                    raise located from error
                on_bad_row(located)
            else:
                yield sample


def _check_inside(sample: Sample, inside: Path) -> None:
    """Raises DataError for an image that is a link to somewhere else."""
    for image in sample.images:
        if isinstance(image, Path) and image.resolve().parent != inside:
            raise DataError(f"images: {image.name} is a link that leaves the dataset's folder")
