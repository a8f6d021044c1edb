"""Tiny random checkpoints of both families, for tests and benchmarks: `write_tiny_model(folder, "qwen3_vl")`.

The tokenizer is byte-level without merges (256 bytes and the special tokens), so every text has an encoding.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers.utils import logging

if TYPE_CHECKING:
    from pathlib import Path

SPECIALS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
FAMILIES = ("qwen2_5_vl", "qwen3_vl")


def byte_tokenizer() -> Tokenizer:
    """256 byte tokens (ids 0 to 255), then the special tokens (256 to 262)."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={char: i for i, char in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in SPECIALS])
    return tokenizer


def tiny_config(family: str, *, vocab_size: int = 300):
    """Hidden 32, 2 layers, 4 heads over 2 key/value heads; 2 vision blocks."""
    token_ids = {
        "image_token_id": 261,
        "video_token_id": 262,
        "vision_start_token_id": 259,
        "vision_end_token_id": 260,
    }
    text = {
        "vocab_size": vocab_size,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 1, 1]},
    }
    vision = {
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_heads": 2,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "out_hidden_size": 32,
    }
    if family == "qwen2_5_vl":
        from transformers.models.qwen2_5_vl.configuration_qwen2_5_vl import Qwen2_5_VLConfig

        vision |= {"patch_size": 4, "window_size": 16, "fullatt_block_indexes": [1]}
        text |= {"bos_token_id": None, "eos_token_id": 258}
        return Qwen2_5_VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=False, **token_ids)
    from transformers.models.qwen3_vl.configuration_qwen3_vl import Qwen3VLConfig

    text |= {"head_dim": 8}
    text["rope_parameters"] |= {"mrope_interleaved": True}
    vision |= {"patch_size": 4, "num_position_embeddings": 64, "deepstack_visual_indexes": [0]}
    return Qwen3VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=False, **token_ids)


def write_tiny_model(folder: Path, family: str, *, config=None, seed: int = 0) -> Path:
    """Write a random checkpoint that `load_model` reads. Its weights are wide enough for every input to matter."""
    torch.manual_seed(seed)
    config = tiny_config(family) if config is None else config
    if family == "qwen2_5_vl":
        from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLForConditionalGeneration as Model
    else:
        from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLForConditionalGeneration as Model
    model = Model(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.3)
    folder.mkdir(parents=True, exist_ok=True)
    logging.disable_progress_bar()
    model.save_pretrained(folder)
    byte_tokenizer().save(str(folder / "tokenizer.json"))
    vision = config.vision_config
    factor = vision.patch_size * vision.spatial_merge_size
    preprocessor = {
        "patch_size": vision.patch_size,
        "merge_size": vision.spatial_merge_size,
        "temporal_patch_size": vision.temporal_patch_size,
        "image_mean": [0.5, 0.4, 0.3],
        "image_std": [0.25, 0.26, 0.27],
        "size": {"shortest_edge": factor**2, "longest_edge": 64 * factor**2},
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor))
    return folder
