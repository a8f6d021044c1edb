"""How a maze looks: a broad random family that is trained on, and named looks that are held out for tests only.

Lengths are pixels of the finished picture. Colours are RGB.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

Colour = tuple[int, int, int]

NUM_FONTS = 4
SIZE_RANGE = (160, 448)
"""Shorter and longer side that a picture may have."""

_TITLES = (
    "Maze",
    "maze",
    "Grid",
    "Figure 1",
    "Find the way",
    "Sample",
    "Labyrinth",
    "n = {n}",
    "{n} x {n}",
    "Maze {n}x{n}",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class PlotFrame:
    """Tick marks and numbers beside the maze, as plotting libraries add them."""

    title: str
    text_px: int
    colour: Colour
    first_tick: int
    upwards: bool
    """Row numbers grow upwards."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MazeStyle:
    """Everything that decides how a given maze is painted.

    Attributes:
        name: "plain" or "plot" for seen styles, "disturbed" for these disturbed, else a key of HELDOUT.
        heldout: never used for training.
        size: (width, height) of the picture.
        box: (left, top, right, bottom) of the grid's outer lines.
        walls: "solid", "dashed", "rounded", "bricks" or "sketch".
        grid: colour of faint lines between all cells, or None.
        checker: second floor colour of a chequered floor, or None.
        glow: colour of a wide stroke under the walls, or None.
        dot_shape: "disc", "square", "diamond", "ring" or "triangle".
        badge: "disc" paints each letter on a disc of `badge_colour`; "none" does not.
        path_colour: of the path shown in questions of type "valid".
        finish: ("none", 0), ("blur", radius) or ("jpeg", quality).
        roughness: seed of the hand tremor of "sketch".
    """

    name: str
    heldout: bool
    size: tuple[int, int]
    box: tuple[float, float, float, float]
    page: Colour
    floor: Colour
    wall: Colour
    wall_px: int
    walls: str = "solid"
    grid: Colour | None = None
    checker: Colour | None = None
    glow: Colour | None = None
    dot_shape: str = "disc"
    dot_colour: Colour
    dot_px: int
    font: int
    letter_px: int
    letter_colours: tuple[Colour, Colour, Colour, Colour]
    badge: str = "none"
    badge_colour: Colour = (0, 0, 0)
    path_colour: Colour
    path_px: int
    plot: PlotFrame | None = None
    finish: tuple[str, float] = ("none", 0.0)
    roughness: int = 0

    def columns(self, n: int) -> list[float]:
        """x of the n column centres."""
        left, right = self.box[0], self.box[2]
        return [round(left + (right - left) * (i + 0.5) / n, 3) for i in range(n)]

    def rows(self, n: int) -> list[float]:
        """y of the n row centres."""
        top, bottom = self.box[1], self.box[3]
        return [round(top + (bottom - top) * (i + 0.5) / n, 3) for i in range(n)]

    def cell_px(self, n: int) -> float:
        """The shorter side of a cell."""
        return min(self.box[2] - self.box[0], self.box[3] - self.box[1]) / n


def luminance(colour: Colour) -> float:
    """Perceived brightness, 0 to 255 (ITU-R BT.601)."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def seen_style(n: int, rng: random.Random) -> MazeStyle:
    """A style of the family that is trained on."""
    draw = rng.random
    as_plot = draw() < 0.15
    width, height = _canvas(n, draw)
    side = min(width, height)
    low, high = (0.08, 0.13) if as_plot else (0.02, 0.11)
    left, top, right, bottom = (side * (low + (high - low) * draw()) for _ in range(4))
    box = (round(left), round(top), round(width - right), round(height - bottom))
    cell = min(box[2] - box[0], box[3] - box[1]) / n
    wall_px = max(2, round(cell * (0.05 + 0.15 * draw() ** 1.5)))
    inner = cell - wall_px

    page, floor, wall = _surfaces(draw)
    bright = luminance(floor)
    dot_colour = _vivid(bright, draw)
    one_colour = _ink(bright, draw)
    if draw() < 0.3:
        letter_colours = (one_colour, _ink(bright, draw), _ink(bright, draw), _ink(bright, draw))
    else:
        letter_colours = (one_colour, one_colour, one_colour, one_colour)
    finish = draw()  # blur and JPEG are rare because each costs as much as four mazes
    return MazeStyle(
        name="plot" if as_plot else "plain",
        heldout=False,
        size=(width, height),
        box=box,
        page=page,
        floor=floor,
        wall=wall,
        wall_px=wall_px,
        grid=_mix(floor, wall, 0.1 + 0.15 * draw()) if draw() < 0.3 else None,
        dot_shape=("disc", "disc", "disc", "square", "diamond")[int(5 * draw())],
        dot_colour=dot_colour,
        dot_px=max(7, round(inner * (0.32 + 0.3 * draw()))),
        font=int(NUM_FONTS * draw()),
        letter_px=max(12, round(inner * (0.68 + 0.34 * draw()))),
        letter_colours=letter_colours,
        path_colour=_vivid(bright, draw, avoid=dot_colour),
        path_px=max(2, round(cell * (0.05 + 0.06 * draw()))),
        plot=_plot_frame(n, side, page, draw) if as_plot else None,
        finish=("blur", 0.4 + 0.5 * draw())
        if finish < 0.015
        else ("jpeg", 55 + 40 * draw())
        if finish < 0.03
        else ("none", 0.0),
    )


def _canvas(n: int, draw: Callable[[], float]) -> tuple[int, int]:
    """A size whose sides are within SIZE_RANGE, sides at most 4:3, and give each cell about 24 px or more."""
    low, high = max(SIZE_RANGE[0], 28 * n), SIZE_RANGE[1]
    side = low * (high / low) ** draw()
    stretch = math.exp(0.28 * (draw() - 0.5)) if draw() < 0.7 else 1.0
    width, height = round(side * stretch), round(side / stretch)
    return min(high, max(low, width)), min(high, max(low, height))


def _surfaces(draw: Callable[[], float]) -> tuple[Colour, Colour, Colour]:
    """(page, floor, wall) with floor and wall well apart in brightness."""
    if draw() < 0.72:
        floor = (255, 255, 255) if draw() < 0.35 else _tint(195, 255, draw)
        wall = (0, 0, 0) if draw() < 0.3 else _tint(0, 110, draw)
    else:
        floor, wall = _tint(0, 70, draw), _tint(165, 255, draw)
    chance = draw()
    page = floor if chance < 0.55 else (255, 255, 255) if chance < 0.75 else _tint(0, 255, draw)
    return page, floor, wall


def _tint(low: float, high: float, draw: Callable[[], float]) -> Colour:
    """A colour whose channels lie about one level of grey between `low` and `high`."""
    level, spread = low + (high - low) * draw(), 50 * draw()
    red, green, blue = (min(high, max(low, level + spread * (draw() - 0.5) * 2)) for _ in range(3))
    return (int(red), int(green), int(blue))


def _ink(bright: float, draw: Callable[[], float]) -> Colour:
    """A colour of letters on a floor of brightness `bright`: dark on light, light on dark, often coloured."""
    dark = bright > 127
    if draw() < 0.4:
        return (0, 0, 0) if dark else (255, 255, 255)
    for _ in range(8):
        colour = (int(256 * draw()), int(256 * draw()), int(256 * draw()))
        if (bright - luminance(colour) if dark else luminance(colour) - bright) > 105:
            return colour
    return (20, 20, 90) if dark else (255, 240, 160)


def _vivid(bright: float, draw: Callable[[], float], avoid: Colour | None = None) -> Colour:
    """A saturated colour that stands out from a grey of brightness `bright`, and from `avoid`."""
    for _ in range(8):
        channels = [int(60 * draw()), 190 + int(66 * draw()), int(256 * draw())]
        turn = int(6 * draw())
        first, second = turn % 3, (turn % 3 + 1 + turn // 3) % 3
        colour = (channels[first], channels[second], channels[3 - first - second])
        if abs(luminance(colour) - bright) < 65:
            continue
        if avoid is None or sum(abs(a - b) for a, b in zip(colour, avoid, strict=True)) > 200:
            return colour
    return (220, 20, 30) if avoid is None or avoid[0] < 128 else (20, 60, 230)


def _mix(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (int(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return (red, green, blue)


def _plot_frame(n: int, side: int, page: Colour, draw: Callable[[], float]) -> PlotFrame:
    titled = draw() < 0.6
    return PlotFrame(
        title=_TITLES[int(len(_TITLES) * draw())].format(n=n) if titled else "",
        text_px=max(9, round(side * (0.04 + 0.01 * draw()))),
        colour=(30, 30, 30) if luminance(page) > 127 else (225, 225, 225),
        first_tick=int(2 * draw()),
        upwards=draw() < 0.4,
    )


# --- held out ---------------------------------------------------------------------------------------------------------


def heldout_style(n: int, rng: random.Random) -> MazeStyle:
    """One of HELDOUT, on the measures of a random seen style."""
    name = rng.choice(tuple(HELDOUT))
    base = replace(seen_style(n, rng), plot=None, finish=("none", 0.0))
    return replace(HELDOUT[name](base, n, rng), name=name, heldout=True)


def _all(colour: Colour) -> tuple[Colour, Colour, Colour, Colour]:
    return (colour, colour, colour, colour)


def _dashed(style: MazeStyle, n: int, rng: random.Random) -> MazeStyle:
    return replace(style, walls="dashed", wall_px=max(3, round(0.08 * style.cell_px(n))))


def _hedge(style: MazeStyle, n: int, rng: random.Random) -> MazeStyle:
    cell = style.cell_px(n)
    return replace(
        style,
        walls="rounded",
        wall_px=round(0.27 * cell),
        page=(214, 200, 160),
        floor=(226, 214, 178),
        wall=(46, 110 + rng.randrange(30), 52),
        grid=None,
        dot_colour=(200, 40, 40),
        dot_px=max(7, round(0.35 * cell)),
        letter_px=max(12, round(0.6 * cell)),
        letter_colours=_all((60, 35, 15)),
        path_colour=(30, 60, 200),
    )


def _bricks(style: MazeStyle, n: int, rng: random.Random) -> MazeStyle:
    cell = style.cell_px(n)
    return replace(
        style,
        walls="bricks",
        wall_px=round(0.4 * cell),
        page=(190, 190, 190),
        floor=(238, 234, 226),
        wall=(120 + rng.randrange(40), 62, 48),
        grid=None,
        dot_colour=(20, 110, 220),
        dot_px=max(7, round(0.36 * cell)),
        letter_px=max(11, round(0.55 * cell)),
        letter_colours=_all((0, 0, 0)),
        path_colour=(20, 150, 60),
    )


def _neon(style: MazeStyle, n: int, rng: random.Random) -> MazeStyle:
    wall = rng.choice(((0, 240, 255), (255, 60, 220), (130, 255, 60)))
    return replace(
        style,
        walls="rounded",
        wall_px=max(2, round(0.06 * style.cell_px(n))),
        page=(6, 4, 18),
        floor=(6, 4, 18),
        wall=wall,
        grid=None,
        glow=_mix((6, 4, 18), wall, 0.35),
        dot_colour=(255, 230, 0),
        letter_colours=((255, 120, 120), (120, 255, 160), (140, 170, 255), (255, 255, 140)),
        path_colour=(255, 140, 0),
    )


def _blueprint(style: MazeStyle, n: int, rng: random.Random) -> MazeStyle:
    blue = (22, 62 + rng.randrange(30), 140 + rng.randrange(30))
    return replace(
        style,
        page=blue,
        floor=blue,
        wall=(235, 242, 255),
        wall_px=max(2, round(0.05 * style.cell_px(n))),
        grid=_mix(blue, (255, 255, 255), 0.25),
        dot_shape="ring",
        dot_colour=(255, 255, 255),
        font=2,
        letter_colours=_all((255, 255, 255)),
        path_colour=(255, 200, 60),
    )


def _sketch(style: MazeStyle, n: int, rng: random.Random) -> MazeStyle:
    return replace(
        style,
        walls="sketch",
        wall_px=max(2, round(0.05 * style.cell_px(n))),
        page=(250, 247, 238),
        floor=(250, 247, 238),
        wall=(50, 50, 60),
        grid=None,
        dot_colour=(190, 30, 30),
        letter_colours=_all((30, 50, 130)),
        path_colour=(20, 130, 50),
        roughness=1 + rng.randrange(1 << 30),
    )


def _badges(style: MazeStyle, n: int, rng: random.Random) -> MazeStyle:
    colour = rng.choice(((200, 40, 60), (40, 90, 200), (20, 130, 80), (120, 50, 160)))
    inner = style.cell_px(n) - style.wall_px
    return replace(
        style,
        badge="disc",
        badge_colour=colour,
        letter_px=max(12, round(0.66 * inner)),
        letter_colours=_all((255, 255, 255)),
    )


def _markers(style: MazeStyle, n: int, rng: random.Random) -> MazeStyle:
    inner = style.cell_px(n) - style.wall_px
    return replace(style, dot_shape=rng.choice(("ring", "triangle")), dot_px=max(9, round(0.55 * inner)))


def _checker(style: MazeStyle, n: int, rng: random.Random) -> MazeStyle:
    return replace(
        style,
        page=(255, 255, 255),
        floor=(244, 236, 214),
        checker=(222, 206, 170),
        wall=(70, 40, 20),
        grid=None,
        dot_colour=(190, 20, 30),
        letter_colours=_all((20, 30, 60)),
        path_colour=(20, 70, 210),
    )


HELDOUT: dict[str, Callable[[MazeStyle, int, random.Random], MazeStyle]] = {
    "dashed": _dashed,
    "hedge": _hedge,
    "bricks": _bricks,
    "neon": _neon,
    "blueprint": _blueprint,
    "sketch": _sketch,
    "badges": _badges,
    "markers": _markers,
    "checker": _checker,
}
"""Looks never used for training."""
