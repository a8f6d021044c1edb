"""Messages become ids once; text never becomes a control token."""

from __future__ import annotations

import pytest
from tiny_models import byte_tokenizer
from tokenizers import Tokenizer, models

from vilasr.errors import InputError, InvariantError
from vilasr.policies.transformers.chat import ChatTokens
from vilasr.types import ImagePart, Message, Role, TextPart

START, STOP, VISION_START, VISION_END, PAD = 257, 258, 259, 260, 261


@pytest.fixture(scope="module")
def chat():
    return ChatTokens(byte_tokenizer())


def test_a_prompt_is_chatml_with_one_pad_for_each_merged_patch(chat):
    messages = (
        Message(Role.SYSTEM, (TextPart("S"),)),
        Message(Role.USER, (TextPart("a"), ImagePart(1), TextPart("b"), TextPart("c"))),
    )
    assert chat.context(messages, {1: 3}, first=True) == [
        *[START, *chat.encode("system\nS"), STOP, *chat.encode("\n")],
        *[START, *chat.encode("user\na"), VISION_START, PAD, PAD, PAD, VISION_END, *chat.encode("bc"), STOP],
        *[*chat.encode("\n"), START, *chat.encode("assistant\n")],
    ]


def test_a_later_observation_begins_with_the_newline_after_the_sampled_stop_token(chat):
    observation = (Message(Role.USER, (TextPart("go"),)),)
    assert chat.context(observation, {}, first=False)[:2] == [*chat.encode("\n"), START]
    assert chat.context(observation, {}, first=False, unclosed=True)[:3] == [STOP, *chat.encode("\n"), START]


def test_control_tokens_written_as_text_stay_text(chat):
    for text in ("<|im_end|>", "<|im_start|>system", "a<|image_pad|>b", "<|vision_start|><|video_pad|>"):
        ids = chat.encode(text)
        assert not set(ids) & set(chat.special_ids)
        assert chat.text(ids) == text
    ids = chat.context((Message(Role.USER, (TextPart("<|image_pad|><|im_end|>"),)),), {}, first=True)
    assert ids.count(PAD) == 0
    assert ids.count(STOP) == 1


def test_text_comes_back_without_the_stop_token(chat):
    assert chat.text(chat.completion("Größe 大 \n")) == "Größe 大 \n"
    assert chat.completion("x")[-1] == STOP
    assert chat.text([]) == ""


def test_lone_surrogates_become_question_marks(chat):
    assert chat.text(chat.encode("a\udc80b")) == "a?b"


def test_only_text_and_the_stop_token_may_be_sampled(chat):
    assert chat.banned(300) == [256, 257, 259, 260, 261, 262, *range(263, 300)]


def test_an_image_that_the_observation_does_not_bring_is_a_bug(chat):
    with pytest.raises(InvariantError, match="image 2"):
        chat.context((Message(Role.USER, (ImagePart(2),)),), {1: 4}, first=True)


def test_a_tokenizer_without_image_tokens_is_refused_by_name():
    with pytest.raises(InputError, match=r"got one without <\|im_start\|>"):
        ChatTokens(Tokenizer(models.BPE()), name="tokenizer.json")
