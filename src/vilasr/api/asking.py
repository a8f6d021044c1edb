"""Asking a model about images: from whatever the user gave to the answer with its pictures."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from PIL import Image

from vilasr.api.models import NANO, OpenedPolicy, episode_config, keep_policy, open_policy
from vilasr.api.result import AskResult, AskTurn
from vilasr.data.video import is_video, read_frames
from vilasr.drawing import load_image
from vilasr.env import Episode
from vilasr.errors import InputError
from vilasr.types import AnswerType, Sample, SamplingParams

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from vilasr.env import EpisodeConfig
    from vilasr.types import Observation

ImageSource = str | os.PathLike[str] | bytes | Image.Image
"""A file of an image or a video, the bytes of an image file, or an image."""

T = TypeVar("T")


def ask(
    images: ImageSource | Sequence[ImageSource],
    question: str,
    options: Sequence[str] | None = None,
    *,
    model: str | os.PathLike[str] = NANO,
    endpoint: str | None = None,
    drawing: bool = True,
    protocol: str | None = None,
    style: str = "default",
    frames: int = 16,
    seed: int = 0,
    temperature: float = 0.0,
) -> AskResult:
    """Ask a model that may draw on the images while it reasons.

        result = vilasr.ask("maze.png", "Where does it end?", options=["A", "B", "C", "D"])
        result.answer                        # "B"
        result.turns[0].thought              # what it thought first
        result.turns[0].images[0].show()     # what it drew first
        result.save("out")                   # pictures, JSON and a page that shows it all

    Args:
        images: one or several; a video stands for `frames` images, spread evenly, first and last included.
        options: texts of the options, without letters; the answer is then a letter.
        model: "nano" (embedded; it knows synthetic mazes and rooms), a checkpoint folder, or a Hugging Face
            name; with `endpoint`, the model's name there. A local model stays loaded for the next call.
        endpoint: base URL of an OpenAI-compatible server, up to and including /v1.
        drawing: False asks for reasoning and an answer without drawing.
        protocol: "vilasr", "compact" or "json"; None takes the one that the model was trained with.
        style: how marks look: "default" or "published".
        temperature: 0 takes the likeliest token each time; `seed` then changes nothing.

    Raises:
        InputError: an image, the question, an option or the model cannot be used; says what to do.
    """
    sample = make_sample(images, question, options, frames=frames)

    async def converse() -> AskResult:
        if endpoint is None:
            return await converse_with(keep_policy(str(model)))
        opened = open_policy(str(model), endpoint=endpoint)
        try:
            return await converse_with(opened)
        finally:
            await opened.policy.close()

    async def converse_with(opened: OpenedPolicy) -> AskResult:
        config = episode_config(opened, protocol=protocol, style=style, drawing=drawing)
        return await solve(sample, opened, config, seed=seed, temperature=temperature)

    return run_async(converse())


def make_sample(
    images: ImageSource | Sequence[ImageSource],
    question: str,
    options: Sequence[str] | None = None,
    *,
    frames: int = 16,
) -> Sample:
    """A problem without a known answer, from whatever the user gave.

    Raises:
        InputError: an image or video that cannot be read, too many of them, no question, an empty or a single option.
    """
    if isinstance(options, str) or not all(isinstance(option, str) and option.strip() for option in options or ()):
        raise InputError("options", expected="a list of texts, none of them empty", got=repr(options)[:200])
    if options is not None and len(options) == 1:
        raise InputError("options", expected="at least two, or none", got="one", remedy="Give the other options too.")
    sources = [images] if isinstance(images, (str, bytes, os.PathLike, Image.Image)) else list(images)
    sample = Sample(
        id="ask",
        task="ask",
        question=question,
        images=tuple(image for number, source in enumerate(sources, 1) for image in _images(source, number, frames)),
        options=tuple(options or ()),
        answer_type=AnswerType.CHOICE if options else AnswerType.TEXT,
    )
    Episode(sample)  # what is wrong with it is said before images are decoded and a model is loaded
    loaded = tuple(load_image(image) if isinstance(image, Path) else image for image in sample.images)
    return replace(sample, images=loaded)


def _images(source: object, number: int, frames: int) -> Sequence[Image.Image | Path]:
    """The images that one source stands for: one, or the frames of a video. An image file is not read yet."""
    if isinstance(source, Image.Image):
        return [source]
    if isinstance(source, bytes):
        return [load_image(source, name=f"image {number}")]
    if isinstance(source, (str, os.PathLike)):
        path = Path(os.fsdecode(source))
        return read_frames(path, num=frames) if is_video(path) else [path]
    raise InputError(f"image {number}", expected="a path, the bytes of a file, or an image", got=type(source).__name__)


async def solve(
    sample: Sample,
    opened: OpenedPolicy,
    config: EpisodeConfig,
    *,
    seed: int = 0,
    temperature: float = 0.0,
    on_turn: Callable[[AskTurn], None] | None = None,
) -> AskResult:
    """One attempt at one sample, with its pictures. `on_turn` sees each turn as soon as it is over."""
    from vilasr.rollout import run_rollout

    turns: list[AskTurn] = []

    def after_step(episode: Episode, observation: Observation) -> None:
        turn = episode.rollout().turns[-1]
        pictures = {index: episode.image(index).copy() for index in turn.new_images}
        turns.append(AskTurn(number=len(turns) + 1, turn=turn, pictures=pictures))
        if on_turn is not None:
            on_turn(turns[-1])

    if not temperature >= 0:
        raise InputError("temperature", expected="a number from 0", got=str(temperature))
    sampling = SamplingParams(temperature=temperature, max_tokens=config.limits.max_completion_tokens)
    rollout = await run_rollout(sample, opened.policy, config, seed=seed, sampling=sampling, on_step=after_step)
    return AskResult(
        rollout=rollout,
        turns=tuple(turns),
        model=opened.policy.name,
        style=config.style,
    )


def run_async(job: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, also where an event loop runs already (in a notebook)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(job)
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=1) as executor:
        return executor.submit(asyncio.run, job).result()
