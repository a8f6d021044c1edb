"""The sample builder: a rollout becomes ids, a mask and images."""

from __future__ import annotations

import asyncio
import json
from array import array
from dataclasses import replace

import pytest
import torch
from handmade import noise, problem, recorded
from tiny_models import byte_tokenizer
from tokenizers import Tokenizer

from vilasr.env import Episode, EpisodeConfig, views_of
from vilasr.errors import DataError
from vilasr.policies.transformers import ChatTokens, TransformersPolicy, engine, patchify
from vilasr.protocol import COMPACT, format_turn
from vilasr.training.samples import DroppedError, build_sample, count_dropped
from vilasr.types import Box, Completion, SamplingParams, TurnTokens

BOX = Box(image_index=1, box_px=(2.0, 3.0, 20.0, 19.0), label="a")
ANSWER = "<think>Yes.</think>\nAction: Answer\n<answer>A</answer>"


def drawing_turn(episode, box=BOX):
    return format_turn("Look.", actions=(box,), protocol=COMPACT, sizes=episode.sizes, model_sizes=episode.model_sizes)


def episode_for(loaded, *images):
    return Episode(problem(*images), EpisodeConfig(protocol=COMPACT, sizer=loaded.sizer))


def build(rollout, loaded, *, max_tokens=4096):
    views = views_of(rollout, style=EpisodeConfig().style, sizer=loaded.sizer)
    return build_sample(rollout, views, chat=loaded.chat, settings=loaded.images, max_tokens=max_tokens)


def without_tokens(rollout):
    return replace(rollout, grids=(), turns=tuple(replace(turn, tokens=None) for turn in rollout.turns))


async def respond_with(monkeypatch, loaded, ids_of_turns, episode):
    """Play the episode with the embedded engine, whose sampler is made to say `ids_of_turns`."""
    script = iter([token for ids in ids_of_turns for token in ids])
    monkeypatch.setattr(engine, "sample_tokens", lambda *_: ([next(script)], [-0.5]))
    policy = TransformersPolicy(loaded)
    session = policy.open(seed=0, sampling=SamplingParams())
    observation = episode.reset()
    for ids in ids_of_turns:
        session.sampling = SamplingParams(max_tokens=len(ids))
        observation = episode.step(await session.respond(observation))
    await policy.close()
    return episode.rollout()


@pytest.mark.parametrize("cut_off", [False, True], ids=["stopped by itself", "cut off behind its drawing"])
def test_a_demonstration_gets_the_very_ids_that_the_engine_would_have_recorded(tiny, monkeypatch, cut_off):
    episode = episode_for(tiny, noise(0, (24, 24)))
    episode.reset()
    drawing, answer = tiny.chat.completion(drawing_turn(episode)), tiny.chat.completion(ANSWER)
    turns = [drawing[:-1] if cut_off else drawing, answer]
    rollout = asyncio.run(respond_with(monkeypatch, tiny, turns, episode))
    assert rollout.answer == "A"
    assert len(rollout.images) == 2

    said, played = build(rollout, tiny), build(without_tokens(rollout), tiny)
    assert said.ids.tolist() == played.ids.tolist()
    assert said.loss_mask.tolist() == played.loss_mask.tolist()
    assert said.grids == played.grids == rollout.grids
    assert torch.equal(said.patches, played.patches)
    assert said.ids[said.loss_mask].tolist() == [*turns[0], *turns[1]]
    assert said.logprobs[said.loss_mask].tolist() == [-0.5] * int(said.loss_mask.sum())
    assert played.logprobs.isnan().all()


def test_the_stop_token_is_trained_and_nothing_of_the_context(tiny):
    episode = episode_for(tiny, noise(0, (24, 24)))
    episode.reset()
    episode.step(drawing_turn(episode))
    episode.step(ANSWER)
    sample = build(episode.rollout(), tiny)
    drawn = drawing_turn(episode)
    trained = tiny.chat.text(sample.ids[sample.loss_mask].tolist())
    assert trained == f"{drawn}<|im_end|>{ANSWER}"  # the last stop token is not shown
    assert sample.ids[-1] == tiny.chat.stop_id
    assert sample.loss_mask[-1]
    context = tiny.chat.text(sample.ids[~sample.loss_mask].tolist())
    assert context.startswith("<|im_start|>system\nLook, think")
    assert context.count("<|im_start|>assistant\n") == 2


def test_a_turn_not_to_be_learned_is_seen_and_not_trained(tiny):
    episode = episode_for(tiny, noise(0, (24, 24)))
    episode.reset()
    wrong = drawing_turn(episode)
    episode.step(Completion(text=wrong, learn=False))
    episode.step(ANSWER)
    sample = build(episode.rollout(), tiny)
    assert tiny.chat.text(sample.ids[sample.loss_mask].tolist()) == ANSWER
    assert wrong in tiny.chat.text(sample.ids.tolist())


def test_recorded_tokens_are_taken_as_they_are(tiny):
    pad = tiny.chat.image_id
    rollout = recorded(tiny.chat, [noise(0, (16, 8))], ([7, pad, pad, 8], [9, 10, 11], [1, 0, 1]), ([12], [13], [1]))
    sample = build(rollout, tiny)
    assert sample.ids.tolist() == [7, pad, pad, 8, 9, 10, 11, 12, 13]
    assert sample.loss_mask.tolist() == [False] * 4 + [True, False, True, False, True]
    assert sample.logprobs.nan_to_num(5).tolist() == [5, 5, 5, 5, -1, -2, -3, 5, -1]
    assert sample.grids == ((1, 2, 4),)
    assert torch.equal(sample.patches, patchify(noise(0, (16, 8)), tiny.images))


def with_tokens(rollout, chat, *, stop_id=None):
    """The rollout as a model with the tokenizer `chat` would have recorded it."""
    pads = {1: 9, 2: 9}  # of 24 x 24 pixels
    turns = []
    for number, turn in enumerate(rollout.turns):
        said = [*chat.encode(turn.text), chat.stop_id if stop_id is None else stop_id]
        context = chat.context(turn.context, pads, first=number == 0)
        tokens = TurnTokens(
            context_ids=array("i", context),
            token_ids=array("i", said),
            logprobs=array("f", [-0.5] * len(said)),
            loss_mask=array("b", [1] * len(said)),
        )
        turns.append(replace(turn, tokens=tokens))
    return replace(rollout, turns=tuple(turns))


def drawn_and_answered(loaded):
    episode = episode_for(loaded, noise(0, (24, 24)))
    episode.reset()
    episode.step(drawing_turn(episode))
    episode.step(ANSWER)
    return episode.rollout()


def swapped(one, other):
    """The tokens of the tiny models, but for two letters that have changed places: as many, and the same pads."""
    tokenizer = json.loads(byte_tokenizer().to_str())
    vocab = tokenizer["model"]["vocab"]
    vocab[one], vocab[other] = vocab[other], vocab[one]
    return ChatTokens(Tokenizer.from_str(json.dumps(tokenizer)))


def test_tokens_of_another_tokenizer_are_not_trained(tiny):
    rollout = drawn_and_answered(tiny)
    assert len(build(with_tokens(rollout, tiny.chat), tiny)) > 0
    others = swapped("o", "n")
    assert others.encode("on") == tiny.chat.encode("no")
    with pytest.raises(DroppedError, match="handmade/1: its tokens are not of this model's tokenizer") as caught:
        build(with_tokens(rollout, others), tiny)
    assert caught.value.reason == "other_tokens"


def test_tokens_of_another_tokenizer_are_known_by_what_the_policy_was_told_where_its_words_are_the_same(tiny):
    rollout = drawn_and_answered(tiny)
    others = swapped("W", "!")  # of "Which?", the question; no turn says either letter
    assert all(others.encode(turn.text) == tiny.chat.encode(turn.text) for turn in rollout.turns)
    with pytest.raises(DroppedError, match="its tokens are not of this model's tokenizer"):
        build(with_tokens(rollout, others), tiny)


def test_another_stop_token_and_a_letter_cut_in_two_by_the_limit_are_the_same_text(tiny):
    rollout = drawn_and_answered(tiny)
    end_of_text = tiny.chat.special_ids[0]
    assert end_of_text != tiny.chat.stop_id
    assert build(with_tokens(rollout, tiny.chat, stop_id=end_of_text), tiny).ids[-1] == end_of_text
    half = tiny.chat.encode("\u00e9")[0]  # the first of two bytes
    assert len(build(with_tokens(rollout, tiny.chat, stop_id=half), tiny)) > 0


@pytest.mark.parametrize(("max_tokens", "kept", "counted"), [(9, 9, {}), (8, 7, {"cut": 1.0}), (7, 7, {"cut": 1.0})])
def test_a_long_conversation_is_cut_behind_the_last_turn_that_fits_and_counted(tiny, max_tokens, kept, counted):
    pad = tiny.chat.image_id
    rollout = recorded(tiny.chat, [noise(0, (16, 8))], ([7, pad, pad, 8], [9, 10, 11], [1, 1, 1]), ([12], [13], [1]))
    sample = build(rollout, tiny, max_tokens=max_tokens)
    assert len(sample) == kept
    assert count_dropped([sample]) == counted


def test_a_conversation_whose_first_turn_does_not_fit_is_refused(tiny):
    pad = tiny.chat.image_id
    rollout = recorded(tiny.chat, [noise(0, (16, 8))], ([7, pad, pad, 8], [9, 10, 11], [1, 1, 1]))
    with pytest.raises(DataError, match=r"handmade/1: no trainable token within 6 tokens"):
        build(rollout, tiny, max_tokens=6)


def test_an_image_that_was_drawn_and_never_seen_is_left_out(tiny):
    episode = episode_for(tiny, noise(0, (24, 24)))
    episode.reset()
    episode.step(drawing_turn(episode))
    episode.step(ANSWER)
    rollout = episode.rollout()
    first_turn = replace(rollout, turns=rollout.turns[:1])
    sample = build(first_turn, tiny)
    assert len(rollout.images) == 2
    assert sample.grids == ((1, 6, 6),)
    assert len(sample.patches) == 36


@pytest.mark.parametrize(
    "context",
    [[7, 1, 8], [7, 261, 8], [7, 261, 261, 261, 8], [7, 261, 261, 8, 261, 8], [7, *[261] * 4, 8, 261, 261, 8]],
    ids=["none", "too few", "too many", "second image too few", "images in the wrong order"],
)
def test_pads_that_are_not_those_of_the_images_in_order_name_the_sample(tiny, context):
    rollout = recorded(tiny.chat, [noise(0, (16, 8)), noise(1, (16, 16))], (context, [9], [1]))
    assert tiny.chat.image_id == 261
    with pytest.raises(DataError, match=r"handmade/1: runs of \[.*\] image pads, for images of \[2, 4\] tokens"):
        build(rollout, tiny)
