"""The size the policy sees: bicubic, and the same pixels whether all of a picture is scaled or what changed in it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vilasr.env.scaling import scaled, scaled_again

BICUBIC = Image.Resampling.BICUBIC


def noise(size, seed=0):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def changed(image, box):
    pixels = np.array(image)
    left, top, right, bottom = box
    pixels[top:bottom, left:right] ^= 255
    return Image.fromarray(pixels)


@pytest.mark.parametrize(("own", "size"), [((280, 200), (192, 160)), ((90, 400), (128, 96)), ((7, 5), (224, 192))])
def test_an_image_is_scaled_along_its_rows_and_then_along_its_columns(own, size):
    image = noise(own)
    assert scaled(image, size).tobytes() == image.resize((size[0], own[1]), BICUBIC).resize(size, BICUBIC).tobytes()


def test_an_image_of_that_size_is_left_as_it_is():
    image = noise((64, 32))
    assert scaled(image, (64, 32)) is image
    assert scaled_again(image, (64, 32), before=noise((64, 32), 1), view=noise((64, 32), 1)) is image


SIDES = st.integers(1, 300) | st.sampled_from([640, 1280, 2048])
MODEL_SIDES = st.integers(1, 12).map(lambda n: 28 * n) | st.integers(1, 12).map(lambda n: 32 * n) | st.integers(1, 300)


@given(st.tuples(SIDES, SIDES), st.tuples(MODEL_SIDES, MODEL_SIDES), st.data())
@settings(max_examples=150, deadline=None)
def test_scaling_only_what_changed_gives_the_pixels_of_scaling_all(own, size, data):
    left, top = (data.draw(st.integers(0, side - 1)) for side in own)
    right, bottom = (
        data.draw(st.integers(first, min(side, first + 40))) for first, side in zip((left, top), own, strict=True)
    )
    before = noise(own)
    image = changed(before, (left, top, right, bottom))
    view = scaled(before, size)
    key = view.tobytes()
    assert scaled_again(image, size, before=before, view=view).tobytes() == scaled(image, size).tobytes()
    assert view.tobytes() == key
