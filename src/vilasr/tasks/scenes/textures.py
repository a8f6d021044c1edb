"""Patterns of surfaces, made with numpy. The renderer multiplies them with the colour of what wears them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SIDE = 256


@dataclass(frozen=True, slots=True)
class Pattern:
    """A picture to lay over surfaces.

    Attributes:
        draw: makes it: float64 [SIDE, SIDE], or [SIDE, SIDE, 3]; 1 leaves a colour as it is. It repeats without a seam.
        length: m of a surface that it covers each way; None stretches it over all of a surface.
    """

    draw: Callable[[np.random.Generator], NDArray[np.float64]]
    length: float | None


def rgb_bytes(pattern: Pattern, seed: int) -> bytes:
    """uint8 [SIDE, SIDE, 3] of a pattern, as bytes."""
    drawn = pattern.draw(np.random.default_rng(seed))
    whole = np.clip(drawn * 255, 0, 255).round().astype(np.uint8)
    return (whole if whole.ndim == 3 else np.repeat(whole[..., None], 3, axis=2)).tobytes()


def _smooth_noise(rng: np.random.Generator, across: float, along: float) -> NDArray[np.float64]:
    """Zero mean, unit deviation, without a seam; blurred by `across` px over x and `along` px over y."""
    frequency = np.fft.fftfreq(SIDE)
    blur = np.exp(-2 * np.pi**2 * ((across * frequency[None, :]) ** 2 + (along * frequency[:, None]) ** 2))
    noise = np.fft.ifft2(np.fft.fft2(rng.standard_normal((SIDE, SIDE))) * blur).real
    return np.asarray((noise - noise.mean()) / noise.std())


def _plain(rng: np.random.Generator) -> NDArray[np.float64]:
    return np.asarray(0.965 + 0.006 * _smooth_noise(rng, 8, 8) + 0.006 * _smooth_noise(rng, 0.7, 0.7))


def _plaster(rng: np.random.Generator) -> NDArray[np.float64]:
    return np.asarray(0.95 + 0.012 * _smooth_noise(rng, 2, 2) + 0.016 * _smooth_noise(rng, 0.8, 0.8))


def _grain(rng: np.random.Generator) -> NDArray[np.float64]:
    """Wood, its grain along y."""
    fine, wide = _smooth_noise(rng, 1.0, 40), _smooth_noise(rng, 9, 60)
    return np.asarray(0.88 + 0.05 * fine + 0.05 * wide + 0.03 * np.sin(7 * wide))


def _paint(rng: np.random.Generator) -> NDArray[np.float64]:
    """Painted wood: its grain hardly shows, so that white stays white."""
    return np.asarray(0.975 + 0.012 * _smooth_noise(rng, 1.0, 40) + 0.006 * _smooth_noise(rng, 9, 60))


def _planks(rng: np.random.Generator) -> NDArray[np.float64]:
    """Boards along y: eight side by side, each with two butt joints."""
    width = SIDE // 8
    grey = _grain(rng)
    y = np.arange(SIDE)
    for board in range(8):
        columns = slice(board * width, (board + 1) * width)
        start = int(rng.integers(SIDE // 2))
        first = ((y - start) % SIDE) < SIDE // 2
        tones = 1 + rng.uniform(-0.13, 0.04, 2)
        grey[:, columns] *= np.where(first, tones[0], tones[1])[:, None]
        for joint in (start, start + SIDE // 2):
            grey[joint % SIDE, columns] *= 0.62
        grey[:, board * width] *= 0.62
    return grey


def _grid(
    rng: np.random.Generator, rows: int, columns: int, *, gap: int, joint: float, shift: bool
) -> NDArray[np.float64]:
    """Tiles or bricks with their own tones, and joints of `gap` px between them."""
    y, x = np.mgrid[:SIDE, :SIDE]
    height, width = SIDE // rows, SIDE // columns
    row = y // height
    if shift:
        x = (x + (row % 2) * width // 2) % SIDE
    tones = rng.uniform(0.88, 1.0, (rows, columns))[row % rows, (x // width) % columns]
    face = (y % height >= gap) & (x % width >= gap)
    return np.asarray(np.where(face, tones + 0.015 * _smooth_noise(rng, 1.5, 1.5), joint))


def _tiles(rng: np.random.Generator) -> NDArray[np.float64]:
    return _grid(rng, 4, 4, gap=3, joint=0.62, shift=False)


def _checks(rng: np.random.Generator) -> NDArray[np.float64]:
    y, x = np.mgrid[:SIDE, :SIDE] // (SIDE // 2)
    return np.asarray(np.where((x + y) % 2, 1.0, 0.72) + 0.01 * _smooth_noise(rng, 2, 2))


def _bricks(rng: np.random.Generator) -> NDArray[np.float64]:
    return _grid(rng, 16, 8, gap=2, joint=1.04, shift=True)


def _carpet(rng: np.random.Generator) -> NDArray[np.float64]:
    return np.asarray(0.86 + 0.07 * _smooth_noise(rng, 0.6, 0.6) + 0.025 * _smooth_noise(rng, 8, 8))


def _fabric(rng: np.random.Generator) -> NDArray[np.float64]:
    y, x = np.mgrid[:SIDE, :SIDE]
    weave = np.sin(x * (2 * np.pi / 8)) * np.sin(y * (2 * np.pi / 8))
    return np.asarray(0.93 + 0.03 * weave + 0.03 * _smooth_noise(rng, 1, 1))


def _stripes(rng: np.random.Generator) -> NDArray[np.float64]:
    x = np.arange(SIDE)
    wide = np.where((x // (SIDE // 8)) % 2, 0.97, 0.91)
    return np.asarray(np.tile(wide, (SIDE, 1)) + 0.008 * _smooth_noise(rng, 1, 1))


def _outdoors(rng: np.random.Generator) -> NDArray[np.float64]:
    """Sky with clouds over a line of trees and a meadow."""
    up = np.linspace(1.0, 0.0, SIDE)[:, None]
    clouds = np.clip(_smooth_noise(rng, 26, 9) * 0.5, 0, 1)[..., None]
    low, high, cloud = np.array((0.86, 0.93, 0.98)), np.array((0.45, 0.68, 0.94)), np.array((0.98, 0.98, 0.99))
    sky = low + (high - low) * up[..., None]
    sky = sky + (cloud - sky) * clouds * 0.8
    trees = up < 0.36 + 0.03 * _smooth_noise(rng, 6, 200)[:1] + 0.012 * _smooth_noise(rng, 2, 200)[:1]
    shade = 1 + 0.12 * _smooth_noise(rng, 2, 2)[..., None]
    found = np.where(trees[..., None], np.array((0.25, 0.42, 0.24)) * shade, sky)
    meadow = np.array((0.50, 0.65, 0.34)) * (1 + 0.05 * _smooth_noise(rng, 6, 1)[..., None])
    return np.asarray(np.where(up[..., None] < 0.22, meadow, found))


PATTERNS = {
    "plain": Pattern(_plain, 1.5),
    "plaster": Pattern(_plaster, 1.5),
    "stripes": Pattern(_stripes, 0.8),
    "bricks": Pattern(_bricks, 0.96),
    "planks": Pattern(_planks, 1.3),
    "tiles": Pattern(_tiles, 1.4),
    "checks": Pattern(_checks, 0.8),
    "carpet": Pattern(_carpet, 1.0),
    "grain": Pattern(_grain, 0.6),
    "fabric": Pattern(_fabric, 0.25),
    "outdoors": Pattern(_outdoors, None),
    "paint": Pattern(_paint, 0.6),
}
FLOORS = ("planks", "planks", "tiles", "checks", "carpet", "plain")
"""Patterns that a floor may have, the usual ones twice."""
WALLS = ("plain", "plain", "plaster", "stripes", "bricks")
