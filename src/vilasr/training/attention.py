"""Attention as plain matrix products, for training small models on a CPU.

The fused CPU kernels are slow for heads of 32 and sequences of a few hundred tokens, backward most of all: written as
two batched products the same attention trains the embedded model's vision tower 1.9 times faster and its text tower
1.4 times faster (2 cores, bf16). Both functions follow the calling convention of transformers' attention registry.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor, nn
    from transformers import PreTrainedModel

    from vilasr.training.taps import SpanTap

VISION = "flash_as_matmul"
"""transformers hands a vision tower's whole batch over at once only to functions with "flash" in their name."""
TEXT = "causal_as_matmul"
QUERIES_OF_A_BLOCK = 128
"""Measured with the embedded model on a CPU: 64 to 256 are equally fast, an eighth of the whole update faster than
all queries at once."""


_taps: ContextVar[tuple[SpanTap, ...]] = ContextVar("taps", default=())


@contextmanager
def tapped(*taps: SpanTap) -> Iterator[None]:
    """Let `taps` read the text tower's attention in the forward pass inside."""
    token = _taps.set(taps)
    try:
        yield
    finally:
        _taps.reset(token)


def use_matmul_attention(model: PreTrainedModel) -> None:
    """Switch both towers of a Qwen vision-language model over. Sequences must be padded on the right."""
    use_packed_attention(model.model.visual)
    _register(TEXT, causal_attention)
    model.model.language_model.config._attn_implementation = TEXT


def use_packed_attention(vision: PreTrainedModel) -> None:
    """Switch a vision tower over."""
    _register(VISION, packed_attention)
    vision.config._attn_implementation = VISION


def _register(name: str, function: Callable[..., tuple[Tensor, None]]) -> None:
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    ALL_ATTENTION_FUNCTIONS.register(name, function)


def packed_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *_: Any,
    scaling: float,
    cu_seq_lens_q: Tensor,
    **__: Any,
) -> tuple[Tensor, None]:
    """Full attention inside each image. All [1, heads, tokens, width]; images of one length go as one batch."""
    heads, _num_tokens, width = query.shape[1:]
    lengths = cu_seq_lens_q.diff().tolist()
    outputs: list[Tensor] = []
    start = first = 0
    while first < len(lengths):
        last = first
        while last < len(lengths) and lengths[last] == lengths[first]:
            last += 1
        length, stop = lengths[first], start + lengths[first] * (last - first)
        q, k, v = (t[0, :, start:stop].reshape(-1, length, width) for t in (query, key, value))
        weights = torch.bmm(q * scaling, k.transpose(1, 2)).softmax(-1).to(v.dtype)
        outputs.append(torch.bmm(weights, v).view(heads, stop - start, width))
        start, first = stop, last
    return torch.cat(outputs, dim=1).transpose(0, 1).unsqueeze(0), None


def causal_attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, *_: Any, scaling: float, **__: Any
) -> tuple[Tensor, None]:
    """Causal grouped-query attention: query [batch, heads, tokens, width], key and value [batch, kv_heads, ...].

    A block of queries sees only the keys up to its own end: nearly half of all scores are never computed. Where a tap
    reads the scores of this layer, they are computed whole.
    """
    taps = [tap for tap in _taps.get() if module.layer_idx == tap.layer]
    batch, heads, length, width = query.shape
    kv_heads = key.shape[1]
    grouped = query.reshape(batch, kv_heads, heads // kv_heads, length, width) * scaling
    outputs = []
    size = length if taps else QUERIES_OF_A_BLOCK
    for first in range(0, length, size):
        last = min(first + size, length)
        block = grouped[:, :, :, first:last]
        scores = torch.matmul(block.flatten(2, 3), key[:, :, :last].transpose(-1, -2))
        scores = scores.view(batch, heads, last - first, last)
        future = torch.full((last - first, last), float("-inf"), dtype=scores.dtype, device=scores.device)
        scores = scores + future.triu(first + 1)
        for tap in taps:
            tap.read(scores)
        weights = scores.softmax(-1).to(value.dtype).view(batch, kv_heads, -1, last)
        outputs.append(torch.matmul(weights, value[:, :, :last]).view(batch, heads, last - first, width))
    return torch.cat(outputs, dim=2).transpose(1, 2), None
