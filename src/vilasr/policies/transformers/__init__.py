"""The embedded engine: checkpoints of the Qwen2.5-VL and Qwen3-VL families, many conversations at once.

Import it late: it loads torch and transformers.
"""

from __future__ import annotations

from vilasr.policies.transformers.chat import ChatTokens
from vilasr.policies.transformers.engine import Engine, EngineConfig
from vilasr.policies.transformers.model import Frame, LoadedModel, load_model, read_frame, save_model
from vilasr.policies.transformers.policy import TransformersPolicy, TransformersSession
from vilasr.policies.transformers.vision import (
    ImageFeatures,
    ImageSettings,
    encode_images,
    patchify,
    prepare_tower,
    prepare_vision,
)

__all__ = [
    "ChatTokens",
    "Engine",
    "EngineConfig",
    "Frame",
    "ImageFeatures",
    "ImageSettings",
    "LoadedModel",
    "TransformersPolicy",
    "TransformersSession",
    "encode_images",
    "load_model",
    "patchify",
    "prepare_tower",
    "prepare_vision",
    "read_frame",
    "save_model",
]
