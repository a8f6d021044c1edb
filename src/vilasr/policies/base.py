"""What a policy is: something that opens conversations and says one turn for each observation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from vilasr.types import Completion, Observation, SamplingParams


class Session(Protocol):
    """One conversation. Used by one rollout, one call at a time."""

    async def respond(self, observation: Observation) -> Completion:
        """Append `observation` to the conversation and say one turn.

        Raises:
            InputError: the policy cannot be used at all (no such endpoint, wrong key).
            DataError: this conversation failed; others go on.
        """
        ...

    async def close(self) -> None:
        """Free what the conversation holds. May be called twice."""
        ...


class Policy(Protocol):
    """Whatever talks: the embedded engine, an endpoint, a script. `name` goes into the rollout file's header."""

    @property
    def name(self) -> str: ...

    def open(self, *, seed: int, sampling: SamplingParams) -> Session:
        """Start a conversation whose random choices follow from `seed`."""
        ...

    async def close(self) -> None:
        """Stop threads, close connections. Open sessions fail afterwards."""
        ...
