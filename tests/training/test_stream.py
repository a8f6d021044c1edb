"""Demonstrations played through the environment, and endless numbered samples of them or of a rollout file."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from handmade import noise, problem

from vilasr.data import DatasetInfo, write_dataset
from vilasr.drawing import DEFAULT, style_named
from vilasr.env import Episode, EpisodeConfig, views_of
from vilasr.errors import InputError, InvariantError
from vilasr.policies.transformers import patchify
from vilasr.protocol import COMPACT, Sizer, format_turn
from vilasr.rollout import RolloutWriter, new_header
from vilasr.tasks import task_named
from vilasr.tasks.base import DemoTurn
from vilasr.training import stream
from vilasr.training.config import DataSection, TaskSource
from vilasr.training.demonstrations import play
from vilasr.training.stream import open_stream
from vilasr.types import Box, Line, SamplingParams, Status

CONFIG = EpisodeConfig(protocol=COMPACT, sizer=Sizer(factor=32, min_pixels=30_000, max_pixels=192 * 192))
BOX = Box(image_index=1, box_px=(4.0, 8.0, 100.0, 80.0), label="a")


def demonstrating(*turns):
    return SimpleNamespace(demonstrate=lambda sample, rng, **_: turns)


# --- play -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mistake", [False, True])
def test_a_played_demonstration_answers_right_and_its_views_are_what_the_recipes_say(mistake):
    task = task_named("maze")
    sample = task.generate("train", 4, 0, {"question": "end"})
    played = play(task, sample, random.Random(0), CONFIG, mistake=mistake)
    assert played.rollout.status is Status.ANSWERED
    assert played.rollout.answer == sample.answer
    assert any(isinstance(action, Line) for action in played.rollout.actions)
    assert [turn.learn for turn in played.rollout.turns].count(False) == mistake
    again = views_of(played.rollout, style=DEFAULT, sizer=CONFIG.sizer)
    assert [view.tobytes() for view in played.views] == [view.tobytes() for view in again]


def test_without_drawing_a_demonstration_only_thinks_even_if_a_mistake_is_asked_for():
    task = task_named("maze")
    sample = task.generate("train", 4, 0, {"question": "end"})
    config = EpisodeConfig(protocol=COMPACT, sizer=CONFIG.sizer, drawing=False)
    rollout = play(task, sample, random.Random(0), config, mistake=True).rollout
    assert (rollout.answer, rollout.actions, len(rollout.images)) == (sample.answer, (), 1)
    assert all(turn.learn for turn in rollout.turns)


def test_the_numbers_of_a_demonstration_are_those_of_the_frame():
    told = []

    def demonstrate(sample, rng, *, frame, drawing, mistake):
        told.extend([frame(1, (320, 80)), frame(1, (0, 0))])
        return (DemoTurn(thought="so", answer="A"),)

    play(SimpleNamespace(demonstrate=demonstrate), problem(noise(0, (640, 320))), random.Random(0), CONFIG)
    # 640x320 is seen at 256x128 (32,768 pixels, of at most 36,864): x and y times 0.4.
    assert told == [(128, 32), (0, 0)]


@pytest.mark.parametrize(
    ("turns", "message"),
    [
        ((DemoTurn(thought="x", actions=(BOX,)),), "ended without an answer"),
        ((DemoTurn(thought="x", actions=(BOX,)), DemoTurn(thought="y", actions=(BOX,))), "refused: .* got .* again"),
    ],
)
def test_a_demonstration_that_the_environment_refuses_is_a_bug(turns, message):
    with pytest.raises(InvariantError, match=rf"Demonstration of handmade/1 {message}"):
        play(demonstrating(*turns), problem(noise(0, (224, 192))), random.Random(0), CONFIG)


# --- tasks ------------------------------------------------------------------------------------------------------------


def source(task="marks", **changes):
    return TaskSource(**({"task": task, "options": {"num": "1"} if task == "marks" else {}} | changes))


def opened(nano, *sources, **changes):
    data = DataSection(tasks=list(sources), **changes)
    return open_stream(data, CONFIG, chat=nano.chat, settings=nano.images)


def same(one, other):
    return (
        torch.equal(one.ids, other.ids)
        and torch.equal(one.loss_mask, other.loss_mask)
        and torch.equal(one.patches, other.patches)
        and one.grids == other.grids
    )


def test_a_sample_follows_from_its_index_whatever_was_asked_for_before(nano):
    sources = source(weight=2), source("maze", mistakes=0.5, without_drawing=0.5)
    forwards, backwards = opened(nano, *sources), opened(nano, *sources)
    first = {index: forwards(index) for index in range(4)}
    for index in reversed(range(4)):
        assert same(backwards(index), first[index])
    assert not same(first[0], opened(nano, *sources, seed=1)(0))
    assert not same(first[0], first[1])


def test_tasks_and_drawing_are_mixed_as_the_weights_say(nano, monkeypatch):
    drawn = Counter()

    def counting(name, sample, rng, config, *, mistake):
        drawn[name, config.drawing, mistake] += 1
        return SimpleNamespace(rollout=None, views=())

    class Names(str):
        def generate(self, *_):
            return SimpleNamespace(task=str(self))

    monkeypatch.setattr(stream, "task_named", Names)
    monkeypatch.setattr(stream, "play", counting)
    monkeypatch.setattr(stream, "build_sample", lambda *_, **__: None)
    load = opened(nano, source(weight=3, without_drawing=0.25), source("maze", mistakes=0.5))
    for index in range(400):
        load(index)
    marks = sum(count for (name, _, _), count in drawn.items() if name == "marks")
    plain = sum(count for (name, drawing, _), count in drawn.items() if name == "marks" and not drawing)
    wrong = sum(count for (name, _, mistake), count in drawn.items() if name == "maze" and mistake)
    assert marks == pytest.approx(300, abs=30)
    assert plain == pytest.approx(75, abs=25)
    assert wrong == pytest.approx(50, abs=20)
    assert not any(mistake for (name, _, mistake) in drawn if name == "marks")
    assert all(drawing for (name, drawing, _) in drawn if name == "maze")


def test_an_unknown_task_is_refused_at_once_and_an_unknown_option_at_the_first_sample(nano):
    with pytest.raises(InputError, match="sudoku"):
        opened(nano, source("sudoku"))
    load = opened(nano, source(options={"colour": "red"}))
    with pytest.raises(InputError, match="option of task marks: expected one of num"):
        load(0)


def test_of_a_thousand_samples_in_a_row_each_source_has_its_share_and_its_own_come_in_order():
    turns = stream._Turns([1, 2, 1e-9], seed=0)
    for start in (0, 1001):
        places = [turns.at(index) for index in range(start, start + 1001)]
        assert Counter(number for number, _ in places) == {0: 333, 1: 667, 2: 1}
        period = start // 1001
        assert [place for number, place in places if number == 1] == list(range(667 * period, 667 * (period + 1)))


# --- datasets ---------------------------------------------------------------------------------------------------------


def test_each_sample_of_a_dataset_is_demonstrated_once_an_epoch(nano, tmp_path):
    info = DatasetInfo(name="marks", task="marks", version=1, split="train", seed=0, num=3, options={"num": "1"})
    write_dataset(tmp_path, info, lambda index: task_named("marks").generate("train", index, 0, info.options))
    load = opened(nano, TaskSource(dataset=tmp_path))
    epochs = [[load(3 * epoch + place).patches.sum().item() for place in range(3)] for epoch in range(2)]
    assert len(set(epochs[0])) == 3
    assert sorted(epochs[0]) == sorted(epochs[1])


def test_a_sample_of_a_dataset_whose_image_is_broken_is_counted_and_its_place_taken(nano, tmp_path):
    info = DatasetInfo(name="marks", task="marks", version=1, split="train", seed=0, num=3, options={"num": "1"})
    write_dataset(tmp_path, info, lambda index: task_named("marks").generate("train", index, 0, info.options))
    next((tmp_path / "images").iterdir()).write_bytes(b"no picture")
    load = opened(nano, TaskSource(dataset=tmp_path))
    found = [load(index) for index in range(6)]
    assert Counter(sample.dropped for sample in found) == {"": 4, "bad_sample": 2}


def test_a_dataset_without_samples_is_refused(nano, tmp_path):
    info = DatasetInfo(name="marks", task="marks", version=1, split="train", seed=0, num=0)
    write_dataset(tmp_path, info, lambda index: None)
    with pytest.raises(InputError, match=r"at least one sample; got none\. Make another: vilasr generate marks --num"):
        opened(nano, TaskSource(dataset=tmp_path))


def test_a_file_and_a_task_are_mixed_and_every_rollout_comes_before_one_comes_again(nano, tmp_path):
    path = write_rollouts(tmp_path / "rollouts.jsonl", [rollout_of(number) for number in range(4)])
    load = opened(nano, TaskSource(rollouts=path), source())
    turns = stream._Turns([1, 1], seed=0)
    mine = [index for index in range(40) if turns.at(index)[0] == 0]
    of_file = [load(index).patches[:144].sum().item() for index in mine[:8]]
    assert len(set(of_file[:4])) == 4
    assert set(of_file[:4]) == set(of_file[4:])


# --- rollout files ----------------------------------------------------------------------------------------------------


def rollout_of(number, *, thought="Look.", style=DEFAULT):
    """A rollout that draws one box and answers; each number has its own image."""
    episode = Episode(problem(noise(number, (224, 192))), replace(CONFIG, style=style), sibling=number)
    episode.reset()
    sizes = {"sizes": episode.sizes, "model_sizes": episode.model_sizes}
    episode.step(format_turn(thought, actions=(BOX,), protocol=COMPACT, **sizes))
    episode.step(format_turn("Yes.", answer="A", protocol=COMPACT, **sizes))
    return episode.rollout()


def write_rollouts(path, rollouts, *, style="default"):
    header = new_header(
        protocol="compact", model="teacher", seed=0, style=style, drawing=True, sampling=SamplingParams()
    )
    with RolloutWriter(path, header) as writer:
        for rollout in rollouts:
            writer.append(rollout)
    return path


def from_file(nano, path, **changes):
    data = DataSection(rollouts=path, **changes)
    return open_stream(data, CONFIG, chat=nano.chat, settings=nano.images)


def test_an_epoch_shows_every_rollout_of_a_file_once_in_an_order_of_its_own(nano, tmp_path):
    path = write_rollouts(tmp_path / "rollouts.jsonl", [rollout_of(number) for number in range(4)])
    load = from_file(nano, path)
    epochs = [[load(4 * epoch + place).patches.sum().item() for place in range(4)] for epoch in range(4)]
    assert len(set(epochs[0])) == 4
    assert all(sorted(epoch) == sorted(epochs[0]) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1
    assert same(from_file(nano, path)(9), load(9))


def test_images_of_a_file_are_drawn_in_the_style_that_its_header_names(nano, tmp_path):
    published = style_named("published")
    rollout = rollout_of(0, style=published)
    path = write_rollouts(tmp_path / "rollouts.jsonl", [rollout], style="published")
    views = views_of(rollout, style=published, sizer=CONFIG.sizer)
    assert torch.equal(from_file(nano, path)(0).patches, torch.cat([patchify(view, nano.images) for view in views]))


def test_a_rollout_that_cannot_be_used_is_reported_once_and_its_place_taken(nano, tmp_path, caplog):
    rollouts = [rollout_of(0), rollout_of(1, thought="on and on " * 100), rollout_of(2)]
    path = write_rollouts(tmp_path / "rollouts.jsonl", rollouts)
    load = from_file(nano, path, max_tokens=400)
    seen = Counter(load(index).patches[:144].sum().item() for index in range(12))
    assert len(seen) == 2
    assert caplog.messages == ["left out: handmade/1: no trainable token within 400 tokens."]
    assert same(from_file(nano, path, max_tokens=400)(11), load(11))
    with pytest.raises(InputError, match=r"got 3 that cannot, 3 of them too_long\. Raise data\.max_tokens\."):
        from_file(nano, path, max_tokens=5)(0)


def test_in_a_file_what_the_policy_failed_and_what_has_other_images_now_is_left_out(nano, tmp_path):
    failed = Episode(problem(noise(1, (224, 192))), CONFIG, sibling=1)
    failed.reset()
    rollouts = [rollout_of(0), failed.end(Status.POLICY_ERROR, "503"), rollout_of(2), rollout_of(3)]
    path = write_rollouts(tmp_path / "rollouts.jsonl", rollouts)
    for picture in sorted((tmp_path / "images").iterdir())[-1:]:
        noise(9, (64, 64)).save(picture)
    load = from_file(nano, path)
    found = [load(index) for index in range(8)]
    assert Counter(sample.dropped for sample in found) == {"": 4, "policy_error": 2, "image": 2}
    assert len({sample.patches.sum().item() for sample in found}) == 2


def test_in_a_style_that_scales_first_sizes_may_have_been_rounded_to_other_patches():
    published = style_named("published")
    rollout = rollout_of(0, style=published)
    recorded = [recipe.size for recipe in rollout.images]
    rounded = Sizer(factor=28, min_pixels=30_000, max_pixels=192 * 192)
    assert rounded.fit((224, 192)) != CONFIG.sizer.fit((224, 192)) == recorded[0]
    views = views_of(rollout, style=published, sizer=rounded)
    assert {view.size for view in views} == {rounded.fit((224, 192))}
    half = Sizer(factor=32, min_pixels=3_000, max_pixels=96 * 96)
    with pytest.raises(InvariantError, match="recorded with images of"):
        views_of(rollout, style=published, sizer=half)


def test_samples_that_models_are_evaluated_on_are_refused(nano, tmp_path):
    refusal = r'got .*the split "test", which is for evaluation alone\.'
    for name in ("maze/test/0/1", "maze-ood/test/0/1"):
        test = replace(rollout_of(0), sample=replace(rollout_of(0).sample, id=name))
        path = write_rollouts(tmp_path / f"{name.partition('/')[0]}.jsonl", [rollout_of(1), test])
        with pytest.raises(InputError, match=f"got {name}, of the split .*, and vilasr rollout for rollouts on them"):
            from_file(nano, path)
    info = DatasetInfo(name="marks", task="marks", version=1, split="test", seed=0, num=1)
    marks = task_named("marks")
    write_dataset(tmp_path / "set", info, lambda index: marks.generate("test", 0, 0, {}))
    with pytest.raises(InputError, match=rf"{refusal} Make others: vilasr generate marks --split train --out FOLDER"):
        opened(nano, TaskSource(dataset=tmp_path / "set"))
    write_dataset(tmp_path / "posing", replace(info, split="train"), lambda index: marks.generate("test", 0, 0, {}))
    with pytest.raises(InputError, match="got marks/test/0/0/1-5, of the split"):
        opened(nano, TaskSource(dataset=tmp_path / "posing"))


def test_a_file_without_rollouts_is_refused(nano, tmp_path):
    with pytest.raises(InputError, match=r"expected at least one rollout; got none\. Make another: vilasr rollout"):
        from_file(nano, write_rollouts(tmp_path / "rollouts.jsonl", []))
