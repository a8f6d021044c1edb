"""Looks that no style has, to train on: what is learned must not hang on a style. No held-out look is among them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    import random

    from numpy.typing import NDArray

    from vilasr.tasks.maze.style import MazeStyle

DISTURBED = "disturbed"
"""The name of the style of such a maze."""
MAX_VEILS = 5
NOISE = 14.0
WEAKEST = 0.45
"""What of the contrast is left under a veil, at least."""


def widened(style: MazeStyle, n: int, rng: random.Random) -> MazeStyle:
    """Every second style of a maze of n x n cells with walls of any width and letters of any size that fits."""
    if rng.random() < 0.5:
        return style
    cell = style.cell_px(n)
    wall_px = max(2, round(cell * rng.uniform(0.04, 0.38)))
    letter_px = max(11, round((cell - wall_px) * rng.uniform(0.6, 1.0)))
    return replace(style, wall_px=wall_px, letter_px=letter_px)


def disturbed(image: Image.Image, rng: random.Random) -> Image.Image:
    """`image` (RGB) with up to MAX_VEILS rectangles and ellipses in changed colours; half of the pictures are noisy."""
    pixels = np.asarray(image, dtype=np.float32)
    for _ in range(rng.randint(0, MAX_VEILS)):
        inside = _region(image.size, rng)
        pixels = np.where(inside[:, :, None], _recolored(pixels, rng), pixels)
    if rng.random() < 0.5:
        noise = np.random.default_rng(rng.getrandbits(64)).standard_normal(pixels.shape, dtype=np.float32)
        pixels = pixels + rng.uniform(0, NOISE) * noise
    return Image.fromarray(pixels.clip(0, 255).round().astype(np.uint8))


def _region(size: tuple[int, int], rng: random.Random) -> NDArray[np.bool_]:
    """Bool [height, width]: a rectangle or an ellipse, from 12 px to all of the picture."""
    mask = Image.new("1", size)
    left, top = (rng.uniform(-0.2, 0.9) * side for side in size)
    right, bottom = (start + rng.uniform(0.1, 1.0) ** 2 * side for start, side in zip((left, top), size, strict=True))
    pen = ImageDraw.Draw(mask)
    (pen.rectangle if rng.random() < 0.5 else pen.ellipse)((left, top, max(left + 12, right), max(top + 12, bottom)), 1)
    return np.asarray(mask)


def _recolored(pixels: NDArray[np.float32], rng: random.Random) -> NDArray[np.float32]:
    """Float32 [h, w, 3]: channels exchanged, contrast lowered, perhaps turned into the negative, brightness moved."""
    channels = rng.sample(range(3), 3)
    contrast = rng.uniform(WEAKEST, 1.0)
    room = 255 * (1 - contrast)
    scaled = contrast * pixels[:, :, channels]
    if rng.random() < 0.5:
        scaled = contrast * 255 - scaled
    shift = np.array([rng.uniform(0, room) for _ in range(3)], dtype=np.float32)
    return (scaled + shift).astype(np.float32)
