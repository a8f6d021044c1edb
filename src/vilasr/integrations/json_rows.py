"""Rows of JSON files of any size: a list of objects, or one object a line. Memory is bounded by the longest row let in.

A row is cut out of the bytes before it is parsed, so a broken or endless one costs nothing but itself. Only in a list
can a row take others with it: where its quotes or brackets do not pair, nobody can tell where it ends.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from vilasr.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vilasr.types import Json

MAX_ROW_BYTES = 4 * 2**20
"""A longer row is rejected: a conversation of forty pictures takes a few hundred kilobytes."""
CHUNK_BYTES = 2**20
_SPACE = b" \t\r\n"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_IN_LIST = re.compile(_STRING + rb'|["\[\]{},]', re.DOTALL)
_IN_ROW = re.compile(_STRING + rb'|["\[\]{}]', re.DOTALL)
"""The next string that is whole, or the next mark; a quote alone begins a string that the piece does not end."""


class ByteStream(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class RawRow:
    """Row `number`, from 1: a position in the list, or a line. `data` is None where `problem` says why."""

    number: int
    data: bytes | None
    problem: str = ""


def read_rows(stream: ByteStream, max_row_bytes: int = MAX_ROW_BYTES) -> Iterator[RawRow]:
    """The rows of a file, in order, not yet parsed. A first byte `[` says that it is a list; blank lines are none."""
    chunks = _Chunks(stream)
    while chunks.data and not chunks.data.strip(_SPACE):
        chunks.advance()
    if chunks.data.lstrip(_SPACE).startswith(b"["):
        return _ListReader(chunks, max_row_bytes).rows()
    return _lines(chunks, max_row_bytes)


def parse_row(data: bytes) -> dict[str, Json]:
    """The object in a row. Raises DataError for anything else: NaN, infinite numbers, and keys that come twice too."""
    try:
        row = json.loads(data.decode(), parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_unambiguous)
    except UnicodeDecodeError as error:
        raise DataError(f"not UTF-8: byte 0x{data[error.start]:02x} at {error.start}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"not JSON: {error}") from error
    if not isinstance(row, dict):
        raise DataError(f"not an object: {type(row).__name__}")
    return row


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _unambiguous(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    """Other readers take the first value of a key that comes twice, or the last."""
    row: dict[str, Json] = {}
    for key, value in pairs:
        if key in row:
            raise ValueError(f"the key {key[:40]!a} is there twice")
        row[key] = value
    return row


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is too large a number")
    return value


class _Chunks:
    """The stream in pieces: `data` is the present one, b"" at the end."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self.data = stream.read(CHUNK_BYTES).removeprefix(_BYTE_ORDER_MARK)

    def advance(self) -> None:
        self.data = self._stream.read(CHUNK_BYTES)


class _Gathered:
    """The bytes of one row so far; none of them once they are too many."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, part: bytes) -> None:
        if not self._size:
            part = part.lstrip(_SPACE)
        self._size += len(part)
        if self._size > self._max_bytes:
            self._parts.clear()
        elif part:
            self._parts.append(part)

    def take(self, number: int) -> RawRow | None:
        """The row, None where there was nothing but space; and begins the next."""
        size, data = self._size, b"".join(self._parts).rstrip(_SPACE)
        self._parts, self._size = [], 0
        if size > self._max_bytes:
            return RawRow(number, None, f"too long: {size:,} bytes, of {self._max_bytes:,} allowed")
        return RawRow(number, data) if data else None


def _lines(chunks: _Chunks, max_row_bytes: int) -> Iterator[RawRow]:
    number = 1
    row = _Gathered(max_row_bytes)
    while chunks.data:
        start = 0
        while (end := chunks.data.find(b"\n", start)) >= 0:
            row.add(chunks.data[start:end])
            if found := row.take(number):
                yield found
            number += 1
            start = end + 1
        row.add(chunks.data[start:])
        chunks.advance()
    if found := row.take(number):
        yield found


class _ListReader:
    """Cuts a JSON list at its own commas, which it finds by counting brackets outside of strings."""

    def __init__(self, chunks: _Chunks, max_row_bytes: int) -> None:
        self._chunks = chunks
        self._row = _Gathered(max_row_bytes)
        self._number = 0
        self._depth = 0
        self._begun = False
        self._in_string = False
        self._skip_first = False
        """The last byte of the chunk before was a backslash in a string."""

    def rows(self) -> Iterator[RawRow]:
        while self._chunks.data:
            yield from self._rows_of(self._chunks.data)
            self._chunks.advance()
        self._number += 1
        rest = self._row.take(self._number)
        if self._depth > 0:
            yield RawRow(self._number, None, "cut off: the file ends before its list does")
        elif rest:
            yield RawRow(self._number, None, "text after the end of the list")

    def _rows_of(self, data: bytes) -> Iterator[RawRow]:
        start = position = 0
        while position < len(data):
            if self._in_string:
                position = self._string_end(data, position)
                continue
            match = (_IN_LIST if self._depth <= 1 else _IN_ROW).search(data, position)
            if match is None:
                break
            position = match.end()
            mark = match[0]
            closes = mark in (b"]", b"}")
            if mark.startswith(b'"'):
                self._in_string = mark == b'"'
            elif self._depth == 1 and (closes or mark == b","):
                self._row.add(data[start : position - 1])
                start = position
                self._depth -= closes
                if found := self._row.take(self._number + 1):
                    self._number += 1
                    yield found
                elif not closes:
                    self._number += 1
                    yield RawRow(self._number, None, "empty: a comma without a row before it")
            elif not self._begun:  # the bracket that opens the list
                self._begun, self._depth, start = True, 1, position
            elif self._depth > 0 and mark != b",":
                self._depth += -1 if closes else 1
        self._row.add(data[start:])

    def _string_end(self, data: bytes, position: int) -> int:
        """Where the string that `position` is in has ended, or the end of `data`."""
        if self._skip_first:
            self._skip_first = False
            return position + 1
        quote = data.find(b'"', position)
        end = quote if quote >= 0 else len(data)
        backslash = data.find(b"\\", position, end)
        if backslash < 0:
            self._in_string = quote < 0
            return end + 1 if quote >= 0 else end
        self._skip_first = backslash + 1 == len(data)
        return backslash + 2
