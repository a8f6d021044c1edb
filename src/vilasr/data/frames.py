"""Frames of videos as files: decoded once, by several processes, and kept in a cache of bounded size.

CACHE/<key>/000-of-016.png, ...: one folder for each (video, number of frames). A folder appears whole or not at all, so
any number of runs may share a cache; which folders go when it is full, their times of last use say.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from vilasr.data.parallel import made_in_order
from vilasr.data.video import read_frames, require_decoder
from vilasr.drawing import save_png
from vilasr.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

VERSION = 1
"""Raised whenever the same video would give other frames."""
MAX_CACHE_BYTES = 10_000_000_000
"""Sixteen frames of each of VSI-Bench's 288 videos take about two gigabytes."""

Frames = tuple[Path, ...] | str
"""The files of a video's frames, in order; or why there are none."""


def default_cache() -> Path:
    """$VILASR_CACHE, else the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("VILASR_CACHE") or Path(base) / "vilasr") / "frames"


def cached_frames(
    videos: Sequence[Path],
    *,
    num: int,
    cache: Path,
    workers: int = 1,
    max_bytes: int = MAX_CACHE_BYTES,
    on_video: Callable[[], None] = lambda: None,
) -> dict[Path, Frames]:
    """`num` frames of each video, spread evenly, first and last included; of a shorter one, every frame.

    Args:
        workers: processes that decode what is not in the cache.
        max_bytes: the cache is brought down to it, longest unused first; what this call returns stays in any case.
        on_video: is called as each video is done.

    Raises:
        InputError: the cache cannot be written.
        MissingExtraError: PyAV is not installed, and something has to be decoded.
    """
    found: dict[Path, Frames] = {}
    missing: list[Path] = []
    for video in dict.fromkeys(videos):
        if frames := _stored(_entry(cache, video, num)):
            found[video] = frames
            on_video()
        else:
            missing.append(video)
    if missing:
        require_decoder()
        _make_folder(cache)
        make = partial(_decode_into, cache, tuple(missing), num)
        with closing(made_in_order(make, range(len(missing)), min(workers, len(missing)))) as results:
            for video, problem in zip(missing, results, strict=True):
                found[video] = problem or _stored(_entry(cache, video, num)) or "removed while this run went on"
                on_video()
        _shrink(cache, {_entry(cache, video, num) for video in found}, max_bytes)
    return found


def _entry(cache: Path, video: Path, num: int) -> Path:
    """The folder of a video's frames. A video that changed has another."""
    try:
        status = video.stat()
        state = f"{status.st_size}/{status.st_mtime_ns}"
    except OSError:
        state = "absent"
    key = f"{VERSION}/{num}/{state}/{video.resolve()}"
    return cache / hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:40]


def _stored(entry: Path) -> tuple[Path, ...]:
    """The frames in a folder, marked as used now; none where one is missing."""
    paths = sorted(entry.glob("*-of-*.png"))
    if not paths or int(paths[0].stem.partition("-of-")[2]) != len(paths):
        return ()
    os.utime(entry)
    return tuple(paths)


def _decode_into(cache: Path, videos: tuple[Path, ...], num: int, index: int) -> str:
    """Put the frames of a video into the cache; returns what is wrong with the video, or ""."""
    try:
        frames = read_frames(videos[index], num=num)
    except InputError as error:
        return str(error)
    entry = _entry(cache, videos[index], num)
    partial_entry = entry.with_name(f".{entry.name}.{os.getpid()}.part")
    try:
        partial_entry.mkdir()
        for position, frame in enumerate(frames):
            save_png(frame, partial_entry / f"{position:03d}-of-{len(frames):03d}.png")
        if entry.exists() and not _stored(entry):
            shutil.rmtree(entry, ignore_errors=True)
        if not entry.exists():
            partial_entry.rename(entry)
    except OSError as error:
        if not _stored(entry):  # else another run was faster
            raise _cannot_write(cache, error) from error
    finally:
        shutil.rmtree(partial_entry, ignore_errors=True)
    return ""


def _shrink(cache: Path, keep: set[Path], max_bytes: int) -> None:
    """Remove the longest unused folders, and what killed runs left, until the cache is small enough."""
    sizes: dict[Path, int] = {}
    used: dict[Path, float] = {}
    for entry in cache.iterdir():
        try:
            sizes[entry] = sum(path.stat().st_size for path in entry.iterdir())
            used[entry] = entry.stat().st_mtime
        except OSError:
            continue  # no folder of frames, or another run removed it
    total = sum(sizes.values())
    for entry in sorted(set(sizes) - keep, key=lambda entry: used[entry]):
        if total <= max_bytes:
            return
        shutil.rmtree(entry, ignore_errors=True)
        total -= sizes[entry]


def _make_folder(cache: Path) -> None:
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(cache, error) from error


def _cannot_write(cache: Path, error: OSError) -> InputError:
    got = str(error.strerror or error).lower()
    remedy = "Make room, or set VILASR_CACHE to another folder."
    return InputError(str(cache), expected="a folder for frames that can be written", got=got, remedy=remedy)
