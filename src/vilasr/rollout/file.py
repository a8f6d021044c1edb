"""The rollout file: written so that a run may be killed at any moment, read without trusting a byte of it.

A line is on disk whole or it does not count; the images it needs are there before it. So after any crash the file
holds a set of finished rollouts and at most one cut-off line, which resuming drops.

Nothing is ever rewritten. A rollout that ended because its policy failed may be tried again: the other attempt is
appended, and takes its place wherever the file is read.
"""

from __future__ import annotations

import json
import logging
import os
import time
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from vilasr.drawing import content_key, is_whole_png, load_image, save_png
from vilasr.errors import DataError, InputError, InvariantError
from vilasr.locks import lock_for
from vilasr.rollout.codec import IMAGE_FOLDER, decode_rollout, encode_rollout, without_tokens
from vilasr.rollout.header import HEADER_START, Header, decode_header, differences, encode_header
from vilasr.types import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from PIL.Image import Image

    from vilasr.types import Json, Rollout, RolloutKey

logger = logging.getLogger(__name__)

MAX_LINE_BYTES = 64 * 2**20
"""A longer line is not read: one rollout takes kilobytes."""
SYNC_SECONDS = 1.0
"""How much a power cut may cost. A killed process loses nothing: its lines are with the operating system already."""


# --- reading ----------------------------------------------------------------------------------------------------------


def read_rollouts(
    path: str | os.PathLike[str],
    *,
    on_bad_line: Callable[[DataError], None] | None = None,
    on_retried: Callable[[RolloutKey], None] | None = None,
    tokens: bool = True,
) -> tuple[Header, Iterator[Rollout]]:
    """The header, and the rollouts one by one as they are asked for. Images are paths; nothing is decoded.

    Those whose policy failed come last, and only where no later attempt stands in the file.

    Args:
        path: the JSONL file; images are looked for in the folder `images` beside it.
        on_bad_line: is told of each line that cannot be used, or that repeats a rollout; reading goes on. Without it
            the first such line raises.
        on_retried: is told of each further attempt at a rollout whose policy had failed.
        tokens: False leaves the tokens of the turns out, unread and unchecked: several times faster.

    Raises:
        InputError: no such file, not a rollout file, or one of an unknown schema version.
        DataError: a bad line, while iterating; names the file and the line.
    """
    file_path = Path(path)
    try:
        with file_path.open("rb") as stream:
            first = stream.readline(MAX_LINE_BYTES)
    except OSError as error:
        raise InputError(str(path), expected="a rollout file", got=_why(error), remedy="Check the path.") from error
    return _parse_header(first, str(path)), _read_lines(file_path, on_bad_line, on_retried, tokens)


def _read_lines(
    path: Path,
    on_bad_line: Callable[[DataError], None] | None,
    on_retried: Callable[[RolloutKey], None] | None,
    tokens: bool,
) -> Iterator[Rollout]:
    seen: set[RolloutKey] = set()
    failed: dict[RolloutKey, int] = {}  # where the line of the last attempt begins
    with path.open("rb") as stream:
        stream.readline(MAX_LINE_BYTES)
        for number, line in _numbered_lines(stream):
            try:
                rollout = _parse_line(line, path.parent, tokens)
                key = rollout.key
                if key in seen:
                    raise DataError(f"sample {key[0]!r}, sibling {key[1]}, is there twice")
            except DataError as error:
                located = DataError(f"{path}, line {number}: {error}")
                if on_bad_line is None:
                    raise located from error
                on_bad_line(located)
                continue
            if failed.pop(key, None) is not None and on_retried is not None:
                on_retried(key)
            if rollout.status is Status.POLICY_ERROR:
                failed[key] = stream.tell() - len(line)
            else:
                seen.add(key)
                yield rollout
        for start in failed.values():
            stream.seek(start)
            yield _parse_line(stream.readline(MAX_LINE_BYTES), path.parent, tokens)


def _numbered_lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """(line number, line with its newline), from line 2. The rest of a line that is too long is skipped unread."""
    number = 2
    while line := stream.readline(MAX_LINE_BYTES):
        yield number, line
        while line and not line.endswith(b"\n"):
            line = stream.readline(MAX_LINE_BYTES)
        number += 1


def _parse_line(line: bytes, folder: Path, tokens: bool = True) -> Rollout:
    if not line.endswith(b"\n"):
        raise DataError("too long" if len(line) >= MAX_LINE_BYTES else "cut off")
    return decode_rollout(_parse_json(line if tokens else without_tokens(line)), folder)


def _parse_json(line: bytes) -> Json:
    try:
        return json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise DataError(f"not JSON ({error})") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _parse_header(line: bytes, name: str) -> Header:
    try:
        data = _parse_json(line)
    except DataError:
        data = None
    return decode_header(data, name)


# --- writing ----------------------------------------------------------------------------------------------------------


class RolloutWriter:
    """Appends rollouts to a file; use it as a context manager.

    Attributes:
        done: (sample id, sibling) of every rollout in the file, but for those of `failed`.
        failed: with `retry_failed`, the rollouts whose policy failed: each may be appended once more.
        header: the file's; after resuming it has the time and version of the first start.
    """

    def __init__(
        self, path: str | os.PathLike[str], header: Header, *, resume: bool = False, retry_failed: bool = False
    ) -> None:
        """Begin a file, or with `resume` go on with one, dropping a cut-off last line with a warning.

        Raises:
            InputError: the file exists and `resume` is off; it was begun with other settings (says which); another
                process is writing it; it is no rollout file; it cannot be written.
        """
        self.path = Path(path)
        self.header = header
        self.done: set[RolloutKey] = set()
        self.failed: set[RolloutKey] = set()
        self._retry_failed = retry_failed
        self._stored: set[str] = set()
        self._keys_of_paths: dict[Path, str] = {}
        self._synced_at = 0.0
        try:
            (self.path.parent / IMAGE_FOLDER).mkdir(parents=True, exist_ok=True)
            self._file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644), "r+b")
        except OSError as error:
            raise self._cannot_write(error) from error
        try:
            self._lock()
            self._end = self._resume() if resume else self._begin()
            if self._end == 0:
                self._write_line(encode_header(header))
        except BaseException:
            with suppress(OSError):  # closing writes what a full disk has just refused
                self._file.close()
            raise

    def append(self, rollout: Rollout) -> None:
        """Store the base images, then the line. When it returns, a killed process does not lose the rollout.

        Raises:
            InputError: a base image cannot be read, or the disk cannot be written; the file stays as it was.
            InvariantError: a rollout that is in the file already, or whose tokens do not fit together.
        """
        key = rollout.key
        if key in self.done:
            raise InvariantError(f"sample {key[0]!r}, sibling {key[1]}, is written twice")
        base_keys = [self._store(image) for image in rollout.sample.images]
        self._write_line(encode_rollout(rollout, base_keys))
        self.done.add(key)
        self.failed.discard(key)

    def close(self) -> None:
        """Sync and close. May be called twice.

        Raises:
            InputError: the disk cannot be written.
        """
        if self._file.closed:
            return
        try:
            os.fsync(self._file.fileno())
            self._file.close()
        except OSError as failure:
            raise self._cannot_write(failure) from failure

    def __enter__(self) -> RolloutWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(InputError) if error is not None else nullcontext():  # the first error says more
            self.close()

    def _lock(self) -> None:
        got, remedy = "another run that is writing it", "Wait for it to end, or write to another path."
        lock_for(self.path, self._file, expected="a file of our own", got=got, remedy=remedy)

    def _begin(self) -> int:
        if os.fstat(self._file.fileno()).st_size:
            raise InputError(
                str(self.path),
                expected="a new file",
                got="one that exists",
                remedy="Resume to go on with it, or write to another path.",
            )
        return 0

    def _resume(self) -> int:
        """Read what is there and cut off a partial line; returns where the next line goes."""
        size = os.fstat(self._file.fileno()).st_size
        end = _end_of_last_line(self._file, size)
        self._file.seek(0)
        if end == 0:
            start = self._file.read(len(HEADER_START))
            if start != HEADER_START[: len(start)]:
                _parse_header(start, str(self.path))  # no header, not even part of one: this says so
        else:
            self._read_done()
        if end < size:
            logger.warning("%s: its last line was cut off and is dropped; that sample runs again.", self.path)
            self._file.truncate(end)
        return end

    def _read_done(self) -> None:
        """Check the header against ours, and note every rollout that can be read."""
        file_header = _parse_header(self._file.readline(MAX_LINE_BYTES), str(self.path))
        check_same_run(file_header, self.header, str(self.path))
        self.header = file_header
        for number, line in _numbered_lines(self._file):
            if not line.endswith(b"\n") and len(line) < MAX_LINE_BYTES:
                break  # the cut-off line, dropped by the caller
            try:
                rollout = _parse_line(line, self.path.parent)
            except DataError as error:
                logger.warning("%s: line %d is no rollout (%s); its sample runs again.", self.path, number, error)
                continue
            is_failed = self._retry_failed and rollout.status is Status.POLICY_ERROR
            (self.failed if is_failed else self.done).add(rollout.key)
        self.failed -= self.done

    def _write_line(self, data: Json) -> None:
        """One line, whole: whatever interrupts the write, the file ends where it did before."""
        try:
            line = json.dumps(data, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        except (ValueError, TypeError) as error:
            raise InvariantError(f"a rollout cannot be written as JSON: {error}") from error
        try:
            self._file.seek(self._end)
            self._file.write(line)
            self._file.flush()
        except BaseException as error:
            os.ftruncate(self._file.fileno(), self._end)
            if isinstance(error, OSError):
                raise self._cannot_write(error) from error
            raise
        self._end += len(line)
        if time.monotonic() - self._synced_at > SYNC_SECONDS:
            os.fsync(self._file.fileno())
            self._synced_at = time.monotonic()

    def _store(self, source: Image | Path) -> str:
        """The content key of a base image, which is then in the image folder."""
        known = self._keys_of_paths.get(source) if isinstance(source, Path) else None
        if known:
            return known
        image = load_image(source)
        key = content_key(image)
        if key not in self._stored:
            target = self.path.parent / IMAGE_FOLDER / f"{key}.png"
            try:
                if not is_whole_png(target):
                    save_png(image, target)
            except OSError as error:
                raise self._cannot_write(error) from error
            self._stored.add(key)
        if isinstance(source, Path):
            self._keys_of_paths[source] = key
        return key

    def _cannot_write(self, error: OSError) -> InputError:
        remedy = "Make room, or choose another place; what is in the file stays."
        return InputError(str(self.path), expected="a file that can be written", got=_why(error), remedy=remedy)


def check_same_run(file_header: Header, header: Header, name: str) -> None:
    """Raises InputError that lists the settings in which a file differs from the run that would go on with it."""
    if file_header.config_hash != header.config_hash:
        raise InputError(
            name,
            expected="the settings that the file was begun with",
            got="; ".join(differences(file_header, header)),
            remedy="Resume with the same settings, or write to another path.",
        )


def _end_of_last_line(stream: BinaryIO, size: int, block: int = 2**16) -> int:
    """The position after the last newline; 0 when there is none."""
    end = size
    while end > 0:
        start = max(0, end - block)
        stream.seek(start)
        found = stream.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
