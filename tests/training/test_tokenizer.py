"""The embedded model's tokenizer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vilasr.policies.transformers import ChatTokens
from vilasr.training.nano.tokenizer import SPECIAL_TOKENS, train_tokenizer
from vilasr.training.words import ANSWER_WORDS

LINE = '{{"index": {}, "start_point_2d": [{}, {}], "end_point_2d": [{}, {}], "label": "{}"}}, '
TEXTS = [LINE.format(i % 7, i, i + 3, 2 * i, 17 * i % 990, i % 9) for i in range(200)]
LEARNED = train_tokenizer([*TEXTS, "The dot is at [1, 2]. A [3, 4]."], num_merges=120)
CHAT = ChatTokens(LEARNED)


def pieces(text):
    return [CHAT.text([token]) for token in CHAT.encode(text)]


@pytest.mark.parametrize("around", ["{}", "[{}, ", " {}", "{}, {}", "at {}."])
def test_every_number_up_to_999_is_one_token(around):
    for number in map(str, range(1000)):
        assert pieces(around.format(number, number)).count(number) == around.count("{}")


@pytest.mark.parametrize("around", [" {}", "{}", "So, {}: B.", "the {},", "[1, 2] {} 3"])
def test_every_word_that_decides_is_one_token_with_the_space_before_it(around):
    for word in ANSWER_WORDS:
        found = pieces(around.format(word))
        assert [piece for piece in found if piece.strip() == word] == [" " + word if around != "{}" else word]


def test_numbers_of_equal_digits_but_leading_zeros_are_different_texts():
    assert CHAT.text(CHAT.encode("007 07 7")) == "007 07 7"
    assert "".join(pieces("1234")) == "1234"
    assert pieces("1234") == ["123", "4"]


def test_both_sides_of_a_size_are_numbers():
    assert [piece for piece in pieces("(192x128)") if piece.isdecimal()] == ["192", "128"]


@pytest.mark.parametrize("word", ["bbox_2d", "point_2d"])
def test_the_digit_of_a_key_is_not_cut_out(word):
    pre_tokens = [text for text, _ in LEARNED.pre_tokenizer.pre_tokenize_str(word)]
    assert pre_tokens == [word]
    assert "".join(pieces(word)) == word


def test_the_scaffolding_of_a_line_is_short():
    line = LINE.format(1, 29, 41, 113, 164, 5)
    assert [piece for piece in pieces(line) if piece.isdecimal()] == ["1", "29", "41", "113", "164", "5"]
    assert len(pieces(line)) <= 6 + 7  # six numbers, and what stands before, between and behind them


@given(st.text())
def test_any_text_comes_back(text):
    assert CHAT.text(CHAT.encode(text)) == text


@given(st.lists(st.sampled_from([*SPECIAL_TOKENS, "<|", "im_end", "|>", "12", " "])).map("".join))
def test_special_token_strings_in_plain_text_never_become_control_tokens(text):
    ids = CHAT.encode(text)
    assert not set(ids) & set(CHAT.special_ids)
    assert CHAT.text(ids) == text


def test_the_control_tokens_are_the_last_ids_in_their_order():
    size = LEARNED.get_vocab_size()
    assert [LEARNED.token_to_id(token) for token in SPECIAL_TOKENS] == list(range(size - len(SPECIAL_TOKENS), size))
    assert CHAT.special_ids == tuple(range(size - len(SPECIAL_TOKENS), size))


WORDS = ("table", "table lamp", "tables", "red", "teddy bear")
SPOKEN = ChatTokens(train_tokenizer([*TEXTS, "I see the red table lamp at [1, 2]."], num_merges=120, words=WORDS))


@pytest.mark.parametrize(
    "text",
    [
        "the red table lamp is",
        '"label": "red table lamp"}',
        "\nA. red table lamp\nB.",
        "red table lamp, redder, portable",
    ],
)
def test_a_word_is_one_token_whatever_is_around_it_and_the_longest_counts(text):
    found = [SPOKEN.text([token]) for token in SPOKEN.encode(text)]
    assert [piece for piece in found if piece in WORDS] == ["red", "table lamp"]
    assert "".join(found) == text


@given(st.lists(st.sampled_from([*WORDS, *SPECIAL_TOKENS, " ", "s", "12", "\u00e9"])).map("".join))
def test_any_text_comes_back_where_words_are_tokens(text):
    ids = SPOKEN.encode(text)
    assert SPOKEN.text(ids) == text
    assert not set(ids) & set(SPOKEN.special_ids)


def test_learning_twice_gives_the_same_tokenizer():
    assert train_tokenizer(TEXTS, num_merges=50).to_str() == train_tokenizer(TEXTS, num_merges=50).to_str()
