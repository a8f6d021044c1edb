"""A rollout as the JSON that the page's script reads. Plain values only; nothing here is HTML."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vilasr.types import Action, Json, Message, Rollout, TextPart, Turn, TurnTokens
from vilasr.viewer.traced import describe_tracing, mark_hex, mark_px

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vilasr.drawing import Style
    from vilasr.viewer.note import RolloutNote

MAX_METADATA_CHARS = 20_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """Where the page finds an image.

    Attributes:
        source: the number of a picture inside the page, or an address; None: there is no picture, see `problem`.
        is_traced: it is the clean base, and the page draws the marks on it.
    """

    source: int | str | None = None
    problem: str = ""
    is_traced: bool = False


def describe_row(rollout: Rollout, note: RolloutNote) -> Json:
    """What the list and its filters need."""
    return {
        "id": rollout.sample.id,
        "sibling": rollout.sibling,
        "question": rollout.sample.question[:160],
        "status": rollout.status.value,
        "right": note.is_right,
        "score": _finite(note.score),
        "groups": [[name, value] for name, value in note.groups.items()],
        "answer": rollout.answer,
        "gold": _gold(rollout, note),
        "num_turns": len(rollout.turns),
        "num_drawings": sum(bool(turn.new_images) for turn in rollout.turns),
        "num_errors": sum(turn.error is not None for turn in rollout.turns),
        "num_tokens": sum(len(turn.tokens.token_ids) for turn in rollout.turns if turn.tokens),
        "seconds": _finite(round(rollout.seconds, 2)),
        "reflected": note.reflected is True,
        "agrees": note.agrees,
    }


def describe_rollout(rollout: Rollout, note: RolloutNote, pictures: Sequence[Picture], style: Style) -> Json:
    """All that is shown of one rollout; `pictures[i]` belongs to image i + 1."""
    sample = rollout.sample
    return {
        "id": sample.id,
        "sibling": rollout.sibling,
        "seed": rollout.seed,
        "task": sample.task,
        "question": sample.question,
        "options": list(sample.options),
        "answer_type": sample.answer_type.value,
        "gold": _gold(rollout, note),
        "answer": rollout.answer,
        "status": rollout.status.value,
        "reason": rollout.reason,
        "seconds": _finite(rollout.seconds),
        "score": _finite(note.score),
        "right": note.is_right,
        "explanation": note.explanation,
        "reflected": note.reflected is True,
        "drawing_score": _finite(note.drawing_score),
        "agrees": note.agrees,
        "groups": [[name, value] for name, value in note.groups.items()],
        "metadata": _metadata(rollout),
        "num_originals": len(sample.images),
        "images": [
            {
                "index": index,
                "width": recipe.size[0],
                "height": recipe.size[1],
                "parent": recipe.parent,
                "picture": picture.source,
                "problem": picture.problem,
                "marks": [f"{mark.kind} {mark.label!r}" for mark in recipe.instances],
                "traced": describe_tracing(recipe, style) if picture.is_traced else None,
            }
            for index, (recipe, picture) in enumerate(zip(rollout.images, pictures, strict=True), 1)
        ],
        "turns": [_describe_turn(turn, rollout, style) for turn in rollout.turns],
    }


def _describe_turn(turn: Turn, rollout: Rollout, style: Style) -> Json:
    replaced = find_replaced(turn.actions, rollout)
    drawn = {rollout.images[index - 1].parent: rollout.images[index - 1].instances for index in turn.new_images}
    return {
        "text": turn.text,
        "thought": turn.thought,
        "actions": [
            {
                "kind": action.kind,
                "image": action.image_index,
                "label": action.label,
                "px": mark_px(action),
                "was_px": None if old is None else mark_px(old),
                "colour": mark_hex(action, drawn.get(action.image_index, ()), style),
            }
            for action, old in zip(turn.actions, replaced, strict=True)
        ],
        "answer": turn.answer,
        "error": None if turn.error is None else {"kind": turn.error.kind.value, "message": turn.error.message},
        "new_images": list(turn.new_images),
        "finish": turn.finish.value,
        "learn": turn.learn,
        "context": [{"role": message.role.value, "text": _text(message)} for message in turn.context],
        "tokens": None if turn.tokens is None else _describe_tokens(turn.tokens),
    }


def find_replaced(actions: Sequence[Action], rollout: Rollout) -> list[Action | None]:
    """The earlier mark that each action of a turn moves, if any.

    The i-th action with some kind and label on an image replaces the i-th mark of that kind and label there.
    """
    seen: Counter[tuple[int, str, str]] = Counter()
    replaced: list[Action | None] = []
    for action in actions:
        key = (action.image_index, action.kind, action.label)
        marks = rollout.images[action.image_index - 1].instances
        same = [mark for mark in marks if (mark.kind, mark.label) == (action.kind, action.label)]
        replaced.append(same[seen[key]] if seen[key] < len(same) else None)
        seen[key] += 1
    return replaced


def _describe_tokens(tokens: TurnTokens) -> Json:
    mean_logprob = math.fsum(tokens.logprobs) / len(tokens.logprobs) if tokens.logprobs else None
    return {
        "num_context": len(tokens.context_ids),
        "num_sampled": len(tokens.token_ids),
        "num_trained": sum(tokens.loss_mask),
        "mean_logprob": _finite(mean_logprob),
    }


def _text(message: Message) -> str:
    return "".join(part.text if isinstance(part, TextPart) else f"[image {part.index}]" for part in message.parts)


def _metadata(rollout: Rollout) -> str:
    if not rollout.sample.metadata:
        return ""
    text = json.dumps(dict(rollout.sample.metadata), indent=2, ensure_ascii=False, default=str)
    return text if len(text) <= MAX_METADATA_CHARS else f"{text[:MAX_METADATA_CHARS]}\n... (cut)"


def _gold(rollout: Rollout, note: RolloutNote) -> str | None:
    return rollout.sample.answer if note.gold is None else note.gold


def _finite(number: float | None) -> float | None:
    """JSON has no NaN and no infinity."""
    return number if number is not None and math.isfinite(number) else None
