"""Data made ahead on a thread, and the log of a run."""

from __future__ import annotations

import json
import threading
import time
from contextlib import closing

import pytest

from vilasr.errors import InputError
from vilasr.training.metrics import MetricsLog, plot_metrics, read_metrics
from vilasr.training.prefetch import prefetched
from vilasr.training.streak import Streak


def wait_until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def prefetch_threads():
    return [thread for thread in threading.enumerate() if thread.name == "prefetch"]


@pytest.mark.parametrize("ahead", [1, 3, 100])
def test_items_come_in_order_and_end(ahead):
    assert list(prefetched(iter(range(20)), ahead=ahead)) == list(range(20))


def test_no_more_than_asked_for_is_made_ahead():
    made = []

    def items():
        for number in range(100):
            made.append(number)
            yield number

    stream = prefetched(items(), ahead=2)
    assert next(stream) == 0
    wait_until(lambda: len(made) == 4)  # one taken, two ready, one in the making
    time.sleep(0.3)
    assert len(made) == 4
    stream.close()


def test_an_exception_comes_in_its_turn():
    def items():
        yield 1
        yield 2
        raise ValueError("third")

    stream = prefetched(items(), ahead=5)
    assert [next(stream), next(stream)] == [1, 2]
    with pytest.raises(ValueError, match="third"):
        next(stream)


def test_the_thread_has_ended_with_its_item_when_the_stream_is_closed():
    made = []

    def endless():
        while True:
            time.sleep(0.05)
            made.append(len(made))
            yield made[-1]

    stream = prefetched(endless(), ahead=1)
    next(stream)
    assert prefetch_threads()
    stream.close()
    assert not prefetch_threads()
    num_made = len(made)
    time.sleep(0.2)
    assert len(made) == num_made


def test_a_log_is_one_json_object_a_step(tmp_path):
    log = MetricsLog(tmp_path / "new" / "metrics.jsonl", first_step=0)
    log.write(0, {"loss": 1.5})
    log.write(1, {"loss": 1.25, "lr": 1e-3})
    assert read_metrics(tmp_path / "new" / "metrics.jsonl")[1] == {"step": 1, "loss": 1.25, "lr": 0.001}
    log.close()


def test_a_resumed_log_drops_what_came_after_the_checkpoint_and_a_line_cut_short(tmp_path):
    path = tmp_path / "metrics.jsonl"
    lines = [json.dumps({"step": step, "loss": float(step)}) for step in range(5)]
    path.write_text("\n".join(lines) + '\n{"step": 5, "lo')
    assert [line["step"] for line in read_metrics(path)] == [0, 1, 2, 3, 4]
    log = MetricsLog(path, first_step=3)
    log.write(3, {"loss": 30.0})
    log.close()
    assert [(line["step"], line["loss"]) for line in read_metrics(path)] == [(0, 0), (1, 1), (2, 2), (3, 30)]


def test_the_log_of_a_new_run_begins_empty(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 0, "loss": 9.0}\n')
    MetricsLog(tmp_path / "metrics.jsonl", first_step=0).close()
    assert read_metrics(tmp_path / "metrics.jsonl") == []


def test_what_is_no_number_of_json_is_left_out(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 0, "loss": NaN}\n')  # as earlier versions wrote it
    with closing(MetricsLog(path, first_step=1)) as log:
        log.write(1, {"loss": float("inf"), "updates": 0.0, "scores": {"a": float("nan"), "b": 0.5}})
    assert path.read_text() == '{"step": 0}\n{"step": 1, "updates": 0.0, "scores": {"b": 0.5}}\n'


def test_a_warning_comes_after_so_many_in_a_row_and_again_after_as_many_more(caplog):
    streak = Streak("%d in a row", length=3)
    for happened in (True, True, False, *[True] * 7):
        streak.count(happened=happened)
    assert caplog.messages == ["3 in a row", "6 in a row"]


def test_a_full_disk_is_told_when_the_log_is_opened(tmp_path, files_limited_to):
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps({"step": step}) + "\n" for step in range(100)))
    with (
        files_limited_to(500),
        pytest.raises(InputError, match=r"metrics\.jsonl: expected room on the disk; .*Make room, then"),
    ):
        MetricsLog(path, first_step=100)
    assert [line["step"] for line in read_metrics(path)] == list(range(100))


def test_a_full_disk_is_told_when_a_line_is_written_and_not_again_at_the_end(tmp_path, files_limited_to):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 0, "loss": 1.5}\n')
    with (
        files_limited_to(30),
        pytest.raises(InputError, match=r"metrics\.jsonl: expected room on the disk; got .*Make room, then"),
        closing(MetricsLog(path, first_step=1)) as log,
    ):
        log.write(1, {"loss": 1.25})
    assert read_metrics(path) == [{"step": 0, "loss": 1.5}]


def test_a_plot_is_a_png_also_of_metrics_that_are_missing(tmp_path):
    pytest.importorskip("matplotlib")
    (tmp_path / "metrics.jsonl").write_text('{"step": 0, "loss": 9.0}\n{"step": 1, "loss": 8.0}\n')
    plot_metrics(tmp_path / "metrics.jsonl", tmp_path / "plot.png", ["loss", "recall"])
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
