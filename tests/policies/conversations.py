"""Small observations, and the reference: one plain forward pass of the Hugging Face model over a whole conversation."""

from __future__ import annotations

import asyncio

import numpy as np
import torch
from PIL import Image

from vilasr.types import ImagePart, ImageView, Message, Observation, Role, TextPart


def noise(seed: int, size: tuple[int, int]) -> Image.Image:
    """An RGB image of random pixels; `size` is (width, height)."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def view(index: int, size: tuple[int, int], seed: int) -> ImageView:
    return ImageView(index=index, pixels=noise(seed, size), key=f"noise {seed} {size}")


def prompt(text: str, *views: ImageView) -> Observation:
    """A system message, then `text` and the images."""
    system = Message(Role.SYSTEM, (TextPart("Draw."),))
    parts = tuple(part for v in views for part in (TextPart(f"Image {v.index}:"), ImagePart(v.index)))
    return Observation(messages=(system, Message(Role.USER, (*parts, TextPart(text)))), images=views)


def more(text: str, *views: ImageView) -> Observation:
    """A later observation."""
    parts = tuple(ImagePart(v.index) for v in views)
    return Observation(messages=(Message(Role.USER, (*parts, TextPart(text))),), images=views)


async def talk(policy, observations, *, seed, sampling):
    """One whole conversation -> its completions."""
    session = policy.open(seed=seed, sampling=sampling)
    try:
        return [await session.respond(observation) for observation in observations]
    finally:
        await session.close()


def run(policy, *conversations):
    """Run conversations (observations, seed, sampling) at the same time, then close the policy."""

    async def main():
        try:
            return await asyncio.gather(*(talk(policy, o, seed=s, sampling=p) for o, s, p in conversations))
        finally:
            await policy.close()

    return asyncio.run(main())


def plain_logits(loaded, token_ids, images, *, attention: str = "eager") -> torch.Tensor:
    """Logits [tokens, vocab] of the model's own forward over everything at once: no cache, no code of ours.

    Pixels go through transformers' image processor, the vision tower through its usual loop over images.
    """
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    settings = loaded.images
    processor = Qwen2VLImageProcessorPil(
        patch_size=settings.patch_size,
        merge_size=settings.merge_size,
        temporal_patch_size=settings.temporal_patch_size,
        image_mean=list(settings.mean),
        image_std=list(settings.std),
        do_resize=False,
    )
    ids = torch.tensor([token_ids])
    pixels = dict(processor(images, return_tensors="pt")) if images else {}
    vision = loaded.model.model.visual.config
    ours, vision._attn_implementation = vision._attn_implementation, attention
    loaded.model.model.rope_deltas = None  # what another conversation left there
    try:
        with torch.no_grad():
            output = loaded.model(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                mm_token_type_ids=(ids == loaded.chat.image_id).int(),
                **pixels,
            )
    finally:
        vision._attn_implementation = ours
    return output.logits[0]


def turn_logits(loaded, observations, completions) -> list[torch.Tensor]:
    """For each turn the plain model's logits [num_sampled, vocab] that its tokens were chosen from."""
    images = [v.pixels for observation in observations for v in observation.images]
    token_ids, spans = [], []
    for completion in completions:
        token_ids += completion.tokens.context_ids
        spans.append((len(token_ids) - 1, len(token_ids) - 1 + len(completion.tokens.token_ids)))
        token_ids += completion.tokens.token_ids
    logits = plain_logits(loaded, token_ids, images)
    return [logits[start:end] for start, end in spans]
