"""Rows cut out of JSON of any size and any quality."""

from __future__ import annotations

import io
import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vilasr.errors import DataError
from vilasr.integrations import json_rows
from vilasr.integrations.json_rows import parse_row, read_rows

GB = 2**30


def rows_of(data: bytes, **limits):
    return [(row.number, row.data or row.problem) for row in read_rows(io.BytesIO(data), **limits)]


class EndlessRow:
    """`before`, then ten gigabytes of one byte, then `after`; nothing of it is ever in memory."""

    def __init__(self, before: bytes, filler: bytes, after: bytes):
        self.parts = [before, after]
        self.block = filler * 2**20
        self.num_blocks = 10 * GB // len(self.block)

    def read(self, size):
        if len(self.parts) == 2 or not self.num_blocks:
            return self.parts.pop(0) if self.parts else b""
        self.num_blocks -= 1
        return self.block


def test_one_object_a_line():
    assert rows_of(b'{"a": 1}\n\n  {"b": 2}  \r\n{"c": 3}') == [
        (1, b'{"a": 1}'),
        (3, b'{"b": 2}'),
        (4, b'{"c": 3}'),
    ]


def test_a_list_of_objects_however_it_is_laid_out():
    data = b' [{"a": [1, {"x": "],}"}]} ,\n\t{"b": "\\"}{\\\\"},{}\n]\n'
    assert rows_of(data) == [(1, b'{"a": [1, {"x": "],}"}]}'), (2, b'{"b": "\\"}{\\\\"}'), (3, b"{}")]


def test_a_byte_order_mark_and_empty_files():
    assert rows_of(b'\xef\xbb\xbf{"a": 1}') == [(1, b'{"a": 1}')]
    assert rows_of(b'\xef\xbb\xbf \n[{"a": 1}]') == [(1, b'{"a": 1}')]
    assert rows_of(b"") == rows_of(b" \n\n") == rows_of(b"[]") == rows_of(b"[ \n ]") == []


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"[1, 2", [(1, b"1"), (2, "cut off: the file ends before its list does")]),
        (b"[1,, 2]", [(1, b"1"), (2, "empty: a comma without a row before it"), (3, b"2")]),
        (b"[1] {}", [(1, b"1"), (2, "text after the end of the list")]),
        (b"[1], 2, 3]", [(1, b"1"), (2, "text after the end of the list")]),
        (b'["abc', [(1, "cut off: the file ends before its list does")]),
    ],
)
def test_a_broken_list_says_where(data, expected):
    assert rows_of(data) == expected


def test_a_broken_row_of_a_list_leaves_the_others():
    rows = rows_of(b'[{"a": NaN}, {"a" 1}, {\xff: 1}, [1, 2], {"a": 1}]')
    assert [number for number, _ in rows] == [1, 2, 3, 4, 5]
    assert parse_row(rows[4][1]) == {"a": 1}


@pytest.mark.parametrize("data", [b'{"a": "%s"}\n{"a": 1}', b'[{"a": "%s"}, {"a": 1}]'])
def test_a_long_row_is_rejected_and_the_next_is_read(data):
    rows = rows_of(data % (b"x" * 100), max_row_bytes=50)
    assert rows == [(1, "too long: 109 bytes, of 50 allowed"), (2, b'{"a": 1}')]


@pytest.mark.parametrize(
    ("before", "filler", "after"),
    [
        (b'{"a": 1}\n{"a": "', b"x", b'"}\n{"a": 2}\n'),
        (b'[{"a": 1},{"a": "', b"x", b'"},{"a": 2}]'),
    ],
    ids=["line", "string in a list"],
)
def test_a_row_of_ten_gigabytes_is_never_held(before, filler, after):
    tracemalloc.start()
    try:
        rows = list(read_rows(EndlessRow(before, filler, after)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [row.number for row in rows] == [1, 2, 3]
    assert rows[1].data is None
    assert "too long: 10,737,418," in rows[1].problem
    assert json.loads(rows[2].data) == {"a": 2}
    assert peak < 16 * 2**20


def test_a_list_of_ten_thousand_rows_takes_the_memory_of_one():
    row = b'{"question": "%s", "image_path": ["a.png", "b.png"]},' % (b"word " * 20)

    class Stream:
        left = 10_000

        def read(self, size):
            num = min(self.left, 100)
            first = self.left == 10_000
            self.left -= num
            return (b"[" if first else b"") + row * num if num else b""

    tracemalloc.start()
    try:
        num = sum(row.data is not None for row in read_rows(Stream()))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert num == 10_000
    assert peak < 2**18


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.dictionaries(st.text(max_size=5), JSON), max_size=4),
    st.integers(1, 9),
    st.sampled_from([None, 1]),
    st.booleans(),
)
def test_any_list_comes_apart_as_it_was_put_together(values, chunk, indent, plain_ascii):
    data = json.dumps(values, indent=indent, ensure_ascii=plain_ascii).encode()
    before = json_rows.CHUNK_BYTES
    json_rows.CHUNK_BYTES = chunk
    try:
        rows = list(read_rows(io.BytesIO(data)))
    finally:
        json_rows.CHUNK_BYTES = before
    assert [row.number for row in rows] == list(range(1, len(values) + 1))
    assert [parse_row(row.data) for row in rows] == values


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"a": "\xff"}', "not UTF-8: byte 0xff at 7"),
        (b'{"a": NaN}', "not JSON: NaN is no number of JSON"),
        (b'{"a": -Infinity}', "not JSON: -Infinity is no number of JSON"),
        (b'{"a": 1e999}', "not JSON: 1e999 is too large a number"),
        (b'{"a": 1, "b": 2, "a": 3}', "not JSON: the key 'a' is there twice"),
        (b'{"b": [{"\\u00e9": 1, "\\u00e9": 1}]}', "not JSON: the key '\\xe9' is there twice"),
        (b'{"a": 1', "not JSON: "),
        (b'{"a": %s}' % (b"[" * 100_000), "not JSON: "),
        (b'{"a": %s}' % (b"9" * 5000), "not JSON: "),
        (b"[1, 2]", "not an object: list"),
        (b"3", "not an object: int"),
    ],
)
def test_what_is_no_row_says_why(data, reason):
    with pytest.raises(DataError) as error:
        parse_row(data)
    assert str(error.value).startswith(reason)
