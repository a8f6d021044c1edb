"""A rollout as JSON and back. Images are recipes: the hash of a clean base and the marks on it; never pixels.

{"sample": {"id": "maze/test/0/17", "images": ["<sha256>"], "question": ..., "answer": "B", ...},
 "sibling": 0, "seed": 7, "status": "answered", "reason": "",
 "images": [{"base_sha256": "<sha256>", "base": 1, "size": [224, 224], "parent": null, "instances": []}, ...],
 "turns": [{"context": [{"role": "user", "parts": ["Image 1 (224x224):", {"image": 1}]}], "text": "...",
            "actions": [{"kind": "box", "image_index": 1, "points_px": [2, 3, 8, 9], "label": "A"}],
            "tokens": {"context_ids": [...], "token_ids": [...], "logprobs": [...], "loss_mask": [...]}, ...}],
 "grids": [[1, 16, 16]], "seconds": 0.8}
"""

from __future__ import annotations

import math
import re
from array import array
from typing import TYPE_CHECKING

from vilasr.errors import DataError, InvariantError
from vilasr.rollout.fields import (
    choice,
    flag,
    integer,
    integers,
    items,
    mapping,
    number,
    numbers,
    optional_text,
    text,
    texts,
    value_of,
)
from vilasr.types import (
    Action,
    AnswerType,
    Box,
    ErrorKind,
    FinishReason,
    ImagePart,
    ImageRecipe,
    Json,
    Line,
    Message,
    Part,
    Role,
    Rollout,
    Sample,
    Status,
    TextPart,
    Turn,
    TurnError,
    TurnTokens,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

IMAGE_FOLDER = "images"
_HASH = re.compile(r"[0-9a-f]{64}")
_TOKENS = b'"tokens":{"context_ids":['
"""How the tokens of a turn begin as the encoder writes them; they hold numbers, so the next "}" ends them. Inside a
text the quotes would be escaped."""


# --- to JSON ----------------------------------------------------------------------------------------------------------


def encode_rollout(rollout: Rollout, base_keys: Sequence[str]) -> dict[str, Json]:
    """`base_keys` are the content keys of the sample's images, in order.

    Raises:
        InvariantError: token arrays that do not belong together, or a number that is not finite.
    """
    return {
        "sample": _encode_sample(rollout.sample, base_keys),
        "sibling": rollout.sibling,
        "seed": rollout.seed,
        "status": rollout.status.value,
        "reason": rollout.reason,
        "images": [
            {
                "base_sha256": base_keys[recipe.base - 1],
                "base": recipe.base,
                "size": list(recipe.size),
                "parent": recipe.parent,
                "instances": [_encode_action(action) for action in recipe.instances],
            }
            for recipe in rollout.images
        ],
        "turns": [_encode_turn(turn) for turn in rollout.turns],
        "grids": [list(grid) for grid in rollout.grids],
        "seconds": round(rollout.seconds, 4),
    }


def check_tokens(tokens: TurnTokens) -> None:
    """Raises InvariantError unless mask and log-probabilities belong to the sampled tokens."""
    num = len(tokens.token_ids)
    if len(tokens.loss_mask) != num:
        raise InvariantError(f"loss_mask has {len(tokens.loss_mask)} entries for {num} sampled tokens")
    if len(tokens.logprobs) not in (0, num):
        raise InvariantError(f"logprobs has {len(tokens.logprobs)} entries for {num} sampled tokens")
    if not all(map(math.isfinite, tokens.logprobs)):
        raise InvariantError("a log-probability is not finite")


def _encode_sample(sample: Sample, base_keys: Sequence[str]) -> dict[str, Json]:
    return {
        "id": sample.id,
        "task": sample.task,
        "question": sample.question,
        "images": list(base_keys),
        "options": list(sample.options),
        "answer": sample.answer,
        "answer_type": sample.answer_type.value,
        "metadata": dict(sample.metadata),
    }


def _encode_action(action: Action) -> dict[str, Json]:
    points = action.box_px if isinstance(action, Box) else (*action.start_px, *action.end_px)
    return {
        "kind": action.kind,
        "image_index": action.image_index,
        "points_px": list(points),
        "label": action.label,
    }


def _encode_turn(turn: Turn) -> dict[str, Json]:
    return {
        "context": [{"role": message.role.value, "parts": _encode_parts(message.parts)} for message in turn.context],
        "text": turn.text,
        "thought": turn.thought,
        "actions": [_encode_action(action) for action in turn.actions],
        "answer": turn.answer,
        "error": {"kind": turn.error.kind.value, "message": turn.error.message} if turn.error else None,
        "new_images": list(turn.new_images),
        "finish": turn.finish.value,
        "learn": turn.learn,
        "tokens": _encode_tokens(turn.tokens) if turn.tokens else None,
    }


def _encode_parts(parts: Sequence[Part]) -> list[Json]:
    return [part.text if isinstance(part, TextPart) else {"image": part.index} for part in parts]


def _encode_tokens(tokens: TurnTokens) -> dict[str, Json]:
    check_tokens(tokens)
    return {
        "context_ids": list(tokens.context_ids),
        "token_ids": list(tokens.token_ids),
        "logprobs": [_shortest(value) for value in tokens.logprobs],
        "loss_mask": list(tokens.loss_mask),
    }


def _shortest(value: float) -> float:
    """The float with the fewest digits that is the same float32: half the bytes of the double it is stored as."""
    for digits in (6, 7, 8):
        short = float(f"{value:.{digits}g}")
        if array("f", (short,))[0] == value:
            return short
    return value


# --- and back ---------------------------------------------------------------------------------------------------------


def decode_rollout(data: Json, folder: Path) -> Rollout:
    """The rollout of one line; its sample's images become paths in `folder`/images.

    Raises:
        DataError: anything missing, of a wrong type or pointing nowhere; names the field.
    """
    sample = _decode_sample(mapping(data, "sample"), folder)
    keys = texts(mapping(data, "sample"), "images")
    num_images = len(items(data, "images"))
    images = tuple(
        _decode_recipe(entry, keys, index=index, num_images=num_images)
        for index, entry in enumerate(items(data, "images"), start=1)
    )
    return Rollout(
        sample=sample,
        sibling=integer(data, "sibling", least=0),
        seed=integer(data, "seed"),
        status=choice(data, "status", Status),
        reason=text(data, "reason"),
        images=images,
        turns=tuple(_decode_turn(entry, num_images) for entry in items(data, "turns")),
        grids=tuple(_decode_grid(entry) for entry in items(data, "grids")),
        seconds=number(data, "seconds"),
    )


def _decode_sample(data: Json, folder: Path) -> Sample:
    keys = texts(data, "images")
    for key in keys:
        if not _HASH.fullmatch(key):  # anything else could lead out of the folder
            raise DataError(f"images: expected SHA-256 hashes; got {key[:80]!r}")
    images = folder / IMAGE_FOLDER
    return Sample(
        id=text(data, "id"),
        task=text(data, "task"),
        question=text(data, "question"),
        images=tuple(images / f"{key}.png" for key in keys),
        options=texts(data, "options"),
        answer=optional_text(data, "answer"),
        answer_type=choice(data, "answer_type", AnswerType),
        metadata=mapping(data, "metadata"),
    )


def _decode_recipe(data: Json, keys: Sequence[str], *, index: int, num_images: int) -> ImageRecipe:
    base = integer(data, "base", least=1, most=len(keys))
    if text(data, "base_sha256") != keys[base - 1]:
        raise DataError(f"base_sha256 of image {index} is not the hash of the sample's image {base}")
    width_height = integers(data, "size", least=1)
    if len(width_height) != 2:
        raise DataError(f"size: expected [width, height]; got {len(width_height)} numbers")
    return ImageRecipe(
        base=base,
        size=(width_height[0], width_height[1]),
        instances=tuple(_decode_action(entry, num_images) for entry in items(data, "instances")),
        parent=None if value_of(data, "parent") is None else integer(data, "parent", least=1, most=index - 1),
    )


def _decode_action(data: Json, num_images: int) -> Action:
    kind, label = text(data, "kind"), text(data, "label")
    index = integer(data, "image_index", least=1, most=num_images)
    x1, y1, x2, y2 = numbers(data, "points_px", length=4)
    if kind == "box":
        return Box(image_index=index, box_px=(x1, y1, x2, y2), label=label)
    if kind == "line":
        return Line(image_index=index, start_px=(x1, y1), end_px=(x2, y2), label=label)
    raise DataError(f"kind: expected box or line; got {kind[:60]!r}")


def _decode_turn(data: Json, num_images: int) -> Turn:
    error = value_of(data, "error")
    return Turn(
        context=tuple(
            Message(choice(entry, "role", Role), _decode_parts(items(entry, "parts"), num_images))
            for entry in items(data, "context")
        ),
        text=text(data, "text"),
        thought=text(data, "thought"),
        actions=tuple(_decode_action(entry, num_images) for entry in items(data, "actions")),
        answer=optional_text(data, "answer"),
        error=TurnError(choice(error, "kind", ErrorKind), text(error, "message")) if error is not None else None,
        new_images=integers(data, "new_images", least=1, most=num_images),
        finish=choice(data, "finish", FinishReason),
        learn=flag(data, "learn"),
        tokens=None if value_of(data, "tokens") is None else _decode_tokens(mapping(data, "tokens")),
    )


def _decode_parts(parts: list[Json], num_images: int) -> tuple[Part, ...]:
    return tuple(
        TextPart(part) if isinstance(part, str) else ImagePart(integer(part, "image", least=1, most=num_images))
        for part in parts
    )


def _decode_tokens(data: Json) -> TurnTokens:
    biggest = 2**31 - 1
    tokens = TurnTokens(
        context_ids=array("i", integers(data, "context_ids", least=0, most=biggest)),
        token_ids=array("i", integers(data, "token_ids", least=0, most=biggest)),
        logprobs=array("f", numbers(data, "logprobs")),
        loss_mask=array("b", integers(data, "loss_mask", least=0, most=1)),
    )
    try:
        check_tokens(tokens)
    except InvariantError as error:
        raise DataError(str(error)) from error
    return tokens


def without_tokens(line: bytes) -> bytes:
    """A line of a rollout file with `null` for the tokens of each turn, cut out of the bytes before they are parsed."""
    kept, start = [], 0
    while (found := line.find(_TOKENS, start)) >= 0:
        end = line.find(b"}", found) + 1
        kept += [line[start:found], b'"tokens":null']
        start = end or len(line)
    return b"".join((*kept, line[start:]))


def _decode_grid(entry: Json) -> tuple[int, int, int]:
    grid = integers({"grids": entry}, "grids", least=1)
    if len(grid) != 3:
        raise DataError(f"grids: expected (t, h, w); got {len(grid)} numbers")
    return grid[0], grid[1], grid[2]
