"""One entry of an action list <-> one `Action`: fields, numbers, and what to tell a model that got them wrong."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from vilasr.protocol.frames import CLAMP_PX, CoordinateFrame, frame_extent, from_frame, to_frame
from vilasr.protocol.neutral import one_line, shown
from vilasr.types import Action, Box, ErrorKind, Line, Size, TurnError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Operation(StrEnum):
    """The two drawing operations, by their names on the wire."""

    BOX = "Object Mapper"
    LINE = "Path Tracer"


FIELDS = {
    Operation.BOX: ("index", "bbox_2d", "label"),
    Operation.LINE: ("index", "start_point_2d", "end_point_2d", "label"),
}
EXAMPLES = {
    Operation.BOX: '{"index": 1, "bbox_2d": [x1, y1, x2, y2], "label": "..."}',
    Operation.LINE: '{"index": 1, "start_point_2d": [x, y], "end_point_2d": [x, y], "label": "..."}',
}
_COORDINATES = {Operation.BOX: {"bbox_2d"}, Operation.LINE: {"start_point_2d", "end_point_2d"}}
_NAMES = {"bbox_2d": ("x1", "y1", "x2", "y2"), "start_point_2d": ("x", "y"), "end_point_2d": ("x", "y")}


class MistakeError(Exception):
    """Carries a model mistake out of the depth of the reader; it never leaves this package."""

    def __init__(self, kind: ErrorKind, message: str) -> None:
        super().__init__(message)
        self.error = TurnError(kind, message)


@dataclass(frozen=True, kw_only=True, slots=True)
class Canvas:
    """Image `index` as the model knows it.

    Attributes:
        size: its own size; model_size: the size at which the model sees it.
    """

    index: int
    size: Size
    model_size: Size
    frame: CoordinateFrame

    @property
    def extent(self) -> Size:
        return frame_extent(self.frame, self.model_size)

    @property
    def advice(self) -> str:
        """What to write instead: "Give pixels of image 2 (224x192)." """
        width, height = self.model_size
        match self.frame:
            case CoordinateFrame.PIXEL:
                return f"Give pixels of image {self.index} ({width}x{height})."
            case CoordinateFrame.THOUSANDTHS:
                return f"Give numbers from 0 to 1000 along each side of image {self.index}."
            case CoordinateFrame.UNIT:
                return f"Give numbers from 0 to 1 along each side of image {self.index}."


def write_entry(action: Action, canvas: Canvas) -> dict[str, Any]:
    """The fields the model would write for `action`, in wire order."""

    def numbers(point: tuple[float, float]) -> list[float]:
        return list(to_frame(point, canvas.size, frame=canvas.frame, model_size=canvas.model_size))

    label = one_line(action.label)
    if isinstance(action, Box):
        x1, y1, x2, y2 = action.box_px
        return {"index": action.image_index, "bbox_2d": numbers((x1, y1)) + numbers((x2, y2)), "label": label}
    return {
        "index": action.image_index,
        "start_point_2d": numbers(action.start_px),
        "end_point_2d": numbers(action.end_px),
        "label": label,
    }


def read_entry(
    entry: Any,
    operation: Operation | None,
    *,
    sizes: Sequence[Size],
    model_sizes: Sequence[Size],
    frame: CoordinateFrame,
    max_label_length: int,
) -> Action:
    """The action of one list entry; `operation` None takes either kind, told by its fields. Raises MistakeError."""
    if not isinstance(entry, dict):
        wanted = EXAMPLES[operation or Operation.BOX]
        raise MistakeError(ErrorKind.WRONG_TYPE, f"Each entry must be an object; got {shown(entry)}. Write {wanted}.")
    operation = _check_fields(entry, operation)
    index = _read_index(entry["index"], len(sizes))
    label = _read_label(entry["label"], max_label_length)
    canvas = Canvas(index=index, size=sizes[index - 1], model_size=model_sizes[index - 1], frame=frame)
    if operation is Operation.BOX:
        x1, y1, x2, y2 = _read_numbers(entry["bbox_2d"], "bbox_2d", canvas)
        if x1 >= x2 or y1 >= y2:
            raise MistakeError(ErrorKind.DEGENERATE, _degenerate_box(entry["bbox_2d"], canvas, by_x=x1 >= x2))
        return Box(image_index=index, box_px=(x1, y1, x2, y2), label=label)
    start_x, start_y = _read_numbers(entry["start_point_2d"], "start_point_2d", canvas)
    end_x, end_y = _read_numbers(entry["end_point_2d"], "end_point_2d", canvas)
    if (start_x, start_y) == (end_x, end_y):
        got = ", ".join(shown(value) for value in entry["start_point_2d"])
        raise MistakeError(
            ErrorKind.DEGENERATE,
            f"start_point_2d and end_point_2d must be two different points; got [{got}] twice. {canvas.advice}",
        )
    return Line(image_index=index, start_px=(start_x, start_y), end_px=(end_x, end_y), label=label)


def _check_fields(entry: Mapping[str, Any], operation: Operation | None) -> Operation:
    """The operation, once its fields are all there and none of the other's."""
    if operation is None:
        found = [kind for kind in Operation if _COORDINATES[kind] & entry.keys()]
        if len(found) == 2:
            raise MistakeError(
                ErrorKind.WRONG_ACTION,
                "An entry must be a box or a line; got the fields of both. Write two entries.",
            )
        operation = found[0] if found else Operation.BOX
    other = Operation.LINE if operation is Operation.BOX else Operation.BOX
    foreign = [field for field in FIELDS[other] if field in _COORDINATES[other] and field in entry]
    if foreign:
        raise MistakeError(
            ErrorKind.WRONG_ACTION,
            f"{operation} takes {', '.join(FIELDS[operation])}; got {foreign[0]}. "
            f"Write Action: {other} to draw {'lines' if other is Operation.LINE else 'boxes'}.",
        )
    missing = [field for field in FIELDS[operation] if field not in entry]
    if missing:
        fields = FIELDS[operation]
        raise MistakeError(
            ErrorKind.MISSING_FIELD,
            f"Each entry must have {', '.join(fields[:-1])} and {fields[-1]}; got no {missing[0]}. "
            f"Write {EXAMPLES[operation]}.",
        )
    return operation


def _read_index(value: Any, num_images: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise MistakeError(
            ErrorKind.WRONG_TYPE, f'index must be a whole number; got {shown(value)}. Write for example "index": 1.'
        )
    if not 1 <= value <= num_images:
        known = "1" if num_images == 1 else f"from 1 to {num_images}"
        raise MistakeError(
            ErrorKind.UNKNOWN_IMAGE,
            f"index must be {known}; got {value}. Give the index of an image that you were shown.",
        )
    return value


def _read_label(value: Any, max_length: int) -> str:
    if not isinstance(value, str):
        raise MistakeError(
            ErrorKind.WRONG_TYPE, f'label must be a text in quotes; got {shown(value)}. Write for example "label": "1".'
        )
    if len(value) > max_length:
        raise MistakeError(
            ErrorKind.LABEL_TOO_LONG,
            f"label must have at most {max_length} characters; got {len(value)}. Write a shorter label.",
        )
    return one_line(value)


def _read_numbers(value: Any, field: str, canvas: Canvas) -> list[float]:
    """Own pixels, clamped where the model was up to 2 px off the image; raises MistakeError."""
    names = _NAMES[field]
    form = f"[{', '.join(names)}]"
    if not isinstance(value, list) or len(value) != len(names):
        raise MistakeError(
            ErrorKind.WRONG_TYPE, f"{field} must be {len(names)} numbers {form}; got {shown(value)}. {canvas.advice}"
        )
    for name, number in zip(names, value, strict=True):
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise MistakeError(
                ErrorKind.WRONG_TYPE,
                f"{field} must be {len(names)} numbers {form}; got {name}={shown(number)}. {canvas.advice}",
            )
        if not math.isfinite(number):
            raise MistakeError(
                ErrorKind.NOT_FINITE, f"{field} must hold finite numbers; got {name}={shown(number)}. {canvas.advice}"
            )
    for position, number in enumerate(value):
        axis = position % 2
        slack = CLAMP_PX * canvas.extent[axis] / canvas.model_size[axis]
        if not -slack <= number <= canvas.extent[axis] + slack:
            rule = _rule(field, axis, canvas)
            raise MistakeError(
                ErrorKind.OFF_IMAGE,
                f"{field} must satisfy {rule}; got {names[position]}={shown(number)}. {canvas.advice}",
            )
    return [pixel for pair in zip(value[::2], value[1::2], strict=True) for pixel in _to_pixels(pair, canvas)]


def _to_pixels(point: tuple[float, float], canvas: Canvas) -> tuple[float, float]:
    x, y = from_frame(point, canvas.size, frame=canvas.frame, model_size=canvas.model_size)
    width, height = canvas.size
    return (min(max(x, 0.0), float(width)), min(max(y, 0.0), float(height)))


def _rule(field: str, axis: int, canvas: Canvas) -> str:
    letter, end = "xy"[axis], canvas.extent[axis]
    return f"0 <= {letter}1 < {letter}2 <= {end}" if field == "bbox_2d" else f"0 <= {letter} <= {end}"


def _degenerate_box(numbers: Sequence[float], canvas: Canvas, *, by_x: bool) -> str:
    axis = 0 if by_x else 1
    letter = "xy"[axis]
    low, high = numbers[axis], numbers[axis + 2]
    rule = _rule("bbox_2d", axis, canvas)
    return f"bbox_2d must satisfy {rule}; got {letter}1={shown(low)}, {letter}2={shown(high)}. {canvas.advice}"
