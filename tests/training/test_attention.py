"""Attention as matrix products equals the fused kernels, gradients included."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace

import pytest
import torch
from handmade import ragged
from torch.nn.functional import scaled_dot_product_attention

from vilasr.policies.transformers import load_model
from vilasr.training.attention import (
    QUERIES_OF_A_BLOCK,
    causal_attention,
    packed_attention,
    tapped,
    use_matmul_attention,
)
from vilasr.training.batch import make_batch, token_logprobs
from vilasr.training.taps import SpanTap


def random_qkv(*shapes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, requires_grad=True) for shape in shapes]


def compare(ours, expected, inputs):
    torch.testing.assert_close(ours, expected, atol=1e-6, rtol=1e-5)
    weights = torch.linspace(-1, 1, ours.numel()).view_as(ours)
    for gradient, wanted in zip(
        torch.autograd.grad((ours * weights).sum(), inputs),
        torch.autograd.grad((expected * weights).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(gradient, wanted, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("lengths", [[6], [4, 4, 4], [4, 4, 9, 1, 1, 4]])
def test_packed_attention_stays_inside_each_image(lengths):
    total = sum(lengths)
    q, k, v = random_qkv((1, 3, total, 8), (1, 3, total, 8), (1, 3, total, 8))
    ends = torch.tensor([0, *lengths]).cumsum(0)
    ours, _ = packed_attention(None, q, k, v, None, scaling=0.3, cu_seq_lens_q=ends)
    parts = [
        scaled_dot_product_attention(*(t[:, :, a:b] for t in (q, k, v)), scale=0.3) for a, b in itertools.pairwise(ends)
    ]
    compare(ours, torch.cat(parts, dim=2).transpose(1, 2), [q, k, v])


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
def test_causal_attention_is_grouped_query_attention(kv_heads):
    q, k, v = random_qkv((2, 4, 7, 8), (2, kv_heads, 7, 8), (2, kv_heads, 7, 8))
    ours, _ = causal_attention(SimpleNamespace(layer_idx=0), q, k, v, None, scaling=0.4)
    k_all, v_all = (t.repeat_interleave(4 // kv_heads, dim=1) for t in (k, v))
    expected = scaled_dot_product_attention(q, k_all, v_all, is_causal=True, scale=0.4)
    compare(ours, expected.transpose(1, 2), [q, k, v])


@pytest.mark.parametrize("length", [1, QUERIES_OF_A_BLOCK, QUERIES_OF_A_BLOCK + 1, 3 * QUERIES_OF_A_BLOCK - 5])
def test_causal_attention_is_the_same_in_blocks(length):
    q, k, v = random_qkv((2, 4, length, 8), (2, 2, length, 8), (2, 2, length, 8))
    ours, _ = causal_attention(SimpleNamespace(layer_idx=0), q, k, v, None, scaling=0.4)
    expected = scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.4, enable_gqa=True)
    compare(ours, expected.transpose(1, 2), [q, k, v])


def test_a_tapped_layer_has_all_scores_and_the_same_output_as_in_blocks():
    length = QUERIES_OF_A_BLOCK + 9
    q, k, v = random_qkv((2, 4, length, 8), (2, 2, length, 8), (2, 2, length, 8))
    in_blocks, _ = causal_attention(SimpleNamespace(layer_idx=1), q, k, v, scaling=1.0)
    rows, queries = torch.tensor([1]), torch.tensor([length - 1])
    reading = SpanTap(layer=1, heads=slice(0, 2), rows=rows, queries=queries, targets=torch.ones(1, length).bool())
    with tapped(reading):
        whole, _ = causal_attention(SimpleNamespace(layer_idx=1), q, k, v, scaling=1.0)
    torch.testing.assert_close(whole, in_blocks, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(reading.log_mass, torch.zeros(1, 2), atol=1e-6, rtol=0)  # all that it sees


def test_a_model_switched_over_says_the_same(tiny_folder):
    loaded = load_model(tiny_folder)
    batch = make_batch(ragged(loaded)[0], loaded.model, pad_id=loaded.chat.stop_id)
    expected = token_logprobs(loaded.model, batch)
    wanted = torch.autograd.grad(expected.mean(), list(loaded.model.parameters()))
    use_matmul_attention(loaded.model)
    ours = token_logprobs(loaded.model, batch)
    gradients = torch.autograd.grad(ours.mean(), list(loaded.model.parameters()))
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-5)
    for gradient, other in zip(gradients, wanted, strict=True):
        torch.testing.assert_close(gradient, other, atol=1e-4, rtol=1e-3)


def tap(layer=1, num_heads=2):
    rows, queries, keys = torch.tensor([0, 0, 1]), torch.tensor([3, 4, 2]), torch.tensor([1, 4, 0])
    targets = keys[:, None] == torch.arange(5)[None]
    return SpanTap(layer=layer, heads=slice(0, num_heads), rows=rows, queries=queries, targets=targets)


def test_a_tap_reads_the_mass_of_an_even_attention_by_hand():
    q, k, v = torch.zeros(2, 4, 5, 8), torch.zeros(2, 2, 5, 8), torch.zeros(2, 2, 5, 8)
    reading = tap()
    with tapped(reading):
        causal_attention(SimpleNamespace(layer_idx=1), q, k, v, scaling=1.0)
    # Token 3 sees 4 tokens, token 4 sees 5, token 2 sees 3, each alike.
    expected = [[-math.log(4)] * 2, [-math.log(5)] * 2, [-math.log(3)] * 2]
    torch.testing.assert_close(reading.log_mass, torch.tensor(expected))
    assert reading.loss().item() == pytest.approx((math.log(4) + math.log(5) + math.log(3)) / 3)


def test_a_tap_reads_only_its_layer_and_only_inside():
    q, k, v = random_qkv((2, 4, 5, 8), (2, 2, 5, 8), (2, 2, 5, 8))
    reading = tap(layer=1)
    with tapped(reading):
        causal_attention(SimpleNamespace(layer_idx=0), q, k, v, scaling=1.0)
    causal_attention(SimpleNamespace(layer_idx=1), q, k, v, scaling=1.0)
    assert reading.log_mass is None
    assert reading.loss().item() == 0.0


def test_a_tap_with_nothing_to_read_costs_nothing():
    none = torch.tensor([], dtype=torch.long)
    targets = torch.zeros((0, 3), dtype=torch.bool)
    reading = SpanTap(layer=0, heads=slice(0, 2), rows=none, queries=none, targets=targets)
    q, k, v = random_qkv((1, 2, 3, 4), (1, 2, 3, 4), (1, 2, 3, 4))
    with tapped(reading):
        output, _ = causal_attention(SimpleNamespace(layer_idx=0), q, k, v, scaling=1.0)
    (output.sum() + reading.loss()).backward()
    assert reading.loss().item() == 0.0
    assert v.grad.isfinite().all()
