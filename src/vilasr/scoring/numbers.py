"""Numbers in text: digits in any script, thousands separators, powers of ten, fractions and English number words; and
texts that are a number and nothing else."""

from __future__ import annotations

import math
import re
import unicodedata

_TO_NINETEEN = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_FROM_TWENTY = "twenty thirty forty fifty sixty seventy eighty ninety"
UNITS = {word: value for value, word in enumerate(_TO_NINETEEN.split())}
"""zero: 0, ..., nineteen: 19."""
_TENS = {word: 10 * value for value, word in enumerate(_FROM_TWENTY.split(), start=2)}
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9}
_PARTS = re.compile(r"(?:quarters?|thirds?|fourths?|fifths?|sixths?|eighths?|tenths?)\b", re.IGNORECASE)

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_SIGN = r"(?:(?:minus|negative)\s+|(?<![\w.)])[-+])?"
_DIGITS = r"(?:[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
_POWER = r"(?:e[-+]?\d+|\s*[x*×·]\s*10\s*(?:\^|\*\*)\s*\(?-?\d+\)?)?"
# No letter, digit, point or decimal comma may touch the number in front ("m2", "1.2.3", "3,5"); no more digits behind.
_NUMBER = re.compile(
    rf"(?P<sign>{_SIGN})(?<![\w.])(?<!\d,)(?P<digits>{_DIGITS})(?P<power>{_POWER})(?!\d|[.,]\d)"
    r"(?P<over>\s*/\s*\d+(?![\d.]))?(?P<scale>\s*(?:hundred|thousand|million|billion|dozen)\b)?",
    re.IGNORECASE,
)
_WORD = "|".join([*UNITS, *_TENS, "hundred", *_SCALES, "dozen", "half"])
_WORDS = re.compile(
    r"(?P<sign>(?:minus|negative)\s+)?(?P<point>\bpoint\s+)?\b(?:an?\s+(?=hundred|thousand|million|dozen|half))?"
    rf"(?P<words>(?:{_WORD})\b(?:(?:[\s-]+|\s+and\s+(?:a\s+)?)(?:{_WORD})\b)*"
    rf"(?:\s+point(?:\s+(?:{'|'.join(UNITS)})\b)+)?)",
    re.IGNORECASE,
)

# Digits that are no number: in a name ("chair2", but not "x6", "to6") and the exponent of a unit ("m2", "12m2").
_NAME = re.compile(
    r"(?:(?<!\w)(?!(?:x|to|or|and|by)\d)[^\W\d_]\w*|(?<=\d)(?:[cdkm]?m|ft|in|yd)[23])(?!\w|[.,]\d)", re.IGNORECASE
)

_ALONE = re.compile(rf"[-+]?(?:{_DIGITS}|\d+\.)(?:e[-+]?\d+)?", re.ASCII | re.IGNORECASE)


def exact_number(text: str) -> float | None:
    """The finite number that the whole text is, in decimal digits; None for anything more, be it a unit.

    >>> [exact_number(text) for text in ("1,200", "-5e-1", "3 m", "about 3", "3,5")]
    [1200.0, -0.5, None, None, None]
    """
    plain = text.strip()
    value = float(plain.replace(",", "")) if _ALONE.fullmatch(plain) else math.nan
    return value if math.isfinite(value) else None


def numbers_in(text: str) -> list[float]:
    """Every number of a text, in order; empty when there is none, or when one cannot be read for sure.

    Signs, thousands separators (1,200), powers (1e3, 1.5 x 10^3), fractions (3/4, 2½), digits of any script, English
    words (twenty-one, minus five, two and a half) and words of scale (3 thousand). A unit or percent sign is left out
    and nothing is converted. A range, a list or an error bar gives several numbers.

    >>> numbers_in("about 1,200 m²"), numbers_in("three point five"), numbers_in("5 to 6")
    ([1200.0], [3.5], [5.0, 6.0])
    """
    text = _NAME.sub(lambda match: re.sub(r"\d", "_", match[0]), _plain(text))
    found: list[tuple[int, float]] = []
    for match in _NUMBER.finditer(text):
        if _PARTS.match(text, match.end() + 1):
            return []
        found.append((match.start(), _value_of_digits(match)))
    rest = _NUMBER.sub(lambda match: " " * len(match[0]), text)
    if re.search(r"\d", rest):
        return []
    for match in _WORDS.finditer(rest):
        words = _value_of_words(match["words"].lower())
        if words is None or match["point"] or _PARTS.match(rest, match.end() + 1):
            return []
        found.append((match.start(), -words if match["sign"] else words))
    values = [value for _, value in _merge_mixed(text, sorted(found))]
    return values if all(map(math.isfinite, values)) else []


def _plain(text: str) -> str:
    """ASCII digits and signs; exponents of units gone; separators of thousands gone where only one reading is left."""
    text = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", lambda match: "^" + match[0].translate(_SUPERSCRIPTS), text)
    text = re.sub(r"(?<=[^\W\d_])\^-?\d+", "", text)
    text = re.sub("[¼-¾⅐-⅞]", lambda match: " " + unicodedata.normalize("NFKC", match[0]), text)
    text = re.sub(r"(?<=\d)['\u2019\u00a0\u2009\u202f](?=\d{3}(?!\d))", "", text)
    text = unicodedata.normalize("NFKC", text).replace("\u2212", "-").replace("\u2044", "/")
    return "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in text)


def _value_of_digits(match: re.Match[str]) -> float:
    value = float(match["digits"].replace(",", ""))
    power = match["power"]
    if power:
        exponent = float(re.findall(r"-?\d+", power.replace("+", ""))[-1])  # not int: it may have thousands of digits
        value = value * 10.0**exponent if abs(exponent) <= 300 else math.inf
    if match["over"]:
        divisor = float(match["over"].strip().lstrip("/"))
        value = value / divisor if 0 < divisor < math.inf else math.inf
    if match["scale"]:
        value *= {"hundred": 100, "dozen": 12, **_SCALES}[match["scale"].strip().lower()]
    sign = match["sign"].strip().lower()
    return -value if sign and sign != "+" else value


def _value_of_words(words: str) -> float | None:
    """The value of a run of number words; None when they do not form one number ("three four")."""
    words, _, decimals = words.partition(" point ")
    total, group, last = 0.0, 0.0, math.inf  # `last` is the rank of the word before: ranks must fall within a group
    for word in re.sub(r"\b(?:and|a)\b|-", " ", words).split():
        if word in _SCALES:
            total, group, last = total + max(group, 1) * _SCALES[word], 0.0, math.inf
        elif word in ("hundred", "dozen"):
            if last <= 2 and group >= 100:
                return None
            group, last = max(group, 1) * (100 if word == "hundred" else 12), 3
        elif word == "half":
            group, last = group + 0.5, 0
        else:
            rank = 2 if word in _TENS else 1
            if rank >= last or (last == 2 and UNITS.get(word, 0) > 9):
                return None
            group, last = group + (_TENS.get(word) or UNITS[word]), rank
    digits = [UNITS[word] for word in decimals.split()]
    if any(digit > 9 for digit in digits):
        return None
    fraction = float("0." + "".join(map(str, digits))) if digits else 0.0
    return total + group + fraction


def _merge_mixed(text: str, found: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Join a whole number and the fraction right after it: "1 1/2" and "2 and a half" are one number each."""
    merged: list[tuple[int, float]] = []
    for start, value in found:
        if merged and 0 < value < 1:
            whole_start, whole = merged[-1]
            if re.fullmatch(
                r"\d+\s+(?:\d+\s*/.*|and\s+(?:a\s+)?half\b.*)", text[whole_start:], re.IGNORECASE | re.DOTALL
            ):
                merged[-1] = (whole_start, whole + value)
                continue
        merged.append((start, value))
    return merged
