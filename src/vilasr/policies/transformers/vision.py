"""Images into features: pixels to patches, the model's own vision tower over many images at once, a cache."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import linear, scaled_dot_product_attention

from vilasr.errors import InvariantError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image

Grid = tuple[int, int, int]
"""(t, h, w) in patches; t is 1 for a still image."""

Index = NDArray[np.int64]

SEGMENT_ATTENTION = "vilasr_flash_segments"
"""Name of our attention function. It says "flash" because transformers hands the packed segments of all images to such
a function in one call; to any other it hands one image (or window) after the other, from a Python loop."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageSettings:
    """How a checkpoint cuts images up (`preprocessor_config.json`); mean and std of each channel, of values 0..1."""

    patch_size: int
    merge_size: int
    temporal_patch_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @property
    def factor(self) -> int:
        """Both sides of an image must be multiples of this many pixels: one merged token covers factor x factor."""
        return self.patch_size * self.merge_size

    def grid(self, size: tuple[int, int]) -> Grid:
        """Patch grid of an image of `size` (width, height); InvariantError when the size was not fitted before."""
        width, height = size
        if width < 1 or height < 1 or width % self.factor or height % self.factor:
            raise InvariantError(
                f"An image of {width}x{height} reached the model; both sides must be multiples of {self.factor}."
            )
        return 1, height // self.patch_size, width // self.patch_size

    def num_tokens(self, grid: Grid) -> int:
        """Tokens that the language model sees for an image of this grid: t * h * w / merge^2."""
        t, h, w = grid
        return t * h * w // self.merge_size**2


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageFeatures:
    """One encoded image.

    Attributes:
        embeds: [tokens, hidden]: what stands at the image pads.
        deepstack: for Qwen3-VL, one [tokens, hidden] for each of the first language layers; empty for Qwen2.5-VL.
    """

    embeds: Tensor
    deepstack: tuple[Tensor, ...] = ()

    @property
    def num_bytes(self) -> int:
        return sum(tensor.numel() * tensor.element_size() for tensor in (self.embeds, *self.deepstack))


def patchify(image: Image, settings: ImageSettings) -> Tensor:
    """Cut an RGB image (already at the model's size) into normalised patches.

    Returns:
        float32 [h * w, 3 * temporal * patch * patch], in the order the vision tower expects: the merge x merge patches
        of one token lie together. Equal to transformers' `Qwen2VLImageProcessorPil`, without its resizing.
    """
    _, h, w = settings.grid(image.size)
    patch, merge, time = settings.patch_size, settings.merge_size, settings.temporal_patch_size
    pixels = np.asarray(image, dtype=np.float32).transpose(2, 0, 1) * np.float32(1 / 255)
    mean, std = (np.array(values, dtype=np.float32)[:, None, None] for values in (settings.mean, settings.std))
    pixels = (pixels - mean) / std
    pixels = pixels.reshape(3, h // merge, merge, patch, w // merge, merge, patch)
    pixels = pixels.transpose(1, 4, 2, 5, 0, 3, 6)  # [h/merge, w/merge, merge, merge, 3, patch, patch]
    pixels = np.broadcast_to(pixels[:, :, :, :, :, None], (*pixels.shape[:5], time, patch, patch))
    return torch.from_numpy(pixels.reshape(h * w, 3 * time * patch * patch))


def encode_images(model: Any, pixel_values: Tensor, grids: Sequence[Grid]) -> list[ImageFeatures]:
    """Run the vision tower and merger over images of any mix of sizes, those of one size in one batch. Differentiable.

    Args:
        model: a Qwen2.5-VL or Qwen3-VL `ForConditionalGeneration`.
        pixel_values: [patches of all images, patch values]: the images' `patchify` results, one after the other.
        grids: the patch grid of each.

    Returns:
        the features of each image, in order.
    """
    prepare_vision(model)
    output = model.model.get_image_features(
        pixel_values.to(model.device), torch.tensor(list(grids), device=model.device), return_dict=True
    )
    levels = output.get("deepstack_features") or []
    return [
        ImageFeatures(embeds=embeds, deepstack=tuple(level[index] for level in levels))
        for index, embeds in enumerate(output.pooler_output)
    ]


def prepare_vision(model: Any) -> None:
    """As `prepare_tower`, the vision tower of `model`."""
    prepare_tower(model.model.visual)


def prepare_tower(visual: Any) -> None:
    """Let a vision tower take all images at once; same results up to rounding, for training too.

    Attention: `segment_attention`, unless a function that takes packed segments is in force already. Patch embedding:
    a convolution whose stride is its kernel is a matrix product, which runs four times faster on a CPU.
    """
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    if "flash" not in (visual.config._attn_implementation or ""):
        ALL_ATTENTION_FUNCTIONS.register(SEGMENT_ATTENTION, segment_attention)
        visual.config._attn_implementation = SEGMENT_ATTENTION
    visual.patch_embed.forward = partial(_embed_patches, visual.patch_embed)


def _embed_patches(patch_embed: Any, patches: Tensor) -> Tensor:
    """[patches, patch values] -> [patches, hidden]."""
    projection = patch_embed.proj
    return linear(patches.to(projection.weight.dtype), projection.weight.flatten(1), projection.bias)


def segment_attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    cu_seq_lens_q: Tensor,
    scaling: float | None = None,
    dropout: float = 0.0,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Attention within each segment (an image, or a window of one); segments of equal length go as one batch.

    Args:
        query, key, value: [1, heads, length, head_dim], the segments one after the other.
        cu_seq_lens_q: [segments + 1] where each begins and the last one ends.

    Returns:
        [1, length, heads, head_dim], and no weights.
    """
    ends = tuple(cu_seq_lens_q.tolist())
    qkv = torch.cat((query, key, value)).transpose(1, 2)  # [3, length, heads, head_dim]
    groups, restore = _equal_segments(ends)
    outputs = []
    for num_segments, length, index in groups:
        part = qkv if index is None else qkv[:, torch.from_numpy(index).to(qkv.device)]
        part = part.unflatten(1, (num_segments, length)).transpose(2, 3)  # [3, segments, heads, length, head_dim]
        q, k, v = part.unbind(0)
        attended = scaled_dot_product_attention(q, k, v, dropout_p=dropout, scale=scaling)
        outputs.append(attended.transpose(1, 2).flatten(0, 1))
    output = outputs[0] if restore is None else torch.cat(outputs)[torch.from_numpy(restore).to(qkv.device)]
    return output[None], None


@lru_cache(maxsize=64)
def _equal_segments(ends: tuple[int, ...]) -> tuple[list[tuple[int, int, Index | None]], Index | None]:
    """Group segments by length -> [(num_segments, length, positions)], and the permutation that undoes the grouping.

    `ends` are the cumulative lengths, from 0. Positions and permutation are None when all lengths are equal. Not
    tensors, because these are kept: a tensor made in inference mode must not turn up in a training step.

    >>> _equal_segments((0, 2, 3, 5))
    ([(1, 1, array([2])), (2, 2, array([0, 1, 3, 4]))], array([1, 2, 0, 3, 4]))
    """
    starts = np.array(ends[:-1])
    lengths = np.diff(ends)
    distinct = np.unique(lengths)
    if len(distinct) == 1:
        return [(len(lengths), int(lengths[0]), None)], None
    positions = [(starts[lengths == n][:, None] + np.arange(n)).ravel() for n in distinct]
    order = np.concatenate(positions)
    groups = [(int((lengths == n).sum()), int(n), index) for n, index in zip(distinct, positions, strict=True)]
    return groups, np.argsort(order)


class FeatureCache:
    """Encoded images by content key, the least recently used dropped first when they exceed `max_bytes`.

    Siblings of a group share the features of their image, and of equal drawings. May be used from several threads.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._features: OrderedDict[str, ImageFeatures] = OrderedDict()
        self._lock = threading.Lock()
        self.num_bytes = 0

    def get(self, key: str) -> ImageFeatures | None:
        with self._lock:
            features = self._features.get(key)
            if features is not None:
                self._features.move_to_end(key)
            return features

    def put(self, key: str, features: ImageFeatures) -> None:
        with self._lock:
            if key in self._features:
                self.num_bytes -= self._features.pop(key).num_bytes
            self._features[key] = features
            self.num_bytes += features.num_bytes
            while self.num_bytes > self._max_bytes and len(self._features) > 1:
                _, dropped = self._features.popitem(last=False)
                self.num_bytes -= dropped.num_bytes

    def clear(self) -> None:
        """Forget everything: after the weights changed."""
        with self._lock:
            self._features.clear()
            self.num_bytes = 0

    def __len__(self) -> int:
        return len(self._features)
