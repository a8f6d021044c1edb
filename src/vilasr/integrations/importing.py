"""`vilasr import`: the official ViLaSR-data and ViLaSR-eval JSON, and exports of ours, row by row.

Nothing in such a file is trusted: a row that cannot be used is rejected with its number and a reason, and the others go
on. Questions become a dataset of ours, conversations a rollout file; which of the two a file holds, its first good row
says.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, BinaryIO

from vilasr.data import DatasetInfo
from vilasr.data.dataset import check_name
from vilasr.errors import DataError, InputError
from vilasr.integrations.dataset_folder import DatasetFolder
from vilasr.integrations.fields import shown, text_of
from vilasr.integrations.json_rows import parse_row, read_rows
from vilasr.integrations.official import decode_question, imported_task
from vilasr.integrations.recorded import MAX_SIDE, Speech, decode_conversation, speech_of
from vilasr.integrations.sources import ROLLOUT_FILE
from vilasr.integrations.staging import staged_folder
from vilasr.protocol import Sizer
from vilasr.rollout import RolloutWriter, new_header
from vilasr.types import SamplingParams

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from vilasr.integrations.json_rows import ByteStream
    from vilasr.rollout import Header
    from vilasr.types import Json

REJECTED_FILE = "rejected.jsonl"
"""Beside what was imported: {"row": 17, "reason": "answer: no such field"}, a rejected row a line."""
OnRow = Callable[[], None]
OnRejected = Callable[[int, str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """What came of an import.

    Attributes:
        kind: "samples" or "rollouts".
        path: the dataset folder, or the rollout file.
        rejected: number of rejected rows by what was wrong, such as "image_path".
    """

    kind: str
    path: Path
    num_rows: int
    num_imported: int
    rejected: dict[str, int]


def import_official(
    stream: ByteStream | BinaryIO,
    images: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    name: str,
    on_row: OnRow,
    on_rejected: OnRejected,
) -> Imported:
    """Read all rows of `stream`, with their images in the folder `images`, into the new folder `out`.

    Args:
        name: of the dataset; also the first part of the ids of rows that bring none.
        on_row: is called after every row, on_rejected with the number and the reason of a rejected one.

    Raises:
        InputError: no row can be used; `name` is none for a file; `images` is no folder; `out` cannot be written.
    """
    check_name(name, "name of what is imported", remedy="Give another with --name.")
    root = Path(images)
    if not root.is_dir():
        got = "a file" if root.exists() else "no such folder"
        raise InputError(str(images), expected="the folder that image paths start from", got=got)
    with staged_folder(out) as folder, closing(_Import(folder, root.resolve(), name)) as run:
        with (folder / REJECTED_FILE).open("w", encoding="utf-8") as rejected:
            for raw in read_rows(stream):
                problem = raw.problem if raw.data is None else run.take(raw.number, raw.data)
                if problem is not None:
                    run.reject(raw.number, problem)
                    rejected.write(json.dumps({"row": raw.number, "reason": problem}) + "\n")
                    on_rejected(raw.number, problem)
                on_row()
        if not run.rejected:
            (folder / REJECTED_FILE).unlink()
        kind = run.finish()
    path = Path(out) if kind == "samples" else Path(out) / ROLLOUT_FILE
    return Imported(
        kind=kind, path=path, num_rows=run.num_rows, num_imported=run.num_imported, rejected=dict(run.rejected)
    )


def image_inside(root: Path, text: Json, field: str) -> Path:
    """The file that a row names, when it lies in the folder `root` (resolved). Raises DataError."""
    name = text_of({field: text}, field)
    parts = name.replace("\\", "/").split("/")
    if not name or "\0" in name or PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor:
        raise DataError(f"{field}: expected a path inside the folder of images; got {shown(name)}")
    if ".." in parts:
        raise DataError(f"{field}: expected a path without '..'; got {shown(name)}")
    try:
        path = (root / name).resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: links that lead in a circle
        raise DataError(f"{field}: no such file: {shown(name)}") from error
    if not path.is_relative_to(root):
        raise DataError(f"{field}: {shown(name)} is a link that leaves the folder of images")
    return path


class _Import:
    """The rows so far, and where they go."""

    def __init__(self, folder: Path, root: Path, name: str) -> None:
        self._folder, self._root, self._name = folder, root, name
        self._dataset: DatasetFolder | None = None
        self._writer: RolloutWriter | None = None
        self._speech: Speech | None = None
        self._ids: set[bytes] = set()
        self._first_problem = ""
        self.num_imported = 0
        self.rejected: Counter[str] = Counter()

    @property
    def num_rows(self) -> int:
        return self.num_imported + self.rejected.total()

    def take(self, number: int, data: bytes) -> str | None:
        """Import one row, or say why not."""
        try:
            row = parse_row(data)
            if "conversations" in row and "question" not in row:
                self._take_conversation(number, row)
            else:
                self._take_question(number, row)
        except DataError as error:
            return str(error)
        except RecursionError:
            return "not JSON: nested too deeply"
        self.num_imported += 1
        return None

    def reject(self, number: int, problem: str) -> None:
        self.rejected[problem.partition(":")[0]] += 1
        self._first_problem = self._first_problem or f"row {number}: {problem}"

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def finish(self) -> str:
        """Complete what was written; returns its kind. Raises InputError when nothing was."""
        if self._dataset is not None:
            info = DatasetInfo(
                name=self._name, task=imported_task(self._name), version=0, split="imported", seed=0, num=0
            )
            self._dataset.finish(info, origin="imported from JSON")
            return "samples"
        if self._writer is not None:
            self.close()
            return "rollouts"
        rows = "1 row" if self.num_rows == 1 else f"{self.num_rows} rows"
        got = f"{rows}, all rejected; {self._first_problem}" if self.num_rows else "no row"
        raise InputError(self._name, expected="at least one row that can be imported", got=got)

    def _take_question(self, number: int, row: Mapping[str, Json]) -> None:
        images = self._images(row, "image_path")
        sample = decode_question(row, images, name=self._name, number=number)
        if self._writer is not None:
            raise DataError("conversations: expected some, as in the rows before; got a question")
        key = self._new_key(sample.id)
        if self._dataset is None:
            self._dataset = DatasetFolder(self._folder)
        try:
            self._dataset.add(sample)
        except InputError as error:
            raise DataError(f"image_path: {error}") from error
        self._ids.add(key)

    def _take_conversation(self, number: int, row: Mapping[str, Json]) -> None:
        speech = speech_of(row)
        if self._speech not in (None, speech):
            raise DataError(f"vilasr: expected {self._speech}, as in the rows before; got {speech}")
        if self._dataset is not None:
            raise DataError("question: expected one, as in the rows before; got conversations")
        images = self._images(row, "images")
        try:
            rollout = decode_conversation(row, images, speech, name=self._name, number=number)
        except InputError as error:
            raise DataError(f"images: {error}") from error
        key = self._new_key(rollout.sample.id, rollout.sibling)
        if self._writer is None:
            self._writer = RolloutWriter(self._folder / ROLLOUT_FILE, _header(self._name, speech))
            self._speech = speech
        self._writer.append(rollout)
        self._ids.add(key)

    def _images(self, row: Mapping[str, Json], field: str) -> tuple[Path, ...]:
        """The paths in a field: a list of them, or, as in the official mazes, one alone."""
        if field not in row:
            raise DataError(f"{field}: no such field")
        value = row[field]
        names = value if isinstance(value, list) else [value]
        if not names:
            raise DataError(f"{field}: expected at least one image; got none")
        return tuple(image_inside(self._root, name, field) for name in names)

    def _new_key(self, sample_id: str, sibling: int = 0) -> bytes:
        """What is remembered of an id: of a million, a few dozen megabytes. Raises DataError for one that was there."""
        key = hashlib.blake2b(f"{sample_id}\0{sibling}".encode(), digest_size=8).digest()
        if key in self._ids:
            raise DataError(f"id: {shown(sample_id)} is there twice")
        return key


def _header(name: str, speech: Speech) -> Header:
    sizer = Sizer(factor=1, min_pixels=1, max_pixels=MAX_SIDE**2)
    return new_header(
        protocol=speech.protocol,
        model=f"import:{name}",
        seed=0,
        style=speech.style,
        drawing=speech.drawing,
        sampling=SamplingParams(),
        config={"episode": {"sizer": sizer}},
    )
