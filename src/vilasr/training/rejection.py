"""Reflective rejection sampling (paper, second stage): sample, select, go on with supervised fine-tuning.

    OUT/sampled.jsonl     every attempt, K at each question; what is there already is not sampled again
    OUT/selected.jsonl    the rollouts that passed every rule, balanced; and why: selection.json, selection.md
    OUT/model             trained on them; with metrics.jsonl and checkpoints/ as of any fine-tuning

Decisions taken here: one process samples and selects, several (torchrun) only train; the embedded engine samples in
waves, so that a run that was stopped comes to the same log-probabilities too; the selection is computed anew at each
start, from the file of samples alone and in the order of its keys, so that it does not depend on which attempt was done
first; training goes on only with the selection that it began with.
"""

from __future__ import annotations

import asyncio
import filecmp
import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import torch
from pydantic_core import to_jsonable_python

from vilasr.env import Limits
from vilasr.errors import DataError, InputError
from vilasr.files import write_atomically
from vilasr.policies.transformers import EngineConfig, TransformersPolicy, read_frame
from vilasr.rollout import RolloutWriter, new_header, read_rollouts, run_rollouts
from vilasr.training.balance import balanced
from vilasr.training.beforehand import check_fine_tuning
from vilasr.training.checkpoint import checkpoints
from vilasr.training.disk import disk_errors
from vilasr.training.distributed import num_processes
from vilasr.training.learner import adjusted, episode_of
from vilasr.training.questions import question_at, read_rows
from vilasr.training.resume import identity, weights_digest
from vilasr.training.selection import judge, rules_for, why_not_correct, why_not_reflective
from vilasr.training.selection_report import as_markdown, report_on
from vilasr.training.waves import opened, run_waves
from vilasr.types import SamplingParams

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from vilasr.env import EpisodeConfig
    from vilasr.policies import Policy
    from vilasr.policies.transformers import Frame
    from vilasr.training.rejection_config import FirstPrompts, RejectionConfig
    from vilasr.training.selection import Key
    from vilasr.training.selection_report import SelectionReport
    from vilasr.types import Rollout, Sample

Report = Callable[[str, int, int | None, Mapping[str, str]], None]
"""(stage, done, of how many in all, values to show); first with what was done before."""

logger = logging.getLogger(__name__)


def train_rejection(config: RejectionConfig, *, report: Report = lambda stage, done, total, shown: None) -> Path:
    """Run (or resume) what `config` describes; returns the folder of the final model, or, without `sft`, the file of
    selected rollouts.

    Raises:
        InputError: the model, the endpoint, the questions, what the fine-tuning needs, or an earlier run in the same
            folder do not fit the config; no rollout passes (the message names the rule that took most).
        MissingExtraError: adapters, without the extra `train`.
    """
    if num_processes() == 1:
        if not checkpoints(config.out):
            check_fine_tuning(config)
        sample_rollouts(config, report=report)
        select_rollouts(config)
    elif not config.selected.exists():
        raise InputError(
            "torchrun",
            expected=f"{config.selected}, for several processes to train on",
            got="none",
            remedy="Sample and select with one process first: without torchrun, and with [sft] and replay taken out of "
            "the file.",
        )
    if config.sft is None:
        return config.selected
    from vilasr.training.sft import train_sft

    steps = config.sft.num_steps

    def show(step: int, metrics: dict[str, float]) -> None:
        report("steps", step + 1, steps, {"loss": f"{metrics['loss']:.3f}"})

    return train_sft(config.sft, report=show)


# --- sampling ---------------------------------------------------------------------------------------------------------


def sample_rollouts(config: RejectionConfig, *, report: Report) -> None:
    """Make the attempts that OUT/sampled.jsonl does not hold yet. The model is loaded only when there are any.

    Raises:
        InputError: the file was begun with other settings; the model or the endpoint cannot be used.
    """
    frame = adjusted(read_frame(config.model), config)
    limits = Limits(max_turns=config.sampling.max_turns, max_completion_tokens=config.sampling.max_tokens)
    episode = replace(episode_of(frame), limits=limits)
    sampling = SamplingParams(**config.sampling.model_dump(exclude={"max_turns"}))
    header = new_header(
        protocol=episode.protocol.name,
        model=config.endpoint.model if config.endpoint else config.model,
        seed=config.seed,
        style=episode.style.name,
        drawing=episode.drawing,
        sampling=sampling,
        config={
            "prompts": config.prompts.model_dump(mode="json", exclude={"num"}),
            "episode": episode,
            **({"data": data} if (data := identity(config.prompts)["data"]) else {}),
            **({"weights": weights} if not config.endpoint and (weights := weights_digest(config.model)) else {}),
        },
    )
    rows = None if config.prompts.data is None else [*questions(config.prompts)]
    num_questions = count_questions(config.prompts) if rows is None else len(rows)
    total = num_questions * config.num_siblings
    tally: Counter[str] = Counter()
    # Before training begins, attempts that an endpoint failed are made again; afterwards the selection must stay.
    with RolloutWriter(config.sampled, header, resume=True, retry_failed=not checkpoints(config.out)) as writer:
        report("rollouts", min(len(writer.done), total), total, {})

        def keep(rollout: Rollout) -> None:
            writer.append(rollout)
            tally.update(rollouts=1, correct=not why_not_correct(rollout), reflective=not why_not_reflective(rollout))
            shares = {name: f"{tally[name] / tally['rollouts']:.0%}" for name in ("correct", "reflective")}
            report("rollouts", min(len(writer.done), total), total, shares)

        async def play() -> None:
            policy, max_context_tokens = _open_policy(config, frame)
            in_waves = isinstance(policy, TransformersPolicy) and config.exact
            run: Callable[..., Awaitable[object]] = run_waves if in_waves else run_rollouts
            try:
                await run(
                    questions(config.prompts) if rows is None else rows,
                    policy,
                    replace(episode, limits=replace(limits, max_context_tokens=max_context_tokens)),
                    num_siblings=config.num_siblings,
                    concurrency=config.concurrency,
                    seed=config.seed,
                    sampling=sampling,
                    on_done=keep,
                    skip=lambda sample_id, sibling: (sample_id, sibling) in writer.done,
                    on_bad_sample=lambda sample, error: logger.warning("left out: %s: %s", sample.id, error),
                )
            finally:
                await policy.close()

        _check_no_more(config, writer.done, num_questions)
        attempts = Counter(sample_id for sample_id, _ in writer.done)
        if rows is not None:
            is_left = any(attempts[row.id] < config.num_siblings and _is_playable(row, episode) for row in rows)
        else:  # counted without the questions, which are made only where attempts are missing: scenes take long
            is_left = sum(num >= config.num_siblings for num in attempts.values()) < num_questions
        if is_left:
            if checkpoints(config.out):
                raise _more_attempts(config)
            asyncio.run(play())


def _check_no_more(config: RejectionConfig, done: Collection[Key], num_questions: int) -> None:
    """Raises InputError for attempts in the file that are not asked for: they would be selected too."""
    num_there = len({sample_id for sample_id, _ in done})
    most = 1 + max((sibling for _, sibling in done), default=-1)
    if num_there > num_questions or most > config.num_siblings:
        raise InputError(
            str(config.sampled),
            expected=f"{config.num_siblings} attempts at {num_questions} questions at most",
            got=f"{most} at {num_there}",
            remedy="Ask for as many, or give another folder: out=PATH.",
        )


def _more_attempts(config: RejectionConfig) -> InputError:
    return InputError(
        str(config.out),
        expected="prompts.num and num_siblings that its training began with",
        got="more, or attempts that are gone",
        remedy="Give them again, or another folder: out=PATH.",
    )


def _is_playable(sample: Sample, episode: EpisodeConfig) -> bool:
    try:
        opened(sample, episode)
    except (InputError, DataError):  # told when it is its turn
        return False
    return True


def questions(section: FirstPrompts) -> Iterator[Sample]:
    """The samples that are attempted; number i follows from the section and i alone."""
    if section.data is not None:
        yield from islice(read_rows(section.data)[1], section.num)
        return
    for index in range(count_questions(section)):
        yield question_at(section.tasks, index, seed=section.seed)


def count_questions(section: FirstPrompts) -> int:
    """How many `questions` there are; bad rows are none."""
    return (section.num or 0) if section.data is None else sum(1 for _ in questions(section))


def _open_policy(config: RejectionConfig, frame: Frame) -> tuple[Policy, int | None]:
    """The policy, and the length of its context window where that is known."""
    if config.endpoint is not None:
        from vilasr.policies.openai import EndpointConfig, OpenAIPolicy

        patch_size = frame.images.patch_size if config.endpoint.token_ids else None
        return OpenAIPolicy(
            EndpointConfig(url=config.endpoint.url, model=config.endpoint.model, patch_size=patch_size)
        ), frame.max_context_tokens
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    engine = EngineConfig(num_slots=config.concurrency, in_rounds=config.exact)
    policy = TransformersPolicy.load(config.model, device=config.device, config=engine)
    return policy, policy.loaded.max_context_tokens


# --- selection --------------------------------------------------------------------------------------------------------


def select_rollouts(config: RejectionConfig) -> SelectionReport:
    """Write OUT/selected.jsonl, selection.json and selection.md from OUT/sampled.jsonl.

    Raises:
        InputError: nothing passed; or training has begun on another selection.
    """
    _, rollouts = read_rollouts(config.sampled, on_bad_line=lambda error: logger.warning("left out: %s", error))
    rules = rules_for(config.select)
    judgements = [judge(rollout, rules) for rollout in rollouts]
    selection = balanced(judgements, select=config.select, balance=config.balance, seed=config.seed)
    report = report_on(
        judgements, selection, rule_names=[rule.name for rule in rules], num_siblings=config.num_siblings
    )
    partial = config.out / ".selected.partial.jsonl"
    try:
        with disk_errors(config.out, then="what was sampled is kept"):
            _copy_rollouts(config, set(selection.kept), partial)
            _check_still_the_same(config, partial)
            write_atomically(config.out / "selection.md", as_markdown(report).encode())
            as_json = json.dumps(to_jsonable_python(report), indent=1)
            write_atomically(config.out / "selection.json", as_json.encode() + b"\n")
            if not selection.kept:
                raise _nothing_passed(report, config)
            partial.replace(config.selected)
    finally:
        partial.unlink(missing_ok=True)
    return report


def _check_still_the_same(config: RejectionConfig, selected: Path) -> None:
    """Raises InputError for another selection than the one that training has begun with."""
    begun = bool(checkpoints(config.out))
    if begun and not (config.selected.exists() and filecmp.cmp(selected, config.selected, shallow=False)):
        raise InputError(
            str(config.out),
            expected="the selection that its training began with",
            got="other rollouts, or other rules",
            remedy="Give another folder: out=PATH.",
        )


def _copy_rollouts(config: RejectionConfig, kept: set[Key], target: Path) -> None:
    """The kept rollouts of OUT/sampled.jsonl, in the order of their keys; their images lie beside both files."""
    header, rollouts = read_rollouts(config.sampled, on_bad_line=lambda error: None)
    chosen = {key: rollout for rollout in rollouts if (key := (rollout.sample.id, rollout.sibling)) in kept}
    settings = config.model_dump(mode="json", include={"select", "balance"})
    target.unlink(missing_ok=True)
    with RolloutWriter(target, replace(header, config={**header.config, **settings})) as writer:
        for key in sorted(chosen):
            writer.append(chosen[key])


def _nothing_passed(report: SelectionReport, config: RejectionConfig) -> InputError:
    hardest = report.hardest
    return InputError(
        "selection",
        expected="at least one rollout that passes every rule",
        got=f"none of {report.groups[0].rollouts}: the rule {hardest.name!r} took most, {hardest.failed} of the "
        f"{hardest.came} that came to it",
        remedy=f"Read {config.out / 'selection.md'}; raise num_siblings or prompts.num, or ease the rules in [select].",
    )
