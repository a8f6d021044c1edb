"""Samples about videos: their frames take the place of the video."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vilasr.benchmarks.base import Exclusion, LoadOptions
from vilasr.data.frames import cached_frames, default_cache
from vilasr.data.video import is_video

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from PIL.Image import Image

    from vilasr.data.frames import Frames
    from vilasr.types import Sample


def with_frames(samples: Iterator[Sample], options: LoadOptions) -> Iterator[Sample]:
    """The samples, with frames for videos; one whose video cannot be decoded is left out and told.

    Up to the first sample with a video nothing is read ahead; from there on all are, and all their videos are decoded
    before the next one comes: the questions about one video need not follow each other.
    """
    for sample in samples:
        if _videos_of(sample):
            yield from _decoded([sample, *samples], options)
        else:
            yield sample


def _decoded(samples: list[Sample], options: LoadOptions) -> Iterator[Sample]:
    videos = sorted({video for sample in samples for video in _videos_of(sample)})
    frames = cached_frames(
        videos,
        num=options.num_frames,
        cache=options.cache or default_cache(),
        workers=options.workers,
        on_video=lambda: options.on_video(len(videos)),
    )
    for sample in samples:
        problem = next((found for video in _videos_of(sample) if isinstance(found := frames[video], str)), None)
        if problem is None:
            yield replace(sample, images=tuple(_images(sample, frames)))
        else:
            options.on_excluded(Exclusion(sample.id, f"video: {problem}"))


def _videos_of(sample: Sample) -> list[Path]:
    return [image for image in sample.images if isinstance(image, Path) and is_video(image)]


def _images(sample: Sample, frames: Mapping[Path, Frames]) -> Iterable[Image | Path]:
    for image in sample.images:
        found = frames.get(image) if isinstance(image, Path) else None
        if isinstance(found, tuple):
            yield from found
        else:
            yield image
