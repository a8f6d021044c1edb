"""The results of a run on a benchmark: from its rollouts to the files that people read."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from vilasr.cli.common import write_json
from vilasr.cli.results import note_on
from vilasr.cli.run_file import kinds_of
from vilasr.cli.shards import WHOLE_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from vilasr.cli.shards import RunRecord
    from vilasr.rollout import Header
    from vilasr.scoring import RolloutFacts
    from vilasr.types import Json, Rollout
    from vilasr.viewer import RolloutNote

EXCLUDED_FILE = "excluded.jsonl"


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """A run on a benchmark, measured."""

    header: Header
    facts: list[RolloutFacts]
    summary: dict[str, Json]


def write_results(folder: Path, benchmark: str, record: RunRecord, *, mode: str) -> Measured:
    """Measure the rollout file in `folder`, and write summary, report, page of rollouts and list of what was left out.

    Raises:
        InputError: no rollout file, or a folder that cannot be written.
    """
    from vilasr.benchmarks import facts_for, summary_of, write_report
    from vilasr.drawing import style_named
    from vilasr.viewer import PageOptions, write_page

    reader = _Reader(folder / WHOLE_FILE, frozenset(record.sample_ids), record.num_siblings)
    facts: list[RolloutFacts] = []

    def note(rollout: Rollout) -> RolloutNote:
        """Measures on the way: a long file is read once."""
        facts.append(facts_for(rollout, drawing=reader.header.drawing, mode=mode))
        return note_on(rollout, mode, facts[-1])

    for left_by_a_kill in folder.glob(".rollouts.html.*.partial"):
        left_by_a_kill.unlink(missing_ok=True)
    write_page(
        folder / "rollouts.html",
        reader.rollouts(),
        title=f"{benchmark}: {reader.header.model}",
        style=style_named(reader.header.style),
        notes=note,
        options=PageOptions(pictures_in=folder, report="report.html"),
    )
    summary = summary_of(
        facts,
        benchmark=benchmark,
        header=reader.header,
        metric_mode=mode,
        excluded=kinds_of(record.excluded.values()),
        num_bad_lines=reader.num_bad_lines,
        num_retried=sum(sample_id in reader.sample_ids for sample_id, _ in reader.retried),
    ) | {"complete": record.complete, "num_items": record.num_items, **reader.num_tokens}
    _write_excluded(record.excluded, folder / EXCLUDED_FILE)
    write_report(summary, folder)
    write_summary(summary, folder)
    return Measured(header=reader.header, facts=facts, summary=summary)


def write_seeds(folder: Path, runs: Mapping[int, Measured], benchmark: str, *, mode: str) -> dict[str, Json]:
    """Write the summary and the report over runs with different seeds, each of which lies in `folder`/seed-K."""
    from vilasr.benchmarks import write_report

    summary = over_seeds(runs, benchmark, mode=mode)
    write_report(summary, folder, seeds={seed: run.summary for seed, run in runs.items()})
    write_summary(summary, folder)
    return summary


def over_seeds(runs: Mapping[int, Measured], benchmark: str, *, mode: str) -> dict[str, Json]:
    """The summary over runs with different seeds: of all their rollouts, with the score of each, and how far they lie
    apart: `seed_spread` is the standard deviation between runs."""
    from vilasr.benchmarks import summary_of

    summaries = [run.summary for run in runs.values()]
    scores = {str(seed): run.summary["score"] for seed, run in runs.items()}
    known = [score for score in scores.values() if score is not None]
    excluded: Counter[str] = Counter()
    for each in summaries:  # the items of published files are the same in every run
        excluded |= Counter(each["excluded"])
    header = next(iter(runs.values())).header
    facts = [row for run in runs.values() for row in run.facts]
    summary = summary_of(
        facts,
        benchmark=benchmark,
        header=header,
        metric_mode=mode,
        excluded=excluded,
        num_bad_lines=sum(each["num_bad_lines"] for each in summaries),
        num_retried=sum(each["num_retried"] for each in summaries),
    )
    return summary | {
        "complete": all(each["complete"] for each in summaries),
        "seeds": scores,
        "seed_mean": round(fmean(known), 4) if known else None,
        "seed_spread": round(stdev(known), 4) if len(known) > 1 else None,
        **{key: _total([each[key] for each in summaries]) for key in ("num_context_tokens", "num_sampled_tokens")},
    }


def _total(numbers: list[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


def write_summary(summary: dict[str, Json], folder: Path) -> None:
    """Written last and renamed into place: where there is a summary, the run is complete."""
    path = folder / "summary.json"
    partial_path = path.with_name(f".{path.name}.part")
    write_json(summary, str(partial_path))
    partial_path.replace(path)


class _Reader:
    """The rollouts of the samples asked for, as many of each as asked for; an earlier run may have left more in the
    file. Counts as it reads."""

    def __init__(self, path: Path, sample_ids: frozenset[str], num_siblings: int | None) -> None:
        from vilasr.rollout import read_rollouts

        self._path, self.sample_ids = path, sample_ids
        self._num_siblings = math.inf if num_siblings is None else num_siblings
        self.header, _ = read_rollouts(path)
        self.num_bad_lines = 0
        self.retried: set[tuple[str, int]] = set()
        self.num_tokens: dict[str, int | None] = {}

    def rollouts(self) -> Iterator[Rollout]:
        """All of them; afterwards the counts are known."""
        from vilasr.rollout import read_rollouts

        num_context = num_sampled = 0
        known = True
        rollouts = read_rollouts(self._path, on_bad_line=self._count_bad_line, on_retried=self.retried.add)[1]
        for rollout in rollouts:
            if rollout.sample.id not in self.sample_ids or rollout.sibling >= self._num_siblings:
                continue
            for turn in rollout.turns:
                known = known and turn.tokens is not None
                num_context += len(turn.tokens.context_ids) if turn.tokens else 0
                num_sampled += len(turn.tokens.token_ids) if turn.tokens else 0
            yield rollout
        self.num_tokens = {
            "num_context_tokens": num_context if known else None,
            "num_sampled_tokens": num_sampled if known else None,
        }

    def _count_bad_line(self, error: Exception) -> None:
        self.num_bad_lines += 1


def _write_excluded(excluded: Mapping[str, str], path: Path) -> None:
    from vilasr.data.dataset import write_atomically

    if excluded:
        rows = [json.dumps({"id": key, "reason": reason}) for key, reason in excluded.items()]
        write_atomically(path, "\n".join(rows).encode() + b"\n")
    else:
        path.unlink(missing_ok=True)
