"""Stage 0a: teach the vision tower to see, before any language.

A tower that learns from text alone sits for thousands of samples on "knows the grid, not the cell". The generators
know what lies under every visual token, so each merged token is asked directly, through linear heads that are thrown
away afterwards: which marks are in it, where exactly, which cell centre is nearest, which sides of that cell are walls.
Positions are read through the language side's own number embeddings, so what the tower learns is already in the form
in which the text tower can copy it.
"""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from pydantic import Field
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from vilasr.errors import InputError, InvariantError
from vilasr.policies.transformers.vision import Grid, patchify
from vilasr.tasks import Task, task_named
from vilasr.training.attention import use_packed_attention
from vilasr.training.checkpoint import flatten_optimizer, restore_optimizer, save_atomically
from vilasr.training.config import Section
from vilasr.training.metrics import MetricsLog
from vilasr.training.nano.architecture import (
    IMAGE_SETTINGS,
    NANO_SIZER,
    TOKEN_PX,
    NanoShape,
    build_vision,
    number_embedding,
)
from vilasr.training.optim import set_rate, warmup_then_cosine
from vilasr.training.prefetch import prefetched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vilasr.types import Json, Sample, Size

    Report = Callable[[int, dict[str, float]], None]

MARKS = ("start", "A", "B", "C", "D", "G")
MAX_NUMBER = 512


class SeeingConfig(Section):
    """One run of stage 0a, on maze pictures of the training split."""

    out: Path
    steps: int = Field(gt=0)
    batch_size: int = Field(default=32, gt=0)
    lr: float = Field(default=1e-3, gt=0)
    warmup: int = 100
    final_lr: float = 0.1
    seed: int = 0
    threads: int | None = Field(default=None, gt=0)
    save_every: int = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class SeeingTargets:
    """What every merged token of one image should know; T tokens in row-major order.

    Attributes:
        marks: float32 [T, len(MARKS)]: 1 where the mark's centre lies inside the token.
        where_px: float32 [T, 2]: centre of the mark in the token, model pixels; NaN where there is none.
        cell_px: float32 [T, 2]: centre of the cell nearest to the token's centre, model pixels.
        walls: float32 [T, 4]: walls above, right, below, left of that cell; NaN outside the maze.
    """

    marks: Tensor
    where_px: Tensor
    cell_px: Tensor
    walls: Tensor


def maze_targets(sample: Sample, image_size: Size, model_size: Size) -> SeeingTargets:
    """Targets of a maze picture of `image_size` that the model sees at `model_size`."""
    truth = sample.metadata
    scale = np.array(model_size) / np.array(image_size)
    xs, ys = np.array(truth["xs"]) * scale[0], np.array(truth["ys"]) * scale[1]
    columns, rows = model_size[0] // TOKEN_PX, model_size[1] // TOKEN_PX
    token_x, token_y = np.meshgrid(np.arange(columns) + 0.5, np.arange(rows) + 0.5)
    token_x, token_y = token_x.ravel() * TOKEN_PX, token_y.ravel() * TOKEN_PX
    column = np.abs(token_x[:, None] - xs).argmin(1)
    row = np.abs(token_y[:, None] - ys).argmin(1)
    cell_px = np.stack([xs[column], ys[row]], axis=1)
    marks = np.zeros((rows * columns, len(MARKS)), np.float32)
    where_px = np.full((rows * columns, 2), np.nan, np.float32)
    for name, (mark_column, mark_row) in _marks(truth).items():
        x, y = xs[mark_column], ys[mark_row]
        token = min(int(y // TOKEN_PX), rows - 1) * columns + min(int(x // TOKEN_PX), columns - 1)
        marks[token, MARKS.index(name)] = 1
        where_px[token] = x, y
    walls = _walls(truth)[row, column]
    pitch = (xs[-1] - xs[0]) / (len(xs) - 1), (ys[-1] - ys[0]) / (len(ys) - 1)
    outside = (np.abs(cell_px[:, 0] - token_x) > pitch[0]) | (np.abs(cell_px[:, 1] - token_y) > pitch[1])
    walls[outside] = np.nan
    return SeeingTargets(
        marks=torch.from_numpy(marks),
        where_px=torch.from_numpy(where_px),
        cell_px=torch.from_numpy(cell_px.astype(np.float32)),
        walls=torch.from_numpy(walls),
    )


def _walls(truth: Json) -> np.ndarray:
    """float32 [n, n, 4]: by row and column, 1 where there is a wall above, right, below, left."""
    n = truth["n"]
    walls = np.zeros((n, n, 4), np.float32)
    walls[0, :, 0] = walls[:, -1, 1] = walls[-1, :, 2] = walls[:, 0, 3] = 1
    for column, row, side in truth["walls"]:
        if side == "right":
            walls[row, column, 1] = walls[row, column + 1, 3] = 1
        else:
            walls[row, column, 2] = walls[row + 1, column, 0] = 1
    return walls


def _marks(truth: Json) -> dict[str, Sequence[int]]:
    return {"start": truth["start"], **truth["letters"]}


class SeeingHeads(nn.Module):
    """Linear read-outs of merged tokens [T, width]; positions as logits over the numbers 0..511."""

    numbers: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.marks = nn.Linear(width, len(MARKS))
        self.walls = nn.Linear(width, 4)
        self.positions = nn.Linear(width, 4 * width)
        table = torch.stack([number_embedding(number, width, scale=1.0) for number in range(MAX_NUMBER)])
        self.register_buffer("numbers", table * width**-0.5, persistent=False)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of marks [T, M], of walls [T, 4], and of (mark x, mark y, cell x, cell y) [T, 4, 512]."""
        positions = self.positions(tokens).unflatten(-1, (4, -1)) @ self.numbers.T
        return self.marks(tokens), self.walls(tokens), positions


def seeing_loss(heads: SeeingHeads, tokens: Tensor, targets: SeeingTargets) -> tuple[Tensor, dict[str, float]]:
    """Sum of the four losses, and what to log: recall of marks and the median errors in pixels."""
    marks, walls, positions = heads(tokens)
    has_mark = targets.marks.any(1)
    known = ~targets.walls.isnan()
    losses = {
        "marks": functional.binary_cross_entropy_with_logits(marks, targets.marks, pos_weight=torch.tensor(5.0)) * 10,
        "walls": functional.binary_cross_entropy_with_logits(walls[known], targets.walls[known]),
        "where": _number_loss(positions[has_mark, :2], targets.where_px[has_mark]),
        "cell": _number_loss(positions[:, 2:], targets.cell_px),
    }
    with torch.no_grad():
        found = (marks > 0) & (targets.marks > 0)
        logged = {name: loss.item() for name, loss in losses.items()}
        logged["recall"] = (found.sum() / targets.marks.sum()).item()
        logged["precision"] = (found.sum() / (marks > 0).sum().clamp(min=1)).item()
        logged["where_px"] = (positions[has_mark, :2].argmax(-1) - targets.where_px[has_mark]).abs().median().item()
        logged["cell_px"] = (positions[:, 2:].argmax(-1) - targets.cell_px).abs().median().item()
        logged["walls_right"] = ((walls[known] > 0) == (targets.walls[known] > 0)).float().mean().item()
    return sum(losses.values(), torch.zeros(())), logged


def _number_loss(logits: Tensor, px: Tensor) -> Tensor:
    """Cross-entropy against a bell of one pixel round the true position: logits [N, K, 512], px [N, K]."""
    numbers = torch.arange(MAX_NUMBER, device=px.device)
    bell = torch.exp(-0.5 * (numbers - px[..., None]) ** 2)
    bell = bell / bell.sum(-1, keepdim=True)
    return -(bell * logits.float().log_softmax(-1)).sum(-1).mean()


def train_seeing(
    config: SeeingConfig,
    *,
    shape: NanoShape = NanoShape(),  # noqa: B008 -- frozen
    report: Report = lambda step, metrics: None,
) -> Path:
    """Train (or go on training) the vision tower; returns the file OUT/vision.safetensors.

    Step k sees the pictures k * batch_size and on, and OUT/state.safetensors holds everything else, so a run that was
    killed goes on as if nothing had happened.

    Raises:
        InputError: the folder holds a run with another config, or the disk is full.
    """
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    vision = build_vision(shape)
    use_packed_attention(vision)
    heads = SeeingHeads(vision.config.out_hidden_size)
    weights = [*vision.parameters(), *heads.parameters()]
    optimizer = torch.optim.AdamW(
        [{"params": weights, "initial_lr": config.lr}], betas=(0.9, 0.98), weight_decay=0.01, fused=True
    )
    state = config.out / "state.safetensors"
    first_step = _load_state(state, config, vision, heads, optimizer)
    rate = warmup_then_cosine(config.steps, warmup=config.warmup, final=config.final_lr)
    with (
        closing(MetricsLog(config.out / "metrics.jsonl", first_step=first_step)) as log,
        closing(prefetched(_batches(config, first_step), ahead=2)) as batches,
    ):
        for step in range(first_step, config.steps):
            set_rate(optimizer, rate(step))
            patches, grids, targets = next(batches)
            with torch.autocast("cpu", torch.bfloat16):
                output = vision(patches, grid_thw=grids)
            loss, metrics = seeing_loss(heads, output.pooler_output.float(), targets)
            loss.backward()
            nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            optimizer.zero_grad()
            log.write(step, metrics)
            report(step, metrics)
            if (step + 1) % config.save_every == 0 or step + 1 == config.steps:
                _save_state(state, config, vision, heads, optimizer, step + 1)
    save_file(vision.state_dict(), config.out / "vision.safetensors")
    return config.out / "vision.safetensors"


def _save_state(
    path: Path, config: SeeingConfig, vision: nn.Module, heads: nn.Module, optimizer: torch.optim.Optimizer, step: int
) -> None:
    tensors = {f"vision.{name}": tensor for name, tensor in vision.state_dict().items()}
    tensors |= {f"heads.{name}": tensor for name, tensor in heads.state_dict().items()}
    tensors |= {f"optimizer.{name}": tensor for name, tensor in flatten_optimizer(optimizer).items()}
    save_atomically(path, tensors, {"step": str(step), "config": _identity(config)})


def _load_state(
    path: Path, config: SeeingConfig, vision: nn.Module, heads: nn.Module, optimizer: torch.optim.Optimizer
) -> int:
    """Restore what `_save_state` wrote; returns the next step, 0 when there is nothing."""
    if not path.exists():
        return 0
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    if metadata["config"] != _identity(config):
        raise InputError(
            str(path),
            expected=f"the state of a run with {_identity(config)}",
            got=metadata["config"],
            remedy="Give another folder: out=PATH.",
        )
    tensors = load_file(path)
    parts: dict[str, dict[str, Tensor]] = {"vision": {}, "heads": {}, "optimizer": {}}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        parts[part][rest] = tensor
    vision.load_state_dict(parts["vision"])
    heads.load_state_dict(parts["heads"])
    restore_optimizer(optimizer, parts["optimizer"], name=str(path))
    return int(metadata["step"])


def _identity(config: SeeingConfig) -> str:
    """What must be equal for a run to be resumed, as JSON."""
    return json.dumps(config.model_dump(exclude={"out", "threads", "save_every"}))


def _batches(config: SeeingConfig, first_step: int) -> Iterator[tuple[Tensor, Tensor, SeeingTargets]]:
    """Patches, grids and targets of each step; images of one size lie together."""
    maze = task_named("maze")
    for step in count(first_step):
        indices = range(step * config.batch_size, (step + 1) * config.batch_size)
        pictures = sorted((_picture(maze, index, config.seed) for index in indices), key=lambda picture: picture[1])
        patches, grids, targets = zip(*pictures, strict=True)
        yield torch.cat(patches), torch.tensor(grids), join(targets)


def _picture(maze: Task, index: int, seed: int) -> tuple[Tensor, Grid, SeeingTargets]:
    question = ("end", "end", "valid", "shortest")[index % 4]
    sample = maze.generate("train", index, seed, {"question": question})
    image = sample.images[0]
    if not isinstance(image, Image.Image):
        raise InvariantError("a generated sample holds its picture in memory")
    model_size = NANO_SIZER.fit(image.size)
    view = image.resize(model_size, Image.Resampling.BICUBIC)
    return patchify(view, IMAGE_SETTINGS), IMAGE_SETTINGS.grid(model_size), maze_targets(sample, image.size, model_size)


def join(targets: Sequence[SeeingTargets]) -> SeeingTargets:
    """The targets of several images, tokens one after the other."""
    names = ("marks", "where_px", "cell_px", "walls")
    return SeeingTargets(**{name: torch.cat([getattr(target, name) for target in targets]) for name in names})
