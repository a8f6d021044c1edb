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
from vilasr.errors import InputError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Container, Coroutine, Iterable, Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from vilasr.api import OpenedPolicy
    from vilasr.errors import DataError
    from vilasr.rollout import Header
    from vilasr.types import Json, Rollout, Sample

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
class RunDone:
    """What came of a run.

    Attributes:
        header: the file's.
        sample_ids: of the samples asked for, whether they ran now or before; the file may hold others too.
        excluded: id -> why, of samples that could not be used; each was named on stderr.
        complete: False when time was up before the last sample.
    """

    header: Header
    sample_ids: frozenset[str]
    excluded: dict[str, str]
    complete: bool = True


class PolicyInUse:
    """The policy that the model options name, for all runs of one command: opened before the first, closed after the
    last. A context manager."""

    def __init__(self, args: argparse.Namespace) -> None:
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
    args: argparse.Namespace,
    policy: PolicyInUse,
    samples: Iterable[Sample],
    path: Path,
    *,
    total: int | None,
    num_siblings: int = 1,
    source: Mapping[str, Json],
    max_seconds: float | None = None,
    metric_mode: str = "default",
) -> RunDone:
    """Run what `args` ask for into the rollout file `path`. With `--resume`, rollouts whose policy failed run again.

    Args:
        args: with the model, episode, seed and run options.
        samples: with distinct ids; taken one by one.
        total: rollouts in all, for the progress bar.
        source: what decides the samples: kept in the header, and compared on `--resume`.
        max_seconds: after the policy was opened; no sample is begun later; those under way go on to their end.
        metric_mode: of the score beside the progress bar.

    Raises:
        InputError: the file exists and `--resume` is off, or it was begun with other settings; the model cannot be
            used; two samples have one id.
    """
    from vilasr.rollout import RolloutWriter, new_header, run_rollouts
    from vilasr.types import SamplingParams

    if not args.resume and path.exists():  # said before a model is loaded
        remedy = "Give --resume to go on with it, or another path."
        raise InputError(str(path), expected="a new file", got="one that exists", remedy=remedy)
    if args.top_p == 0:
        raise InputError(
            "--top-p", expected="a number above 0, up to 1", got="0", remedy="For greedy: --temperature 0."
        )
    opened = policy.opened
    config = episode_config(args, opened)
    config = replace(config, limits=replace(config.limits, max_completion_tokens=args.max_tokens))
    sampling = SamplingParams(temperature=args.temperature, top_p=args.top_p, max_tokens=args.max_tokens)
    header = new_header(
        protocol=config.protocol.name,
        model=opened.policy.name,
        seed=args.seed,
        style=config.style.name,
        drawing=config.drawing,
        sampling=sampling,
        config={"source": dict(source), "episode": config},
    )
    sample_ids: set[str] = set()
    excluded: dict[str, str] = {}
    tally = Tally(metric_mode)
    deadline = math.inf if max_seconds is None else policy.opened_at + max_seconds

    with RolloutWriter(path, header, resume=args.resume, retry_failed=True) as writer:
        budget = _Budget(samples, deadline, _finished(writer.done, num_siblings))
        tally.add_all(path, writer.done)
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
                    opened.policy,
                    config,
                    num_siblings=num_siblings,
                    concurrency=args.concurrency,
                    seed=args.seed,
                    sampling=sampling,
                    on_done=keep,
                    skip=lambda sample_id, sibling: (sample_id, sibling) in writer.done,
                    on_bad_sample=tell,
                )
            )
        return RunDone(
            header=writer.header,
            sample_ids=frozenset(sample_ids),
            excluded=excluded,
            complete=not budget.is_used_up,
        )


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


def _finished(done: Iterable[tuple[str, int]], num_siblings: int) -> set[str]:
    attempts = Counter(sample_id for sample_id, sibling in done if sibling < num_siblings)
    return {sample_id for sample_id, number in attempts.items() if number == num_siblings}


def _distinct(samples: Iterable[Sample], ids: set[str]) -> Iterator[Sample]:
    """The same samples; `ids` gets the id of each."""
    for sample in samples:
        if sample.id in ids:
            raise InputError("samples", expected="an id of its own for each", got=f"{sample.id!r} twice")
        ids.add(sample.id)
        yield sample


@dataclass(slots=True)
class Tally:
    """Running counts for the progress bar. Not the result: that is computed from the whole file."""

    metric_mode: str = "default"
    num_rollouts: int = 0
    num_answered: int = 0
    num_scored: int = 0
    total_score: float = 0.0
    total_square: float = 0.0

    def add(self, rollout: Rollout) -> None:
        from vilasr.scoring import score_answer

        self.num_rollouts += 1
        self.num_answered += rollout.answer is not None
        score = score_answer(rollout.sample, rollout.answer, mode=self.metric_mode).value
        if score is not None:
            self.num_scored += 1
            self.total_score += score
            self.total_square += score * score

    def add_all(self, path: Path, done: Container[tuple[str, int]]) -> None:
        """Every rollout of a file that is gone on with, of those that do not run again."""
        from vilasr.rollout import read_rollouts

        for rollout in read_rollouts(path, on_bad_line=lambda error: None, tokens=False)[1]:
            if (rollout.sample.id, rollout.sibling) in done:
                self.add(rollout)

    def values(self) -> dict[str, str]:
        """{"score": "85.2 +- 2.1", "answered": "97%"}: the mean over items and its 95 % interval, where known; that of
        equal scores is not alike on both sides: "100.0 (72.2 to 100.0)"."""
        from vilasr.scoring import NORMAL_95, wilson_interval

        score = {}
        if self.num_scored:
            mean = self.total_score / self.num_scored
            score["score"] = f"{100 * mean:.1f}"
        if self.num_scored > 1:
            spread = self.total_square / self.num_scored - mean * mean
            if spread > 1e-12:
                score["score"] += f" +- {100 * NORMAL_95 * math.sqrt(spread / (self.num_scored - 1)):.1f}"
            else:
                low, high = wilson_interval(mean, self.num_scored)
                score["score"] += f" ({100 * low:.1f} to {100 * high:.1f})"
        return score | {"answered": f"{self.num_answered / self.num_rollouts:.0%}"}
