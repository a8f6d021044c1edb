"""Batches: padding changes nothing, and the order of the data follows from the arguments."""

from __future__ import annotations

from itertools import islice, pairwise

import pytest
import torch
from conversations import plain_logits
from handmade import ragged

from vilasr.training.batch import bucketed, make_batch, token_logprobs


@torch.no_grad()
def test_a_padded_batch_gives_what_each_sample_gives_alone(tiny):
    samples, _ = ragged(tiny)
    together = token_logprobs(tiny.model, make_batch(samples, tiny.model, pad_id=tiny.chat.stop_id))
    alone = [token_logprobs(tiny.model, make_batch([sample], tiny.model, pad_id=0)) for sample in samples]
    assert len({len(sample) for sample in samples}) == 3
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_logprobs_are_those_of_the_plain_model_with_its_own_image_processor(tiny):
    samples, pictures = ragged(tiny)
    ours = token_logprobs(tiny.model, make_batch(samples, tiny.model, pad_id=tiny.chat.stop_id))
    expected = []
    for sample, images in zip(samples, pictures, strict=True):
        logprobs = plain_logits(tiny, sample.ids.tolist(), images).log_softmax(-1)
        places = sample.loss_mask.nonzero().squeeze(-1)
        expected.append(logprobs[places - 1, sample.ids[places]])
    torch.testing.assert_close(ours, torch.cat(expected), atol=2e-5, rtol=1e-5)


def test_a_batch_is_padded_on_the_right_and_padding_is_never_trained(tiny):
    samples, _ = ragged(tiny)
    batch = make_batch(samples, tiny.model, pad_id=258)
    length = max(len(sample) for sample in samples)
    assert batch.ids.shape == batch.loss_mask.shape == (3, length)
    assert batch.positions.shape == (3, 3, length)
    for row, sample in enumerate(samples):
        assert batch.ids[row].tolist() == sample.ids.tolist() + [258] * (length - len(sample))
        assert not batch.loss_mask[row, len(sample) :].any()
    assert batch.grids.tolist() == [list(grid) for sample in samples for grid in sample.grids]
    assert int(batch.grids.prod(1).sum()) == len(batch.patches)


# --- bucketed: texts stand for samples, their letters for tokens ------------------------------------------------------


def load(index):
    return f"{index}" + "x" * (index * 7 % 13)


def numbers(batch):
    return [int(item.rstrip("x")) for item in batch]


def test_every_sample_is_in_exactly_one_batch():
    batches = list(islice(bucketed(load, batch_size=3, window=4, seed=0), 12))
    assert sorted(number for batch in batches for number in numbers(batch)) == list(range(36))
    assert sorted(number for batch in batches[4:8] for number in numbers(batch)) == list(range(12, 24))


def test_a_window_is_cut_into_batches_of_like_length():
    batches = list(islice(bucketed(load, batch_size=3, window=4, seed=0), 4))
    spans = sorted((min(map(len, batch)), max(map(len, batch))) for batch in batches)
    assert all(shorter[1] <= longer[0] for shorter, longer in pairwise(spans))


def test_batches_follow_from_the_arguments_and_their_order_from_the_seed():
    first, again, other = (list(islice(bucketed(load, batch_size=2, window=8, seed=s), 8)) for s in (5, 5, 6))
    assert first == again
    assert first != other
    assert sorted(first) == sorted(other)


@pytest.mark.parametrize("first_batch", [1, 3, 4, 5, 11])
def test_a_resumed_stream_goes_on_where_it_was(first_batch):
    whole = list(islice(bucketed(load, batch_size=3, window=4, seed=1), 16))
    rest = bucketed(load, batch_size=3, window=4, seed=1, first_batch=first_batch)
    assert list(islice(rest, 16 - first_batch)) == whole[first_batch:]
