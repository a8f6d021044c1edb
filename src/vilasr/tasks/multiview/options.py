"""The options of the multi-view task, from strings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from vilasr.tasks.base import reject_unknown_options
from vilasr.tasks.options import SIZE_TAKES, number_range, one_of, picture_size

QUESTIONS = ("camera_move", "camera_turn", "matching", "relative_position", "depth", "distance", "order")
KINDS = ("room", "table")
VIEWS = (2, 4)

_VIEWS_TAKES = f"a number or a range within {VIEWS[0]} to {VIEWS[1]}"
_ALLOWED = {
    "question": "|".join((*QUESTIONS, "mixed")),
    "views": _VIEWS_TAKES,
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
    """The options from (key, value) pairs, with defaults for the rest.

    Raises:
        InputError: for an unknown key or a bad value; the message lists what is allowed.
    """
    given = dict(pairs)
    reject_unknown_options("multiview", given, _ALLOWED)
    default = MultiviewOptions()
    return MultiviewOptions(
        question=one_of("multiview", "question", given.get("question", default.question), (*QUESTIONS, "mixed")),
        views=_views(given["views"]) if "views" in given else default.views,
        kind=one_of("multiview", "kind", given.get("kind", default.kind), (*KINDS, "any")),
        size=picture_size("multiview", given["size"]) if "size" in given else default.size,
    )


def _views(value: str) -> tuple[int, int]:
    return number_range("multiview", "views", value, VIEWS, takes=_VIEWS_TAKES)
