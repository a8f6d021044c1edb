"""Memory of 1,000 finished rollouts, besides the base images they share. Target: at most 50 MB.

    python benchmarks_perf/bench_rollout_memory.py

Plays maze demonstrations through the real runner, with about 600 tokens a rollout as the embedded model makes them,
keeps every rollout, and counts what Python and its arrays hold (tracemalloc). Then the same for rollouts read back
from a file, and the size of that file.
"""

from __future__ import annotations

import asyncio
import gc
import platform
import random
import tempfile
import tracemalloc
from array import array
from pathlib import Path
from typing import TYPE_CHECKING

from vilasr.env import Episode, EpisodeConfig
from vilasr.machine import hardware
from vilasr.policies.scripted import OraclePolicy, prompt_key
from vilasr.protocol import format_turn, to_frame
from vilasr.rollout import RolloutWriter, new_header, read_rollouts, run_rollouts
from vilasr.tasks import task_named
from vilasr.types import Completion, Observation, Rollout, Sample, SamplingParams, TurnTokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from vilasr.policies.base import Policy, Session

NUM_SAMPLES = 125
NUM_SIBLINGS = 8
NUM_TOKENS = 600
LIMIT_MB = 50


def main() -> None:
    config = EpisodeConfig()
    samples = [task_named("maze").generate("test", index, 0, {}) for index in range(NUM_SAMPLES)]
    policy = TokenPolicy(dict(script(sample, config) for sample in samples))
    header = new_header(
        protocol=config.protocol.name,
        model=policy.name,
        seed=0,
        style=config.style.name,
        drawing=True,
        sampling=SamplingParams(),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rollouts.jsonl"
        with RolloutWriter(path, header) as writer:
            finished, num_turns = measure(lambda: play(samples, policy, config, writer))
        read, _ = measure(lambda: list(read_rollouts(path)[1]))
        on_disk = path.stat().st_size / 1e6
    num = NUM_SAMPLES * NUM_SIBLINGS
    print(f"{num} finished rollouts, {num_turns / num:.1f} turns and {NUM_TOKENS} tokens each (limit {LIMIT_MB} MB):")
    print(f"  as they finished      {finished:6.1f} MB")
    print(f"  read from their file  {read:6.1f} MB")
    print(f"  the file on disk      {on_disk:6.1f} MB, base images apart")
    print(f"hardware: {hardware()}, Python {platform.python_version()}")
    if finished > LIMIT_MB:
        raise SystemExit(f"more than {LIMIT_MB} MB")


def measure(make: Callable[[], list[Rollout]]) -> tuple[float, int]:
    """MB held by the rollouts that `make` returns, and how many turns they have."""
    gc.collect()
    tracemalloc.start()
    rollouts = make()
    gc.collect()
    held = tracemalloc.get_traced_memory()[0] / 1e6
    tracemalloc.stop()
    return held, sum(len(rollout.turns) for rollout in rollouts)


class TokenPolicy:
    """The oracle, with texts and tokens of its own in every rollout, as a model makes them."""

    name = "oracle"

    def __init__(self, scripts: dict[str, list[str]]) -> None:
        self.oracle = OraclePolicy(scripts=scripts)
        self.num_turns = {key: len(lines) for key, lines in scripts.items()}

    def open(self, *, seed: int, sampling: SamplingParams) -> TokenSession:
        return TokenSession(self, self.oracle.open(seed=seed, sampling=sampling))

    async def close(self) -> None:
        await self.oracle.close()


class TokenSession:
    def __init__(self, policy: TokenPolicy, session: Session) -> None:
        self.policy, self.session, self.key = policy, session, ""

    async def respond(self, observation: Observation) -> Completion:
        self.key = self.key or prompt_key(observation)
        said = await self.session.respond(observation)
        text = said.text[:1] + said.text[1:]
        return Completion(text=text, tokens=tokens(NUM_TOKENS // self.policy.num_turns[self.key]), grids=((1, 16, 16),))

    async def close(self) -> None:
        await self.session.close()


def play(samples: list[Sample], policy: Policy, config: EpisodeConfig, writer: RolloutWriter) -> list[Rollout]:
    rollouts: list[Rollout] = []

    def keep(rollout: Rollout) -> None:
        writer.append(rollout)
        rollouts.append(rollout)

    asyncio.run(run_rollouts(samples, policy, config, num_siblings=NUM_SIBLINGS, on_done=keep))
    return rollouts


def script(sample: Sample, config: EpisodeConfig) -> tuple[str, list[str]]:
    """The demonstration of a sample, keyed by its prompt."""
    episode = Episode(sample, config)
    key = prompt_key(episode.reset())
    own, seen = episode.sizes[0], episode.model_sizes[0]

    def frame(image_index: int, point: tuple[float, float]) -> tuple[int, int]:
        x, y = to_frame(point, own, frame=config.protocol.frame, model_size=seen)
        return int(x), int(y)

    lines = []
    for turn in task_named("maze").demonstrate(sample, random.Random(0), frame=frame):
        text = format_turn(
            turn.thought,
            actions=turn.actions,
            answer=turn.answer,
            protocol=config.protocol,
            sizes=episode.sizes,
            model_sizes=episode.model_sizes,
        )
        episode.step(text)
        lines.append(text)
    return key, lines


def tokens(num: int) -> TurnTokens:
    """A third of a turn's tokens is context, as with the embedded model."""
    num_context = num // 3
    num_sampled = num - num_context
    return TurnTokens(
        context_ids=array("i", range(num_context)),
        token_ids=array("i", range(num_sampled)),
        logprobs=array("f", (-0.001 * number for number in range(num_sampled))),
        loss_mask=array("b", [1] * num_sampled),
    )


if __name__ == "__main__":
    main()
