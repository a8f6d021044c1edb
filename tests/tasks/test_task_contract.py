"""What every task promises, whatever its world."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from functools import cache

import pytest

from vilasr.errors import InputError
from vilasr.scoring import score_answer
from vilasr.tasks import SPLITS, TASK_NAMES, task_named
from vilasr.types import AnswerType

LIGHT = [
    ("maze", {}),
    ("maze", {"question": "valid"}),
    ("maze", {"question": "shortest"}),
    ("maze", {"question": "mixed", "size": "3-8", "styles": "heldout"}),
    ("maze", {"size": "3-8", "styles": "disturbed"}),
    ("marks", {}),
    ("lengths", {}),
]
"""Thousands of these a second; scenes take a hundred times as long and need a way to draw, so fewer are looked at here
and ten thousand by benchmarks_perf/check_samples.py."""
SCENES = [
    ("static", {"size": "64"}),
    ("video", {"size": "64", "frames": "8"}),
    ("multiview", {"size": "64"}),
]
every_case = pytest.mark.parametrize(("name", "options"), [*LIGHT, *SCENES], ids=lambda value: str(value))
NUM_OF_SCENES = 6
"""Samples of each scene case that the tests share."""


def made(name, options, num, split="train", seed=0):
    """The first `num` samples of a case; of scenes, at most NUM_OF_SCENES."""
    return _made(name, tuple(options.items()), min(num, NUM_OF_SCENES) if is_of_scenes(name) else num, split, seed)


@cache
def _made(name, options, num, split, seed):
    if is_of_scenes(name):
        pytest.importorskip("mujoco")
    task = task_named(name)
    return [task.generate(split, index, seed, dict(options)) for index in range(num)]


def is_of_scenes(name):
    return name in {scene for scene, _ in SCENES}


def whole_pixels(_image_index, point):
    return (round(point[0]), round(point[1]))


def content(sample):
    return hash((*((image.size, image.tobytes()) for image in sample.images), sample.question, sample.options))


def test_every_named_task_has_a_case():
    assert {name for name, _ in (*LIGHT, *SCENES)} == set(TASK_NAMES)


@every_case
def test_the_same_arguments_give_the_same_sample(name, options):
    ones = made(name, options, 20)
    for index, one in list(enumerate(ones))[:: 4 if is_of_scenes(name) else 1]:
        other = task_named(name).generate("train", index, 0, options)
        assert content(one) == content(other)
        assert replace(one, images=()) == replace(other, images=())


@every_case
def test_the_gold_answer_is_there_and_scores_full_and_a_wrong_one_less(name, options):
    for index, sample in enumerate(made(name, options, 60)):
        assert sample.id.startswith(f"{name}/train/0/{index}")
        assert sample.task == name
        assert score_answer(sample, sample.answer).value == 1.0
        if sample.answer_type is AnswerType.CHOICE:
            letters = [chr(ord("A") + number) for number in range(len(sample.options))]
            assert sample.answer in letters
            wrong = [letter for letter in letters if letter != sample.answer]
        else:
            assert sample.options == ()
            wrong = [str(float(sample.answer) * 3 + 1)]
        assert all(score_answer(sample, answer).value < 1.0 for answer in wrong)


@every_case
def test_metadata_is_json_and_enough_to_demonstrate_from(name, options):
    task = task_named(name)
    for sample in made(name, options, 20):
        loaded = json.loads(json.dumps(dict(sample.metadata), allow_nan=False))
        assert loaded == sample.metadata
        again = replace(sample, metadata=loaded)
        one = task.demonstrate(sample, random.Random(5), frame=whole_pixels, mistake=True)
        assert one == task.demonstrate(again, random.Random(5), frame=whole_pixels, mistake=True)


@pytest.mark.parametrize(("name", "options"), LIGHT, ids=lambda value: str(value))
def test_gold_letters_are_balanced(name, options):
    task = task_named(name)
    samples = (task.generate("train", index, 9, options) for index in range(4000))
    letters = Counter(
        (len(sample.options), sample.answer) for sample in samples if sample.answer_type is AnswerType.CHOICE
    )
    for num_options in {num for num, _ in letters}:
        counts = [letters[num_options, chr(ord("A") + number)] for number in range(num_options)]
        if sum(counts) >= 1000:  # beyond four standard deviations of a fair letter
            assert max(abs(count / sum(counts) - 1 / num_options) for count in counts) < 2 / sum(counts) ** 0.5


@pytest.mark.parametrize(("name", "options"), SCENES, ids=lambda value: str(value))
def test_no_scene_recurs_over_splits_and_seeds(name, options):
    samples = [
        sample
        for split, seed in (("train", 0), ("train", 1), ("test", 0), ("validation", 0))
        for sample in made(name, options, 6 if (split, seed) == ("train", 0) else 2, split, seed)
    ]
    assert len({content(sample) for sample in samples}) == len(samples) == 12


@pytest.mark.parametrize("name", sorted({name for name, _ in LIGHT}))
def test_no_content_recurs_over_splits_seeds_and_ten_thousand_samples(name):
    task = task_named(name)
    seen = set()
    num = 0
    for split in SPLITS:
        for seed in (0, 1):
            for index in range(1700):
                seen.add(content(task.generate(split, index, seed)))
                num += 1
    assert num == len(seen) == 10_200


@pytest.mark.parametrize("name", TASK_NAMES)
def test_unknown_arguments_are_refused_with_what_is_allowed(name):
    task = task_named(name)
    with pytest.raises(InputError, match="split: expected one of train, validation, test; got 'dev'"):
        task.generate("dev", 0, 0)
    with pytest.raises(InputError, match=f"option of task {name}: expected one of .*; got 'colour'"):
        task.generate("train", 0, 0, {"colour": "red"})
    with pytest.raises(InputError, match="index: expected a whole number from 0; got -1"):
        task.generate("train", -1, 0)


def test_an_unknown_task_is_refused_with_the_names_there_are():
    with pytest.raises(InputError, match=r"task: expected one of maze.*; got 'chess'"):
        task_named("chess")
