"""The embedded engine says what the plain model would say, whatever else is in flight."""

from __future__ import annotations

import asyncio
import re

import pytest
import torch
from conversations import more, noise, plain_logits, prompt, run, talk, turn_logits, view

from vilasr.errors import InputError, InvariantError
from vilasr.policies.transformers import EngineConfig, TransformersPolicy, encode_images, patchify
from vilasr.policies.transformers.forward import ModelRunner, NewTokens, SlotState
from vilasr.types import FinishReason, ImageView, Observation, SamplingParams

GREEDY = SamplingParams(max_tokens=9)
SAMPLED = SamplingParams(temperature=1.0, max_tokens=9)

# Three conversations of different lengths, turns, image sizes (multiples of 8) and numbers of images.
LONG = (
    prompt("what is where?", view(1, (32, 40), 0), view(2, (16, 16), 1)),
    more("go on", view(3, (48, 16), 2)),
    more("your JSON is broken"),
    more("and now?", view(4, (32, 40), 3), view(5, (8, 24), 4)),
)
SHORT = (prompt("count", view(1, (24, 24), 5)), more("once more", view(2, (32, 40), 6)))
TEXT_ONLY = (prompt("no image at all"), more("really"))


def test_every_sampled_token_has_the_log_probability_of_a_plain_forward_pass_over_the_whole_conversation(loaded):
    conversations = [(LONG, 1, SAMPLED), (SHORT, 2, SAMPLED), (TEXT_ONLY, 3, SAMPLED), (LONG, 4, GREEDY)]
    results = run(TransformersPolicy(loaded), *conversations)
    for (observations, _, _), completions in zip(conversations, results, strict=True):
        for completion, logits in zip(completions, turn_logits(loaded, observations, completions), strict=True):
            expected = logits.log_softmax(-1).gather(1, torch.tensor(list(completion.tokens.token_ids))[:, None])[:, 0]
            assert (torch.tensor(list(completion.tokens.logprobs)) - expected).abs().max() < 1e-5


def test_all_logits_of_a_ragged_teacher_forced_batch_equal_a_plain_forward_pass(loaded):
    runner = ModelRunner(loaded)
    states = [SlotState(slot=slot) for slot in (2, 0, 5)]
    conversations = [LONG, SHORT, TEXT_ONLY]
    said = [[f"turn {turn} of {index}" for turn in range(4)] for index in range(3)]
    all_ids, at, engine_logits = [[], [], []], [[], [], []], [[], [], []]
    for turn in range(4):
        rows = [index for index in range(3) if turn < len(conversations[index])]
        new = []
        for index in rows:
            observation = conversations[index][turn]
            grids = [loaded.images.grid(v.pixels.size) for v in observation.images]
            num = {v.index: loaded.images.num_tokens(g) for v, g in zip(observation.images, grids, strict=True)}
            ids = [*states[index].pending, *loaded.chat.context(observation.messages, num, first=turn == 0)]
            features = [
                encode_images(loaded.model, patchify(v.pixels, loaded.images), [g])[0]
                for v, g in zip(observation.images, grids, strict=True)
            ]
            new.append(NewTokens(state=states[index], token_ids=ids, grids=grids, features=features))
            all_ids[index] += ids
        with torch.inference_mode():
            logits = runner.prefill(new)
            for step in range(len(said[0][0]) + 1):
                for row, index in enumerate(rows):
                    engine_logits[index].append(logits[row])
                    at[index].append(len(all_ids[index]) - 1)
                    states[index].pending = [loaded.chat.completion(said[index][turn])[step]]
                if step < len(said[0][0]):
                    for index in rows:
                        all_ids[index] += states[index].pending
                    logits = runner.decode([states[index] for index in rows])
    for index, conversation in enumerate(conversations):
        images = [v.pixels for observation in conversation for v in observation.images]
        expected = plain_logits(loaded, all_ids[index], images)[at[index]]
        ours = torch.stack(engine_logits[index])
        assert ours.shape[0] == 12 * len(conversation)  # "turn 0 of 0" has 11 bytes, and a stop token
        assert (ours - expected).abs().max() < 1e-5 * expected.abs().max()


def test_a_trainers_attention_on_the_shared_model_is_left_alone_and_not_used(loaded):
    text = loaded.model.model.language_model.config
    before = run(TransformersPolicy(loaded), (LONG, 1, SAMPLED))
    text._attn_implementation = "eager"
    try:
        after = run(TransformersPolicy(loaded), (LONG, 1, SAMPLED))
        assert text._attn_implementation == "eager"
    finally:
        text._attn_implementation = "sdpa"
    assert [c.text for c in after[0]] == [c.text for c in before[0]]


def test_greedy_takes_the_likeliest_allowed_token_of_the_plain_model(loaded):
    ((first, second),) = run(TransformersPolicy(loaded), (SHORT, 0, GREEDY))
    banned = loaded.chat.banned(loaded.model.config.text_config.vocab_size)
    for completion, logits in zip((first, second), turn_logits(loaded, SHORT, (first, second)), strict=True):
        logits[:, banned] = -torch.inf
        assert list(completion.tokens.token_ids) == logits.argmax(-1).tolist()


def test_a_conversation_says_the_same_alone_and_in_a_crowd(loaded):
    ((*alone,),) = run(TransformersPolicy(loaded), (LONG, 7, SAMPLED))
    crowd = [(SHORT, seed, SamplingParams(temperature=1.3, max_tokens=3 + seed)) for seed in range(5)]
    together = run(TransformersPolicy(loaded), *crowd[:3], (LONG, 7, SAMPLED), *crowd[3:])[3]
    assert [list(c.tokens.token_ids) for c in together] == [list(c.tokens.token_ids) for c in alone]
    assert [c.text for c in together] == [c.text for c in alone]


def test_another_seed_says_something_else(loaded):
    first, second = run(TransformersPolicy(loaded), (SHORT, 1, SAMPLED), (SHORT, 2, SAMPLED))
    assert first[0].tokens.token_ids != second[0].tokens.token_ids


def test_more_conversations_than_slots_wait_in_line_and_say_the_same(loaded):
    conversations = [(SHORT, seed, SAMPLED) for seed in range(7)]
    crowded = run(TransformersPolicy(loaded, EngineConfig(num_slots=2)), *conversations)
    roomy = run(TransformersPolicy(loaded), *conversations)
    assert [c.text for talk in crowded for c in talk] == [c.text for talk in roomy for c in talk]


def test_a_slot_is_used_again_after_its_conversation_closed(loaded):
    async def main():
        policy = TransformersPolicy(loaded, EngineConfig(num_slots=1))
        first = [await talk(policy, LONG, seed=3, sampling=SAMPLED) for _ in range(2)]
        await policy.close()
        return first

    before, after = asyncio.run(main())
    assert [c.text for c in before] == [c.text for c in after]


def test_prompts_split_over_several_prefill_passes_say_the_same(loaded):
    conversations = [(LONG, 1, SAMPLED), (SHORT, 2, SAMPLED), (LONG, 3, SAMPLED)]
    small = EngineConfig(max_prefill_tokens=16, max_vision_patches=16)
    assert [[c.text for c in talk] for talk in run(TransformersPolicy(loaded, small), *conversations)] == [
        [c.text for c in talk] for talk in run(TransformersPolicy(loaded), *conversations)
    ]


def test_two_engines_say_what_one_says_and_share_what_they_saw(loaded):
    conversations = [(LONG, 1, SAMPLED), (SHORT, 2, SAMPLED), (LONG, 3, SAMPLED), (SHORT, 4, GREEDY)]
    two = TransformersPolicy(loaded, EngineConfig(num_slots=3, num_engines=2))
    assert [engine.config.num_slots for engine in two.engines] == [2, 1]
    assert [[c.text for c in talk] for talk in run(two, *conversations)] == [
        [c.text for c in talk] for talk in run(TransformersPolicy(loaded, EngineConfig(num_engines=1)), *conversations)
    ]
    assert two.engines[0].features is two.engines[1].features
    assert [engine.num_open for engine in two.engines] == [0, 0]


def test_an_image_is_encoded_once_for_all_siblings_and_later_turns(loaded):
    policy = TransformersPolicy(loaded)
    same_again = more("again", ImageView(index=2, pixels=SHORT[0].images[0].pixels, key=SHORT[0].images[0].key))
    run(policy, *(((SHORT[0], same_again), seed, SAMPLED) for seed in range(4)))
    assert len(policy.engines[0].features) == 1


def test_a_turn_stops_at_its_stop_token_or_at_its_length(loaded):
    hot = SamplingParams(temperature=50.0, max_tokens=5000)
    ((stopped,),) = run(TransformersPolicy(loaded), ((prompt("x"),), 0, hot))
    assert stopped.finish is FinishReason.STOP
    assert stopped.tokens.token_ids[-1] == loaded.chat.stop_id
    assert loaded.chat.stop_id not in stopped.tokens.token_ids[:-1]
    assert "<|im_end|>" not in stopped.text
    ((cut,),) = run(TransformersPolicy(loaded), ((prompt("x"),), 0, SamplingParams(max_tokens=4)))
    assert cut.finish is FinishReason.LENGTH
    assert len(cut.tokens.token_ids) == len(cut.tokens.logprobs) == len(cut.tokens.loss_mask) == 4


def test_control_tokens_are_never_sampled(loaded):
    hot = SamplingParams(temperature=100.0, max_tokens=400)
    results = run(TransformersPolicy(loaded), *((TEXT_ONLY[:1], seed, hot) for seed in range(8)))
    sampled = {token for (completion,) in results for token in completion.tokens.token_ids}
    assert len(sampled) > 200
    assert sampled <= {*range(256), loaded.chat.stop_id}


def test_the_context_after_a_stop_begins_with_a_newline_and_after_a_cut_with_the_missing_stop_token(loaded):
    first, second = run(TransformersPolicy(loaded), (SHORT, 0, SamplingParams(max_tokens=2)))[0]
    newline, start = loaded.chat.encode("\n"), loaded.chat.encode("assistant\n")
    assert first.finish is FinishReason.LENGTH
    assert list(second.tokens.context_ids)[:2] == [loaded.chat.stop_id, *newline]
    hot = SamplingParams(temperature=50.0, max_tokens=5000)
    stopped, after = run(TransformersPolicy(loaded), (TEXT_ONLY, 0, hot))[0]
    assert stopped.finish is FinishReason.STOP
    assert list(after.tokens.context_ids)[:1] == newline
    assert list(after.tokens.context_ids)[-len(start) :] == start


def test_a_full_context_ends_that_conversation_and_no_other(loaded):
    observation = prompt("x" * 60)
    policy = TransformersPolicy(loaded, EngineConfig(max_context_tokens=100))
    num_context = len(loaded.chat.context(observation.messages, {}, first=True))
    long_turn = SamplingParams(max_tokens=1000)
    full, whole = run(policy, ((observation, more("y")), 0, long_turn), (TEXT_ONLY, 0, SAMPLED))
    assert full[0].finish is FinishReason.CONTEXT
    assert num_context + len(full[0].tokens.token_ids) == 100
    assert full[1].finish is FinishReason.CONTEXT
    assert len(full[1].tokens.token_ids) == 0
    assert [c.finish for c in whole] == [FinishReason.LENGTH, FinishReason.LENGTH]


def test_grids_and_pads_are_those_of_the_images(loaded):
    (completions,) = run(TransformersPolicy(loaded), (LONG, 0, GREEDY))
    assert [c.grids for c in completions] == [((1, 10, 8), (1, 4, 4)), ((1, 4, 12),), (), ((1, 10, 8), (1, 6, 2))]
    pads = [list(c.tokens.context_ids).count(loaded.chat.image_id) for c in completions]
    assert pads == [20 + 4, 12, 0, 20 + 3]


def test_an_observation_that_shows_other_images_than_it_brings_is_refused_and_the_others_go_on(loaded):
    broken = Observation(messages=prompt("x", view(1, (8, 8), 0)).messages, images=(view(2, (8, 8), 0),))
    unfitted = prompt("x", view(1, (9, 8), 0))
    grey = prompt("x", ImageView(index=1, pixels=noise(0, (8, 8)).convert("L"), key="grey"))

    async def main():
        policy = TransformersPolicy(loaded)
        tasks = [talk(policy, (o,), seed=0, sampling=GREEDY) for o in (broken, SHORT[0], unfitted, grey)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await policy.close()
        return results

    wrong_image, fine, wrong_size, wrong_mode = asyncio.run(main())
    assert isinstance(wrong_image, InvariantError)
    assert "show images [1]; it brings [2]" in str(wrong_image)
    assert "9x8" in str(wrong_size)
    assert "takes RGB" in str(wrong_mode)
    assert len(fine[0].tokens.token_ids) > 0


def test_a_cancelled_turn_frees_its_slot(loaded):
    async def main():
        policy = TransformersPolicy(loaded, EngineConfig(num_slots=1, max_context_tokens=4000))
        endless = talk(policy, (TEXT_ONLY[0],), seed=0, sampling=SamplingParams(max_tokens=100_000))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(endless, timeout=0.2)
        completions = await asyncio.wait_for(talk(policy, SHORT, seed=0, sampling=GREEDY), timeout=20)
        await policy.close()
        return completions

    assert len(asyncio.run(main())) == 2


def test_a_failing_engine_tells_everybody_who_waits_and_everybody_who_comes_later(loaded):
    async def main():
        policy = TransformersPolicy(loaded)

        def explode(states):
            raise RuntimeError("out of memory, say")

        policy.engines[0]._runner.decode = explode
        tasks = [talk(policy, SHORT, seed=seed, sampling=GREEDY) for seed in range(3)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        with pytest.raises(InvariantError, match=r"The engine has stopped: RuntimeError: out of memory, say"):
            await talk(policy, SHORT, seed=0, sampling=GREEDY)
        await policy.close()
        return results

    results = asyncio.run(main())
    assert [
        re.match("The engine (stopped in the middle of a turn|has stopped)", str(r)) is not None for r in results
    ] == [True] * 3


def test_a_closed_policy_says_so(loaded):
    async def main():
        policy = TransformersPolicy(loaded)
        await talk(policy, TEXT_ONLY, seed=0, sampling=GREEDY)
        await policy.close()
        with pytest.raises(InvariantError, match="The engine is closed"):
            await talk(policy, TEXT_ONLY, seed=0, sampling=GREEDY)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("sampling", "what"),
    [
        (SamplingParams(temperature=-1.0), "temperature: expected a number from 0; got -1.0"),
        (SamplingParams(temperature=float("nan")), "temperature"),
        (SamplingParams(top_p=0.0), "top_p: expected a number above 0 and up to 1; got 0.0"),
        (SamplingParams(max_tokens=0), "max_tokens: expected a whole number from 1; got 0"),
    ],
)
def test_sampling_parameters_outside_their_range_are_refused(loaded, sampling, what):
    with pytest.raises(InputError, match=re.escape(what)):
        TransformersPolicy(loaded).open(seed=0, sampling=sampling)
