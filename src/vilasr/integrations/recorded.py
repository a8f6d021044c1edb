"""Conversations with drawn pictures (the official SFT data, exports of ours) as rollouts.

The conversation is played again: every assistant message goes through the environment, which must draw as many
pictures as the conversation shows. So a mark is known by its numbers, not only as paint on a copy. The texts stay as
they are; the pictures are drawn afresh.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vilasr.drawing import ImageLimits, load_image, style_named
from vilasr.env import Episode, EpisodeConfig, Limits
from vilasr.errors import DataError, InputError
from vilasr.integrations.fields import shown, text_of
from vilasr.integrations.official import extra_of, imported_task
from vilasr.protocol import LETTERS, Sizer, protocol_named
from vilasr.scoring import extract_answer
from vilasr.types import AnswerType, Completion, ImagePart, Message, Part, Role, Sample, TextPart

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vilasr.types import Json, Rollout

IMAGE = "<image>"
ROLES = {"human": Role.USER, "gpt": Role.ASSISTANT} | {role.value: role for role in Role}
MAX_SIDE = ImageLimits().max_side_kept
QUESTION_HEADING = "### Question:"
QUESTION_END = "Begin your reasoning"


@dataclass(frozen=True, kw_only=True, slots=True)
class Speech:
    """How the conversations of a file are spoken: names of protocol and style, and whether drawing is allowed."""

    protocol: str = "vilasr"
    style: str = "published"
    drawing: bool = True


def speech_of(row: Mapping[str, Json]) -> Speech:
    """That of a row: what an export of ours wrote down, else that of the official data. Raises DataError."""
    extra = extra_of(row)
    if extra is None:
        return Speech()
    drawing = extra.get("drawing")
    if not isinstance(drawing, bool):
        raise DataError(f"vilasr: expected drawing to be true or false; got {shown(drawing)}")
    speech = Speech(protocol=text_of(extra, "protocol"), style=text_of(extra, "style"), drawing=drawing)
    try:
        protocol_named(speech.protocol)
        style_named(speech.style)
    except InputError as error:
        raise DataError(f"vilasr: {error}") from error
    return speech


def decode_conversation(
    row: Mapping[str, Json], images: Sequence[Path], speech: Speech, *, name: str, number: int
) -> Rollout:
    """The rollout of a row, which is row `number` of the file called `name`.

    Raises:
        DataError: the messages are malformed, their `<image>` and `images` do not match, or the environment does not
            do what the conversation shows; says at which turn.
        InputError: an image cannot be read.
    """
    messages = _messages(row)
    num_places = sum(text.count(IMAGE) for _, text in messages)
    if num_places != len(images):
        raise DataError(f"images: expected one for each {IMAGE}, {num_places}; got {len(images)}")
    contexts, replies = _turns(messages)
    num_first = sum(isinstance(part, ImagePart) for message in contexts[0] for part in message.parts)
    if not num_first:
        raise DataError("conversations: expected an image before the first reply; got none")
    sample = _sample(row, contexts[0], images[:num_first], name=name, number=number)
    limits = Limits(max_turns=len(replies) + 1, max_images=len(images), max_errors=len(replies))
    config = EpisodeConfig(
        protocol=protocol_named(speech.protocol),
        style=style_named(speech.style),
        # The numbers in the text are pixels of the very pictures in the file.
        sizer=Sizer(factor=1, min_pixels=1, max_pixels=MAX_SIDE**2),
        limits=limits,
        drawing=speech.drawing,
    )
    return _replay(sample, config, contexts, replies, row)


def _replay(
    sample: Sample,
    config: EpisodeConfig,
    contexts: Sequence[tuple[Message, ...]],
    replies: Sequence[str],
    row: Mapping[str, Json],
) -> Rollout:
    extra = extra_of(row) or {}
    learn = extra.get("learn", [True] * len(replies))
    sibling = extra.get("sibling", 0)
    if not (isinstance(learn, list) and len(learn) == len(replies) and all(isinstance(bit, bool) for bit in learn)):
        raise DataError(f"vilasr: expected learn to be true or false for each reply; got {shown(learn)}")
    if not isinstance(sibling, int) or isinstance(sibling, bool) or sibling < 0:
        raise DataError(f"vilasr: expected sibling to be a whole number from 0; got {shown(sibling)}")
    episode = Episode(sample, config, sibling=sibling)
    episode.reset()
    for turn, reply in enumerate(replies, start=1):
        observation = episode.step(Completion(text=reply, learn=learn[turn - 1]))
        told = f" ({observation.error.message})" if observation.error is not None else ""
        if turn == len(replies):
            if not observation.done or told:
                raise DataError(f"conversations: expected an answer at the end; got none{told}")
            continue
        num_shown = sum(isinstance(part, ImagePart) for message in contexts[turn] for part in message.parts)
        if observation.done or len(observation.images) != num_shown:
            drawn = "the end" if observation.done else f"{len(observation.images)} drawn images{told}"
            raise DataError(f"conversations: expected reply {turn} to give {num_shown} images; got {drawn}")
    rollout = episode.rollout()
    if rollout.answer is None:
        raise DataError("conversations: expected an answer at the end; got none")
    turns = (replace(turn, context=context) for turn, context in zip(rollout.turns, contexts, strict=True))
    return replace(rollout, turns=tuple(turns), seconds=0.0)


# --- reading ----------------------------------------------------------------------------------------------------------


def _messages(row: Mapping[str, Json]) -> list[tuple[Role, str]]:
    """Roles and texts, under either of the two usual pairs of keys."""
    entries = row.get("conversations")
    if not isinstance(entries, list) or not entries:
        raise DataError(f"conversations: expected a list of messages; got {shown(entries)}")
    messages = []
    for entry in entries:
        if not isinstance(entry, dict):
            raise DataError(f"conversations: expected objects; got {shown(entry)}")
        keys = ("role", "content") if "role" in entry else ("from", "value")
        role, text = (text_of(entry, key) for key in keys)
        if role not in ROLES:
            raise DataError(f"conversations: expected a role of {', '.join(ROLES)}; got {shown(role)}")
        messages.append((ROLES[role], text))
    return messages


def _turns(messages: Sequence[tuple[Role, str]]) -> tuple[list[tuple[Message, ...]], list[str]]:
    """What was said before each reply, and the replies. Images are numbered as they come."""
    contexts: list[tuple[Message, ...]] = []
    replies: list[str] = []
    context: list[Message] = []
    num_images = 0
    for role, text in messages:
        if role is Role.ASSISTANT:
            if not context or context[-1].role is not Role.USER or IMAGE in text:
                raise DataError("conversations: expected each reply after a user message, without images of its own")
            contexts.append(tuple(context))
            replies.append(text)
            context = []
            continue
        parts: list[Part] = []
        for place, piece in enumerate(text.split(IMAGE)):
            if place:
                num_images += 1
                parts.append(ImagePart(num_images))
            if piece:
                parts.append(TextPart(piece))
        context.append(Message(role, tuple(parts)))
    if context or not replies:
        raise DataError("conversations: expected a reply at the end; got none")
    return contexts, replies


def _sample(
    row: Mapping[str, Json], prompt: Sequence[Message], paths: Sequence[Path], *, name: str, number: int
) -> Sample:
    images = tuple(load_image(path, limits=ImageLimits(max_side_kept=ImageLimits().max_pixels)) for path in paths)
    if any(max(image.size) > MAX_SIDE for image in images):
        raise DataError(f"images: expected sides of at most {MAX_SIDE} pixels; got more")
    extra = extra_of(row)
    if extra is not None:
        kind, options = text_of(extra, "answer_type"), extra.get("options")
        if kind not in set(AnswerType) or not isinstance(options, list):
            raise DataError(f"vilasr: expected answer_type and options; got {shown(kind)} and {shown(options)}")
        return Sample(
            id=extra["id"],
            task=extra["task"],
            question=text_of(extra, "question"),
            images=images,
            options=tuple(text_of({"options": option}, "options") for option in options),
            answer=None if extra.get("answer") is None else text_of(extra, "answer"),
            answer_type=AnswerType(kind),
            metadata=extra["metadata"],
        )
    answer, answer_type = _final_answer(_messages(row)[-1][1])
    return Sample(
        id=f"{name}/{number}",
        task=imported_task(name),
        question=_question(prompt),
        images=images,
        answer=answer,
        answer_type=answer_type,
        metadata={"question_type": name},
    )


def _question(prompt: Sequence[Message]) -> str:
    """The question inside the official prompt; the whole of what the user says where it is worded otherwise."""
    parts = [
        part.text
        for message in prompt
        if message.role is Role.USER
        for part in message.parts
        if isinstance(part, TextPart)
    ]
    text = "".join(parts)
    inside = text.partition(QUESTION_HEADING)[2].rpartition(QUESTION_END)[0] or text
    if not inside.strip():
        raise DataError("conversations: expected a question; got no text")
    return inside.strip()


def _final_answer(reply: str) -> tuple[str | None, AnswerType]:
    """The answer that the conversation ends with, which its makers kept because it is right."""
    text = extract_answer(reply, AnswerType.TEXT).value if "<answer>" in reply else None
    if not isinstance(text, str):
        return None, AnswerType.TEXT
    if len(text) == 1 and text in LETTERS:
        return text, AnswerType.CHOICE
    is_number = re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)", text, re.ASCII)
    return text, AnswerType.NUMBER if is_number else AnswerType.TEXT
