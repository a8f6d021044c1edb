"""Small rollouts, samples and configs, made by hand."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
import torch
from PIL import Image

from vilasr.policies.transformers import patchify
from vilasr.training.batch import Batch
from vilasr.training.config import DataSection, OptimSection, SftConfig, TaskSource
from vilasr.training.nano.architecture import NanoShape
from vilasr.training.samples import TrainingSample
from vilasr.types import ImageRecipe, Rollout, Sample, Status, Turn, TurnTokens

TINY_NANO = NanoShape(
    text_hidden=64,
    text_layers=3,
    text_mlp=128,
    kv_heads=1,
    vision_hidden=32,
    vision_layers=2,
    vision_mlp=64,
    deepstack_layers=(0,),
)


def noise(seed: int, size: tuple[int, int]) -> Image.Image:
    """An RGB image of random pixels; `size` is (width, height)."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def problem(*images: Image.Image) -> Sample:
    return Sample(id="handmade/1", task="maze", question="Which?", images=images, options=("yes", "no"), answer="A")


def recorded(chat, images: list[Image.Image], *turns: tuple[list[int], list[int], list[int]]) -> Rollout:
    """A rollout of turns (context ids, sampled ids, loss mask) whose log-probabilities are -1, -2, ...

    Their texts are what `chat` reads in the sampled ids; of the contexts, only the ids are there.
    """
    return Rollout(
        sample=problem(*images),
        status=Status.ANSWERED,
        images=tuple(ImageRecipe(base=index, size=image.size) for index, image in enumerate(images, start=1)),
        turns=tuple(
            Turn(
                context=(),
                text=chat.text(said),
                tokens=TurnTokens(
                    context_ids=array("i", context),
                    token_ids=array("i", said),
                    logprobs=array("f", [-1.0 - place for place in range(len(said))]),
                    loss_mask=array("b", mask),
                ),
            )
            for context, said, mask in turns
        ),
    )


def training_sample(
    ids: list[int], mask: list[int], patches: torch.Tensor, grids: tuple[tuple[int, int, int], ...]
) -> TrainingSample:
    return TrainingSample(
        ids=torch.tensor(ids),
        loss_mask=torch.tensor(mask, dtype=torch.bool),
        logprobs=torch.full((len(ids),), float("nan")),
        patches=patches,
        grids=grids,
    )


SIZES = [[(16, 8)], [(16, 16), (8, 8), (24, 16)], [(8, 8)]]


def ragged(loaded):
    """Three conversations of different length with one, three and one images -> samples and their images."""
    chat, samples, pictures = loaded.chat, [], []
    for number, sizes in enumerate(SIZES):
        images = [noise(10 * number + place, size) for place, size in enumerate(sizes)]
        grids = tuple(loaded.images.grid(size) for size in sizes)
        ids, mask = chat.encode("Look:"), [0] * 5
        for grid in grids:
            text = chat.encode(f"say {number}!" + "x" * 3 * number)
            ids += [259, *[chat.image_id] * loaded.images.num_tokens(grid), 260, *text]
            mask += [0] * (loaded.images.num_tokens(grid) + 2) + [1] * len(text)
        patches = torch.cat([patchify(image, loaded.images) for image in images])
        samples.append(training_sample(ids, mask, patches, grids))
        pictures.append(images)
    return samples, pictures


def sft_config(model, out, *, steps: int, **changes: Any) -> SftConfig:
    """One mark on a picture, in words; float32, one thread."""
    marks = TaskSource(task="marks", options={"num": "1"}, without_drawing=1.0)
    settings: dict[str, Any] = {
        "data": DataSection(tasks=[marks], batch_size=2, window=2),
        "optim": OptimSection(lr=5e-3, final_lr=0.5),
        "precision": "fp32",
        "threads": 1,
        "matmul_attention": True,
    }
    return SftConfig(model=str(model), out=out, steps=steps, **(settings | changes))


def said(chat, *parts: str | int) -> tuple[list[int], list[int]]:
    """Texts that the policy said, and numbers of pads that it was shown -> (ids, mask)."""
    ids: list[int] = []
    mask: list[int] = []
    for part in parts:
        new = [chat.image_id] * part if isinstance(part, int) else chat.encode(part)
        ids, mask = ids + new, mask + [int(not isinstance(part, int))] * len(new)
    return ids, mask


def hand_batch(chat, *rows: tuple[list[int], list[int]], grids: list[tuple[int, int, int]]) -> Batch:
    """Rows of (ids, mask), without pixels; `grids` in patches."""
    length = max(len(ids) for ids, _ in rows)
    return Batch(
        ids=torch.tensor([ids + [chat.stop_id] * (length - len(ids)) for ids, _ in rows]),
        positions=torch.zeros(3, len(rows), length, dtype=torch.long),
        loss_mask=torch.tensor([mask + [0] * (length - len(mask)) for _, mask in rows], dtype=torch.bool),
        patches=torch.zeros(0),
        grids=torch.tensor(grids),
    )
