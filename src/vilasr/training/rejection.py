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

from vilasr.data import read_dataset
from vilasr.data.dataset import write_atomically
from vilasr.env import EpisodeConfig, Limits
from vilasr.errors import InputError
from vilasr.policies.transformers import EngineConfig, TransformersPolicy, read_frame
from vilasr.protocol import protocol_named
from vilasr.rollout import RolloutWriter, as_json, new_header, read_rollouts, run_rollouts
from vilasr.training.balance import balanced
from vilasr.training.checkpoint import checkpoints
from vilasr.training.distributed import num_processes
from vilasr.training.questions import question_at, read_rows
from vilasr.training.selection import judge, rules_for, why_not_correct, why_not_reflective
from vilasr.training.selection_report import as_markdown, report_on
from vilasr.training.waves import run_waves
from vilasr.types import SamplingParams

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vilasr.policies import Policy
    from vilasr.policies.transformers import Frame
    from vilasr.training.rejection_config import QuestionsSection, RejectionConfig
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
        InputError: the model, the endpoint, the questions or an earlier run in the same folder do not fit the config;
            no rollout passes (the message names the rule that took most).
    """
    if num_processes() == 1:
        sample_rollouts(config, report=report)
        select_rollouts(config)
    elif not config.selected.exists():
        raise InputError(
            "torchrun",
            expected=f"{config.selected}, for several processes to train on",
            got="none",
            remedy="Sample and select with one process first: the same command without torchrun and without [sft].",
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
    frame = read_frame(config.model)
    episode = EpisodeConfig(
        protocol=protocol_named(config.protocol or frame.protocol),
        sizer=replace(frame.sizer, max_pixels=config.max_pixels or frame.sizer.max_pixels),
        limits=Limits(max_turns=config.sampling.max_turns, max_completion_tokens=config.sampling.max_tokens),
    )
    sampling = SamplingParams(**config.sampling.model_dump(exclude={"max_turns"}))
    header = new_header(
        protocol=episode.protocol.name,
        model=config.endpoint.model if config.endpoint else config.model,
        seed=config.seed,
        style=episode.style.name,
        drawing=episode.drawing,
        sampling=sampling,
        config={"prompts": config.prompts.model_dump(mode="json", exclude={"num"}), "episode": episode},
    )
    num_questions = count_questions(config.prompts)
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
            limits = replace(episode.limits, max_context_tokens=max_context_tokens)
            in_waves = isinstance(policy, TransformersPolicy) and config.exact
            run: Callable[..., Awaitable[object]] = run_waves if in_waves else run_rollouts
            try:
                await run(
                    questions(config.prompts),
                    policy,
                    replace(episode, limits=limits),
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

        # Counted without the questions, which are made only where attempts are missing: scenes take long.
        attempts = Counter(sample_id for sample_id, _ in writer.done)
        if sum(num >= config.num_siblings for num in attempts.values()) < num_questions:
            asyncio.run(play())


def questions(section: QuestionsSection) -> Iterator[Sample]:
    """The samples that are attempted; number i follows from the section and i alone."""
    if section.data is not None:
        yield from islice(read_rows(section.data)[1], section.num)
        return
    for index in range(count_questions(section)):
        yield question_at(section.tasks, index, seed=section.seed)


def count_questions(section: QuestionsSection) -> int:
    if section.data is None:
        return section.num or 0
    num_rows = read_dataset(section.data)[0].num
    return min(num_rows, section.num or num_rows)


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
        _copy_rollouts(config, set(selection.kept), partial)
        if checkpoints(config.out) and not (
            config.selected.exists() and filecmp.cmp(partial, config.selected, shallow=False)
        ):
            raise InputError(
                str(config.out),
                expected="the selection that its training began with",
                got="other rollouts, or other rules",
                remedy="Give another folder: out=PATH.",
            )
        write_atomically(config.out / "selection.md", as_markdown(report).encode())
        write_atomically(config.out / "selection.json", json.dumps(as_json(report), indent=1).encode() + b"\n")
        if not selection.kept:
            raise _nothing_passed(report, config)
        partial.replace(config.selected)
    finally:
        partial.unlink(missing_ok=True)
    return report


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
