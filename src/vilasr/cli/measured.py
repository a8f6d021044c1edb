"""The results of a run on a benchmark: from its rollouts to the files that people read."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from vilasr.cli.common import json_bytes, writable
from vilasr.cli.reader import RolloutReader
from vilasr.cli.results import note_on
from vilasr.cli.run_file import kinds_of
from vilasr.cli.shards import WHOLE_FILE
from vilasr.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping
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
    from vilasr.benchmarks import write_report
    from vilasr.drawing import style_named
    from vilasr.viewer import PageOptions, write_page

    reader = RolloutReader(folder / WHOLE_FILE, wanted=record.asks_for(), tokens=True)
    facts: list[RolloutFacts] = []
    tokens = _TokenCount()

    def note(rollout: Rollout) -> RolloutNote:
        """Measures on the way: a long file is read once."""
        facts.append(reader.facts_of(rollout, mode))
        tokens.add(rollout)
        return note_on(rollout, mode, facts[-1])

    for left_by_a_kill in folder.glob(".rollouts.html.*.partial"):
        left_by_a_kill.unlink(missing_ok=True)
    write_page(
        folder / "rollouts.html",
        reader,
        title=f"{benchmark}: {reader.header.model}",
        style=style_named(reader.header.style),
        notes=note,
        options=PageOptions(pictures_in=folder, report="report.html"),
    )
    summary = reader.summary(facts, benchmark, mode=mode, excluded=kinds_of(record.excluded.values()))
    summary |= {"complete": record.complete, "num_items": record.num_items, **tokens.totals()}
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
    """Written last, and whole: where there is a summary, the run is complete. Raises InputError."""
    path = folder / "summary.json"
    with writable(path):
        write_atomically(path, json_bytes(summary))


@dataclass(slots=True)
class _TokenCount:
    """Of the rollouts of a run; unknown where one of them was played without keeping its tokens."""

    num_context: int = 0
    num_sampled: int = 0
    is_known: bool = True

    def add(self, rollout: Rollout) -> None:
        for turn in rollout.turns:
            if turn.tokens is None:
                self.is_known = False
            else:
                self.num_context += len(turn.tokens.context_ids)
                self.num_sampled += len(turn.tokens.token_ids)

    def totals(self) -> dict[str, int | None]:
        return {
            "num_context_tokens": self.num_context if self.is_known else None,
            "num_sampled_tokens": self.num_sampled if self.is_known else None,
        }


def _write_excluded(excluded: Mapping[str, str], path: Path) -> None:
    if excluded:
        rows = [json.dumps({"id": key, "reason": reason}) for key, reason in excluded.items()]
        write_atomically(path, "\n".join(rows).encode() + b"\n")
    else:
        path.unlink(missing_ok=True)
