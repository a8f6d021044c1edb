"""The metric modes stated a second time, from their definitions alone: plain loops, decimals and fractions.

Nothing of the package is used here. `score(mode, case)` is what a case must score.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction

import numpy as np

MOVES = (
    *("move_right", "move_left", "move_up", "move_down", "move_forward", "move_backward"),
    *("rotate_right", "rotate_left", "rotate_up", "rotate_down"),
)
WORDS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"),
)
SPACE = " \t\n\r\f\v"


@dataclass(frozen=True)
class Case:
    """A prediction and its truth. `kind`: choice, number, numbers (several views) or moves. `meant`: what a careful
    reader takes the prediction to say, None for nothing: this is the definition of `default`."""

    task: str
    kind: str
    text: str
    truth: str
    meant: str | float | dict[str, float] | None


def score(mode: str, case: Case) -> float:
    if mode == "default":
        return score_of_default(case)
    text = inside(case.text)
    if case.kind == "choice":
        if mode == "official" and case.task == "spar" and text == "":
            return 1.0
        return float(letter(mode, case.task, text) == case.truth)
    if case.kind == "moves":
        return score_of_moves(mode, text, case.truth)
    said = as_float(number(mode, case, text))
    return 0.0 if said is None else accuracy(mode, said, float(case.truth))


def score_of_default(case: Case) -> float:
    if case.meant is None:
        return 0.0
    if case.kind == "choice":
        return float(case.meant == case.truth)
    if case.kind == "moves":
        pairs = zip(axes(case.meant), axes(moves_exactly(case.truth)), strict=True)
        return sum(accuracy("default", said, true) for said, true in pairs) / 5
    return accuracy("default", case.meant, float(case.truth))


# --- how near a number is ---------------------------------------------------------------------------------------------


def accuracy(mode: str, said: float, true: float) -> float:
    if mode.startswith("vilasr"):
        one = np.float32(1)
        error = np.abs(np.float32(said) - np.float32(true)) / (np.abs(np.float32(true)) + np.float32(1e-8))
        passed = 0
        for step in range(10):
            limit = one - np.float32(0.5 + 0.05 * step)
            passed += bool(error < limit or (mode == "vilasr" and error == limit))
        return passed / 10
    difference = Fraction(float(abs(Fraction(said) - Fraction(true))))
    error = Fraction(float(difference / abs(Fraction(true)))) if true else difference
    passed = 0
    for theta in np.linspace(0.5, 0.95, 10):
        passed += error <= Fraction(float(1 - Fraction(float(theta))))
    return passed / 10


# --- what is said -----------------------------------------------------------------------------------------------------


def inside(text: str) -> str:
    start = text.lower().find("<answer>")
    if start < 0:
        return text.strip()
    rest = text[start + len("<answer>") :]
    end = rest.lower().find("</answer>")
    return (rest if end < 0 else rest[:end]).strip()


def first_word(text: str) -> str:
    word = ""
    for char in text:
        if char == " ":
            break
        word += char
    while word.endswith("."):
        word = word[:-1]
    return word.strip()


def letter(mode: str, task: str, text: str) -> str | None:
    if mode == "vlmevalkit":
        return letter_of_vlmevalkit(text)
    if mode == "vilasr-reward":
        return text
    if mode == "vilasr" or task == "spar":
        return text[:1].upper()
    if task == "mmsi":
        return letter_of_mmsi(text)
    return first_word(text).upper()


def number(mode: str, case: Case, text: str) -> str:
    if mode == "vilasr":
        return text
    if mode == "vilasr-reward":
        return [*numbers(text, signs=True), ""][0]
    if mode == "vlmevalkit":
        return ["", *numbers(with_digits(text), signs=True, exponents=True)][-1]
    if case.task == "spar":
        found = numbers(text, signs=False)
        return "" if not found else found[-1] if case.kind == "numbers" else found[0]
    return first_word(text)


def as_float(text: str) -> float | None:
    try:
        value = float(Decimal(text))
    except InvalidOperation:
        return None
    return value if abs(value) < float("inf") else None


def numbers(text: str, *, signs: bool, exponents: bool = False) -> list[str]:
    """Runs of digits with at most one point; without signs also without a leading point, and not right after a ^."""
    found, at = [], 0
    while at < len(text):
        end = at + 1 if signs and text[at] in "+-" else at
        first = end
        while end < len(text) and text[end].isdecimal():
            end += 1
        has_digits = end > first
        if text[end : end + 1] == "." and text[end + 1 : end + 2].isdecimal() and (has_digits or signs):
            end, has_digits = end + 1, True
            while end < len(text) and text[end].isdecimal():
                end += 1
        if not has_digits or (not signs and text[at - 1 : at] == "^"):
            at += 1
            continue
        if exponents and text[end : end + 1] in ("e", "E"):
            last = end + 2 if text[end + 1 : end + 2] in ("+", "-") else end + 1
            if text[last : last + 1].isdecimal():
                while last < len(text) and text[last].isdecimal():
                    last += 1
                end = last
        found.append(text[at:end])
        at = end
    return found


def with_digits(text: str) -> str:
    made, word = "", ""
    for char in text + " ":
        if char.isalnum() or char == "_":
            word += char
        else:
            made += (str(WORDS.index(word.lower())) if word.lower() in WORDS else word) + char
            word = ""
    return made[:-1]


def letter_of_mmsi(text: str) -> str | None:
    for quote in ("``", "`"):
        for start in range(len(text)):
            if text[start : start + len(quote)] == quote:
                end = start + len(quote)
                while end < len(text) and text[end] != "`":
                    end += 1
                if text[end : end + len(quote)] == quote:
                    text = text[start + len(quote) : end]
                    break
    if "{" in text and "}" in text[text.index("{") :]:
        text = text[text.index("{") + 1 :].split("}")[0]
    for at, char in enumerate(text):
        before, after, next_but_one = text[at - 1 : at] if at else "", text[at + 1 : at + 2], text[at + 2 : at + 3]
        joined = any(beside.isalnum() or beside == "_" for beside in (before, after))
        article = after and after in SPACE and next_but_one.isascii() and next_but_one.isalpha()
        if char in "ABCD" and not joined and not article:
            return char
    return None


def letter_of_vlmevalkit(text: str) -> str | None:
    lines = [line.strip() for line in text.splitlines()]
    for line in lines[-6:][::-1]:
        found = None if lists_an_option(line) else letter_of_line(line)
        if found:
            return found
    lowered = text.lower()
    for start in range(len(text)):
        for opening in ("answer is", "answer"):
            if lowered[start:].startswith(opening):
                rest = text[start + len(opening) :].lstrip()
                rest = rest[1:].lstrip() if rest[:1] in (":", ">", "=") else rest
                rest = rest[1:].lstrip() if rest[:1] in ("(", "[", "{") else rest
                ends = not rest[1:2].isalnum() and rest[1:2] != "_"
                if rest and rest[0] in "ABCDEFabcdef" and ends:
                    return rest[0].upper()
    return only(
        char
        for line in lines
        if not lists_an_option(line)
        for at, char in enumerate(line)
        if char in "ABCDEF" and not is_letter(line, at - 1) and not is_letter(line, at + 1)
    )


def letter_of_line(line: str) -> str | None:
    bare = line.lstrip("*_`>()[]").lstrip()
    if bare and bare[0] in "ABCDEFabcdef" and not bare[1:].lstrip().strip("*_`()[]"):
        return bare[0].upper()
    if line and line[0] in "ABCDEFabcdef":
        rest = line[1:].lstrip()
        if rest[:1] in (".", ":", ")", "]", "-") and rest[1:2] and rest[1:2] in SPACE:
            return line[0].upper()
    found = []
    for at, char in enumerate(line):
        if char in "ABCDEF" and not is_letter(line, at - 1):
            end = at + 1
            while end < len(line) and line[end] in "*_`}":
                end += 1
            if end == len(line) or line[end] in SPACE + ".,:;!?)]":
                found.append(char)
    return only(found)


def lists_an_option(line: str) -> bool:
    words = line.lstrip("*_>- ").split()
    return len(words) > 1 and words[0].lower() == "option" and words[1][1:2] == ":"


def is_letter(text: str, at: int) -> bool:
    return 0 <= at < len(text) and text[at].isascii() and text[at].isalpha()


def only(letters) -> str | None:
    found = set(letters)
    return found.pop() if len(found) == 1 else None


# --- view changes -----------------------------------------------------------------------------------------------------


def score_of_moves(mode: str, text: str, truth: str) -> float:
    said = moves_leniently(text) if mode == "vlmevalkit" else moves_exactly(text)
    if said is None or mode == "vilasr-reward":
        return 0.0
    total = 0.0
    for predicted, true in zip(axes(said), axes(moves_exactly(truth)), strict=True):
        total += accuracy(mode, true, predicted) if mode == "official" else accuracy(mode, predicted, true)
    return total / 5


def moves_exactly(text: str) -> dict[str, float] | None:
    moves = {}
    for item in text.split(","):
        parts = item.split(":")
        amount = as_float(parts[1].strip()) if len(parts) == 2 else None
        if amount is None:
            return None
        moves[parts[0]] = amount
    return moves


def moves_leniently(text: str) -> dict[str, float]:
    moves = {}
    for item in text.split(","):
        name, colon, rest = item.partition(":")
        amount = as_float(rest.strip()) if colon else None
        if amount is not None:
            moves[name.strip()] = amount
    return moves


def axes(moves: dict[str, float]) -> list[float]:
    return [moves.get(MOVES[at], 0.0) - moves.get(MOVES[at + 1], 0.0) for at in range(0, 10, 2)]
