"""Writes a dataset shard by shard. A row depends on its number alone, so rows may be made by any number of processes.

Images come before the row that names them, and a shard appears whole: after any crash the folder holds finished
shards and a journal of the one being made, and running again makes what is missing. The bytes are the same as if
nothing had happened. A power cut may take images that had not reached the disk: those of a shard have, once it is
there, and a row of the journal counts only while its images are whole.
"""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import chain, islice
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
    write_info,
)
from vilasr.data.disk import disk_errors, only_writer, remove_leftovers
from vilasr.data.journal import Journal, Row, journal_path, num_rows_there
from vilasr.data.parallel import made_in_order
from vilasr.data.rows import encode_row, encode_shard
from vilasr.drawing import content_key, is_whole_png, load_image, save_png
from vilasr.errors import InputError
from vilasr.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from PIL.Image import Image

    from vilasr.types import Sample

ROWS_A_WORKER = 8
"""A worker is started for at least this many rows: to start one takes as long as to make some."""


class DatasetWriter:
    """The folder of one dataset: `DatasetWriter("mazes", info).fill(make, workers=2)`."""

    def __init__(self, folder: str | os.PathLike[str], info: DatasetInfo) -> None:
        """Begin a dataset, or go on with it.

        Raises:
            InputError: the folder has a dataset with other settings (says which), other files, or cannot be written.
        """
        import vilasr

        self.folder = Path(folder)
        self.info = replace(info, vilasr_version=vilasr.__version__)
        with disk_errors(self.folder, self.info):
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

    @property
    def num_rows_there(self) -> int:
        """Rows that an earlier run made."""
        return num_rows_there(self.folder, self.info)

    def fill(
        self, make: Callable[[int], Sample], *, workers: int = 1, on_row: Callable[[], None] | None = None
    ) -> None:
        """Make the rows that are missing and write them; then the card, from the rows as they are on disk.

        Args:
            make: the sample of a row number; for more than one worker it can be pickled.
            workers: processes that call it; the bytes written do not depend on their number.
            on_row: called after each row.

        Raises:
            InputError: another process writes this dataset; the disk is full; a worker was killed; or what `make`
                raises.
        """
        with only_writer(self.folder, self.info):
            remove_leftovers(self.folder, self.info)
            shards = [shard for shard in range(self.info.num_shards) if not shard_path(self.folder, shard).exists()]
            missing = [self.info.rows_of(shard)[self._num_in_journal(shard) :] for shard in shards]
            num_workers = min(workers, -(-sum(map(len, missing)) // ROWS_A_WORKER))
            store = partial(_make_row, self.folder, self.info, make)
            with closing(made_in_order(store, chain.from_iterable(missing), num_workers)) as made:
                for shard in shards:
                    self._fill_shard(shard, made, on_row or (lambda: None))
            self._write_card()

    def _num_in_journal(self, shard: int) -> int:
        if not journal_path(self.folder, shard).exists():
            return 0
        with disk_errors(self.folder, self.info), self._journal(shard) as journal:
            return len(journal.rows)

    def _journal(self, shard: int) -> Journal:
        return Journal(self.folder, shard, most=len(self.info.rows_of(shard)))

    def _fill_shard(self, shard: int, made: Iterator[Row], on_row: Callable[[], None]) -> None:
        with disk_errors(self.folder, self.info):
            journal = self._journal(shard)
        with journal:
            for row in islice(made, len(self.info.rows_of(shard)) - len(journal.rows)):
                with disk_errors(self.folder, self.info):
                    journal.append(row)
                on_row()
        with disk_errors(self.folder, self.info):
            if hasattr(os, "sync"):  # not on Windows
                os.sync()  # all images at once: one by one takes twenty times as long
            write_atomically(shard_path(self.folder, shard), encode_shard(journal.rows))
            journal.path.unlink()

    def _write_card(self) -> None:
        text = card_text(self.folder, self.info)
        with disk_errors(self.folder, self.info):
            write_atomically(self.folder / CARD_FILE, text.encode())


def write_dataset(
    folder: str | os.PathLike[str], info: DatasetInfo, make: Callable[[int], Sample], *, workers: int = 1
) -> None:
    """Write the rows `make(0)` to `make(info.num - 1)`; those that are there are kept. See `DatasetWriter.fill`."""
    DatasetWriter(folder, info).fill(make, workers=workers)


def _make_row(folder: Path, info: DatasetInfo, make: Callable[[int], Sample], number: int) -> Row:
    """A row whose images are stored: what workers do."""
    sample = make(number)
    images = [load_image(image) for image in sample.images]
    with disk_errors(folder, info):
        return encode_row(sample, [_store(folder, image) for image in images])


def _store(folder: Path, image: Image) -> str:
    key = content_key(image)
    target = folder / IMAGE_FOLDER / f"{key}.png"
    if not is_whole_png(target):
        save_png(image, target)
    return key
