"""Words for objects and numbers: "red chair", "chairs", "2.4"."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vilasr.tasks.scenes.world import SceneObject

STEPS = 40
"""Lengths that are told to each power of ten."""


def describe(thing: SceneObject) -> str:
    """Colour and category, without an article: "red chair"."""
    return f"{thing.color} {thing.category}"


def uniquely_named(objects: Iterable[SceneObject]) -> dict[str, str]:
    """A phrase without an article for every object that one of its own can be found for, by name of the object.

    The category where nothing else is of it ("chair"), else colour and category where no other shares both
    ("red chair"); objects that cannot be told apart are absent. Pass everything that the reader can see, not only what
    is to be asked about.
    """
    things = list(objects)
    categories = Counter(thing.category for thing in things)
    descriptions = Counter(describe(thing) for thing in things)
    phrases: dict[str, str] = {}
    for thing in things:
        if categories[thing.category] == 1:
            phrases[thing.name] = thing.category
        elif descriptions[describe(thing)] == 1:
            phrases[thing.name] = describe(thing)
    return phrases


def plural(category: str) -> str:
    """ "chairs" for "chair"."""
    from vilasr.tasks.scenes.catalogue import CLASSES

    return CLASSES[category].plural


def with_article(phrase: str) -> str:
    """ "a red chair", "an orange chair"."""
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def listed(phrases: Sequence[str], *, last: str = "and") -> str:
    """ "the sofa", "the sofa and the lamp", "the sofa, the lamp and the rug": each with its article."""
    return joined([f"the {phrase}" for phrase in phrases], last=last)


def joined(parts: Sequence[str], *, last: str = "and") -> str:
    """ "A", "A and B", "A, B and C"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def metres(value: float) -> str:
    """A length as it is answered: to a tenth of a metre from 1 m on, to a centimetre below.

    >>> metres(2.345), metres(0.345), metres(0.999)
    ('2.3', '0.34', '1.0')
    """
    return f"{value:.1f}" if value >= 0.995 else f"{value:.2f}"


def centimetres(value: float) -> str:
    """A length as it is thought of: one of STEPS whole numbers to each power of ten, 6 % apart, or 1 cm below 17 cm.

    Few words, each as wide as one can see: of nine hundred that are a centimetre apart, who is unsure by a tenth would
    find thirty about as likely, and say the same one of everything.

    >>> centimetres(2.347), centimetres(0.345), centimetres(0.124), centimetres(0.0)
    ('237', '34', '12', '0')
    """
    whole = 100 * value
    return str(round(10 ** (round(STEPS * math.log10(whole)) / STEPS)) if whole >= 1 else round(whole))


def measures(lengths: Sequence[float], whose: Sequence[str]) -> list[str]:
    """ "85 cm to the mug" for each length in m and whose it is, "to the mug"."""
    return [f"{centimetres(length)} cm {of}" for length, of in zip(lengths, whose, strict=True)]


def least(lengths: Sequence[float], whose: Sequence[str]) -> str:
    """What follows from `measures` that were said: their least, word for word, so that a reader finds it among them."""
    return f"The least is {measures(lengths, whose)[lengths.index(min(lengths))]}"


def most(lengths: Sequence[float], whose: Sequence[str]) -> str:
    """The same of the greatest."""
    return f"The most is {measures(lengths, whose)[lengths.index(max(lengths))]}"


def sentence(text: str) -> str:
    """With a capital letter at its start."""
    return text[:1].upper() + text[1:]
