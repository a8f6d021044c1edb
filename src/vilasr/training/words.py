"""The words that scenes are spoken of in: what things are called, one and many of them, and their colours.

A model that learns language from nothing must tie each of them to what it sees and find it again in the question. So
each is a token of its own in the embedded model's tokenizer, and a class for `vilasr.training.copying`.
"""

from __future__ import annotations

from vilasr.tasks.scenes.catalogue import CLASSES
from vilasr.tasks.scenes.colors import COLORS

ANSWER_WORDS = (
    *("up", "down", "left", "right", "front", "back", "behind", "forward", "backward"),
    *("on", "under", "nearer", "farther", "larger"),
)
"""Words that decide an answer. Each is a token of its own, with the space before it, or what follows from one would be
spread over as many tokens as there are words around it."""

WORDS: dict[str, str] = (
    {color: color for color in COLORS}
    | {name: name for name in CLASSES}
    | {kind.plural: name for name, kind in CLASSES.items()}
)
"""Each word, and the one that it is a form of: "benches" is of "bench"."""

PLACES = ("at A", "at B", "at C", "at D")
"""What a length of a marked point is said of, a token each too: a letter would be merged with what stands beside it,
and the one that is concluded would not be found again."""
