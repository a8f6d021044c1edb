"""Writes a dataset shard by shard. A shard depends on its row numbers alone, so shards may be made in any order.

Images come before the shard that names them, and a shard appears whole: after any crash the folder holds finished
shards, and running again makes the missing ones.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vilasr.data.card import card_text
from vilasr.data.dataset import (
    CARD_FILE,
    IMAGE_FOLDER,
    INFO_FILE,
    SHARD_FOLDER,
    DatasetInfo,
    check_same_dataset,
    shard_path,
    write_atomically,
    write_info,
)
from vilasr.data.rows import encode_row, encode_shard
from vilasr.drawing import content_key, load_image, save_png
from vilasr.errors import InputError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence

    from PIL.Image import Image

    from vilasr.types import Sample


class DatasetWriter:
    """The folder of one dataset.

    writer = DatasetWriter("mazes", info)
    for shard in writer.missing_shards():
        writer.write_shard(shard, [make(row) for row in info.rows_of(shard)])
    writer.finish()
    """

    def __init__(self, folder: str | os.PathLike[str], info: DatasetInfo) -> None:
        """Begin a dataset, or go on with it.

        Raises:
            InputError: the folder has a dataset with other settings (says which), other files, or cannot be written.
        """
        import vilasr

        self.folder = Path(folder)
        self.info = replace(info, vilasr_version=vilasr.__version__)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if (self.folder / INFO_FILE).exists():
                check_same_dataset(self.folder, info)
            elif any(entry.name[0] != "." for entry in self.folder.iterdir()):
                raise InputError(
                    str(folder),
                    expected="a new folder, or one with a dataset",
                    got="one with other files",
                    remedy="Give another folder.",
                )
            else:
                write_info(self.folder, self.info)
            for name in (IMAGE_FOLDER, SHARD_FOLDER):
                (self.folder / name).mkdir(exist_ok=True)
        except OSError as error:
            raise _cannot_write(self.folder, error) from error

    def missing_shards(self) -> Iterator[int]:
        """Numbers of the shards that are not there yet."""
        return (shard for shard in range(self.info.num_shards) if not shard_path(self.folder, shard).exists())

    def write_shard(self, shard: int, samples: Sequence[Sample]) -> None:
        """Store the images, then the rows. Raises InputError for a wrong number of samples, or a full disk."""
        expected = len(self.info.rows_of(shard))
        if len(samples) != expected:
            raise InputError(f"shard {shard}", expected=f"{expected} samples", got=str(len(samples)))
        try:
            rows = [encode_row(sample, [self._store(image) for image in sample.images]) for sample in samples]
            write_atomically(shard_path(self.folder, shard), encode_shard(rows))
        except OSError as error:
            raise _cannot_write(self.folder, error) from error

    def finish(self) -> None:
        """Write the dataset card, from the rows as they are on disk."""
        write_atomically(self.folder / CARD_FILE, card_text(self.folder, self.info).encode())

    def _store(self, source: Image | Path) -> str:
        image = load_image(source)
        key = content_key(image)
        target = self.folder / IMAGE_FOLDER / f"{key}.png"
        if not target.exists():
            save_png(image, target)
        return key


def write_dataset(
    folder: str | os.PathLike[str],
    info: DatasetInfo,
    make: Callable[[int], Sample],
    *,
    on_rows: Callable[[int], None] | None = None,
) -> None:
    """Write the rows `make(0)` to `make(info.num - 1)`; whole shards that are there are kept.

    Args:
        on_rows: is told how many more rows there are, after each row and for shards that were there before.

    Raises:
        InputError: see `DatasetWriter`; and whatever `make` raises.
    """
    writer = DatasetWriter(folder, info)
    missing = set(writer.missing_shards())
    report = on_rows or (lambda num: None)
    for shard in range(info.num_shards):
        rows = info.rows_of(shard)
        if shard not in missing:
            report(len(rows))
            continue
        samples = []
        for row in rows:
            samples.append(make(row))
            report(1)
        writer.write_shard(shard, samples)
    writer.finish()


def _cannot_write(folder: Path, error: OSError) -> InputError:
    got = str(error.strerror or error).lower()
    return InputError(str(folder), expected="a folder that can be written", got=got, remedy="Give another folder.")
