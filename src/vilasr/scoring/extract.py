"""What a model answered, read from its text: the `default` metric mode.

One rule above all: an empty, ambiguous or unreadable answer has no value, and the reason says why. How other people
read the same benchmarks (their metric modes) is in `vilasr.scoring.modes`.
"""

from __future__ import annotations

import re
import string
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vilasr.scoring.numbers import numbers_in
from vilasr.types import AnswerType

if TYPE_CHECKING:
    from collections.abc import Sequence

_TAG = re.compile(r"<answer>(.*?)(?:</answer>|$)", re.IGNORECASE | re.DOTALL)
_WRAPPERS = re.compile(r"\*\*|__|`|\$|\\(?:boxed|text|mathrm)\b")
_NOUNS = r"(?:(?:the|my|final|correct|right|best|answer|option|choice|letter)\b\s*)*"
_LEAD_IN = re.compile(
    rf"(?:so|thus|therefore|hence)?[\s,]*(?:i\s+(?:choose|pick|select|think)\b)?\s*{_NOUNS}(?:(?:is\b|would\s+be\b|=|:)\s*{_NOUNS})?:?\s*",
    re.IGNORECASE,
)
_LONE_LETTER = re.compile(r"[\s(\[{]*([a-z])[\s)\]}.,:;!]*", re.IGNORECASE)
_LEADING_LETTER = re.compile(
    r"[(\[{]?\s*([a-z])\s*(?:[)\]}]|[.:,;]|\s[-–—]+\s)[\s.:,;]*(?P<rest>\S.*)", re.IGNORECASE | re.DOTALL
)
# A letter that stands alone: no apostrophe ("it's"), no compound ("C-shaped"); "a" and "I" are words in running text.
_LETTER_WORD = re.compile(r"(?<![\w'’])(?:([B-HJ-Zb-hj-z]|A)|(a)(?=\s*(?:$|[,;/)]|\b(?:or|and)\b)))(?![\w'’]|-[a-z])")
_ARTICLE = re.compile(r"^\s*(?:an?|the)\s+", re.IGNORECASE)
# An "A" that may be an article: a lower-case word comes after it, but for a few that no article can precede.
_ARTICLE_A = re.compile(
    r"(?<!(?i:option|choice|answer|letter)\s)(?<![\w'’])A[^\S\n]+(?=[a-z])"
    r"(?!(?:is|isn|was|wasn|has|does|must|cannot|would|seems|looks|it|the|and|or|nor|but|because|since|as|so|for)"
    r"(?![\w-]))"
)
# What denies the letter after it: "not B", "I don't think it is B", "anything but B"; "nothing but B" chooses it.
_NOT_BEFORE = (
    r"(?:(?:\bnot|n['’]t|\bnever)\s+"
    r"(?:(?:be|quite|really|likely|to|think|believe|choose|pick|select|that|it['’]s|it|the\s+answer|is)\b[^\S\n]*)*|"
    r"(?:\bneither|\bnor|\bexcept(?:\s+for)?|(?<!\bnone\s)\b(?:other|rather)\s+than|\binstead\s+of|"
    r"\b(?:any|all|every)\w*(?:\s+(?:of|the|them|these|options?|answers?|choices?))*\s+but|"
    r"\b(?:exclud|eliminat)(?:e[sd]?|ing)|\brul(?:e[sd]?|ing)\s+out)\s+)"
    r"(?:the\s+)?(?:(?:option|answer|choice)\b\s*)?[(\[\"“]?{}(?![\w'’])"
)
# And what denies the letter before it: "B isn't", "B is the wrong answer", "B has been ruled out", "B? No."
_NOT_AFTER = (
    r"(?<![\w'’]){}[)\]\"”]?(?:\s*\?\s*(?:no|not|wrong)\b|\s+out\b(?!\s+of)|"
    r"\s+(?:is|was|has|can|could|does|must|cannot|would|should|seems|looks)(?:\s+be(?:en)?)?(?:n?['’]t\b|\s*not\b|"
    r"\s+(?:clearly\s+|the\s+|an?\s+)?(?:wrong|incorrect|false|impossible|out|eliminated|excluded|ruled\s+out)\b))"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Extraction:
    """An answer as it was read.

    Attributes:
        value: a letter for CHOICE, a finite number for NUMBER, text for TEXT; None when there is no single answer.
        parsed: the text that was looked at.
        reason: how the value was found, or why there is none.
    """

    value: str | float | None
    parsed: str
    reason: str


def extract_answer(text: str | None, answer_type: AnswerType, options: Sequence[str] = ()) -> Extraction:
    """Read an answer. `text` is a model's whole text or the inside of its answer tag (`Turn.answer`); the tag wins.

    >>> extract_answer("(B)", AnswerType.CHOICE, ("left", "right")).value
    'B'
    >>> extract_answer("Because", AnswerType.CHOICE, ("left", "right")).reason
    'no option named'
    """
    inner, problem = answer_text(text)
    if problem:
        return Extraction(value=None, parsed=inner, reason=problem)
    if answer_type is AnswerType.CHOICE:
        return _extract_choice(inner, options)
    if answer_type is AnswerType.NUMBER:
        return _extract_number(inner)
    return Extraction(value=inner, parsed=inner, reason="the text itself")


def answer_text(text: str | None) -> tuple[str, str]:
    """The text inside the answer tag, or the whole text without one; and why it cannot be used, or ""."""
    whole = (text or "").strip()
    tagged = tagged_texts(whole)
    if len(set(tagged)) > 1:
        return whole, "ambiguous: several different answer tags"
    inner = tagged[0] if tagged else whole
    return inner, "" if inner else "no answer"


def tagged_texts(text: str) -> list[str]:
    """The inside of every answer tag; a last one without an end reaches to the end of the text."""
    return [inner.strip() for inner in _TAG.findall(text)]


def same_text(one: str, other: str) -> bool:
    """Equal up to case, spaces, Unicode form and a closing full stop."""
    return _folded(one) == _folded(other)


def _extract_choice(text: str, options: Sequence[str]) -> Extraction:
    def found(letter: str, reason: str) -> Extraction:
        return Extraction(value=letter, parsed=text, reason=reason)

    def nothing(reason: str) -> Extraction:
        return Extraction(value=None, parsed=text, reason=reason)

    letters = string.ascii_uppercase[: len(options)] or string.ascii_uppercase
    plain = unicodedata.normalize("NFKC", _unwrapped(text))
    short = plain[match.end() :] if (match := _LEAD_IN.match(plain)) else plain
    for candidate in (plain, short):
        if match := _LONE_LETTER.fullmatch(candidate):
            letter = match[1].upper()
            # The prompt asks for the letter, so a letter is a letter even where an option's text is one too.
            return found(letter, "a letter") if letter in letters else nothing(f"{letter} is none of {_span(letters)}")
        named = [letter for letter, option in zip(letters, options, strict=False) if same_text(candidate, option)]
        if len(named) == 1:
            return found(named[0], "the text of an option")
        if named:
            return nothing(f"ambiguous: the text of options {' and '.join(named)}")
    named = [letter for letter, option in zip(letters, options, strict=False) if _same_thing(short, option)]
    if len(named) == 1:
        return found(named[0], "the text of an option")
    match = _LEADING_LETTER.fullmatch(short)
    if match and match[1].upper() in letters:
        letter, rest = match[1].upper(), match["rest"]
        named = [other for other, option in zip(letters, options, strict=False) if same_text(rest, option)]
        if letter in named:
            return found(letter, "a letter with its option's text")
        if named:
            return nothing(f"ambiguous: the letter {letter} with the text of option {named[0]}")
        if (lone := _LONE_LETTER.fullmatch(rest)) and lone[1].upper() != letter:
            return nothing(f"ambiguous: {letter} and {lone[1].upper()}")
    return _only_letter_of(text, plain, letters)


def _only_letter_of(text: str, plain: str, letters: str) -> Extraction:
    """The one letter named in a sentence, if it is one, and not named as wrong."""
    named = _letters_in(plain, letters)
    if named == ["A"]:
        named = _letters_in(_ARTICLE_A.sub("", plain), letters)
    if not named:
        return Extraction(value=None, parsed=text, reason="no option named")
    if len(named) > 1:
        return Extraction(value=None, parsed=text, reason=f"ambiguous: {' and '.join(named)}")
    letter = named[0]
    if any(re.search(pattern.format(letter), plain, re.IGNORECASE) for pattern in (_NOT_BEFORE, _NOT_AFTER)):
        return Extraction(value=None, parsed=text, reason=f"{letter} is named as wrong")
    return Extraction(value=letter, parsed=text, reason="the only letter in the text")


def _letters_in(plain: str, letters: str) -> list[str]:
    return sorted({(match[1] or match[2]).upper() for match in _LETTER_WORD.finditer(plain)} & set(letters))


def _extract_number(text: str) -> Extraction:
    values = sorted(set(numbers_in(_unwrapped(text))))
    if len(values) == 1:
        return Extraction(value=values[0], parsed=text, reason="the only number in the text")
    reason = "ambiguous: " + " and ".join(f"{value:g}" for value in values) if values else "no number that can be read"
    return Extraction(value=None, parsed=text, reason=reason)


def _unwrapped(text: str) -> str:
    """Without Markdown emphasis, code ticks and LaTeX around the answer."""
    return _WRAPPERS.sub("", text).strip()


def _same_thing(one: str, other: str) -> bool:
    """Equal as by `same_text`, up to a leading article: "A chair." and "chair"."""
    return same_text(_ARTICLE.sub("", one), _ARTICLE.sub("", other))


def _folded(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(text.split()).strip(" .")


def _span(letters: str) -> str:
    return f"{letters[0]}-{letters[-1]}"
