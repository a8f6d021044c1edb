"""Rollouts of a file as training data: whether what they say means the same for the model that is trained on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vilasr.env import is_rounded
from vilasr.errors import InputError
from vilasr.protocol import CoordinateFrame, Sizer
from vilasr.training.samples import DroppedError
from vilasr.types import Status

if TYPE_CHECKING:
    from pathlib import Path

    from vilasr.env import EpisodeConfig
    from vilasr.rollout import Header
    from vilasr.types import Rollout


def check_played(rollout: Rollout) -> None:
    """Raises DroppedError for an attempt that ended because the policy failed: there is nothing to imitate."""
    if rollout.status is Status.POLICY_ERROR or not rollout.turns:
        raise DroppedError("policy_error", f"{rollout.sample.id}: {rollout.reason or 'it has no turn'}")


def check_protocol(path: Path, header: Header, config: EpisodeConfig) -> None:
    """Raises InputError for a file that is not in the protocol that the model will be asked in."""
    if header.protocol != config.protocol.name:
        raise InputError(
            str(path),
            expected=f"rollouts in the protocol of the run, {config.protocol.name}",
            got=header.protocol,
            remedy=f"Give protocol={header.protocol}: the model learns it, and its folder says so.",
        )


def check_sizes(rollout: Rollout, header: Header, config: EpisodeConfig) -> None:
    """Raises DroppedError for text with coordinates in pixels of images that the model sees at another size: rounded to
    other patches it may be, another limit of pixels is too far off.

    Recorded tokens come with their images' grids, which are checked when the sample is built.
    """
    sizer = sizer_of(header)
    if sizer is None or config.protocol.frame is not CoordinateFrame.PIXEL or rollout.turns[0].tokens is not None:
        return
    for recipe in rollout.images:
        then, now = sizer.fit(recipe.size), config.sizer.fit(recipe.size)
        if not is_rounded(now, then):
            change = f"{then[0]}x{then[1]}, which is {now[0]}x{now[1]} here"
            raise DroppedError("other_size", f"{rollout.sample.id}: speaks of pixels of an image of {change}.")


def sizer_of(header: Header) -> Sizer | None:
    """How the images of the file were fitted to the model that wrote it; None where it does not say."""
    episode = header.config.get("episode")
    values = episode.get("sizer") if isinstance(episode, dict) else None
    names = ("factor", "min_pixels", "max_pixels")
    if not isinstance(values, dict) or not all(isinstance(values.get(name), int) for name in names):
        return None
    return Sizer(**{name: values[name] for name in names})
