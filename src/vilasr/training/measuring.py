"""What is read off a picture in words: lengths of things that have boxes, the name of what is in a box, and its image.

A thing that the question names is named before its box, and is looked for; if the question does not say in which image,
that is read off the thing as well: "mug in image 3 [1, 2, 3, 4]". Any other thing is named after its box, as in "at
[1, 2, 3, 4] is the mug", when its place is known and there is something to look at. So is the letter that a picture
has at a box: "at [1, 2, 3, 4], in box B".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vilasr.tasks.scenes.catalogue import CLASSES
from vilasr.tasks.scenes.colors import COLORS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Thing = tuple[str, str]  # ("red", "mug"); ("", "mug") where no colour is said; ("", "B") for what has a letter

_CLASSES = "|".join(sorted(CLASSES, key=len, reverse=True))
_NAMED = re.compile(
    rf"\b(?:({'|'.join(COLORS)}) )?({_CLASSES})\b|\b([A-Z])(?= (?:[0-9]|\[))|(?<=cm at |cm to )([A-Z])\b"
)
_CALLED = re.compile(r"\b([A-Z])(?: is the\b| at \[)")
_COLOR = re.compile(rf"(?:{'|'.join(COLORS)}) (?=[a-z])")
_NAMED_AFTER = re.compile(r"[^\]]*\](?:,? (?:in the red box, )?(?:is|holds))? the (?=[a-z])")
_IN_BOX = re.compile(r"[^\]]*\], in box (?=[A-Z]\b)")
_FOUND_IN = re.compile(rf"\b(?:{_CLASSES})(?: [0-9]+)? in image ([0-9]+) (?:at )?(?=\[)")
_LENGTH = re.compile(r"\b([0-9]{1,3}) cm\b")
_CLAUSE = re.compile(r"[,;:\n]|\.(?![0-9])|\band\b")
_SENTENCE = re.compile(r"\n|\.(?![0-9])")


def measured(text: str, boxes: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
    """For each length in `text`, such as "85 cm", where its number begins, and which of `boxes` it is a length of.

    `boxes` are the places of their opening brackets in `text`, in order. A length is of what its own clause names; of
    what its sentence names, where the clause names nothing; and of all that has a box, where neither does ("Its middle
    is 360 cm away"). Of a thing with several boxes the last one counts.
    A length that was said before of the same is left out: it is not read but copied.

    >>> text = "I see vase [1, 2, 3, 4], mug [5, 6, 7, 8]. It is 85 cm to the mug."
    >>> list(measured(text, [11, 29])), text.index("85")
    ([(49, [29])], 49)
    """
    things = [(thing, box) for box in boxes for thing in _things_of(text, box)]
    said: dict[str, set[int]] = {}
    for length in _LENGTH.finditer(text):
        known = {thing: box for thing, box in things if box < length.start()}
        names = _named(_around(text, length.start(), _CLAUSE)) or _named(_around(text, length.start(), _SENTENCE))
        found = {box for name in names for box in _meant(name, known)} if names else {*known.values()}
        before = said.setdefault(length[1], set())
        if not found <= before:  # else it is copied, as "The least is 85 cm to the mug"
            yield length.start(1), sorted(found)
        before |= found


def named_after(text: str, boxes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Where the name of a thing begins that follows its box, and that box; of "red mug" both words.

    >>> list(named_after("At [1, 2, 3, 4] is the red mug, and the vase at [5, 6, 7, 8].", [3, 46]))
    [(23, 3), (27, 3)]
    """
    for box in boxes:
        if found := _NAMED_AFTER.match(text, box):
            yield found.end(), box
            if color := _COLOR.match(text, found.end()):
                yield color.end(), box


def lettered(text: str, boxes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Where the letter begins that the picture has at a box, and that box.

    >>> list(lettered("This mug is at [1, 2, 3, 4], in box B.", [15]))
    [(36, 15)]
    """
    for box in boxes:
        if found := _IN_BOX.match(text, box):
            yield found.end(), box


def found_in(text: str, boxes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Where the number of the image begins in which a named thing was found, and the box that it has there.

    >>> list(found_in("I see mug in image 3 [1, 2, 3, 4]. Image 2: vase [5, 6, 7, 8].", [21, 44]))
    [(19, 21)]
    """
    for found in _FOUND_IN.finditer(text):
        if found.end() in boxes:
            yield found.start(1), found.end()


def _things_of(text: str, box: int) -> list[Thing]:
    """What the box at `box` is called: "mug", and in "A is the mug at [", or "A at [", also "A"."""
    before = text[text.rfind("]", 0, box) + 1 : box + 1]
    after = _NAMED_AFTER.match(text, box)
    name = _NAMED.match(text, after.end()) if after else None
    names = [_thing(name)] if name else _named(before)[-1:]
    return names + [("", letter) for letter in _CALLED.findall(before)]


def _named(text: str) -> list[Thing]:
    return [_thing(found) for found in _NAMED.finditer(text)]


def _thing(found: re.Match[str]) -> Thing:
    return found[1] or "", found[2] or found[3] or found[4]


def _around(text: str, place: int, borders: re.Pattern[str]) -> str:
    """The stretch of `text` round `place` that has no border in it."""
    starts = [border.end() for border in borders.finditer(text, 0, place)]
    end = borders.search(text, place)
    return text[starts[-1] if starts else 0 : end.start() if end else len(text)]


def _meant(name: Thing, known: dict[Thing, int]) -> list[int]:
    """Boxes of things of that class, and of that colour where both are said."""
    color, kind = name
    return [box for (other, same), box in known.items() if same == kind and (color == other or not (color and other))]
