"""Several processes give what one gives, and none of them is left behind."""

from __future__ import annotations

import multiprocessing
from contextlib import closing

import pytest
import toys

from vilasr.data.parallel import AHEAD, made_in_order
from vilasr.errors import InputError, InvariantError


@pytest.fixture(autouse=True)
def no_process_is_left():
    yield
    assert multiprocessing.active_children() == []


def test_results_come_in_order_though_the_first_take_longest():
    with closing(made_in_order(toys.square_slowly_at_first, range(30), 2)) as made:
        assert list(made) == [number * number for number in range(30)]


def test_one_worker_is_this_process():
    calls = []
    assert list(made_in_order(lambda number: calls.append(number) or number, range(3), 1)) == calls == [0, 1, 2]


def test_nothing_is_made_far_ahead_of_what_is_taken():
    taken_from = iter(range(1000))
    with closing(made_in_order(toys.square_slowly_at_first, taken_from, 2)) as made:
        assert [next(made) for _ in range(3)] == [0, 1, 4]
    assert next(taken_from) <= 3 + 2 * AHEAD


def test_a_refusal_is_told_once_and_in_its_turn():
    made = made_in_order(toys.refuse_sevens, range(100), 2)
    assert [next(made) for _ in range(6)] == [0, 1, 2, 3, 4, 5]
    with pytest.raises(
        InputError, match=r"^graphics: expected a GL context; got none at 6\. Install libegl1\.$"
    ) as told:
        next(made)
    assert told.value.remedy == "Install libegl1."


def test_a_bug_in_a_worker_is_a_bug_here_with_its_traceback():
    with pytest.raises(InvariantError, match=r"(?s)divide_by_zero.*ZeroDivisionError"):
        list(made_in_order(toys.divide_by_zero, range(100), 2))


def test_a_killed_worker_is_told_with_what_to_do():
    with pytest.raises(
        InputError,
        match=r"worker process: expected one that works to the end; got one killed by signal 9 \(was it short of "
        r"memory\?\)\. Give the same command again: it goes on where it stopped\.",
    ):
        list(made_in_order(toys.die_at_5, range(100), 2))
