"""The embedded model's shape: a Qwen3-VL of about ten million parameters.

Why Qwen3-VL and not Qwen2.5-VL: its vision tower has learned absolute positions, and a tower that only knows relative
ones needs far longer to say *where* something is. Heads are 32 wide, the narrowest that vLLM serves on a CPU.

Numbers up to 999 are single tokens whose first embeddings are sums of sines and cosines of the number, so that close
numbers start close and adding a constant is a rotation. With tied embeddings the same table reads positions out. Words
for things and colours may start as the directions in which the vision tower has learned to tell these.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vilasr.policies.transformers.vision import ImageSettings
from vilasr.protocol.frames import Sizer

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from tokenizers import Tokenizer
    from transformers import Qwen3VLForConditionalGeneration
    from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLVisionModel

PATCH, MERGE, HEAD = 16, 2, 32
TOKEN_PX = PATCH * MERGE
IMAGE_SETTINGS = ImageSettings(
    patch_size=PATCH, merge_size=MERGE, temporal_patch_size=2, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)
)
NANO_SIZER = Sizer(factor=TOKEN_PX, min_pixels=45_000, max_pixels=256 * 256)
"""About 44 to 64 visual tokens an image, each of 32 x 32 pixels. With at most 36 two letters of a 6 x 6 maze shared a
token, and small pictures were left small."""
SMALLEST_COORDINATE = 21
INITIAL_RMS = 0.02
MAX_CONTEXT_TOKENS = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class NanoShape:
    """Sizes of the two towers. Hidden sizes are multiples of 32, the width of a head."""

    text_hidden: int = 256
    text_layers: int = 6
    text_mlp: int = 704
    kv_heads: int = 4
    vision_hidden: int = 192
    vision_layers: int = 6
    vision_mlp: int = 640
    deepstack_layers: tuple[int, ...] = (2,)
    position_grid: int = 16


def build_model(
    tokenizer: Tokenizer, shape: NanoShape, *, seed: int, meanings: Mapping[str, torch.Tensor] | None = None
) -> Qwen3VLForConditionalGeneration:
    """A freshly initialised model whose vocabulary is the tokenizer's.

    `meanings` are first embeddings of words [width]; only their directions count.
    """
    import torch
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

    torch.manual_seed(seed)
    config = Qwen3VLConfig(**_config(tokenizer, shape))
    model = Qwen3VLForConditionalGeneration(config)
    embeddings = model.get_input_embeddings().weight
    with torch.no_grad():
        # Small numbers are names (of moves, of images) and must not resemble their neighbours.
        for number in range(SMALLEST_COORDINATE, 1000):
            token = tokenizer.token_to_id(str(number))
            if token is not None:
                embeddings[token] = number_embedding(number, embeddings.shape[1], scale=INITIAL_RMS)
        for word, meaning in (meanings or {}).items():
            token = tokenizer.token_to_id(word)
            if token is not None:
                # Half of it stays as it was drawn, so that one and many of a thing differ.
                shared = meaning * INITIAL_RMS / meaning.square().mean().sqrt()
                embeddings[token] = (embeddings[token] + shared) / math.sqrt(2)
    return model


def build_vision(shape: NanoShape) -> Qwen3VLVisionModel:
    """The vision tower alone, freshly initialised from torch's global generator."""
    from transformers import Qwen3VLVisionConfig
    from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLVisionModel

    return Qwen3VLVisionModel(Qwen3VLVisionConfig(**_vision_config(shape)))


def number_embedding(number: int, width: int, *, scale: float) -> torch.Tensor:
    """[width] float32: half sines, half cosines of `number` at wavelengths from 8 to 2048, with RMS `scale`."""
    import torch

    wavelengths = torch.logspace(math.log2(8), math.log2(2048), width // 2, base=2)
    angles = 2 * math.pi * number / wavelengths
    return torch.cat([angles.sin(), angles.cos()]) * scale * math.sqrt(2)


def _config(tokenizer: Tokenizer, shape: NanoShape) -> dict[str, object]:
    ids = {
        name: tokenizer.token_to_id(f"<|{name}|>") for name in ("image_pad", "video_pad", "vision_start", "vision_end")
    }
    return {
        "tie_word_embeddings": True,
        "image_token_id": ids["image_pad"],
        "video_token_id": ids["video_pad"],
        "vision_start_token_id": ids["vision_start"],
        "vision_end_token_id": ids["vision_end"],
        "text_config": {
            "vocab_size": -(-tokenizer.get_vocab_size() // 64) * 64,
            "hidden_size": shape.text_hidden,
            "intermediate_size": shape.text_mlp,
            "num_hidden_layers": shape.text_layers,
            "num_attention_heads": shape.text_hidden // HEAD,
            "num_key_value_heads": shape.kv_heads,
            "head_dim": HEAD,
            "max_position_embeddings": MAX_CONTEXT_TOKENS,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10_000.0,
                "mrope_section": [6, 5, 5],
                "mrope_interleaved": True,
            },
            "tie_word_embeddings": True,
            "bos_token_id": None,
            "eos_token_id": tokenizer.token_to_id("<|im_end|>"),
            "pad_token_id": tokenizer.token_to_id("<|endoftext|>"),
        },
        "vision_config": _vision_config(shape),
    }


def _vision_config(shape: NanoShape) -> dict[str, object]:
    return {
        "depth": shape.vision_layers,
        "hidden_size": shape.vision_hidden,
        "intermediate_size": shape.vision_mlp,
        "num_heads": shape.vision_hidden // HEAD,
        "patch_size": PATCH,
        "spatial_merge_size": MERGE,
        "temporal_patch_size": 2,
        "out_hidden_size": shape.text_hidden,
        "num_position_embeddings": shape.position_grid**2,
        "deepstack_visual_indexes": list(shape.deepstack_layers),
    }
