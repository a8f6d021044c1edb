"""What is exported and imported again is the same."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from small_datasets import make_dataset

from vilasr.data import read_dataset
from vilasr.drawing import load_image
from vilasr.env import EpisodeConfig, views_of
from vilasr.integrations import ExportOptions, export, import_official, open_source
from vilasr.protocol import Sizer
from vilasr.rollout import read_rollouts
from vilasr.tasks import TASK_NAMES


def convert(source, out, format_name, **options):
    return export(
        open_source(source, on_bad=print), out, ExportOptions(format=format_name, **options), on_row=lambda: None
    )


def take(file, images, out):
    rejected = {}
    with file.open("rb") as stream:
        done = import_official(
            stream, images, out, name=file.stem, on_row=lambda: None, on_rejected=rejected.__setitem__
        )
    assert rejected == {}
    return done.path


def content(folder):
    """All that a sample is, pixels instead of paths."""
    return [
        (
            sample.id,
            sample.task,
            sample.question,
            sample.options,
            sample.answer,
            sample.answer_type,
            sample.metadata,
            [(image.size, image.tobytes()) for image in map(load_image, sample.images)],
        )
        for sample in read_dataset(folder)[1]
    ]


@pytest.mark.parametrize("task", TASK_NAMES)
@pytest.mark.parametrize("split", ["train", "test"])
def test_generate_export_import_gives_equal_samples(task, split, tmp_path):
    data = make_dataset(tmp_path / "data", num=6, task=task, split=split)
    convert(data, tmp_path / "official", "vilasr")
    (file,) = (tmp_path / "official" / ("rl" if split == "train" else "eval")).iterdir()
    assert content(take(file, tmp_path / "official", tmp_path / "again")) == content(data)


def test_a_dataset_survives_its_own_format(mazes, tmp_path):
    convert(mazes, tmp_path / "copy", "parquet")
    assert content(tmp_path / "copy") == content(mazes)
    assert read_dataset(tmp_path / "copy")[0] == read_dataset(mazes)[0]


@pytest.mark.parametrize("drawing", [True, False])
@pytest.mark.parametrize("protocol", ["vilasr", "json"])
def test_conversations_come_back_as_the_rollouts_they_were(mazes, tmp_path, drawing, protocol):
    convert(mazes, tmp_path / "talk", "sharegpt", mistakes=0.5, keep_mistakes=True, protocol=protocol, drawing=drawing)
    file = tmp_path / "talk" / "maze-train.json"
    path = take(file, tmp_path / "talk", tmp_path / "rollouts")
    header, rollouts = read_rollouts(path)
    assert (header.protocol, header.style, header.drawing) == (protocol, "default", drawing)
    sizer = Sizer(factor=1, min_pixels=1, max_pixels=2048**2)
    for row, rollout in zip(json.loads(file.read_text()), rollouts, strict=True):
        assert [turn.text for turn in rollout.turns] == [
            message["content"] for message in row["conversations"] if message["role"] == "assistant"
        ]
        assert [turn.learn for turn in rollout.turns] == json.loads(row["vilasr"])["learn"]
        views = views_of(rollout, style=EpisodeConfig().style, sizer=sizer)
        assert len(views) == len(row["images"])
        assert views[0].tobytes() == load_image(tmp_path / "talk" / row["images"][0]).tobytes()
    convert(path, tmp_path / "twice", "sharegpt", keep_mistakes=True)
    again = json.loads((tmp_path / "twice" / "rollouts.json").read_text())
    assert [row["conversations"] for row in again] == [row["conversations"] for row in json.loads(file.read_text())]


def test_memory_does_not_grow_with_the_rows(tmp_path):
    """The tenth and the hundredth row cost the same; the last hundred are the rows of a shard that waits."""
    data = make_dataset(tmp_path / "data", num=40, task="marks")
    peaks = []
    for num in (10, 40):
        tracemalloc.start()
        source = open_source(data, on_bad=print, num=num)
        export(source, tmp_path / f"out{num}", ExportOptions(format="sharegpt"), on_row=lambda: None)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 500_000
