"""What `rollout` and `eval` share: samples are run into a rollout file that can be gone on with after any crash."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vilasr.cli.common import decimal_number, episode_config, whole_number
from vilasr.cli.progress import Progress
from vilasr.cli.tally import Tally
from vilasr.errors import InputError
from vilasr.types import SamplingParams

if TYPE_CHECKING:
    import argparse
    from collections.abc import Coroutine, Iterable, Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from vilasr.api import OpenedPolicy
    from vilasr.env import EpisodeConfig
    from vilasr.errors import DataError
    from vilasr.rollout import RolloutWriter
    from vilasr.types import Json, Rollout, RolloutKey, Sample

MAX_TEMPERATURE = 1000.0


def add_run_options(parser: argparse.ArgumentParser, *, temperature: float) -> None:
    """--temperature (with this default), --top-p, --max-tokens, --concurrency, --resume."""
    group = parser.add_argument_group("run")
    group.add_argument(
        "--temperature",
        type=decimal_number(0, MAX_TEMPERATURE),
        default=temperature,
        metavar="T",
        help="of sampling; 0 is greedy",
    )
    group.add_argument("--top-p", type=decimal_number(0, 1), default=1.0, metavar="P", help="nucleus of sampling")
    group.add_argument("--max-tokens", type=whole_number(1), default=1024, metavar="N", help="of one reply, at most")
    group.add_argument("--concurrency", type=whole_number(1), default=32, metavar="C", help="attempts at the same time")
    group.add_argument("--resume", action="store_true", help="go on with an earlier run of the same settings, if any")


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOptions:
    """How samples are run.

    Attributes:
        seed: of the run; each attempt has its own, derived from it.
        num_siblings: attempts at each sample.
        concurrency: attempts at the same time.
        resume: go on with the file, if there is one.
        max_seconds: after the policy was opened; no sample is begun later; those under way go on to their end.
        metric_mode: of the score beside the progress bar.
    """

    sampling: SamplingParams
    seed: int
    num_siblings: int
    concurrency: int
    resume: bool
    max_seconds: float | None = None
    metric_mode: str = "default"


def run_options(args: argparse.Namespace) -> RunOptions:
    """What `rollout` and `eval` were given; raises InputError for what argparse lets through."""
    if args.top_p == 0:
        raise InputError(
            "--top-p", expected="a number above 0, up to 1", got="0", remedy="For greedy: --temperature 0."
        )
    return RunOptions(
        sampling=SamplingParams(temperature=args.temperature, top_p=args.top_p, max_tokens=args.max_tokens),
        seed=args.seed,
        num_siblings=args.samples_per_prompt,
        concurrency=args.concurrency,
        resume=args.resume,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class RunDone:
    """What came of a run.

    Attributes:
        sample_ids: of the samples asked for, whether they ran now or before; the file may hold others too.
        excluded: id -> why, of samples that could not be used; each was named on stderr.
        complete: False when time was up before the last sample.
    """

    sample_ids: frozenset[str]
    excluded: dict[str, str]
    complete: bool = True


class PolicyInUse:
    """The policy that the model options name, for all runs of one command: opened before the first, closed after the
    last. A context manager."""

    def __init__(self, args: argparse.Namespace) -> None:
        """`args`: with the model, episode and run options."""
        self._args = args
        self._opened: OpenedPolicy | None = None
        self.opened_at = math.inf
        """By `time.monotonic`."""
        self._loop = asyncio.Runner()  # one for all runs: the connections to an endpoint belong to it

    @property
    def opened(self) -> OpenedPolicy:
        """Raises InputError where it cannot be opened."""
        if self._opened is None:
            from vilasr.api import open_policy

            args = self._args
            self._opened = open_policy(
                args.model, endpoint=args.endpoint, device=args.device, num_slots=args.concurrency
            )
            self.opened_at = time.monotonic()
        return self._opened

    @property
    def episode(self) -> EpisodeConfig:
        """How the episode options ask to talk with it. Raises InputError."""
        config = episode_config(self._args, self.opened)
        return replace(config, limits=replace(config.limits, max_completion_tokens=self._args.max_tokens))

    def run(self, work: Coroutine[None, None, object]) -> None:
        self._loop.run(work)

    def __enter__(self) -> PolicyInUse:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._loop:
            if self._opened is not None:
                self._loop.run(self._opened.policy.close())


def run_into_file(
    policy: PolicyInUse,
    samples: Iterable[Sample],
    path: Path,
    options: RunOptions,
    *,
    total: int | None,
    source: Mapping[str, Json],
) -> RunDone:
    """Run samples into the rollout file `path`. When it is gone on with, rollouts whose policy failed run again.

    Args:
        samples: with distinct ids; taken one by one.
        total: rollouts in all, for the progress bar.
        source: what decides the samples: kept in the header, and compared when the file is gone on with.

    Raises:
        InputError: the file exists and `options.resume` is off, or it was begun with other settings; the model cannot
            be used; two samples have one id.
    """
    from vilasr.rollout import RolloutWriter, new_header

    if not options.resume and path.exists():  # said before a model is loaded
        remedy = "Give --resume to go on with it, or another path."
        raise InputError(str(path), expected="a new file", got="one that exists", remedy=remedy)
    episode = policy.episode
    header = new_header(
        protocol=episode.protocol.name,
        model=policy.opened.policy.name,
        seed=options.seed,
        style=episode.style.name,
        drawing=episode.drawing,
        sampling=options.sampling,
        config={"source": dict(source), "episode": episode},
    )
    with RolloutWriter(path, header, resume=options.resume, retry_failed=True) as writer:
        return _play(policy, episode, samples, writer, options, total=total)


def _play(
    policy: PolicyInUse,
    episode: EpisodeConfig,
    samples: Iterable[Sample],
    writer: RolloutWriter,
    options: RunOptions,
    *,
    total: int | None,
) -> RunDone:
    """Run what is not in the file yet, and show how far it is."""
    from vilasr.rollout import run_rollouts

    sample_ids: set[str] = set()
    excluded: dict[str, str] = {}
    deadline = math.inf if options.max_seconds is None else policy.opened_at + options.max_seconds
    budget = _Budget(samples, deadline, _finished(writer.done, options.num_siblings))
    tally = Tally(options.metric_mode)
    tally.add_all(writer.path, writer.done)
    with Progress(total, "rollouts", done=min(len(writer.done), total or len(writer.done))) as progress:

        def keep(rollout: Rollout) -> None:
            writer.append(rollout)
            tally.add(rollout)
            progress.advance()
            progress.show(**tally.values())

        def tell(sample: Sample, error: InputError | DataError) -> None:
            excluded[sample.id] = f"image: {error}"
            progress.note(f"sample {sample.id} is left out: {error}")

        policy.run(
            run_rollouts(
                _distinct(budget, sample_ids),
                policy.opened.policy,
                episode,
                num_siblings=options.num_siblings,
                concurrency=options.concurrency,
                seed=options.seed,
                sampling=options.sampling,
                on_done=keep,
                skip=lambda sample_id, sibling: (sample_id, sibling) in writer.done,
                on_bad_sample=tell,
            )
        )
    return RunDone(sample_ids=frozenset(sample_ids), excluded=excluded, complete=not budget.is_used_up)


def kinds_of(reasons: Iterable[str]) -> dict[str, int]:
    """How often something was wrong, by what it was.

    >>> kinds_of(["image: no such file", "answer: expected a number", "image: empty"])
    {'answer': 1, 'image': 2}
    """
    return dict(sorted(Counter(reason.partition(":")[0] for reason in reasons).items()))


class _Budget:
    """The samples that can be begun in time, and those that need not be, since all attempts at them are in the file."""

    def __init__(self, samples: Iterable[Sample], deadline: float, finished: set[str]) -> None:
        self._samples = samples
        self._deadline = deadline
        self._finished = finished
        self.is_used_up = False

    def __iter__(self) -> Iterator[Sample]:
        unseen = set(self._finished)
        for sample in self._samples:
            unseen.discard(sample.id)
            if sample.id in self._finished or time.monotonic() <= self._deadline:
                yield sample
                continue
            self.is_used_up = True
            if not unseen:
                return


def _finished(done: Iterable[RolloutKey], num_siblings: int) -> set[str]:
    attempts = Counter(sample_id for sample_id, sibling in done if sibling < num_siblings)
    return {sample_id for sample_id, number in attempts.items() if number == num_siblings}


def _distinct(samples: Iterable[Sample], ids: set[str]) -> Iterator[Sample]:
    """The same samples; `ids` gets the id of each."""
    for sample in samples:
        if sample.id in ids:
            raise InputError("samples", expected="an id of its own for each", got=f"{sample.id!r} twice")
        ids.add(sample.id)
        yield sample
