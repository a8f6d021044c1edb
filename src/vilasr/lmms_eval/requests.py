"""What lmms-eval asks, in our terms: a request becomes a sample, its generation settings become sampling parameters."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from vilasr.errors import DataError, InputError
from vilasr.types import AnswerType, Json, Sample, SamplingParams

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

LEAST_TOKENS = 1024
"""Of a turn, unless the user sets another number: tasks count the words of an answer alone, often 16 tokens, and a turn
holds thoughts or a drawing as well."""
USED_SETTINGS = frozenset({"temperature", "top_p", "max_new_tokens", "until"})
IMPLIED_SETTINGS = {"do_sample": (True, False), "num_beams": (1,)}
"""Settings that say nothing more at these values: whether to sample follows from the temperature."""
_MOST = sys.float_info.max


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One question of a task.

    Attributes:
        task, split, doc_id: where its document is; `doc_id` counts from 0.
        text: the task's whole prompt, with its options and what it says on the form of the answer.
        settings: the task's `generation_kwargs`.
        visuals: makes its pictures; it is the task's code and may raise anything.
    """

    task: str
    split: str
    doc_id: int
    text: str
    settings: Mapping[str, Json]
    visuals: Callable[[], object]

    @property
    def id(self) -> str:
        """Of its sample: "vsibench/test/17"."""
        return f"{self.task}/{self.split}/{self.doc_id}"


def read_request(arguments: Sequence[Json], documents: Mapping[str, Mapping[str, Sequence[Json]]]) -> Request:
    """A request from the arguments of an instance of the type `generate_until`.

    Args:
        arguments: (prompt, generation_kwargs, doc_to_visual, doc_id, task, split).
        documents: task -> split -> documents.
    """
    text, settings, to_visuals, doc_id, task, split = arguments
    return Request(
        task=task,
        split=split,
        doc_id=doc_id,
        text=text,
        settings=settings,
        visuals=lambda: to_visuals(documents[task][split][doc_id]),
    )


def make_sample(request: Request) -> Sample:
    """The sample of a request. Images and videos that are files stay paths: nothing of them is read yet.

    Raises:
        DataError: the task cannot give its pictures, or gives something else (sound, a part of a video).
    """
    try:
        visuals = request.visuals()
    except Exception as error:  # a task's own code, and the decoders behind it
        raise DataError(f"task: its pictures cannot be had ({type(error).__name__}: {error})") from error
    if visuals is None:
        visuals = []
    if not isinstance(visuals, (list, tuple)):
        raise DataError(f"visual: expected a list; got {type(visuals).__name__}")
    return Sample(
        id=request.id,
        task=request.task,
        question=request.text,
        images=tuple(_image(visual, number) for number, visual in enumerate(visuals, start=1)),
        answer_type=AnswerType.TEXT,
    )


def _image(visual: object, number: int) -> Image.Image | Path:
    if isinstance(visual, Image.Image):
        return visual
    if isinstance(visual, (str, os.PathLike)) and os.fspath(visual):
        return Path(os.fsdecode(visual))
    raise DataError(f"visual {number}: expected an image, or the path of an image or a video; got {_kind(visual)}")


def _kind(value: object) -> str:
    """
    >>> _kind({"array": [0.0], "sampling_rate": 16000}), _kind(3)
    ('dict with array, sampling_rate', 'int')
    """
    if isinstance(value, dict):
        return f"dict with {', '.join(map(str, value))}"
    return type(value).__name__


# --- settings ---------------------------------------------------------------------------------------------------------


def sampling_of(settings: Mapping[str, Json], max_tokens: int | None = None) -> SamplingParams:
    """How turns are sampled. The temperature decides, 0 where there is none, as in the models that lmms-eval ships.

    >>> sampling_of({"temperature": 0.7, "top_p": 0.9, "max_new_tokens": 16})
    SamplingParams(temperature=0.7, top_p=0.9, max_tokens=1024)

    Args:
        settings: `generation_kwargs`.
        max_tokens: of one turn; None: what the task says, but at least `LEAST_TOKENS`.

    Raises:
        InputError: a setting that is no finite number, or out of range.
    """
    temperature = _number(settings, "temperature", 0.0)
    return SamplingParams(
        temperature=temperature,
        top_p=_number(settings, "top_p", 1.0, above_zero=True, most=1.0) if temperature > 0 else 1.0,
        max_tokens=max_tokens or max(LEAST_TOKENS, int(_number(settings, "max_new_tokens", 0))),
    )


def unused_settings(settings: Mapping[str, Json]) -> list[str]:
    """The settings that change nothing here although they ask for something: "num_beams=4"."""
    return [
        f"{key}={value}"
        for key, value in settings.items()
        if key not in USED_SETTINGS and value is not None and value not in IMPLIED_SETTINGS.get(key, ())
    ]


def cut(text: str, until: Json) -> str:
    """`text` up to the first of the stop strings that a task gives as `until`: none, one or a list.

    >>> cut("B, because the arrow ends there", [",", "."])
    'B'
    """
    stops = [until] if isinstance(until, str) else until or ()
    return text[: min((place for stop in stops if stop and (place := text.find(stop)) >= 0), default=len(text))]


def _number(
    settings: Mapping[str, Json], key: str, default: float, *, above_zero: bool = False, most: float = _MOST
) -> float:
    value = settings.get(key)
    if value is None:
        return default
    if not isinstance(value, (int, float)) or not 0 <= value <= most or (above_zero and value == 0):
        expected = f"a number {'above' if above_zero else 'from'} 0" + (f" up to {most:g}" if most < _MOST else "")
        raise InputError(f"generation_kwargs: {key}", expected=expected, got=repr(value), remedy="See --gen_kwargs.")
    return float(value)
