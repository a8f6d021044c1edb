"""What the environment says: the prompt, the observation after a drawing, the observation after a mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vilasr.protocol.neutral import neutralise
from vilasr.types import AnswerType, ImagePart, Message, Part, Role, Sample, Size, TextPart, TurnError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vilasr.protocol.prompts import Protocol

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def prompt_messages(
    protocol: Protocol, sample: Sample, *, model_sizes: Sequence[Size], drawing: bool = True, last: bool = False
) -> tuple[Message, ...]:
    """System message (unless its text is empty) and the user's: images in order, question, options, form of the answer.

    `model_sizes` are those of the sample's images; `last` says that only one turn is allowed.
    """
    parts: list[Part] = []
    for index, (width, height) in enumerate(model_sizes, start=1):
        heading = protocol.image.format(index=index, width=width, height=height)
        parts += [TextPart(_after_image(heading, parts)), ImagePart(index)]
    lines = [neutralise(sample.question), *_option_lines(sample)]
    if ask := _ask(protocol, sample.answer_type):
        lines.append(ask)
    if last:
        lines.append(_last_turn(protocol, drawing=drawing))
    parts.append(TextPart(_after_image("\n".join(lines), parts)))
    user = Message(Role.USER, tuple(parts))
    system = protocol.system if drawing else protocol.system_plain
    return (Message(Role.SYSTEM, (TextPart(system),)), user) if system else (user,)


def drawn_message(
    protocol: Protocol, *, images: Sequence[tuple[int, int, Size]], last: bool = False
) -> tuple[Message, ...]:
    """The observation after a drawing; `images` holds (index, parent index, model size) of each new image."""
    parts: list[Part] = []
    for index, parent, (width, height) in images:
        heading = protocol.drawn_image.format(index=index, parent=parent, width=width, height=height)
        parts += [TextPart(_after_image(heading, parts)), ImagePart(index)]
    ending = _last_turn(protocol, drawing=True) if last else protocol.go_on
    parts.append(TextPart(_after_image(ending, parts)))
    return (Message(Role.USER, tuple(parts)),)


def error_message(
    protocol: Protocol, error: TurnError, *, drawing: bool = True, last: bool = False
) -> tuple[Message, ...]:
    """The observation after a model mistake: text only."""
    if last:
        text = f"{error.message} {_last_turn(protocol, drawing=drawing)}"
    else:
        text = protocol.error.format(message=error.message)
    return (Message(Role.USER, (TextPart(text),)),)


def _after_image(text: str, parts: Sequence[Part]) -> str:
    return f"\n{text}" if parts else text


def _option_lines(sample: Sample) -> list[str]:
    """ "A. text" lines; none where the options are the bare letters, which would only be said twice."""
    pairs = list(zip(LETTERS, sample.options, strict=False))
    if all(letter == option.strip() for letter, option in pairs):
        return []
    return [f"{letter}. {neutralise(option)}" for letter, option in pairs]


def _ask(protocol: Protocol, answer_type: AnswerType) -> str:
    match answer_type:
        case AnswerType.CHOICE:
            return protocol.ask_choice
        case AnswerType.NUMBER:
            return protocol.ask_number
        case AnswerType.TEXT:
            return protocol.ask_text


def _last_turn(protocol: Protocol, *, drawing: bool) -> str:
    return protocol.last_turn if drawing else protocol.last_turn_plain
