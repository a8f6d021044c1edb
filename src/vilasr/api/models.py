"""From the name of a model to a policy that is ready to talk."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING

from vilasr.drawing import style_named
from vilasr.env import EpisodeConfig, Limits
from vilasr.errors import InputError
from vilasr.protocol import COMPACT, JSON, VILASR, Protocol, Sizer, protocol_named, with_system_prompt

if TYPE_CHECKING:
    from vilasr.policies import Policy

NANO = "nano"
MAX_IMAGE_TOKENS = 1280
"""Visual tokens that one image takes at most at an endpoint, as in Qwen's own examples."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenedPolicy:
    """A policy that is ready, and what a conversation with it must respect.

    Attributes:
        protocol: the one it was trained with, as far as known.
        sizer: the image sizes it accepts.
        max_context_tokens: None where only the server knows.
    """

    policy: Policy
    protocol: Protocol = COMPACT
    sizer: Sizer = field(default_factory=Sizer)
    max_context_tokens: int | None = None


def open_policy(
    model: str = NANO, *, endpoint: str | None = None, device: str = "auto", num_slots: int = 32
) -> OpenedPolicy:
    """Load a model, or connect to an endpoint. Close `.policy` after use.

    Args:
        device: of a local model: "cpu", "cuda", "cuda:1"; "auto" takes a GPU when there is one.
        num_slots: conversations that a local model holds at a time; more wait in line.

    Raises:
        InputError: no such model or device, broken files, a URL that cannot be one.
    """
    if endpoint is not None:
        return _connect(model, endpoint)
    import torch

    from vilasr.policies.transformers import EngineConfig, TransformersPolicy

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        got = f"{device!r} ({str(error).splitlines()[0]})"
        raise InputError("device", expected="auto, cpu, or another that torch can use", got=got) from error
    policy = TransformersPolicy.load(model, device=device, config=EngineConfig(num_slots=num_slots))
    loaded = policy.loaded
    return OpenedPolicy(
        policy=policy,
        protocol=protocol_named(loaded.protocol),
        sizer=loaded.sizer,
        max_context_tokens=loaded.max_context_tokens,
    )


def keep_policy(model: str = NANO) -> OpenedPolicy:
    """A local model as `open_policy` opens it, loaded once and kept for the life of the process: do not close it."""
    with _LOADING:  # two threads that ask at once load once
        return _opened(model)


_LOADING = threading.Lock()
_opened = cache(open_policy)


def episode_config(
    opened: OpenedPolicy,
    *,
    protocol: str | None = None,
    system_prompt: str | None = None,
    style: str = "default",
    drawing: bool = True,
    strict: bool = False,
    max_pixels: int | None = None,
    limits: Limits = Limits(),  # noqa: B008 -- frozen
) -> EpisodeConfig:
    """How to talk with this policy; None takes what it was trained with, as far as known.

    Raises:
        InputError: an unknown name; `max_pixels` below what the policy's smallest image has.
    """
    chosen = opened.protocol if protocol is None else protocol_named(protocol)
    if system_prompt is not None:
        chosen = with_system_prompt(chosen, system_prompt)
    if limits.max_context_tokens is None:
        limits = replace(limits, max_context_tokens=opened.max_context_tokens)
    return EpisodeConfig(
        protocol=chosen,
        style=style_named(style),
        sizer=opened.sizer if max_pixels is None else opened.sizer.limited(max_pixels),
        limits=limits,
        drawing=drawing,
        strict=strict,
    )


# --- endpoints --------------------------------------------------------------------------------------------------------


def _connect(model: str, endpoint: str) -> OpenedPolicy:
    """Protocol and image sizes follow from the family, and the family from the model's name."""
    from vilasr.policies.openai import EndpointConfig, OpenAIPolicy

    if model == NANO and endpoint.startswith(("http://", "https://")):
        model = _served_model(endpoint)
    policy = OpenAIPolicy(EndpointConfig(url=endpoint, model=model))
    newer = "qwen3" in model.lower()
    factor = 32 if newer else 28
    sizer = Sizer(factor=factor, max_pixels=MAX_IMAGE_TOKENS * factor**2)
    return OpenedPolicy(policy=policy, protocol=JSON if newer else VILASR, sizer=sizer)


def _served_model(endpoint: str) -> str:
    """Nobody named a model: the only one there. A server that lists none takes any name."""
    names = _served_models(endpoint)
    if not names or NANO in names:
        return NANO
    if len(names) > 1:
        listing = ", ".join(names[:10])
        raise InputError("model", expected=f"one of those at {endpoint}: {listing}", got="none", remedy="Give --model.")
    return names[0]


def _served_models(endpoint: str) -> list[str]:
    """What the server lists; empty where it does not answer (the first question will say why) or lists nothing."""
    import httpx

    key = os.environ.get("OPENAI_API_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        content = httpx.get(f"{endpoint.rstrip('/')}/models", headers=headers, timeout=10.0).json()
        return [str(entry["id"]) for entry in content["data"]]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError):
        return []
