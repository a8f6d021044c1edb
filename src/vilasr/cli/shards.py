"""Runs in shards: each has its own rollout file and record in the run's folder, and merging joins them.

DIR/rollouts-0-of-4.jsonl, DIR/shard-0-of-4.json, ..., DIR/images: shards made on several machines are merged after
their folders have been copied into one.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from vilasr.errors import InputError
from vilasr.files import replacing, write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vilasr.benchmarks import Shard
    from vilasr.types import RolloutKey

WHOLE_FILE = "rollouts.jsonl"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRecord:
    """What came of a run, or of shard `index` of `count`.

    Attributes:
        sample_ids: those asked for; the file may hold others too.
        excluded: id -> why, of items that were left out.
        complete: False when time was up before the last sample.
        num_items: of the whole benchmark, those left out included; None in a record of an earlier version.
        num_asked: of `--num`; `num_siblings`: attempts at each; None in a record of an earlier version.
    """

    benchmark: str
    index: int = 0
    count: int = 1
    sample_ids: list[str]
    excluded: dict[str, str]
    complete: bool
    num_items: int | None = None
    num_asked: int | None = None
    num_siblings: int | None = None

    def asks_for(self) -> Callable[[RolloutKey], bool]:
        """Whether a rollout is one of those asked for."""
        sample_ids = frozenset(self.sample_ids)
        return lambda key: key[0] in sample_ids and (self.num_siblings is None or key[1] < self.num_siblings)


def parse_shard(text: str) -> Shard:
    """ "0/4" is the first shard of four. Raises InputError."""
    from vilasr.benchmarks import Shard

    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    if match is None:
        raise InputError("--shard", expected="i/n with i from 0 to n - 1, such as 0/4", got=repr(text))
    return Shard(int(match[1]), int(match[2]))


def rollout_file(shard: Shard | None) -> str:
    """The name of the rollout file of a shard, or of a whole run."""
    return WHOLE_FILE if shard is None else f"rollouts-{shard.index}-of-{shard.count}.jsonl"


def write_record(folder: Path, record: RunRecord) -> None:
    """Write the record of a shard, last of all: where it is, the shard is done."""
    path = folder / f"shard-{record.index}-of-{record.count}.json"
    write_atomically(path, json.dumps(asdict(record)).encode() + b"\n")


def merge_shards(folder: Path, benchmark: str) -> RunRecord:
    """Join the shards in `folder` into one rollout file; returns the record of the whole.

    Raises:
        InputError: there are no shards, one is missing or not done, or they are not of one run.
    """
    records = [_read_record(path) for path in sorted(folder.glob("shard-*-of-*.json"))]
    if not records:
        remedy = "Run each with --shard first."
        raise InputError(str(folder), expected="the shards of a run", got="none that is done", remedy=remedy)
    others = {record.benchmark for record in records} - {benchmark}
    if others:
        raise InputError(str(folder), expected=f"shards of {benchmark}", got=", ".join(sorted(others)))
    count = records[0].count
    missing = sorted(set(range(count)) - {record.index for record in records if record.count == count})
    if missing or len(records) != count:
        got = f"no shard {', '.join(map(str, missing))}" if missing else "shards of several divisions"
        raise InputError(str(folder), expected=f"{count} shards that are done", got=got, remedy="Run --shard for each.")
    _check_division(folder, records)
    _join([folder / f"rollouts-{index}-of-{count}.jsonl" for index in range(count)], folder / WHOLE_FILE)
    return replace(
        records[0],
        index=0,
        count=1,
        sample_ids=sorted({sample_id for record in records for sample_id in record.sample_ids}),
        excluded={key: reason for record in records for key, reason in record.excluded.items()},
        complete=all(record.complete for record in records),
    )


def _check_division(folder: Path, records: list[RunRecord]) -> None:
    """Raises InputError when the shards are not parts of one whole."""
    for option, asked in (
        ("--num", {record.num_asked for record in records}),
        ("--samples-per-prompt", {record.num_siblings for record in records}),
    ):
        if len(asked) > 1:
            got = " and ".join(sorted(map(str, asked)))
            raise InputError(str(folder), expected=f"shards that ran with one {option}", got=got)
    shards_of = Counter(sample_id for record in records for sample_id in record.sample_ids)
    if twice := next((sample_id for sample_id, number in shards_of.items() if number > 1), None):
        remedy = "Run all shards on the same files."
        raise InputError(str(folder), expected="each sample in one shard", got=f"{twice!r} in several", remedy=remedy)


def _join(files: list[Path], target: Path) -> None:
    """One header and the lines of all, as they are, without a last one that was cut off.

    What an earlier join in `target` has beyond them, since failed attempts were tried again there, is kept.
    """
    from vilasr.rollout import check_same_run, read_rollouts

    first, _ = read_rollouts(files[0])
    for left_by_a_kill in target.parent.glob(f".{target.name}.*.part"):
        left_by_a_kill.unlink(missing_ok=True)
    known: set[bytes] = set()
    with replacing(target) as out:
        for number, path in enumerate([*files, target] if target.exists() else files):
            check_same_run(read_rollouts(path)[0], first, str(path))
            with path.open("rb") as lines:
                header = lines.readline()
                if number == 0:
                    out.write(header)
                for line in lines:
                    digest = hashlib.sha256(line).digest()
                    if line.endswith(b"\n") and digest not in known:
                        known.add(digest)
                        out.write(line)


def _read_record(path: Path) -> RunRecord:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(RunRecord).validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        got = f"one that cannot be read ({str(error).splitlines()[0]})"
        raise InputError(str(path), expected="the record of a shard", got=got, remedy="Run it again.") from error
