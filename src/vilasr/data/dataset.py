"""What a dataset on disk says about itself: `dataset.json`.

DIR/dataset.json               name, task, version, split, seed, options, num
DIR/README.md                  the dataset card
DIR/data/00000.parquet         rows 0 to 999; then 00001.parquet, ...
DIR/images/<sha256>.png        each image once, under the content key of its pixels
"""

from __future__ import annotations

import json
from collections.abc import Mapping  # noqa: TC003 -- pydantic reads it
from dataclasses import asdict, dataclass, field
from pathlib import PureWindowsPath
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, TypeAdapter, ValidationError

from vilasr.errors import InputError
from vilasr.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

INFO_FILE = "dataset.json"
CARD_FILE = "README.md"
SHARD_FOLDER = "data"
IMAGE_FOLDER = "images"
SHARD_ROWS = 1000
SCHEMA_VERSION = 1
MAX_NAME_BYTES = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetInfo:
    """What a dataset is made of. The same info gives the same rows.

    Attributes:
        name: for people, and for the files of an export; by default the task and the split. See `check_name`.
        task: that made it; `version`: of the task.
        options: of the task.
        num: rows, when it is complete.
        vilasr_version: that wrote it; may differ between runs.
    """

    name: str
    task: str
    version: int
    split: str
    seed: int
    num: Annotated[int, Field(ge=0)]
    options: Mapping[str, str] = field(default_factory=dict)
    vilasr_version: str = ""
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        check_name(self.name, "name of the dataset")

    @property
    def num_shards(self) -> int:
        return -(-self.num // SHARD_ROWS)

    def rows_of(self, shard: int) -> range:
        """Row numbers of a shard: 1000, or fewer in the last."""
        return range(shard * SHARD_ROWS, min((shard + 1) * SHARD_ROWS, self.num))


_ADAPTER = TypeAdapter(DatasetInfo)


def check_name(name: str, what: str, *, remedy: str = "") -> str:
    """`name`, when a file in a folder of ours can be called so on any system; else raises InputError on `what`.

    >>> check_name("maze-train", "--name")
    'maze-train'
    """
    is_one_part = name not in ("", "..") and PureWindowsPath(name).name == name  # a slash of either kind parts
    if not (is_one_part and name.isprintable() and name == name.strip() and len(name.encode()) <= MAX_NAME_BYTES):
        expected = "a name that a file can have: no slashes, nothing invisible, not too long"
        raise InputError(what, expected=expected, got=ascii(name[:60]), remedy=remedy)
    return name


def shard_path(folder: Path, shard: int) -> Path:
    return folder / SHARD_FOLDER / f"{shard:05d}.parquet"


def read_info(folder: Path) -> DatasetInfo:
    """Raises InputError when there is no dataset there, or none that this version reads."""
    path = folder / INFO_FILE
    try:
        text = path.read_bytes()
    except OSError as error:
        got = f"none ({str(error.strerror).lower()})"
        remedy = "Give the folder that 'vilasr generate' wrote."
        raise InputError(str(folder), expected=f"a dataset folder with {INFO_FILE}", got=got, remedy=remedy) from error
    try:
        info = _ADAPTER.validate_json(text, strict=True)
    except InputError as error:
        raise InputError(f"{path}: {error.what}", expected=error.expected, got=error.got) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InputError(str(path), expected="a dataset description", got=f"{where}: {first['msg']}") from error
    if info.schema_version != SCHEMA_VERSION:
        expected, got = f"schema version {SCHEMA_VERSION}", f"{info.schema_version}"
        raise InputError(str(path), expected=expected, got=got, remedy="Read it with the version that wrote it.")
    return info


def write_info(folder: Path, info: DatasetInfo) -> None:
    write_atomically(folder / INFO_FILE, json.dumps(asdict(info), indent=2).encode() + b"\n")


def check_same_dataset(folder: Path, info: DatasetInfo) -> None:
    """Raises InputError that names the settings in which the dataset in `folder` differs from `info`."""
    there, now = asdict(read_info(folder)), asdict(info)
    differing = [key for key in now if key != "vilasr_version" and there[key] != now[key]]
    if differing:
        got = "; ".join(f"{key} {there[key]!r} there, {now[key]!r} now" for key in differing)
        remedy = "Give the same settings to go on with it, or another folder."
        raise InputError(str(folder), expected="the settings it was begun with", got=got, remedy=remedy)
