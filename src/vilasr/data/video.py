"""Frames of a video file, spread evenly over its length, the first and the last included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vilasr.drawing import load_image
from vilasr.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path, PurePath

    from PIL.Image import Image

SUFFIXES = frozenset({".mp4", ".mov", ".avi", ".mkv", ".webm"})
MAX_FRAMES_DECODED = 200_000
"""Nearly two hours at 30 frames a second: a longer video is refused rather than decoded for minutes."""
LEAST_SHARE = 0.9
"""Of the frames that an index promises; edit lists and odd writers account for a few missing ones."""
OPEN_OPTIONS = {"format_whitelist": "mov,matroska,avi", "protocol_whitelist": "file"}
"""A playlist that calls itself clip.mp4 must not make the decoder open other files or the network."""


def is_video(path: PurePath) -> bool:
    """By the name: .mp4, .mov, .avi, .mkv or .webm."""
    return path.suffix.lower() in SUFFIXES


def read_frames(path: Path, *, num: int) -> list[Image]:
    """`num` frames as RGB images; every frame where the video has no more than that.

    Raises:
        InputError: no such file, not a video, damaged, too long; `num` under 1.
        MissingExtraError: PyAV is not installed.
    """
    if num < 1:
        raise InputError("--frames", expected="a whole number from 1", got=str(num))
    if not path.is_file():
        got = "a folder" if path.is_dir() else "no such file"
        raise InputError(str(path), expected="a video file", got=got, remedy="Check the path.")
    total = _count(path)
    kept, decoded = _pick(path, spread(total, num))
    if decoded != total:  # packets that hold no frame, or several
        kept, _ = _pick(path, spread(decoded, num))
    if not kept:
        raise InputError(str(path), expected="a video", got="a file without frames", remedy="Convert it to MP4.")
    return kept


def require_decoder() -> None:
    """Raises MissingExtraError where PyAV is not installed: told before workers start."""
    _import_av()


def spread(total: int, num: int) -> list[int]:
    """`num` of the positions 0 to total - 1, evenly, first and last included; one alone is the first.

    >>> spread(100, 4), spread(3, 16), spread(9, 1)
    ([0, 33, 66, 99], [0, 1, 2], [0])
    """
    if total <= num:
        return list(range(total))
    if num == 1:
        return [0]
    return [round(position * (total - 1) / (num - 1)) for position in range(num)]


def _count(path: Path) -> int:
    """Packets of the video: nearly always its frames, and a hundred times faster to count. Headers are wrong often."""
    return sum(1 for _ in _checked(_packets(path), path))


def _pick(path: Path, positions: list[int]) -> tuple[list[Image], int]:
    """The frames at these positions, as far as there are that many; and how many frames there are."""
    wanted = set(positions)
    kept: list[Image] = []
    num_frames = 0
    for frame in _checked(_decode(path), path):
        if num_frames in wanted:
            kept.append(load_image(frame.to_image(), name=f"{path}, frame"))
        num_frames += 1
    return kept, num_frames


def _packets(path: Path) -> Iterator[Any]:
    """The packets that hold something. The index of an MP4 tells one that was cut off: decoders take what there is."""
    with _opened(path) as container:
        if not container.streams.video:
            return
        stream = container.streams.video[0]
        num = 0
        for packet in container.demux(stream):
            if packet.size:
                num += 1
                yield packet
        if container.format.name.startswith("mov") and num < LEAST_SHARE * stream.frames:
            got = f"{num:,} of its {stream.frames:,} frames"
            raise InputError(str(path), expected="a complete video", got=got, remedy="Fetch or convert it again.")


def _opened(path: Path) -> Any:
    # An absolute path, so that no name is taken for a URL.
    return _import_av().open(str(path.resolve()), options=OPEN_OPTIONS)


def _decode(path: Path) -> Iterator[Any]:
    with _opened(path) as container:
        if not container.streams.video:
            return
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for number, frame in enumerate(container.decode(stream)):
            if number >= MAX_FRAMES_DECODED:
                expected = f"at most {MAX_FRAMES_DECODED:,} frames"
                raise InputError(str(path), expected=expected, got="more", remedy="Cut out the part that matters.")
            yield frame


def _checked(frames: Iterable[Any], path: Path) -> Iterator[Any]:
    """`frames`, with the decoder's errors told to the user."""
    av = _import_av()
    try:
        yield from frames
    except (av.error.FFmpegError, ValueError) as error:
        got = f"one that cannot be decoded ({error})"
        raise InputError(str(path), expected="a complete video", got=got, remedy="Convert it to MP4.") from error


def _import_av() -> Any:
    try:
        import av
    except ImportError as error:
        raise MissingExtraError("video files", package="av", extra="video") from error
    return av
