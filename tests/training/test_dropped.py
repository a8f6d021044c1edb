"""Samples that cannot be trained on: another takes the place, and the metrics of the step say why."""

from __future__ import annotations

from dataclasses import replace

import pytest
from handmade import sft_config
from picky import CONFIG, plain, reflecting

from vilasr.errors import InputError
from vilasr.rollout import RolloutWriter, new_header
from vilasr.training.config import DataSection, TaskSource
from vilasr.training.metrics import read_metrics
from vilasr.training.samples import count_dropped
from vilasr.training.sft import train_sft
from vilasr.training.stream import open_stream
from vilasr.types import SamplingParams


def stream(nano, **settings):
    return open_stream(DataSection(**settings), CONFIG, chat=nano.chat, settings=nano.images)


@pytest.fixture
def rollouts(tmp_path):
    """Two that can be trained on; one that is too long; one whose picture is gone."""
    long = reflecting(2)
    long = replace(long, turns=(replace(long.turns[0], text="on and on " * 200), *long.turns[1:]))
    header = new_header(protocol="compact", model="m", seed=0, style="default", drawing=True, sampling=SamplingParams())
    path = tmp_path / "rollouts.jsonl"
    with RolloutWriter(path, header) as writer:
        for rollout in (plain(0), plain(1), long, plain(3)):
            before = set((tmp_path / "images").iterdir())
            writer.append(rollout)
        (gone,) = set((tmp_path / "images").iterdir()) - before
    gone.unlink()
    return path


def test_each_epoch_counts_each_rollout_that_was_dropped_once_with_its_reason(nano, rollouts):
    load = stream(nano, rollouts=rollouts, max_tokens=600)
    for epoch in range(3):
        samples = [load(4 * epoch + place) for place in range(4)]
        assert count_dropped(samples) == {"dropped": 2.0, "dropped_image": 1.0, "dropped_too_long": 1.0}
    again = stream(nano, rollouts=rollouts, max_tokens=600)
    assert [again(index).dropped for index in reversed(range(12))] == [
        load(index).dropped for index in range(11, -1, -1)
    ]


def test_a_demonstration_that_is_too_long_gives_its_place_to_another(nano):
    source = TaskSource(task="marks", options={"num": "1-5"}, without_drawing=1.0)
    lengths = [len(stream(nano, tasks=[source])(index)) for index in range(12)]
    load = stream(nano, tasks=[source], max_tokens=sorted(lengths)[6])
    samples = [load(index) for index in range(12)]
    assert [sample.dropped for sample in samples] == ["too_long" if n > sorted(lengths)[6] else "" for n in lengths]
    assert max(map(len, samples)) <= sorted(lengths)[6]
    with pytest.raises(
        InputError,
        match=r"marks: expected a demonstration .*; got 20 that cannot, 20 of them too_long\. Raise data\.max_tokens",
    ):
        stream(nano, tasks=[source], max_tokens=5)(0)


def test_training_tells_what_was_dropped_in_the_metrics_of_the_step(nano_folder, rollouts, tmp_path):
    data = DataSection(rollouts=rollouts, max_tokens=600, batch_size=4, window=1)
    config = sft_config(nano_folder, tmp_path / "run", steps=2, data=data)
    train_sft(config)
    assert [(line["dropped"], line["dropped_too_long"]) for line in read_metrics(config.out / "metrics.jsonl")] == [
        (2.0, 1.0),
        (2.0, 1.0),
    ]
