"""Policies without a model: a script for tests and demos, and an oracle that plays the right turns for each sample."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from vilasr.errors import DataError
from vilasr.types import Completion, ImagePart, Observation, SamplingParams

Line = str | Completion
"""What is said in one turn; a Completion where more than text matters (`learn=False`, another finish reason)."""
Script = Sequence[Line] | Callable[[Observation, int], Line]
"""The turns in order, or a function of (observation, turn_index from 0)."""


class ScriptedPolicy:
    """Says the same script in every conversation, whatever it is shown.

    >>> import asyncio
    >>> session = ScriptedPolicy(["first", "second"]).open(seed=0, sampling=SamplingParams())
    >>> asyncio.run(session.respond(Observation(messages=()))).text
    'first'
    """

    name = "scripted"

    def __init__(self, script: Script) -> None:
        self._script = script

    def open(self, *, seed: int, sampling: SamplingParams) -> ScriptedSession:
        return ScriptedSession(self._script)

    async def close(self) -> None:
        return None


class ScriptedSession:
    """One run through a script."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._num_turns = 0

    async def respond(self, observation: Observation) -> Completion:
        turn_index, self._num_turns = self._num_turns, self._num_turns + 1
        if callable(self._script):
            return _completion(self._script(observation, turn_index))
        if turn_index >= len(self._script):
            raise DataError(f"The script has {len(self._script)} turns; turn {turn_index + 1} was asked for.")
        return _completion(self._script[turn_index])

    async def close(self) -> None:
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class OraclePolicy:
    """Plays given turns for each prompt: demonstrations, as a policy.

    Attributes:
        scripts: the turns for each prompt, by `prompt_key` of the first observation. Make the key from
            `Episode(sample, config).reset()`.
    """

    scripts: Mapping[str, Sequence[Line]]
    name: str = "oracle"

    def open(self, *, seed: int, sampling: SamplingParams) -> OracleSession:
        return OracleSession(self.scripts)

    async def close(self) -> None:
        return None


class OracleSession:
    """Recognises the prompt in the first observation, then follows its script."""

    def __init__(self, scripts: Mapping[str, Sequence[Line]]) -> None:
        self._scripts = scripts
        self._session: ScriptedSession | None = None

    async def respond(self, observation: Observation) -> Completion:
        if self._session is None:
            key = prompt_key(observation)
            if key not in self._scripts:
                raise DataError(f"The oracle knows {len(self._scripts)} prompts, and not this one (key {key[:12]}).")
            self._session = ScriptedSession(self._scripts[key])
        return await self._session.respond(observation)

    async def close(self) -> None:
        return None


def prompt_key(observation: Observation) -> str:
    """A digest (SHA-256, hex) of an observation's roles, texts and image contents."""
    digest = hashlib.sha256()
    for message in observation.messages:
        digest.update(f"\x00role {message.role}".encode())
        for part in message.parts:
            text = f"image {part.index}" if isinstance(part, ImagePart) else f"text {part.text}"
            digest.update(f"\x00{text}".encode("utf-8", "surrogatepass"))
    for view in observation.images:
        digest.update(f"\x00view {view.index} {view.key}".encode())
    return digest.hexdigest()


def _completion(line: Line) -> Completion:
    return Completion(text=line) if isinstance(line, str) else line
