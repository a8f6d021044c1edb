"""Stage 0a: teach the vision tower to see, before any language.

A tower that learns from text alone sits for thousands of samples on "knows the grid, not the cell". The generators
know what lies under every visual token, so each merged token is asked directly, through linear heads that are thrown
away afterwards: in a maze, which marks are in it, where exactly, which cell centre is nearest, which sides of that cell
are walls; in a scene, which thing, of what colour, how far, and where its box begins and ends.
Positions are read through the language side's own number embeddings, so what the tower learns is already in the form
in which the text tower can copy it.
"""

from __future__ import annotations

import json
import random
import sys
from contextlib import closing, nullcontext
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import torch
from pydantic import Field
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer
from tqdm import tqdm

from vilasr.errors import InputError
from vilasr.policies.transformers import prepare_tower
from vilasr.training.attention import use_packed_attention
from vilasr.training.checkpoint import flatten_optimizer, restore_optimizer, save_atomically
from vilasr.training.config import Section, load_config
from vilasr.training.distributed import in_force, is_first_process, joined, sum_gradients
from vilasr.training.metrics import MetricsLog
from vilasr.training.muon import WITH_MUON, MuonWithAdamW, is_inner
from vilasr.training.nano.architecture import NanoShape, build_vision, number_embedding
from vilasr.training.nano.pictures import ScenePictures, maze_picture
from vilasr.training.nano.targets import (
    COLOR_NAMES,
    LENGTHS,
    MARKS,
    MAX_CM,
    THINGS,
    UNKNOWN,
    SeeingTargets,
    join,
)
from vilasr.training.optim import set_rate, warmup_then_cosine
from vilasr.training.prefetch import prefetched
from vilasr.training.provenance import write_run_json
from vilasr.training.words import WORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from vilasr.training.distributed import Ranks

    Report = Callable[[int, dict[str, float]], None]
    _Part: TypeAlias = nn.Module | Optimizer
    _Seen = tuple[Tensor, Tensor, SeeingTargets]

VISION = "vision.safetensors"
ONLY_MARK, CELL, BOX, EACH_MARK = slice(0, 2), slice(2, 4), slice(4, 8), slice(8, 8 + 2 * len(MARKS))
LENGTH = slice(EACH_MARK.stop, EACH_MARK.stop + len(LENGTHS))
"""Numbers that a token is asked for: x, y of the only mark in it; of its cell; the thing's box; x, y of each mark;
LENGTHS."""
LENGTH_SPREAD = 0.03
"""Standard deviation of the bell round a length, as a share of it: nobody sees centimetres from across a room."""


class SeeingConfig(Section):
    """One run of stage 0a, on maze pictures of the training split and on views of scenes.

    `scene_views` are rendered once, by `render_processes`, and seen again and again, also in a mirror; they make
    `scene_share` of every batch. `hidden_lr` is that of the matrices inside the tower, which Muon trains; `lr` is
    AdamW's, for all else.
    """

    out: Path
    steps: int = Field(gt=0)
    batch_size: int = Field(default=32, gt=0)
    scene_views: int = Field(default=0, ge=0)
    scene_share: float = Field(default=0.5, ge=0, le=1)
    render_processes: int = Field(default=2, gt=0)
    lr: float = Field(default=1e-3, gt=0)
    hidden_lr: float = Field(default=2e-3, gt=0)
    warmup: int = 100
    final_lr: float = 0.1
    seed: int = 0
    threads: int | None = Field(default=None, gt=0)
    save_every: int = 100


class SeeingHeads(nn.Module):
    """Linear read-outs of merged tokens [T, width]; positions and lengths as logits over the numbers 0 to MAX_CM."""

    numbers: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.marks = nn.Linear(width, len(MARKS))
        self.walls = nn.Linear(width, 4)
        self.positions = nn.Linear(width, LENGTH.stop * width)
        self.thing = nn.Linear(width, len(THINGS) + 1)
        self.color = nn.Linear(width, len(COLOR_NAMES))
        table = torch.stack([number_embedding(number, width, scale=1.0) for number in range(MAX_CM + 1)])
        self.register_buffer("numbers", table * width**-0.5, persistent=False)

    def where(self, tokens: Tensor, asked: slice) -> Tensor:
        """Logits [T, K, MAX_CM + 1] of the K numbers `asked` for."""
        width = tokens.shape[1]
        rows = slice(asked.start * width, asked.stop * width)
        read = functional.linear(tokens, self.positions.weight[rows], self.positions.bias[rows])
        return read.unflatten(-1, (-1, width)) @ self.numbers.T


def seeing_loss(heads: SeeingHeads, tokens: Tensor, targets: SeeingTargets) -> tuple[Tensor, dict[str, float]]:
    """Sum of the losses that the pictures allow, and what to log of them."""
    parts = []
    if targets.marks.any():
        parts.append(_mark_losses(heads, tokens, targets))
    of_maze = ~targets.cell_px[:, 0].isnan()
    if of_maze.any():
        parts.append(_maze_losses(heads, tokens[of_maze], targets, of_maze))
    of_scene = targets.thing != UNKNOWN
    if of_scene.any():
        parts.append(_scene_losses(heads, tokens[of_scene], targets, of_scene))
    losses = {name: loss for part, _ in parts for name, loss in part.items()}
    logged = {name: value for _, part in parts for name, value in part.items()}
    return sum(losses.values(), torch.zeros(())), {name: loss.item() for name, loss in losses.items()} | logged


def _maze_losses(
    heads: SeeingHeads, tokens: Tensor, targets: SeeingTargets, chosen: Tensor
) -> tuple[dict[str, Tensor], dict[str, float]]:
    """For mazes' tokens. Logged: median error in px, share of walls that are right."""
    cell_px, true_walls = targets.cell_px[chosen], targets.walls[chosen]
    walls, cell = heads.walls(tokens), heads.where(tokens, CELL)
    known = ~true_walls.isnan()
    losses = {
        "walls": functional.binary_cross_entropy_with_logits(walls[known], true_walls[known]),
        "cell": _number_loss(cell, cell_px),
    }
    with torch.no_grad():
        logged = {
            "cell_px": (cell.argmax(-1) - cell_px).abs().median(),
            "walls_right": ((walls[known] > 0) == (true_walls[known] > 0)).float().mean(),
        }
    return losses, {name: value.item() for name, value in logged.items()}


def _mark_losses(
    heads: SeeingHeads, tokens: Tensor, targets: SeeingTargets
) -> tuple[dict[str, Tensor], dict[str, float]]:
    """For all tokens. Logged: recall and precision of marks, median errors of their places in px."""
    true_marks, where_px, mark_px = targets.marks, targets.where_px, targets.mark_px
    marks = heads.marks(tokens)
    has_one, placed = ~where_px[:, 0].isnan(), ~mark_px[..., 0].isnan()
    has_any = placed.any(1)
    one = heads.where(tokens[has_one], ONLY_MARK)
    each = heads.where(tokens[has_any], EACH_MARK).unflatten(1, (len(MARKS), 2))[placed[has_any]]
    losses = {
        "marks": functional.binary_cross_entropy_with_logits(marks, true_marks, pos_weight=torch.tensor(5.0)) * 10,
        "where": _number_loss(one, where_px[has_one]),
        "each": _number_loss(each, mark_px[placed]),
    }
    with torch.no_grad():
        found = (marks > 0) & (true_marks > 0)
        logged = {
            "recall": found.sum() / true_marks.sum(),
            "precision": found.sum() / (marks > 0).sum().clamp(min=1),
            "where_px": (one.argmax(-1) - where_px[has_one]).abs().median(),
            "each_px": (each.argmax(-1) - mark_px[placed]).abs().median(),
        }
    return losses, {name: value.item() for name, value in logged.items()}


def _scene_losses(
    heads: SeeingHeads, tokens: Tensor, targets: SeeingTargets, chosen: Tensor
) -> tuple[dict[str, Tensor], dict[str, float]]:
    """For scenes' tokens. Logged: shares of things and colours that are right, median errors of boxes and lengths."""
    true_thing, true_color = targets.thing[chosen], targets.color[chosen]
    box_px, lengths_cm = targets.box_px[chosen], targets.lengths_cm[chosen]
    thing, color = heads.thing(tokens), heads.color(tokens)
    held = true_color != UNKNOWN
    box = heads.where(tokens[held], BOX)
    known = ~lengths_cm.isnan()
    lengths = heads.where(tokens, LENGTH)[known]
    losses = {
        "thing": functional.cross_entropy(thing, true_thing),
        "color": functional.cross_entropy(color[held], true_color[held]) * 0.5,
        "box": _number_loss(box, box_px[held]),
        "lengths": _number_loss(lengths, lengths_cm[known], spread=LENGTH_SPREAD),
    }
    with torch.no_grad():
        logged = {
            "things_right": (thing[held].argmax(-1) == true_thing[held]).float().mean(),
            "colors_right": (color[held].argmax(-1) == true_color[held]).float().mean(),
            "box_px": (box.argmax(-1) - box_px[held]).abs().median(),
            "lengths_off": (lengths.argmax(-1) / lengths_cm[known] - 1).abs().median(),
        }
    return losses, {name: value.item() for name, value in logged.items()}


def _number_loss(logits: Tensor, true: Tensor, *, spread: float = 0.0) -> Tensor:
    """Cross-entropy against a bell round the true number, one wide or `spread` of it: logits [..., MAX_CM + 1], true
    [...]."""
    numbers = torch.arange(logits.shape[-1], device=true.device)
    width = (spread * true).clamp(min=1.0)
    bell = torch.exp(-0.5 * ((numbers - true[..., None]) / width[..., None]) ** 2)
    bell = bell / bell.sum(-1, keepdim=True)
    losses = -(bell * logits.float().log_softmax(-1)).sum(-1)
    return losses.sum() / max(1, losses.numel())


def train_seeing(
    config: SeeingConfig,
    *,
    shape: NanoShape = NanoShape(),  # noqa: B008 -- frozen
    report: Report = lambda step, metrics: None,
) -> Path:
    """Train (or go on training) the vision tower; returns the file OUT/vision.safetensors.

    The pictures of step k follow from the config and k alone: mazes are numbered, so many a step, and scenes are drawn
    by lot. OUT/state.safetensors holds everything else, so a run that was killed goes on as if nothing had happened.
    Processes that torchrun has started share the pictures of each step, and learn from the mean of their gradients.

    Raises:
        InputError: the folder holds a run with another config, or the disk is full.
    """
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    vision = build_vision(shape)
    use_packed_attention(vision)
    prepare_tower(vision)
    with joined("ddp", "cpu") as ranks:
        _train(config, vision, SeeingHeads(vision.config.out_hidden_size), ranks, report)
    return config.out / VISION


def _train(config: SeeingConfig, vision: nn.Module, heads: SeeingHeads, ranks: Ranks, report: Report) -> None:
    shares = _shares(config, ranks)  # before minutes of rendering
    weights = [*vision.parameters(), *heads.parameters()]
    optimizer = seeing_optimizer(config, vision, heads)
    parts: dict[str, _Part] = {"vision": vision, "heads": heads, "optimizer": optimizer}
    state = config.out / "state.safetensors"
    first_step = _load_state(state, config, parts)
    if ranks.is_first:
        write_run_json(config.out, config.model_dump(mode="json"), strategy=in_force("ddp"))
    rate = warmup_then_cosine(config.steps, warmup=config.warmup, final=config.final_lr)
    scenes = _scenes(config, ranks) if config.scene_views else None
    with (
        closing(MetricsLog(config.out / "metrics.jsonl", first_step=first_step))
        if ranks.is_first
        else nullcontext() as log,
        closing(prefetched(_batches(config, first_step, shares, scenes, ranks), ahead=2)) as batches,
    ):
        for step in range(first_step, config.steps):
            set_rate(optimizer, rate(step))
            patches, grids, targets = next(batches)
            with torch.autocast("cpu", torch.bfloat16):
                output = vision(patches, grid_thw=grids)
            loss, metrics = seeing_loss(heads, output.pooler_output.float(), targets)
            (loss / ranks.num).backward()
            for weight in weights:  # the others may have a gradient for it
                weight.grad = torch.zeros_like(weight) if weight.grad is None else weight.grad
            sum_gradients(weights, ranks)
            is_finite = nn.utils.clip_grad_norm_(weights, 1.0).isfinite()
            if is_finite:
                optimizer.step()
            else:
                metrics["skipped"] = 1.0
            optimizer.zero_grad()
            if log is None:
                continue
            log.write(step, metrics)
            report(step, metrics)
            if (step + 1) % config.save_every == 0 or step + 1 == config.steps:
                _save_state(state, config, parts, step + 1)
    if ranks.is_first:
        save_atomically(config.out / VISION, vision.state_dict())


def word_meanings(state: Path) -> dict[str, Tensor]:
    """For each of WORDS the direction [width] in which merged tokens differ where there is such a thing or colour.

    `state` is the OUT/state.safetensors of a run.
    """
    with safe_open(state, "pt") as file:
        rows: dict[str, Tensor] = {}
        for head, names in (("thing", THINGS), ("color", COLOR_NAMES)):
            weights = file.get_tensor(f"heads.{head}.weight")
            rows |= dict(zip(names, weights - weights.mean(0), strict=False))  # the last thing is none
    return {word: rows[of] for word, of in WORDS.items()}


def _scenes(config: SeeingConfig, ranks: Ranks) -> ScenePictures:
    """Rendered by the first process, and read by all."""
    if not ranks.is_first:
        ranks.meet()
    scenes = _rendered(config)
    if ranks.is_first:
        ranks.meet()
    return scenes


def _rendered(config: SeeingConfig) -> ScenePictures:
    with tqdm(total=config.scene_views, desc="views of scenes", unit="view") as bar:

        def report(done: int) -> None:
            bar.update(done - bar.n)

        return ScenePictures(
            config.out / "scenes",
            config.scene_views,
            seed=config.seed,
            processes=config.render_processes,
            report=report,
        )


def seeing_optimizer(config: SeeingConfig, vision: nn.Module, heads: nn.Module) -> MuonWithAdamW:
    """Muon for the matrices between layers, which it trains in far fewer steps; AdamW for what is read or written."""
    inner: list[nn.Parameter] = []
    others = list(heads.parameters())
    for name, weight in vision.named_parameters():
        (inner if is_inner(name, weight) else others).append(weight)
    groups = [
        {"params": others, "initial_lr": config.lr, "weight_decay": 0.01},
        {"params": inner, "initial_lr": config.hidden_lr, "weight_decay": 0.01, WITH_MUON: True},
    ]
    return MuonWithAdamW(groups, betas=(0.9, 0.98))


def _save_state(path: Path, config: SeeingConfig, parts: Mapping[str, _Part], step: int) -> None:
    tensors: dict[str, Tensor] = {}
    for name, part in parts.items():
        own = flatten_optimizer(part) if isinstance(part, Optimizer) else part.state_dict()
        tensors |= {f"{name}.{rest}": tensor for rest, tensor in own.items()}
    save_atomically(path, tensors, {"step": str(step), "config": _identity(config)})


def _load_state(path: Path, config: SeeingConfig, parts: Mapping[str, _Part]) -> int:
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
    saved: dict[str, dict[str, Tensor]] = {name: {} for name in parts}
    for name, tensor in load_file(path).items():
        part, _, rest = name.partition(".")
        saved[part][rest] = tensor
    for name, part in parts.items():
        if isinstance(part, Optimizer):
            restore_optimizer(part, saved[name], name=str(path))
        else:
            part.load_state_dict(saved[name])
    return int(metadata["step"])


def _identity(config: SeeingConfig) -> str:
    """What must be equal for a run to be resumed, as JSON."""
    return json.dumps(config.model_dump(exclude={"out", "threads", "save_every", "render_processes"}))


def _shares(config: SeeingConfig, ranks: Ranks) -> tuple[int, int]:
    """Mazes and scenes of a step.

    Raises:
        InputError: there is not one of each for every process.
    """
    num_scenes = round(config.batch_size * config.scene_share) if config.scene_views else 0
    num_mazes = config.batch_size - num_scenes
    if any(0 < num < ranks.num for num in (num_scenes, num_mazes)):
        raise InputError(
            "batch_size",
            expected=f"a maze and a scene for each of {ranks.num} processes",
            got=f"{num_mazes} and {num_scenes}",
        )
    return num_mazes, num_scenes


def _batches(
    config: SeeingConfig, first_step: int, shares: tuple[int, int], scenes: ScenePictures | None, ranks: Ranks
) -> Iterator[_Seen]:
    """Patches, grids and targets of this process's part of each step, of which `shares` are mazes and scenes; images of
    one size lie together."""
    num_mazes, num_scenes = shares
    for step in count(first_step):
        mazes = range(step * num_mazes + ranks.rank, (step + 1) * num_mazes, ranks.num)
        pictures = [maze_picture(index, config.seed) for index in mazes]
        if scenes is not None:
            step_rng = random.Random(f"{config.seed}/{step}")
            drawn = [step_rng.randrange(len(scenes)) for _ in range(num_scenes)]
            pictures += [scenes.picture(index) for index in drawn[ranks.rank :: ranks.num]]
        pictures.sort(key=lambda picture: picture.grid)
        yield (
            torch.cat([picture.patches for picture in pictures]),
            torch.tensor([picture.grid for picture in pictures]),
            join([picture.targets for picture in pictures]),
        )


def main(config_file: str) -> None:
    """The stage as a command, also under torchrun."""
    config = load_config(SeeingConfig, Path(config_file))
    with tqdm(total=config.steps, desc="0-see", unit="step", disable=not is_first_process()) as bar:

        def report(step: int, metrics: dict[str, float]) -> None:
            bar.update(step + 1 - bar.n)
            bar.set_postfix({key: f"{metrics[key]:.3f}" for key in ("recall", "things_right") if key in metrics})

        train_seeing(config, report=report)


if __name__ == "__main__":
    main(sys.argv[1])
