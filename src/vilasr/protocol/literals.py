"""Lists of actions out of model text: strict JSON first, then the literals of Python.

Nothing is evaluated. A Python literal is translated token by token into JSON, which is then read strictly; unlike
`ast.literal_eval` this cannot exhaust the stack, warn about escapes, or build numbers of a million digits.
"""

from __future__ import annotations

import json
import re
from typing import Any

MAX_CHARS = 100_000

_STRING = r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)' + r"|'(?:[^'\\]|\\.)*+(?:'|\\?\Z)"
_BRACKET_OR_STRING = re.compile(rf"{_STRING}|[\[\]{{}}()]", re.DOTALL)
_TOKEN = re.compile(
    rf"(?P<space>\s+)|(?P<string>{_STRING})|(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
    r"|(?P<word>[-+]?[A-Za-z]+)|(?P<mark>[\[\](){},:])",
    re.DOTALL | re.ASCII,
)
_IN_STRING = re.compile(r'\\x([0-9a-fA-F]{2})|\\(.)|(")', re.DOTALL)
_WORDS = {
    "true": "true", "false": "false", "none": "null", "null": "null", "nan": "NaN", "inf": "Infinity",
    "infinity": "Infinity", "+inf": "Infinity", "-inf": "-Infinity", "-infinity": "-Infinity",
}  # fmt: skip
_MARKS = {"(": "[", ")": "]"}


def find_end(text: str, start: int) -> int | None:
    """The position after the bracket that closes the one at `start`; None when the text ends before. Linear time.

    >>> find_end('x [{"a": "]"}] y', 2)
    14
    """
    depth = 0
    for match in _BRACKET_OR_STRING.finditer(text, start):
        token = match.group()
        if token in ("[", "{", "("):
            depth += 1
        elif token in ("]", "}", ")"):
            depth -= 1
            if depth <= 0:
                return match.end()
    return None


def read_literal(text: str, *, python: bool) -> Any:
    """The value of a JSON text or, where `python` allows it, of a Python literal.

    Raises ValueError that says where the JSON broke. Integers over 20 digits become floats (perhaps infinite): no
    coordinate is that large.
    """
    if len(text) > MAX_CHARS:
        raise ValueError(f"more than {MAX_CHARS} characters")
    try:
        return _loads(text)
    except ValueError as error:
        if not python:
            raise
        try:
            return _loads(_python_to_json(text))
        except ValueError:
            raise error from None


def _loads(text: str) -> Any:
    try:
        return json.loads(text, parse_int=_whole, parse_constant=float)
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise ValueError("too many nested brackets") from None


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) <= 20 else float(digits)


def _python_to_json(text: str) -> str:
    pieces: list[str] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ValueError(f"unexpected {text[position]!r} at character {position + 1}")
        position = match.end()
        piece = _translate(match.lastgroup or "", match.group())
        if piece in ("]", "}") and pieces and pieces[-1] == ",":
            pieces.pop()
        if piece:
            pieces.append(piece)
    return " ".join(pieces)


def _translate(kind: str, token: str) -> str:
    match kind:
        case "string":
            return f'"{_IN_STRING.sub(_escape, token[1:-1])}"'
        case "number":
            plain = token.removeprefix("+")
            return plain if plain.lstrip("-").isdecimal() else json.dumps(float(plain))
        case "word":
            if token.lower() not in _WORDS:
                raise ValueError(f"unknown word {token!r}")
            return _WORDS[token.lower()]
        case "mark":
            return _MARKS.get(token, token)
    return ""


def _escape(match: re.Match[str]) -> str:
    hexadecimal, escaped, quote = match.groups()
    if hexadecimal:
        return f"\\u00{hexadecimal}"
    if quote:
        return '\\"'
    if escaped == "'":
        return "'"
    if escaped not in '"\\/bfnrtu':
        raise ValueError(f"unknown escape \\{escaped}")
    return f"\\{escaped}"
