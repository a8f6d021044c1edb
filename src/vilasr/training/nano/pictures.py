"""Pictures for stage 0a, with what every visual token of them should know.

Maze pictures are made as they are needed, thousands a second. Scenes are rendered, thirty views a second on a core, so
they are rendered once, several views of each, into OUT/scenes; files that are there already are not made again.
"""

from __future__ import annotations

import math
import random
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open

from vilasr.errors import InputError, InvariantError
from vilasr.policies.transformers.vision import Grid, patchify
from vilasr.tasks import task_named
from vilasr.tasks.maze.disturb import disturbed, widened
from vilasr.tasks.maze.grid import make_maze
from vilasr.tasks.maze.paint import paint
from vilasr.tasks.maze.questions import LETTERS
from vilasr.tasks.maze.style import seen_style
from vilasr.tasks.maze.truth import truth_of
from vilasr.tasks.static.dots import DOT_COLORS, dot_radius, paint_dots
from vilasr.training.checkpoint import save_atomically
from vilasr.training.nano.architecture import IMAGE_SETTINGS, NANO_SIZER
from vilasr.training.nano.targets import SeeingTargets, join, maze_targets, mirrored, scene_targets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from torch import Tensor

    from vilasr.tasks.maze.grid import Maze
    from vilasr.tasks.scenes.world import Scene
    from vilasr.types import Point

VIEW = (224, 224)
"""The size of pictures of rooms, unless another one is asked for."""
VERSION = "2"
"""Of the views: another one where other pictures or targets would be made."""
VIEWS_PER_SCENE = 4
SCENES_PER_FILE = 100
CROWDED_SIZES = (4, 6)
DOTTED = (0.5, 0.15, 0.35)
"""Shares of views without dots, with one, and with one for each letter."""
NUM_OBJECTS = {"room": (7, 18), "table": (4, 10)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """One image as the vision tower takes it: patches float32 [t*h*w, patch values], (t, h, w), targets."""

    patches: Tensor
    grid: Grid
    targets: SeeingTargets


def maze_picture(index: int, seed: int) -> Picture:
    """Maze `index` of the training split; every second one is crowded with letters: four in a picture are few."""
    if index % 2:
        return _crowded_maze(random.Random(f"crowded/{seed}/{index}"))
    sample = task_named("maze").generate("train", index, seed, {"question": "valid" if index % 8 == 0 else "end"})
    truth, image = truth_of(sample), sample.images[0]
    if not isinstance(image, Image.Image):
        raise InvariantError("a generated sample holds its picture in memory")
    marks = [("start", truth.start), *truth.letters.items()]
    return _maze_picture(image, truth.maze, marks, (truth.xs, truth.ys))


def _crowded_maze(rng: random.Random) -> Picture:
    """Letters in half of the cells of a maze with small cells, where letters are hardest to tell apart."""
    n = rng.randint(*CROWDED_SIZES)
    maze, style = make_maze(n, "dfs", rng), widened(seen_style(n, rng), n, rng)
    start, *cells = rng.sample(range(n * n), 1 + n * n // 2)
    letters = [(rng.choice(LETTERS), cell) for cell in cells]
    image = disturbed(paint(maze, style, start=start, letters=letters), rng)
    return _maze_picture(image, maze, [("start", start), *letters], (style.columns(n), style.rows(n)))


def _maze_picture(
    image: Image.Image,
    maze: Maze,
    marks: Sequence[tuple[str, int]],
    centers: tuple[Sequence[float], Sequence[float]],
) -> Picture:
    size = NANO_SIZER.fit(image.size)
    return Picture(
        patches=patchify(image.resize(size, Image.Resampling.BICUBIC), IMAGE_SETTINGS),
        grid=IMAGE_SETTINGS.grid(size),
        targets=maze_targets(maze, marks, centers=centers, image_size=image.size, model_size=size),
    )


class ScenePictures:
    """Rendered views, each also as in a mirror, where it has no letters in it: of `num` views, 2 * num pictures. Pixels
    are read when they are needed: the system keeps them, once for all processes, as far as memory goes.

    Raises:
        MissingExtraError, InputError: nothing can draw, or the disk is full; a file that is there was made otherwise.
    """

    def __init__(self, folder: Path, num: int, *, seed: int, processes: int, report: Callable[[int], None]) -> None:
        files = render_files(folder, num, seed=seed, processes=processes, report=report)
        self._pixels: list[tuple[Any, int]] = []
        self._targets: list[SeeingTargets] = []
        for path in files:
            with safe_open(path, "pt") as file:
                _check_made_as(file, path, _made_as(seed))
                pixels = file.get_slice("pixels")
                tensors = {field.name: file.get_tensor(field.name) for field in fields(SeeingTargets)}
            for place in range(len(tensors["thing"])):
                self._pixels.append((pixels, place))
                self._targets.append(SeeingTargets(**{name: tensor[place] for name, tensor in tensors.items()}))

    def __len__(self) -> int:
        return 2 * len(self._targets)

    def picture(self, index: int) -> Picture:
        place, in_mirror = divmod(index % len(self), 2)
        (of_file, number), targets = self._pixels[place], self._targets[place]
        pixels = of_file[number]
        if in_mirror and not targets.marks[:, 1:].any():  # letters in a mirror are none
            pixels, targets = pixels.flip(1), mirrored(targets, VIEW)
        view = Image.fromarray(pixels.numpy())
        return Picture(patches=patchify(view, IMAGE_SETTINGS), grid=IMAGE_SETTINGS.grid(VIEW), targets=targets)


def render_files(folder: Path, num: int, *, seed: int, processes: int, report: Callable[[int], None]) -> list[Path]:
    """At least `num` views in files of SCENES_PER_FILE scenes; `report` is told the views after each file."""
    views = SCENES_PER_FILE * VIEWS_PER_SCENE
    paths = [folder / f"{number:04d}.safetensors" for number in range(-(-num // views))]
    missing = [number for number, path in enumerate(paths) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for done, _ in enumerate(pool.map(_render_file, [folder] * len(missing), missing, [seed] * len(missing)), 1):
            report(views * (len(paths) - len(missing) + done))
    return paths


def _render_file(folder: Path, number: int, seed: int) -> None:
    from vilasr.tasks.scenes.render import renderer_for
    from vilasr.tasks.scenes.walks import random_camera

    renderer = renderer_for(VIEW)
    pixels, targets = [], []
    for place in range(SCENES_PER_FILE):
        rng = random.Random(f"seeing/{seed}/{number * SCENES_PER_FILE + place}")
        scene = _scene(rng)
        renderer.load(scene)
        for _ in range(VIEWS_PER_SCENE):
            view = renderer.view(random_camera(scene, rng, VIEW))
            dots, color = _dots(rng)
            picture = paint_dots(view.image, [(point, name if name in LETTERS else "") for point, name in dots], color)
            pixels.append(torch.from_numpy(np.array(picture)))
            targets.append(scene_targets(scene, view, dots))
    joined = {
        field.name: getattr(join(targets), field.name).unflatten(0, (len(targets), -1))
        for field in fields(SeeingTargets)
    }
    save_atomically(folder / f"{number:04d}.safetensors", {"pixels": torch.stack(pixels), **joined}, _made_as(seed))


def _made_as(seed: int) -> dict[str, str]:
    """What a file of views says of itself."""
    return {"version": VERSION, "seed": str(seed)}


def _check_made_as(file: Any, path: Path, expected: dict[str, str]) -> None:
    if (found := file.metadata()) != expected:
        raise InputError(
            str(path),
            expected=f"views with {expected}",
            got=f"views with {found}",
            remedy=f"Remove {path.parent}: they are rendered anew.",
        )


def _dots(rng: random.Random) -> tuple[list[tuple[Point, str]], tuple[int, int, int]]:
    """Dots as questions have them, and their colour: in some views one, in more of them four with letters."""
    color = rng.choice(list(DOT_COLORS.values()))
    names = rng.choices(((), ("start",), LETTERS), DOTTED)[0]
    dots: list[tuple[Point, str]] = []
    while len(dots) < len(names):
        name = names[len(dots)]
        margin = dot_radius(VIEW, name if name in LETTERS else "")
        point = tuple(float(rng.randint(margin, side - 1 - margin)) for side in VIEW)
        if all(math.dist(point, other) > 2 * margin for other, _ in dots):
            dots.append(((point[0], point[1]), name))
    return dots, color


def _scene(rng: random.Random) -> Scene:
    from vilasr.tasks.scenes.layout import make_room_scene, make_table_scene

    if rng.random() < 0.5:
        return make_table_scene(rng, num_objects=NUM_OBJECTS["table"])
    return make_room_scene(rng, num_objects=NUM_OBJECTS["room"])
