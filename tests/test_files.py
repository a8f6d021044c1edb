"""Files that are written whole or not at all, and held by one process at a time."""

from __future__ import annotations

import pytest

from vilasr.files import lock, replacing, write_atomically


def test_a_file_is_replaced_once_all_of_it_is_written(tmp_path):
    path = tmp_path / "summary.json"
    write_atomically(path, b"old")
    with replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert [*tmp_path.iterdir()] == [path]


def test_where_writing_fails_the_file_stays_and_nothing_else_does(tmp_path):
    path = tmp_path / "summary.json"
    write_atomically(path, b"old")
    with pytest.raises(TypeError), replacing(path) as file:
        file.writelines([b"new", None])
    assert path.read_bytes() == b"old"
    assert [*tmp_path.iterdir()] == [path]
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "missing" / "summary.json", b"new")


def test_a_locked_file_is_refused_until_its_holder_closes_it(tmp_path):
    path = tmp_path / "rollouts.jsonl"
    path.touch()
    with path.open("rb") as second:
        with path.open("rb") as first:
            lock(first)
            with pytest.raises(BlockingIOError):
                lock(second.fileno())
        lock(second)
