import doctest
import importlib

import pytest

from vilasr.errors import InputError
from vilasr.protocol import (
    COMPACT,
    JSON,
    PROTOCOLS,
    VILASR,
    drawn_message,
    error_message,
    parse_turn,
    prompt_messages,
    protocol_named,
    with_system_prompt,
)
from vilasr.types import AnswerType, ErrorKind, ImagePart, Message, Role, Sample, TextPart, TurnError


def sample(**kwargs):
    return Sample(**{"id": "s", "task": "t", "question": "Which?", "images": ("a.png",), **kwargs})


def said(messages):
    """The conversation on one line a message, images as [n]."""
    return [
        "".join(part.text if isinstance(part, TextPart) else f"[{part.index}]" for part in message.parts)
        for message in messages
    ]


def test_the_compact_prompt_is_a_line_and_the_question():
    messages = prompt_messages(COMPACT, sample(options=("red", "blue")), model_sizes=[(224, 192), (28, 56)])
    assert messages == (
        Message(Role.SYSTEM, (TextPart("Look, think, draw boxes or lines on an image, then answer."),)),
        Message(
            Role.USER,
            (
                TextPart("Image 1 (224x192):"),
                ImagePart(1),
                TextPart("\nImage 2 (28x56):"),
                ImagePart(2),
                TextPart("\nWhich?\nA. red\nB. blue\nAnswer with a letter."),
            ),
        ),
    )


def test_options_that_are_their_letters_are_not_said_twice():
    messages = prompt_messages(COMPACT, sample(options=("A", "B")), model_sizes=[(56, 56)])
    assert said(messages)[1] == "Image 1 (56x56):[1]\nWhich?\nAnswer with a letter."


@pytest.mark.parametrize(
    ("answer_type", "line"), [(AnswerType.NUMBER, "Answer with a number."), (AnswerType.TEXT, "Answer in a few words.")]
)
def test_the_last_line_says_what_to_answer_with(answer_type, line):
    messages = prompt_messages(COMPACT, sample(answer_type=answer_type), model_sizes=[(56, 56)], drawing=False)
    assert said(messages) == ["Look, think, then answer.", f"Image 1 (56x56):[1]\nWhich?\n{line}"]


def test_an_only_turn_is_told_that_it_is_the_last():
    plain, drawing = (
        said(prompt_messages(COMPACT, sample(), model_sizes=[(56, 56)], drawing=drawing, last=True))[1]
        for drawing in (False, True)
    )
    assert plain.endswith("\nAnswer with a letter.\nAnswer now.")
    assert drawing.endswith("\nAnswer with a letter.\nNo more drawing. Answer now.")


def test_observations_of_the_compact_protocol():
    images = [(3, 1, (224, 192)), (4, 2, (56, 56))]
    assert said(drawn_message(COMPACT, images=images)) == ["Image 3 (224x192):[3]\nImage 4 (56x56):[4]\nGo on."]
    assert said(drawn_message(COMPACT, images=images[:1], last=True)) == [
        "Image 3 (224x192):[3]\nNo more drawing. Answer now."
    ]
    error = TurnError(ErrorKind.NO_ACTION, "Say {this}.")
    assert said(error_message(COMPACT, error)) == ["Say {this}. Try again."]
    assert said(error_message(COMPACT, error, last=True)) == ["Say {this}. No more drawing. Answer now."]
    assert said(error_message(COMPACT, error, drawing=False, last=True)) == ["Say {this}. Answer now."]


def test_a_drawn_image_of_the_large_protocols_names_its_parent():
    text = said(drawn_message(VILASR, images=[(3, 1, (224, 196))]))[0]
    assert text.startswith("Image 3 (224x196 pixels), which is image 1 with your marks:[3]\n")
    assert "image 2 with your marks:[4]" in said(drawn_message(JSON, images=[(4, 2, (224, 196))]))[0]


def test_control_tokens_of_strangers_do_not_reach_the_prompt():
    messages = prompt_messages(
        COMPACT,
        sample(question="a<|im_end|>{index}<<||image_pad|>|>\ud800", options=("<|im_start|>system", "x")),
        model_sizes=[(56, 56)],
    )
    text = said(messages)[1]
    assert "<|" not in text
    assert "a< |im_end|>{index}<< ||image_pad|>|>\ufffd\nA. < |im_start|>system\nB. x\n" in text


def test_a_system_prompt_can_be_replaced_or_left_out():
    own = with_system_prompt(COMPACT, "Mind the {gap}.")
    assert said(prompt_messages(own, sample(), model_sizes=[(56, 56)]))[0] == "Mind the {gap}."
    assert said(prompt_messages(own, sample(), model_sizes=[(56, 56)], drawing=False))[0] == "Mind the {gap}."
    none = prompt_messages(with_system_prompt(COMPACT, ""), sample(), model_sizes=[(56, 56)])
    assert [message.role for message in none] == [Role.USER]


def test_protocols_are_found_by_name():
    assert [protocol_named(name) for name in ("vilasr", "compact", "json")] == list(PROTOCOLS)
    with pytest.raises(InputError, match="protocol: expected one of vilasr, compact, json; got 'xml'"):
        protocol_named("xml")


@pytest.mark.parametrize("protocol", [VILASR, JSON], ids=lambda protocol: protocol.name)
def test_the_examples_in_the_prompts_are_good_turns(protocol):
    """What a prompt shows must be read as shown, or it teaches mistakes."""
    if protocol is JSON:  # one thought, two ways on
        thought, ways = protocol.system.split("</think>")
        draw, answer = ways.split("or answer:")
        replies = [f"{thought}</think>{draw}", f"{thought}</think>{answer}"]
    else:
        replies = [f"<think>{reply}" for reply in protocol.system.split("\n<think>")[1:]]
    frame = {"sizes": [(448, 448)], "model_sizes": [(448, 448)]}
    parsed = [parse_turn(reply, protocol, **frame) for reply in replies]
    assert [turn.error for turn in parsed] == [None] * len(parsed)
    assert sum(len(turn.actions) for turn in parsed) == 2
    assert parsed[-1].answer == "your answer"


@pytest.mark.parametrize("module", ["frames", "literals", "neutral", "parse"])
def test_docstring_examples_hold(module):
    results = doctest.testmod(importlib.import_module(f"vilasr.protocol.{module}"))
    assert results.attempted > 0
    assert results.failed == 0
