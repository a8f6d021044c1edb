"""What a policy would say: the inverse of `parse_turn`. Demonstrations and exports are written with it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from vilasr.protocol.actions import Canvas, Operation, write_entry
from vilasr.protocol.prompts import Protocol, WireFormat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vilasr.types import Action, Size

_TAG = re.compile(r"</?(?:think|answer|draw)>")


def format_turn(
    thought: str,
    *,
    actions: Sequence[Action] = (),
    answer: str | None = None,
    protocol: Protocol,
    sizes: Sequence[Size],
    model_sizes: Sequence[Size],
) -> str:
    """The text of one turn, which draws `actions` or gives `answer`.

    Coordinates are rounded to the protocol's frame, so a mark thinner than one of its units may vanish. `sizes` and
    `model_sizes` are those of images 1..N. Raises ValueError for a turn that the wire format cannot say: neither or
    both of actions and answer, boxes and lines under the one action name of the fenced format, tags inside thought or
    answer.
    """
    if bool(actions) == (answer is not None):
        raise ValueError("a turn draws or answers: give actions or an answer, and not both")
    for text in (thought, answer or ""):
        if _TAG.search(text):
            raise ValueError(f"a thought or an answer cannot hold the tags of the wire format; got {text!r}")
    thinking = f"<think>{thought.strip()}</think>\n"
    if answer is not None:
        if not answer.strip():
            raise ValueError("an answer cannot be empty")
        name = "Action: Answer\n" if protocol.wire is WireFormat.FENCED else ""
        return f"{thinking}{name}<answer>{answer.strip()}</answer>"
    entries = [write_entry(action, _canvas(action, protocol, sizes, model_sizes)) for action in actions]
    # A "<" inside a label could read as a tag; inside a JSON string the escape means the same.
    listing = json.dumps(entries, ensure_ascii=False).replace("<", "\\u003c")
    if protocol.wire is WireFormat.TAGGED:
        return f"{thinking}<draw>{listing}</draw>"
    return f"{thinking}Action: {_operation(actions)}\n```json\n{listing}\n```"


def format_action(action: Action, protocol: Protocol, *, size: Size, model_size: Size) -> str:
    """One action as an entry of the JSON list, in the model's own numbers."""
    canvas = Canvas(index=action.image_index, size=size, model_size=model_size, frame=protocol.frame)
    return json.dumps(write_entry(action, canvas), ensure_ascii=False)


def _operation(actions: Sequence[Action]) -> Operation:
    kinds = {action.kind for action in actions}
    if len(kinds) > 1:
        raise ValueError("one turn of this wire format draws boxes or lines, not both: use two turns")
    return Operation.BOX if kinds == {"box"} else Operation.LINE


def _canvas(action: Action, protocol: Protocol, sizes: Sequence[Size], model_sizes: Sequence[Size]) -> Canvas:
    at = action.image_index - 1
    return Canvas(index=action.image_index, size=sizes[at], model_size=model_sizes[at], frame=protocol.frame)
