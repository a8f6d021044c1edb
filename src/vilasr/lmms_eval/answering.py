"""Requests in, answers out: the drawing loop over many requests at once, and what is kept and told of it."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tqdm import tqdm

from vilasr.api import episode_config, open_policy
from vilasr.benchmarks import LoadOptions
from vilasr.benchmarks.videos import with_frames
from vilasr.env import Limits
from vilasr.errors import DataError, InputError
from vilasr.lmms_eval.requests import cut, make_sample, sampling_of, unused_settings
from vilasr.rollout import RolloutWriter, new_header, run_rollouts
from vilasr.types import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from vilasr.api import OpenedPolicy
    from vilasr.benchmarks import Exclusion
    from vilasr.env import EpisodeConfig
    from vilasr.lmms_eval.requests import Request
    from vilasr.types import Rollout, RolloutKey, Sample, SamplingParams

logger = logging.getLogger(__name__)

MAX_TOLD = 10
"""Failed requests of one call that are named in the log; all are counted."""
LEFT_OUT = "left_out"
"""The outcome of a request that could not be asked."""


class Options(BaseModel):
    """What `--model_args` may say.

    Attributes:
        model, endpoint, device, protocol, style, drawing, strict, max_turns, max_pixels, seed: as in `vilasr eval`.
        max_tokens: of one turn, whatever tasks say.
        frames: taken from each video, by `workers` processes.
        concurrency: attempts at the same time.
        response: what a task scores: the "answer", or the whole last "turn".
        rollouts_path: a new folder, which gets a rollout file for each task; None keeps none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    model: str = "nano"
    endpoint: str | None = None
    device: str = "auto"
    protocol: str | None = None
    style: str = "default"
    drawing: bool = True
    strict: bool = False
    max_turns: int | None = Field(default=None, ge=1)
    max_pixels: int | None = Field(default=None, ge=1)
    seed: int = Field(default=0, ge=0)
    max_tokens: int | None = Field(default=None, ge=1)
    frames: int = Field(default=16, ge=1)
    workers: int = Field(default=2, ge=1)
    concurrency: int = Field(default=32, ge=1)
    response: Literal["answer", "turn"] = "answer"
    rollouts_path: Path | None = None


def read_options(values: Mapping[str, Any]) -> Options:
    """Raises InputError for an unknown name or a value of the wrong kind; the first one is named."""
    try:
        return Options.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        known = f"a known name ({', '.join(Options.model_fields)})"
        raise InputError(
            f"model_args: {'.'.join(map(str, first['loc']))}",
            expected=known if first["type"] == "extra_forbidden" else first["msg"],
            got=repr(first["input"]),
        ) from error


class Answerer:
    """Answers requests with one policy, which stays open from call to call. Close it after use.

    Attributes:
        outcomes: how many requests ended in each way: a `Status`, or "left_out".
    """

    def __init__(self, options: Options, opened: OpenedPolicy | None = None) -> None:
        """Load the model of the options, or take a policy that is open (and is closed with this).

        Raises:
            InputError: the model, its endpoint or another option cannot be used.
        """
        self.options = options
        self.outcomes: Counter[str] = Counter()
        if options.rollouts_path is not None:
            _check_new(options.rollouts_path)  # before a model is loaded
        self._opened = opened or open_policy(
            options.model, endpoint=options.endpoint, device=options.device, num_slots=options.concurrency
        )
        config = episode_config(
            self._opened,
            protocol=options.protocol,
            style=options.style,
            drawing=options.drawing,
            strict=options.strict,
            max_pixels=options.max_pixels,
            limits=Limits(max_turns=options.max_turns),
        )
        # What a task says on the form of its answers is in its prompt; a second word from us might contradict it.
        self._config = replace(config, protocol=replace(config.protocol, ask_text=""))
        self._runner = asyncio.Runner()  # one event loop for all calls: an endpoint's connections belong to it
        self._num_asked: Counter[str] = Counter()
        self._writers: dict[str, RolloutWriter] = {}
        self._told: set[str] = set()

    def close(self) -> None:
        """Close the policy and the files."""
        for writer in self._writers.values():
            writer.close()
        try:
            self._runner.run(self._opened.policy.close())
        finally:
            self._runner.close()

    def answer(self, requests: Sequence[Request]) -> list[str]:
        """What the task scores, for each request; "" where no answer came, or the request could not be asked.

        The same request several times gives siblings: attempts that differ only in their seed.

        Raises:
            InputError: a setting, the policy or the folder for rollouts cannot be used; or no request, now or before,
                could be asked.
        """
        keyed = [(self._next_key(request), request) for request in requests]
        groups: dict[tuple[str, SamplingParams], dict[RolloutKey, Request]] = {}
        for key, request in keyed:
            self._tell_unused(request)
            sampling = sampling_of(request.settings, self.options.max_tokens)
            groups.setdefault((request.task, sampling), {})[key] = request
        replies: dict[RolloutKey, str] = {}
        failures: dict[RolloutKey, str] = {}
        with tqdm(total=len(requests), desc="rollouts", unit="") as bar:

            def done(rollout: Rollout) -> None:
                replies[rollout.key] = reply_of(rollout, self.options.response)
                self.outcomes[rollout.status.value] += 1
                if rollout.status is Status.POLICY_ERROR:
                    failures[rollout.key] = f"policy: {rollout.reason}"
                bar.update()

            for (task, sampling), group in groups.items():
                for key, reason in self._play(task, group, sampling, done).items():
                    failures[key] = reason
                    self.outcomes[LEFT_OUT] += 1
                    bar.update()
        self._tell(failures)
        return [cut(replies.get(key, ""), request.settings.get("until")) for key, request in keyed]

    def _play(
        self,
        task: str,
        requests: Mapping[RolloutKey, Request],
        sampling: SamplingParams,
        on_done: Callable[[Rollout], None],
    ) -> dict[RolloutKey, str]:
        """Run the requests of one task; returns why some could not be asked."""
        config = replace(self._config, limits=replace(self._config.limits, max_completion_tokens=sampling.max_tokens))
        writer = self._writer(task, sampling, config)
        left_out: dict[str, str] = {}

        def exclude(exclusion: Exclusion) -> None:
            left_out[exclusion.id] = exclusion.reason

        def tell(sample: Sample, error: InputError | DataError) -> None:
            left_out[sample.id] = str(error)

        def keep(rollout: Rollout) -> None:
            if writer is not None:
                writer.append(rollout)
            on_done(rollout)

        load = LoadOptions(num_frames=self.options.frames, workers=self.options.workers, on_excluded=exclude)
        distinct = {request.id: request for request in requests.values()}
        self._runner.run(
            run_rollouts(
                with_frames(_samples(distinct.values(), left_out), load),
                self._opened.policy,
                config,
                num_siblings=1 + max(sibling for _, sibling in requests),
                concurrency=self.options.concurrency,
                seed=self.options.seed,
                sampling=sampling,
                on_done=keep,
                skip=lambda sample_id, sibling: (sample_id, sibling) not in requests,
                on_bad_sample=tell,
            )
        )
        return {key: left_out[key[0]] for key in requests if key[0] in left_out}

    def _next_key(self, request: Request) -> RolloutKey:
        sibling = self._num_asked[request.id]
        self._num_asked[request.id] += 1
        return request.id, sibling

    def _writer(self, task: str, sampling: SamplingParams, config: EpisodeConfig) -> RolloutWriter | None:
        """The file of a task, begun when first asked for."""
        folder = self.options.rollouts_path
        if folder is None:
            return None
        if task not in self._writers:
            header = new_header(
                protocol=config.protocol.name,
                model=self._opened.policy.name,
                seed=self.options.seed,
                style=config.style.name,
                drawing=config.drawing,
                sampling=sampling,
                config={"source": {"lmms_eval_task": task, "frames": self.options.frames}, "episode": config},
            )
            name = re.sub(r"[^\w.-]", "_", task)
            self._writers[task] = RolloutWriter(folder / f"{name}.jsonl", header)
        return self._writers[task]

    def _tell_unused(self, request: Request) -> None:
        for setting in unused_settings(request.settings):
            if setting not in self._told:
                self._told.add(setting)
                logger.warning("generation_kwargs: %s is not used here.", setting)

    def _tell(self, failures: Mapping[RolloutKey, str]) -> None:
        """Log what failed; InputError when nothing ever went well."""
        for (sample_id, _), reason in list(failures.items())[:MAX_TOLD]:
            logger.warning("%s gets an empty answer. %s", sample_id, reason)
        if failures:
            counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(self.outcomes.items()))
            logger.warning("%d requests failed in this call. So far: %s.", len(failures), counts)
        if failures and self.outcomes.keys() <= {LEFT_OUT, Status.POLICY_ERROR.value}:
            first = next(iter(failures.values()))
            raise InputError(
                "requests",
                expected="at least one that can be asked",
                got=f"none among {self.outcomes.total()} (the first: {first})",
            )


def reply_of(rollout: Rollout, response: Literal["answer", "turn"]) -> str:
    """The answer, or the text of the last turn with its thoughts, whether it answers or not; "" where there is none."""
    if response == "answer":
        return rollout.answer or ""
    return rollout.turns[-1].text if rollout.turns and rollout.status is not Status.POLICY_ERROR else ""


def _samples(requests: Iterable[Request], left_out: dict[str, str]) -> Iterator[Sample]:
    """The samples, one by one as they are needed; `left_out` gets the id of a request without one, and why."""
    for request in requests:
        try:
            sample = make_sample(request)
        except DataError as error:
            left_out[request.id] = str(error)
        else:
            yield sample


def _check_new(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        remedy = "Give another folder."
        raise InputError(f"rollouts_path: {folder}", expected="a new or empty folder", got="one in use", remedy=remedy)
