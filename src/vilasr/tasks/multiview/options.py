"""The options of the multi-view task, from strings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from vilasr.tasks.options import SIZE_TAKES, OptionReader

QUESTIONS = ("camera_move", "camera_turn", "matching", "relative_position", "depth", "distance", "order")
LESSONS = ("present", "lettered", "colored", "again")
KINDS = ("room", "table")
VIEWS = (2, 4)

_ALLOWED = {
    "question": "|".join((*QUESTIONS, "mixed", *LESSONS, "lessons")),
    "views": f"a number or a range within {VIEWS[0]} to {VIEWS[1]}",
    "kind": "|".join((*KINDS, "any")),
    "size": SIZE_TAKES,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class MultiviewOptions:
    """`views` is (lowest, highest) number; `size` is (width, height) in pixels."""

    question: str = "mixed"
    views: tuple[int, int] = VIEWS
    kind: str = "any"
    size: tuple[int, int] = (224, 224)


@lru_cache
def read_options(pairs: tuple[tuple[str, str], ...]) -> MultiviewOptions:
    """The options from (key, value) pairs, with defaults for the rest; raises InputError."""
    read, default = OptionReader("multiview", dict(pairs), _ALLOWED), MultiviewOptions()
    return MultiviewOptions(
        question=read.one_of("question", (*QUESTIONS, "mixed", *LESSONS, "lessons"), default.question),
        views=read.numbers("views", VIEWS, default.views),
        kind=read.one_of("kind", (*KINDS, "any"), default.kind),
        size=read.picture_size(default.size),
    )
