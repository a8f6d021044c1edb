"""What the policy said -> thought, actions or answer, or the one mistake it should hear about.

Strict where two readings are possible, lenient where only one is. Taken as meant: text without <think>; a thought
whose opening tag is missing (chat templates may supply it); a list right after its action name without a fence; a list
in a fence that is never closed; one object instead of a list of one; Python literals in the fenced format, a fence in
the tagged one; an <answer> without its action name; of several answers the last. Text inside <think> never acts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vilasr.protocol.actions import EXAMPLES, MistakeError, Operation, read_entry
from vilasr.protocol.literals import find_end, read_literal
from vilasr.protocol.neutral import neutralise, shown
from vilasr.protocol.prompts import Protocol, WireFormat
from vilasr.types import Action, ErrorKind, Size, TurnError

if TYPE_CHECKING:
    from collections.abc import Sequence

_THINK_TAG = re.compile(r"</?think>")
_FENCED_MARK = re.compile(
    r"(?P<answer><answer>)|(?<!\w)Action[ \t]*:(?P<name>[^\n`<\[{]*)|```(?:json|python|py)?\s*", re.IGNORECASE
)
_TAGGED_MARK = re.compile(r"(?P<answer><answer>)|(?P<draw><draw>)")
_OPERATIONS = {str(operation).lower(): operation for operation in Operation}
_SPACE = re.compile(r"\s*")
_FENCE = re.compile(r"\s*(?:```(?:json)?\s*)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class ParsedTurn:
    """One turn of a policy: exactly one of `actions`, `answer` and `error` is set.

    Attributes:
        thought: the thinking, all blocks of it, stripped.
        actions: in the order they were written, in pixels of the images at their own size.
    """

    thought: str
    actions: tuple[Action, ...] = ()
    answer: str | None = None
    error: TurnError | None = None


@dataclass(slots=True)
class _Said:
    """The marks found outside the thinking, in order of appearance."""

    names: list[str] = field(default_factory=list)
    lists: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    is_cut: bool = False
    """A list or an answer begins and never ends."""


def parse_turn(
    text: str,
    protocol: Protocol,
    *,
    sizes: Sequence[Size],
    model_sizes: Sequence[Size],
    drawing: bool = True,
    max_actions: int = 64,
    max_label_length: int = 200,
) -> ParsedTurn:
    """Reads one turn; never raises, whatever the text.

    Args:
        sizes: own sizes of images 1..N; model_sizes: the sizes at which the model sees them.
        drawing: False where no drawing is allowed; then a drawing is a mistake.
    """
    thought, outside = split_thought(text)
    try:
        said = _scan_fenced(outside) if protocol.wire is WireFormat.FENCED else _scan_tagged(outside)
        operation, answer = _decide(said, protocol, drawing=drawing)
        if answer is not None:
            return ParsedTurn(thought=thought, answer=answer)
        entries = _read_entries(said, protocol, operation, max_actions)
        actions: list[Action] = []
        for number, entry in enumerate(entries, start=1):
            try:
                actions.append(
                    read_entry(
                        entry,
                        operation,
                        sizes=sizes,
                        model_sizes=model_sizes,
                        frame=protocol.frame,
                        max_label_length=max_label_length,
                    )
                )
            except MistakeError as mistake:
                if len(entries) == 1:
                    raise
                raise MistakeError(mistake.error.kind, f"Entry {number}: {mistake.error.message}") from None
    except MistakeError as mistake:
        return ParsedTurn(thought=thought, error=mistake.error)
    return ParsedTurn(thought=thought, actions=tuple(actions))


def split_thought(text: str) -> tuple[str, str]:
    """(thinking, the rest). Without </think> all after <think> is thinking; without <think>, all before </think>.

    >>> split_thought("<think> look </think> Action: Answer")
    ('look', ' Action: Answer')
    """
    thoughts: list[str] = []
    outside: list[str] = []
    inside, position = False, 0
    for tag in _THINK_TAG.finditer(text):
        opening = tag.group() == "<think>"
        if inside and opening:
            continue
        piece = text[position : tag.start()]
        if inside:
            thoughts.append(piece)
        elif opening:
            outside.append(piece)
        else:
            thoughts += [*outside, piece]
            outside = []
        inside, position = opening, tag.end()
    (thoughts if inside else outside).append(text[position:])
    return "\n".join(stripped for thought in thoughts if (stripped := thought.strip())), "".join(outside)


def _scan_fenced(text: str) -> _Said:
    said = _Said()
    position = 0
    # Two lists are a mistake whatever follows; stopping there also keeps the scan linear.
    while len(said.lists) < 2 and (mark := _FENCED_MARK.search(text, position)):
        position = mark.end()
        if mark.group("answer"):
            position = _take_answer(said, text, position)
            continue
        if mark.group("name") is not None:
            said.names.append(" ".join(mark.group("name").strip(" \t\r*.").split()))
            if text[position : position + 1] in ("[", "{"):
                position = _take_list(said, text, position, fenced=False)
            elif text[position : position + 1] == "\n":
                begin = _SPACE.match(text, position).end()  # type: ignore[union-attr]
                if text[begin : begin + 1] in ("[", "{"):
                    position = _take_list(said, text, begin, fenced=False)
        elif text[position : position + 1] in ("[", "{"):
            position = _take_list(said, text, position, fenced=True)
    return said


def _scan_tagged(text: str) -> _Said:
    said = _Said()
    position = 0
    while len(said.lists) < 2 and (mark := _TAGGED_MARK.search(text, position)):
        position = mark.end()
        if mark.group("answer"):
            position = _take_answer(said, text, position)
            continue
        begin = _FENCE.match(text, position).end()  # type: ignore[union-attr]
        end = find_end(text, begin) if text[begin : begin + 1] in ("[", "{") else None
        close = text.find("</draw>", end or position)
        if close < 0:
            said.is_cut = True
            said.lists.append("")
            break
        said.lists.append(text[begin:close].rstrip().removesuffix("```"))
        position = close + len("</draw>")
    return said


def _take_answer(said: _Said, text: str, start: int) -> int:
    end = text.find("</answer>", start)
    if end < 0:
        said.is_cut = True
        return len(text)
    said.answers.append(text[start:end].strip())
    return end + len("</answer>")


def _take_list(said: _Said, text: str, start: int, *, fenced: bool) -> int:
    """Notes the list that begins at `start`; of a fenced one, all up to its closing fence."""
    end = find_end(text, start)
    close = text.find("```", end if end is not None else start) if fenced else -1
    if close >= 0:
        said.lists.append(text[start:close])
        return close + 3
    if end is None:
        said.is_cut = True
        said.lists.append("")
        return len(text)
    said.lists.append(text[start:end])
    return end


def _decide(said: _Said, protocol: Protocol, *, drawing: bool) -> tuple[Operation | None, str | None]:
    """(operation, None) for a turn that draws, (None, answer) for one that answers. Raises MistakeError."""
    fenced = protocol.wire is WireFormat.FENCED
    named = [_OPERATIONS[name.lower()] for name in said.names if name.lower() in _OPERATIONS]
    draws = bool(named or said.lists)
    if draws and (said.answers or "answer" in (name.lower() for name in said.names)):
        raise MistakeError(
            ErrorKind.DRAW_AND_ANSWER,
            "A reply must draw or answer; got both. Draw now and answer after you have seen the new image.",
        )
    if draws and not drawing:
        raise MistakeError(ErrorKind.DRAWING_DISABLED, "Drawing is not possible; got a drawing. Give the answer.")
    if said.answers and said.answers[-1]:
        return None, said.answers[-1]
    unknown = [name for name in said.names if name.lower() not in (*_OPERATIONS, "answer")]
    if unknown:
        raise MistakeError(
            ErrorKind.WRONG_ACTION,
            f"Action must be Object Mapper, Path Tracer or Answer; got {shown(unknown[0])}. Write one of these.",
        )
    if not draws:
        raise MistakeError(ErrorKind.NO_ACTION, _no_action(said, fenced=fenced, drawing=drawing))
    if not fenced:
        return None, None
    if len(named) != 1:
        got = f"{len(named)} actions" if named else "a list without an action"
        raise MistakeError(
            ErrorKind.WRONG_ACTION,
            f"A drawing must have one action; got {got}. "
            "Write Action: Object Mapper for boxes or Action: Path Tracer for lines.",
        )
    return named[0], None


def _no_action(said: _Said, *, fenced: bool, drawing: bool) -> str:
    answer = "Action: Answer and <answer>...</answer>" if fenced else "<answer>...</answer>"
    if said.is_cut:
        return "An answer must end with </answer>; got no end. Write <answer>...</answer>."
    if said.answers or said.names:
        got = "an empty one" if said.answers else "none"
        return f"An answer must stand in <answer>...</answer>; got {got}. Write it there."
    if not drawing:
        return f"A reply must answer after </think>; got no answer. Write {answer}."
    draw = "Action: Object Mapper, Action: Path Tracer" if fenced else "<draw>[...]</draw>"
    return f"A reply must draw or answer after </think>; got neither. Write {draw} or {answer}."


def _read_entries(said: _Said, protocol: Protocol, operation: Operation | None, max_actions: int) -> list[Any]:
    """The entries of the one list; raises MistakeError."""
    example = f"[{EXAMPLES[operation or Operation.BOX]}]"
    where = f"Action: {operation}" if operation else "<draw>"
    if len(said.lists) != 1:
        got = f"{len(said.lists)} lists" if said.lists else "none"
        raise MistakeError(ErrorKind.MALFORMED_JSON, f"{where} must have one JSON list; got {got}. Write {example}.")
    if said.is_cut:
        end = "]" if operation else "]</draw>"
        raise MistakeError(
            ErrorKind.MALFORMED_JSON,
            f"The JSON list must end with {end}; it is cut off. Write a shorter list: {example}.",
        )
    try:
        entries = read_literal(said.lists[0], python=protocol.wire is WireFormat.FENCED)
    except ValueError as error:
        problem = neutralise(str(error))
        raise MistakeError(
            ErrorKind.MALFORMED_JSON, f"{where} must have one JSON list; got an error: {problem}. Write {example}."
        ) from None
    if isinstance(entries, dict):
        entries = [entries]
    if not isinstance(entries, list):
        raise MistakeError(
            ErrorKind.MALFORMED_JSON, f"{where} must have one JSON list; got {shown(entries)}. Write {example}."
        )
    if not entries:
        raise MistakeError(
            ErrorKind.NO_ACTION, f"A drawing must have at least one entry; got an empty list. Write {example}."
        )
    if len(entries) > max_actions:
        raise MistakeError(
            ErrorKind.TOO_MANY_ACTIONS,
            f"A drawing may have at most {max_actions} entries; got {len(entries)}. "
            "Draw fewer, the rest in the next turn.",
        )
    return entries
