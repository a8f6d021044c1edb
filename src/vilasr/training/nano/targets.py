"""What every visual token of a picture should know: the labels of stage 0a, from worlds whose truth is known."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from vilasr.tasks.scenes.catalogue import CLASSES
from vilasr.tasks.scenes.colors import COLORS
from vilasr.training.nano.architecture import TOKEN_PX

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor

    from vilasr.tasks.maze.grid import Maze
    from vilasr.tasks.scenes.world import Scene, View
    from vilasr.types import Point, Size

MARKS = ("start", "A", "B", "C", "D")
THINGS = tuple(CLASSES)
COLOR_NAMES = tuple(COLORS)
LENGTHS = ("depth", "range", "side", "surface")
"""Of a thing: how far its middle is along the line of sight, and in a straight line; its longest side. Of a token: how
far what is seen there is along the line of sight."""
MAX_CM = 999
"""Longer ones are no single token."""
UNKNOWN = -1
"""No loss is taken there: mazes hold no furniture, rooms no cells."""
MIN_PIXELS = 20
"""Of a thing in a token, at 32 x 32 pixels a token, before the token is asked about it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SeeingTargets:
    """What every merged token of one image should know; T tokens in row-major order. Positions in model pixels.

    Attributes:
        marks: float32 [T, len(MARKS)]: 1 where the mark's centre lies inside the token; in a scene a dot with a letter,
            and "start" for one without.
        where_px: float32 [T, 2]: centre of the mark in the token; NaN where there is none, or more than one.
        mark_px: float32 [T, len(MARKS), 2]: centre of each mark, of which a token may hold several; or NaN.
        cell_px: float32 [T, 2]: centre of the maze's cell nearest to the token's centre; NaN in a scene.
        walls: float32 [T, 4]: walls above, right, below, left of that cell; NaN outside the maze.
        thing: int64 [T]: index in THINGS, len(THINGS) for floor and walls, UNKNOWN in a maze.
        color: int64 [T]: index in COLOR_NAMES; UNKNOWN where there is no thing.
        box_px: float32 [T, 4]: the thing's visible box; NaN where there is none.
        lengths_cm: float32 [T, len(LENGTHS)]: NaN below 1 cm and above MAX_CM; but for the surface also where there is
            no thing. The surface is that under the only mark in the token, else that in its middle.
    """

    marks: Tensor
    where_px: Tensor
    mark_px: Tensor
    cell_px: Tensor
    walls: Tensor
    thing: Tensor
    color: Tensor
    box_px: Tensor
    lengths_cm: Tensor


def join(targets: Sequence[SeeingTargets]) -> SeeingTargets:
    """The targets of several images, tokens one after the other."""
    names = [field.name for field in fields(SeeingTargets)]
    return SeeingTargets(**{name: torch.cat([getattr(target, name) for target in targets]) for name in names})


# --- mazes ------------------------------------------------------------------------------------------------------------


def maze_targets(
    maze: Maze,
    marks: Iterable[tuple[str, int]],
    *,
    centers: tuple[Sequence[float], Sequence[float]],
    image_size: Size,
    model_size: Size,
) -> SeeingTargets:
    """Targets of a maze picture of `image_size` that the model sees at `model_size`.

    Args:
        marks: which of MARKS stands in which cell.
        centers: x of the columns, y of the rows, in px of the image.
    """
    scale = np.array(model_size) / np.array(image_size)
    xs, ys = np.array(centers[0]) * scale[0], np.array(centers[1]) * scale[1]
    columns, rows = model_size[0] // TOKEN_PX, model_size[1] // TOKEN_PX
    token_x, token_y = np.meshgrid(np.arange(columns) + 0.5, np.arange(rows) + 0.5)
    token_x, token_y = token_x.ravel() * TOKEN_PX, token_y.ravel() * TOKEN_PX
    column = np.abs(token_x[:, None] - xs).argmin(1)
    row = np.abs(token_y[:, None] - ys).argmin(1)
    cell_px = np.stack([xs[column], ys[row]], axis=1)
    num = rows * columns
    counts = np.zeros((num, len(MARKS)), np.int64)
    mark_px = np.full((num, len(MARKS), 2), np.nan, np.float32)
    for name, cell in marks:
        x, y = xs[cell % maze.n], ys[cell // maze.n]
        token = min(int(y // TOKEN_PX), rows - 1) * columns + min(int(x // TOKEN_PX), columns - 1)
        counts[token, MARKS.index(name)] += 1
        mark_px[token, MARKS.index(name)] = x, y
    mark_px[counts > 1] = np.nan
    where_px = mark_px[np.arange(num), counts.argmax(1)]
    where_px[counts.sum(1) > 1] = np.nan
    walls = _walls(maze)[row, column]
    pitch = (xs[-1] - xs[0]) / (len(xs) - 1), (ys[-1] - ys[0]) / (len(ys) - 1)
    outside = (np.abs(cell_px[:, 0] - token_x) > pitch[0]) | (np.abs(cell_px[:, 1] - token_y) > pitch[1])
    walls[outside] = np.nan
    return SeeingTargets(
        marks=torch.from_numpy((counts > 0).astype(np.float32)),
        where_px=torch.from_numpy(where_px),
        mark_px=torch.from_numpy(mark_px),
        cell_px=torch.from_numpy(cell_px.astype(np.float32)),
        walls=torch.from_numpy(walls),
        thing=torch.full((num,), UNKNOWN),
        color=torch.full((num,), UNKNOWN),
        box_px=torch.full((num, 4), torch.nan),
        lengths_cm=torch.full((num, len(LENGTHS)), torch.nan),
    )


def _walls(maze: Maze) -> np.ndarray:
    """float32 [n, n, 4]: by row and column, 1 where there is a wall above, right, below, left."""
    closed = [[not maze.is_open(cell, direction) for direction in range(4)] for cell in range(maze.n**2)]
    return np.array(closed, np.float32).reshape(maze.n, maze.n, 4)


# --- scenes -----------------------------------------------------------------------------------------------------------


def scene_targets(scene: Scene, view: View, dots: Sequence[tuple[Point, str]] = ()) -> SeeingTargets:
    """Targets of a view that is rendered at the model's size: sides are multiples of TOKEN_PX.

    A token stands for the thing of which it holds the largest share, so that the mug on a table has a token too.
    `dots` are painted into it, each with one of MARKS.
    """
    height, width = view.labels.shape
    rows, columns = height // TOKEN_PX, width // TOKEN_PX
    num, num_things = rows * columns, len(scene.objects)
    inside = view.labels.reshape(rows, TOKEN_PX, columns, TOKEN_PX).transpose(0, 2, 1, 3).reshape(num, -1)
    counts = np.stack([(inside == number).sum(1) for number in range(num_things)], axis=1)
    shares = np.where(counts >= MIN_PIXELS, counts / np.maximum(counts.sum(0), 1), 0.0)
    chosen, has_thing = shares.argmax(1), shares.max(1) > 0
    kinds = np.array([THINGS.index(thing.category) for thing in scene.objects])
    colors = np.array([COLOR_NAMES.index(thing.color) for thing in scene.objects])
    boxes = np.array([view.boxes_px.get(thing.name, (np.nan,) * 4) for thing in scene.objects], np.float32)
    camera = view.camera
    things_m = [
        (camera.depth(thing.center), math.dist(camera.position, thing.center), thing.box.longest)
        for thing in scene.objects
    ]
    nothing = np.float32(np.nan)
    of_things = np.where(has_thing[:, None], np.array(things_m, np.float32)[chosen], nothing)
    counts, mark_px = np.zeros((num, len(MARKS)), np.int64), np.full((num, len(MARKS), 2), nothing)
    for (x, y), name in dots:
        token = int(y // TOKEN_PX) * columns + int(x // TOKEN_PX)
        counts[token, MARKS.index(name)] += 1
        mark_px[token, MARKS.index(name)] = x, y
    where_px = np.where(counts.sum(1, keepdims=True) == 1, mark_px[np.arange(num), counts.argmax(1)], nothing)
    middle_y, middle_x = (np.indices((rows, columns)).reshape(2, num) + 0.5) * TOKEN_PX
    x, y = np.where(np.isnan(where_px.T), (middle_x, middle_y), where_px.T).astype(int)
    lengths_cm = 100 * np.column_stack([of_things, view.depth[y, x]])
    lengths_cm[~((lengths_cm >= 1) & (lengths_cm <= MAX_CM))] = nothing
    return SeeingTargets(
        marks=torch.from_numpy((counts > 0).astype(np.float32)),
        where_px=torch.from_numpy(where_px),
        mark_px=torch.from_numpy(mark_px),
        cell_px=torch.full((num, 2), torch.nan),
        walls=torch.full((num, 4), torch.nan),
        thing=torch.from_numpy(np.where(has_thing, kinds[chosen], len(THINGS))),
        color=torch.from_numpy(np.where(has_thing, colors[chosen], UNKNOWN)),
        box_px=torch.from_numpy(np.where(has_thing[:, None], boxes[chosen], nothing)),
        lengths_cm=torch.from_numpy(lengths_cm.astype(np.float32)),
    )


def mirrored(targets: SeeingTargets, size: Size) -> SeeingTargets:
    """Targets of a scene's picture seen in a mirror: left and right change places. It has no letters in it."""
    columns = size[0] // TOKEN_PX

    def turn(tensor: Tensor) -> Tensor:
        return tensor.unflatten(0, (-1, columns)).flip(1).flatten(0, 1)

    x1, y1, x2, y2 = turn(targets.box_px).unbind(1)
    across = torch.tensor([size[0] - 1.0, 0.0])
    return replace(
        targets,
        marks=turn(targets.marks),
        where_px=(across - turn(targets.where_px)).abs(),
        mark_px=(across - turn(targets.mark_px)).abs(),
        thing=turn(targets.thing),
        color=turn(targets.color),
        box_px=torch.stack([size[0] - x2, y1, size[0] - x1, y2], dim=1),
        lengths_cm=turn(targets.lengths_cm),
    )
