"""Which tokens should look back at what already stands in the text: found in ids made by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from handmade import hand_batch, said, sft_config

from vilasr.policies.transformers import ChatTokens
from vilasr.training import copying
from vilasr.training.attention import causal_attention, tapped
from vilasr.training.config import CopyingSection, PointingSection
from vilasr.training.copying import CopyReader
from vilasr.training.guidance import Guidance
from vilasr.training.nano.tokenizer import train_tokenizer
from vilasr.training.taps import SpanTap
from vilasr.training.words import PLACES

CHAT = ChatTokens(train_tokenizer(["go 1 up, 2 down. "] * 40, num_merges=60))
READER = CopyReader(CHAT, vocab_size=CHAT.num_tokens + 10)


def taps(*rows):
    one_back, two_back, *_, copies = READER.taps(
        hand_batch(CHAT, *rows, grids=[(1, 2, 2)]), early_layer=1, late_layer=4
    )
    return one_back, two_back, copies


def looks(tap):
    """(row, query, [keys]) of a tap."""
    keys = [row.nonzero().squeeze(-1).tolist() for row in tap.targets]
    return list(zip(tap.rows.tolist(), tap.queries.tolist(), keys, strict=True))


def test_the_position_before_a_number_looks_where_the_number_stood_before():
    # ids: pad, "12", ",", "7", ",", "12", ",", "12" -- the last two said before.
    comma = CHAT.encode(",")
    twelve, seven = CHAT.encode("12"), CHAT.encode("7")
    ids = [CHAT.image_id, *twelve, *comma, *seven, *comma, *twelve, *comma, *twelve]
    _, _, copies = taps((ids, [0, 0, 0, 1, 1, 1, 1, 1]))
    assert looks(copies) == [(0, 4, [1]), (0, 6, [1, 5])]
    assert (copies.layer, copies.heads) == (4, slice(2, 4))


def direction_places(ids):
    return [place for place, token in enumerate(ids) if CHAT.text([token]).strip().startswith("down")]


def test_a_direction_is_looked_up_behind_its_number_whatever_is_written_around_it():
    ids, mask = said(CHAT, 1, "go 1 up, 2 down. go 2 down. ")
    first, second = direction_places(ids)
    _, _, copies = taps((ids, mask))
    assert (0, second - 1, [first]) in looks(copies)


def test_a_direction_behind_a_new_number_copies_nothing():
    ids, mask = said(CHAT, 1, "go 1 up, 2 down. go 3 down. ")
    _, second = direction_places(ids)
    _, _, copies = taps((ids, mask))
    assert second - 1 not in [query for _, query, _ in looks(copies)]


def test_a_word_is_looked_up_where_it_or_another_form_of_it_was_read():
    chat = ChatTokens(train_tokenizer(["go 1 up. "], num_merges=5, words=("bench", "benches", "red")))
    one = {word: chat.encode(word) for word in ("bench", "benches", "red", "x")}
    ids = [chat.image_id, *one["benches"], *one["red"], *one["x"], *one["bench"], *one["red"]]
    reader = CopyReader(chat, vocab_size=chat.num_tokens)
    *_, copies = reader.taps(
        hand_batch(chat, (ids, [0, 0, 0, 0, 1, 1]), grids=[(1, 2, 2)]), early_layer=1, late_layer=4
    )
    assert looks(copies) == [(0, 3, [1]), (0, 4, [2])]


def test_the_letter_that_a_length_is_said_of_is_looked_up_where_it_stood():
    chat = ChatTokens(train_tokenizer(["go 1 up. "], num_merges=5, words=PLACES))
    (at_a,), (at_b,) = chat.encode("at A"), chat.encode("at B")
    ids = [chat.image_id, at_a, *chat.encode("5"), at_b, *chat.encode("7"), at_b]
    reader = CopyReader(chat, vocab_size=chat.num_tokens)
    *_, copies = reader.taps(
        hand_batch(chat, (ids, [0, 0, 0, 0, 0, 1]), grids=[(1, 2, 2)]), early_layer=1, late_layer=4
    )
    assert looks(copies) == [(0, 4, [3])]


def test_a_word_that_decides_is_looked_up_in_what_the_policy_said_and_not_in_the_question():
    chat = ChatTokens(train_tokenizer(["go left, "] * 40, num_merges=60))
    (left,), (comma,) = chat.encode(" left"), chat.encode(",")
    ids = [chat.image_id, left, comma, left, comma, left]
    reader = CopyReader(chat, vocab_size=chat.num_tokens)
    *_, copies = reader.taps(
        hand_batch(chat, (ids, [0, 0, 1, 1, 1, 1]), grids=[(1, 2, 2)]), early_layer=1, late_layer=4
    )
    assert looks(copies) == [(0, 4, [3])]


def test_the_letter_of_an_option_is_looked_up_at_the_words_of_that_option():
    words = ("red", "ball", "cup")
    texts = ["? \nA. red ball\nB. cup\nC. left\nAnswer", " So, red ball: A.</think>"]
    chat = ChatTokens(train_tokenizer(texts * 40, num_merges=60, words=words))
    reader = CopyReader(chat, vocab_size=chat.num_tokens)
    asked = [chat.image_id, *chat.encode(texts[0])]
    for said_last, letter, option in (
        (" So, red ball: A.</think>", "A", ("red", "ball")),
        (" So, left: C.", "C", (" left",)),
    ):
        reply = chat.encode(said_last)
        batch = hand_batch(chat, (asked + reply, [0] * len(asked) + [1] * len(reply)), grids=[(1, 2, 2)])
        *_, answers, _ = reader.taps(batch, early_layer=1, late_layer=4)
        ((_, query, keys),) = looks(answers)
        assert f"{letter}." in chat.text([(asked + reply)[query + 1]])
        assert [chat.text([asked[key]]) for key in keys] == [*option]
        (concluded,) = reader.concluded(batch)[0].nonzero().tolist()
        assert concluded == [query + 1]


def test_what_the_policy_did_not_say_copies_nothing():
    ids, _ = said(CHAT, 1, "12, 12")
    assert looks(taps((ids, [0] * len(ids)))[2]) == []


def test_numbers_and_directions_look_one_two_and_three_tokens_back_whoever_said_them():
    ids = [CHAT.image_id, *CHAT.encode("7"), *CHAT.encode(","), *CHAT.encode("8")]
    one_back, two_back, three_back, *_ = READER.taps(
        hand_batch(CHAT, (ids, [0, 0, 0, 0]), grids=[(1, 2, 2)]), early_layer=1, late_layer=4
    )
    assert looks(one_back) == [(0, 3, [2])]  # the number at 1 has nothing three tokens back and is left out
    assert looks(two_back) == [(0, 3, [1])]
    assert looks(three_back) == [(0, 3, [0])]
    heads = [(tap.layer, tap.heads) for tap in (one_back, two_back, three_back)]
    assert heads == [(1, slice(0, 1)), (1, slice(1, 2)), (1, slice(2, 3))]


def test_many_positions_are_thinned_evenly(monkeypatch):
    monkeypatch.setattr(copying, "MAX_QUERIES", 3)
    ids = [CHAT.image_id, *CHAT.encode("7") * 10]
    one_back, _, copies = taps((ids, [0] + [1] * 10))
    assert one_back.queries.tolist() == [3, 5, 7, 9]  # eight positions from 3 on, every second
    assert (copies.queries + 1).tolist() == [4, 7, 10]  # ten from 1 on, every third; the first has no earlier copy


def test_a_span_tap_reads_the_mass_on_all_its_keys():
    # Even attention: token 4 sees five tokens, two of them wanted; token 2 sees three, one of them wanted.
    targets = torch.tensor([[True, False, True, False, False], [False, True, False, False, False]])
    tap = SpanTap(layer=0, heads=slice(1, 3), rows=torch.tensor([0, 1]), queries=torch.tensor([4, 2]), targets=targets)
    q, k = torch.zeros(2, 4, 5, 8), torch.zeros(2, 2, 5, 8)
    with tapped(tap):
        causal_attention(SimpleNamespace(layer_idx=0), q, k, k, scaling=1.0)
    torch.testing.assert_close(tap.log_mass, torch.tensor([[math.log(2 / 5)] * 2, [math.log(1 / 3)] * 2]))
    assert tap.loss().item() == pytest.approx(-(math.log(2 / 5) + math.log(1 / 3)) / 2)


def test_the_guidance_adds_the_losses_by_their_weights(nano, nano_folder, tmp_path):
    config = sft_config(
        nano_folder,
        tmp_path,
        steps=1,
        pointing=PointingSection(weight=0.5, naming=0.125, reading=0.75, layer=1),
        copying=CopyingSection(weight=0.25, early_layer=0, late_layer=1),
    )
    heads = SimpleNamespace(vocab_size=nano.model.config.text_config.vocab_size, num_hidden_layers=2)
    heads.num_attention_heads = 6
    model = SimpleNamespace(config=SimpleNamespace(text_config=heads))
    guidance = Guidance(config, SimpleNamespace(model=model, chat=nano.chat, images=nano.images))
    batch = hand_batch(nano.chat, said(nano.chat, 4, "A [5, 6]. A [5, 6]."), grids=[(1, 4, 4)])
    found = guidance.taps(batch)
    sizes = {name: len(group) for name, group in found.items()}
    assert sizes == {"looking": 1, "naming": 2, "looking_back": 3, "moves": 1, "nexts": 1, "answers": 1, "copying": 1}
    for group, mass in zip(
        found.values(), ([-1.0], [-8.0, -16.0], [-2.0, -3.0, -4.0], [-6.0], [-8.0], [-7.0], [-5.0]), strict=True
    ):
        for tap, value in zip(group, mass, strict=True):
            tap.log_mass = torch.full((3, 2), value)
    total, metrics = guidance.loss(found, batch, torch.zeros(int(batch.loss_mask.sum())))
    masses = {
        "looking": 1.0,
        "naming": 12.0,
        "looking_back": 3.0,
        "moves": 6.0,
        "nexts": 8.0,
        "answers": 7.0,
        "copying": 5.0,
    }
    assert metrics == masses | {"concluding": 0.0, "reading": 0.0}
    assert total.item() == 0.5 * 1 + 0.125 * 12 + 0.25 * (3 + 6 + 8 + 7 + 5)


def test_without_weights_there_is_no_guidance(nano, nano_folder, tmp_path):
    guidance = Guidance(sft_config(nano_folder, tmp_path, steps=1), nano)
    batch = hand_batch(nano.chat, said(nano.chat, 4, "A [5, 6]."), grids=[(1, 4, 4)])
    assert guidance.taps(batch) == {}
    total, metrics = guidance.loss({}, batch, torch.zeros(int(batch.loss_mask.sum())))
    assert (total.item(), metrics) == (0.0, {})


def test_the_end_of_a_line_looks_at_the_direction_of_its_move():
    chat = ChatTokens(train_tokenizer(['go 1 up, 2 down, 7 "end_point_2d": [5, 6], "label": "2"'] * 40, num_merges=90))
    text = 'go 1 up, 2 down, 7 "end_point_2d": [5, 6], "label": "2"'
    ids, mask = said(chat, 1, text)
    words = [chat.text([token]) for token in ids]
    opens = next(place for place, word in enumerate(words) if word.endswith('"end_point_2d": ['))
    direction = next(place for place, word in enumerate(words) if "down" in word)
    batch = hand_batch(chat, (ids, mask), grids=[(1, 2, 2)])
    moves = CopyReader(chat, vocab_size=chat.num_tokens).taps(batch, early_layer=1, late_layer=4)[3]
    assert looks(moves) == [(0, opens, [direction]), (0, opens + 2, [direction])]
    assert (moves.layer, moves.heads) == (3, slice(4, 6))


def test_a_turn_that_goes_on_looks_at_the_label_of_the_last_mark_and_its_number_has_a_loss_of_its_own():
    text = 'Next 1 up, 2 up. [5, 6], "label": "1"} [5, 4], "label": "2"} Next 3 up'
    chat = ChatTokens(train_tokenizer(["Next 1 up. "] * 40 + [', "label": "3"}'] * 40, num_merges=40))
    ids, mask = said(chat, 1, text)
    words = [chat.text([token]) for token in ids]
    first, second = (place for place, word in enumerate(words) if word.endswith("Next "))
    last_label = max(place for place, word in enumerate(words) if word == "2")
    batch = hand_batch(chat, (ids, mask), grids=[(1, 2, 2)])
    reader = CopyReader(chat, vocab_size=chat.num_tokens)
    nexts = reader.taps(batch, early_layer=1, late_layer=4)[4]
    assert looks(nexts) == [(0, second, [last_label])]  # nothing is drawn before the first
    assert (nexts.layer, nexts.heads) == (3, slice(4, 6))
    assert reader.concluded(batch).nonzero().tolist() == [[0, first + 1], [0, second + 1]]


def concluding_chat():
    """A tokenizer in which "B.</think>" is one token."""
    endings = [f"{letter}.</think>" for letter in "ABCDE"]
    told = ["A [5, 6], B [7, 8]. That is ", *(f"in box {letter}, " for letter in "ABCDE")]
    return ChatTokens(train_tokenizer([*endings * 200, *told * 50], num_merges=80))


def test_the_concluded_letter_has_a_loss_of_its_own(nano_folder, tmp_path):
    chat = concluding_chat()
    ids, mask = said(chat, 1, "A [5, 6], B [7, 8]. That is B.</think>")
    batch = hand_batch(chat, (ids, mask), grids=[(1, 2, 2)])
    assert CopyReader(chat, vocab_size=chat.num_tokens).concluded(batch).nonzero().tolist() == [[0, len(ids) - 1]]

    text = SimpleNamespace(vocab_size=chat.num_tokens, num_hidden_layers=5, num_attention_heads=6)
    model = SimpleNamespace(config=SimpleNamespace(text_config=text))
    config = sft_config(nano_folder, tmp_path, steps=1, copying=CopyingSection(concluding=0.5))
    guidance = Guidance(config, SimpleNamespace(model=model, chat=chat))
    assert guidance.taps(batch) == {}  # it reads no attention
    logprobs = torch.full((int(batch.loss_mask.sum()),), -1.0)
    logprobs[-1] = -3.0
    total, metrics = guidance.loss({}, batch, logprobs)
    assert (total.item(), metrics) == (1.5, {"concluding": 3.0})


def test_a_concluded_letter_looks_at_the_last_number_of_its_place():
    chat = concluding_chat()
    ids, mask = said(chat, 1, "A [5, 6], B [7, 8]. That is B.</think>")
    words = [chat.text([token]) for token in ids]
    letter = words.index("B.</think>")
    batch = hand_batch(chat, (ids, mask), grids=[(1, 2, 2)])
    answers = CopyReader(chat, vocab_size=chat.num_tokens).taps(batch, early_layer=1, late_layer=4)[5]
    assert looks(answers) == [(0, letter - 1, [words.index("8")])]
    assert (answers.layer, answers.heads) == (4, slice(4, 6))


def test_a_concluded_letter_looks_at_the_box_that_was_said_to_have_it():
    chat = concluding_chat()
    ids, mask = said(chat, 1, "It is [5, 6], in box B; not in box A. That is B.</think>")
    words = [chat.text([token]) for token in ids]
    batch = hand_batch(chat, (ids, mask), grids=[(1, 2, 2)])
    answers = CopyReader(chat, vocab_size=chat.num_tokens).taps(batch, early_layer=1, late_layer=4)[5]
    assert looks(answers) == [(0, words.index("B.</think>") - 1, [words.index("B")])]


def test_what_is_read_off_a_box_has_a_loss_of_its_own(nano, nano_folder, tmp_path):
    pointing = PointingSection(weight=0.5, reading=0.25)
    guidance = Guidance(sft_config(nano_folder, tmp_path, steps=1, pointing=pointing), nano)
    ids, mask = said(nano.chat, 4, "At [5, 6, 20, 30] is the red mug.")
    batch = hand_batch(nano.chat, (ids, mask), grids=[(1, 4, 4)])
    logprobs = torch.zeros(len(ids) - 4)
    for word, value in (("red", -1.0), ("mug", -3.0)):
        [place] = [place for place in range(4, len(ids)) if nano.chat.text([ids[place]]) == word]
        logprobs[place - 4] = value
    taps = guidance.taps(batch)
    for tap in taps["looking"]:
        tap.log_mass = torch.zeros(1, 1)
    total, metrics = guidance.loss(taps, batch, logprobs)
    assert metrics == {"looking": 0.0, "reading": 2.0}
    assert total.item() == 0.25 * 2
