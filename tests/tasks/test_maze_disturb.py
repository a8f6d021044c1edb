"""Disturbed mazes: reproducible, still readable, and no maze else is changed."""

import random

import numpy as np
import pytest
from PIL import Image

from vilasr.tasks.maze.disturb import MAX_VEILS, WEAKEST, disturbed

HALVES = Image.fromarray(np.repeat(np.array([[0] * 48 + [255] * 48], dtype=np.uint8), 64, axis=0)).convert("RGB")
"""96 x 64, black and white."""


def test_the_same_seed_disturbs_in_the_same_way_and_the_picture_given_stays_as_it_was():
    before = HALVES.tobytes()
    first, second = (disturbed(HALVES, random.Random(5)) for _ in range(2))
    assert first.tobytes() == second.tobytes()
    assert (first.size, first.mode) == ((96, 64), "RGB")
    assert HALVES.tobytes() == before


def test_some_pictures_stay_as_they_are_and_most_do_not():
    changed = [disturbed(HALVES, random.Random(seed)).tobytes() != HALVES.tobytes() for seed in range(200)]
    unchanged = 1 / (MAX_VEILS + 1) / 2  # no veil, no noise: about 17 of 200
    assert 0.3 * unchanged < changed.count(False) / 200 < 3 * unchanged


@pytest.mark.parametrize("seed", range(20))
def test_black_and_white_can_be_told_apart_under_every_veil(monkeypatch, seed):
    monkeypatch.setattr("vilasr.tasks.maze.disturb.NOISE", 0.0)
    monkeypatch.setattr("vilasr.tasks.maze.disturb.MAX_VEILS", 1)
    pixels = np.asarray(disturbed(HALVES, random.Random(seed)), dtype=int)
    across = np.abs(pixels[:, 47] - pixels[:, 48]).max(axis=1)  # the two columns where black meets white
    at_an_edge = across != np.median(across)  # of a veil that ends between the columns
    assert (across[~at_an_edge] >= 255 * WEAKEST**MAX_VEILS).all()


def test_a_veil_may_turn_the_picture_into_its_negative():
    found = [np.asarray(disturbed(HALVES, random.Random(seed)), dtype=int) for seed in range(40)]
    assert any((pixels[:, 20].mean(1) > pixels[:, 70].mean(1) + 50).any() for pixels in found)
