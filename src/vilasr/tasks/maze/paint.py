"""A maze, a style and what stands in the cells, painted with Pillow."""

from __future__ import annotations

import io
import random
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFilter

from vilasr.tasks.maze.glyphs import marker_mask, text_mask

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vilasr.tasks.maze.grid import Maze
    from vilasr.tasks.maze.style import Colour, MazeStyle, PlotFrame

_LETTER_NUMBERS = {"A": 0, "B": 1, "C": 2, "D": 3}

Segment = tuple[float, float, float, float]


def paint(
    maze: Maze, style: MazeStyle, *, start: int, letters: Iterable[tuple[str, int]], path: Sequence[int] = ()
) -> Image.Image:
    """The picture.

    Args:
        start: cell of the start marker.
        letters: which letter stands in which cell.
        path: cells of a path to be shown as a line, if any.
    """
    image = Image.new("RGB", style.size, style.page)
    pen = ImageDraw.Draw(image)
    n, box = maze.n, style.box
    if style.floor != style.page:
        pen.rectangle(box, style.floor)
    columns, rows = style.columns(n), style.rows(n)
    if style.checker is not None:
        _paint_checker(pen, style, n)
    if style.grid is not None:
        _paint_grid(pen, style, n)
    _paint_walls(pen, maze, style)
    if style.plot is not None:
        _paint_plot(pen, style, style.plot, columns, rows)
    if path:
        points = [(columns[cell % n], rows[cell // n]) for cell in path]
        pen.line(points, style.path_colour, style.path_px, joint="curve")
    _stamp(pen, marker_mask(style.dot_shape, style.dot_px), style.dot_colour, columns[start % n], rows[start // n])
    for letter, cell in letters:
        x, y = columns[cell % n], rows[cell // n]
        if style.badge == "disc":
            _stamp(pen, marker_mask("disc", round(1.25 * style.letter_px)), style.badge_colour, x, y)
        colour = style.letter_colours[_LETTER_NUMBERS[letter]]
        _stamp(pen, text_mask(letter, style.font, style.letter_px), colour, x, y)
    return _finish(image, style)


def _stamp(pen: ImageDraw.ImageDraw, mask: Image.Image, colour: Colour, x: float, y: float) -> None:
    """Paints `mask` in `colour`, centred on (x, y)."""
    pen.bitmap((round(x - mask.width / 2), round(y - mask.height / 2)), mask, colour)


def wall_runs(maze: Maze, style: MazeStyle) -> list[Segment]:
    """The walls, the outer ones too, as straight (x1, y1, x2, y2) px; neighbouring ones in a row are joined."""
    n, passages = maze.n, maze.passages
    left, top, right, bottom = style.box
    step_x, step_y = (right - left) / n, (bottom - top) / n
    runs: list[Segment] = [
        (left, top, right, top),
        (left, bottom, right, bottom),
        (left, top, left, bottom),
        (right, top, right, bottom),
    ]
    for line in range(1, n):
        x, y = left + line * step_x, top + line * step_y
        across = down = -1
        for position in range(n + 1):
            if position < n and not passages[(line - 1) * n + position] & 4:
                across = position if across < 0 else across
            elif across >= 0:
                runs.append((left + across * step_x, y, left + position * step_x, y))
                across = -1
            if position < n and not passages[position * n + line - 1] & 2:
                down = position if down < 0 else down
            elif down >= 0:
                runs.append((x, top + down * step_y, x, top + position * step_y))
                down = -1
    return runs


def _paint_walls(pen: ImageDraw.ImageDraw, maze: Maze, style: MazeStyle) -> None:
    runs, width = wall_runs(maze, style), style.wall_px
    if style.glow is not None:
        for run in runs:
            _round_bar(pen, run, style.glow, width + max(4, 2 * width))
    if style.walls == "rounded":
        for run in runs:
            _round_bar(pen, run, style.wall, width)
    elif style.walls == "dashed":
        for run in runs:
            _dashes(pen, run, style.wall, width)
    elif style.walls == "sketch":
        hand = random.Random(style.roughness)
        for run in runs:
            _tremble(pen, run, style.wall, width, hand)
    else:
        before = width // 2
        after = width - before - 1
        wall, rectangle = style.wall, pen.rectangle
        for x1, y1, x2, y2 in runs:
            rectangle((int(x1) - before, int(y1) - before, int(x2) + after, int(y2) + after), wall)
        if style.walls == "bricks":
            _mortar(pen, runs, style)


def _round_bar(pen: ImageDraw.ImageDraw, run: Segment, colour: Colour, width: int) -> None:
    x1, y1, x2, y2 = run
    half = width / 2
    pen.rounded_rectangle((x1 - half, y1 - half, x2 + half, y2 + half), half, colour)


def _dashes(pen: ImageDraw.ImageDraw, run: Segment, colour: Colour, width: int) -> None:
    """Dashes of about 2.2 widths with gaps of 1.4; a dash at either end, so that corners stay closed."""
    x1, y1, x2, y2 = run
    length = max(x2 - x1, y2 - y1)
    dash, num = 2.2 * width, max(2, round(length / (3.6 * width)) + 1)
    before = width // 2
    for number in range(num):
        along = (length - dash) * number / (num - 1)
        if x2 > x1:
            pen.rectangle((x1 + along, y1 - before, x1 + along + dash, y1 - before + width - 1), colour)
        else:
            pen.rectangle((x1 - before, y1 + along, x1 - before + width - 1, y1 + along + dash), colour)


def _tremble(pen: ImageDraw.ImageDraw, run: Segment, colour: Colour, width: int, hand: random.Random) -> None:
    """The run twice, each time as a slightly wandering stroke."""
    x1, y1, x2, y2 = run
    num = max(2, round(max(x2 - x1, y2 - y1) / 14))
    shake = 1.1 + width / 3
    for _ in range(2):
        points = [
            (
                x1 + (x2 - x1) * i / num + shake * (hand.random() - 0.5),
                y1 + (y2 - y1) * i / num + shake * (hand.random() - 0.5),
            )
            for i in range(num + 1)
        ]
        pen.line(points, colour, width, joint="curve")


def _mortar(pen: ImageDraw.ImageDraw, runs: Sequence[Segment], style: MazeStyle) -> None:
    """Light joints across the bricks, one wall width apart."""
    red, green, blue = style.wall
    joint, width = (red + 50, green + 60, blue + 60), style.wall_px
    half = width / 2
    for x1, y1, x2, y2 in runs:
        for number in range(1, round(max(x2 - x1, y2 - y1) / width) + 1):
            along = (number - 0.5) * width
            if x2 > x1:
                pen.line((x1 + along, y1 - half, x1 + along, y1 + half - 1), joint)
            else:
                pen.line((x1 - half, y1 + along, x1 + half - 1, y1 + along), joint)


def _paint_grid(pen: ImageDraw.ImageDraw, style: MazeStyle, n: int) -> None:
    left, top, right, bottom = style.box
    for line in range(1, n):
        x, y = int(left + (right - left) * line / n), int(top + (bottom - top) * line / n)
        pen.rectangle((x, top, x, bottom), style.grid)
        pen.rectangle((left, y, right, y), style.grid)


def _paint_checker(pen: ImageDraw.ImageDraw, style: MazeStyle, n: int) -> None:
    left, top, right, bottom = style.box
    step_x, step_y = (right - left) / n, (bottom - top) / n
    for cell in range(n * n):
        column, row = cell % n, cell // n
        if (column + row) % 2:
            x, y = left + column * step_x, top + row * step_y
            pen.rectangle((x, y, x + step_x, y + step_y), style.checker)


def _paint_plot(
    pen: ImageDraw.ImageDraw,
    style: MazeStyle,
    plot: PlotFrame,
    columns: Sequence[float],
    rows: Sequence[float],
) -> None:
    left, top, _, bottom = style.box
    tick = max(2, plot.text_px // 3)
    edge = style.wall_px / 2
    for number, x in enumerate(columns):
        pen.rectangle((x, bottom + edge, x, bottom + edge + tick), plot.colour)
        mask = text_mask(str(number + plot.first_tick), 0, plot.text_px)
        _stamp(pen, mask, plot.colour, x, bottom + edge + tick + 2 + plot.text_px / 2)
    for number, y in enumerate(reversed(rows) if plot.upwards else rows):
        pen.rectangle((left - edge - tick, y, left - edge, y), plot.colour)
        mask = text_mask(str(number + plot.first_tick), 0, plot.text_px)
        _stamp(pen, mask, plot.colour, left - edge - tick - 2 - plot.text_px / 3, y)
    if plot.title:
        middle = (columns[0] + columns[-1]) / 2
        _stamp(pen, text_mask(plot.title, 0, plot.text_px), plot.colour, middle, (top - edge) / 2)


def _finish(image: Image.Image, style: MazeStyle) -> Image.Image:
    kind, amount = style.finish
    if kind == "blur":
        return image.filter(ImageFilter.BoxBlur(amount))
    if kind == "jpeg":
        packed = io.BytesIO()
        image.save(packed, "JPEG", quality=int(amount))
        return Image.open(packed).convert("RGB")
    return image
