"""What was sampled and what was kept of it: counts for every rule and group, as JSON and as tables people read."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from vilasr.scoring import estimate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vilasr.scoring import Estimate
    from vilasr.training.balance import Selection
    from vilasr.training.selection import Judgement

ALL = "all"


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleCount:
    """How one rule fared. Rules stand in line: what fails one never comes to the next.

    Attributes:
        came: rollouts that had passed every rule before.
        failed: of those, failed here; reasons: why -> how many.
        failed_at_all: of all rollouts, whatever rules they failed before.
        failed_alone: rollouts that fail this rule and no other: what it costs.
    """

    name: str
    came: int
    failed: int
    failed_at_all: int
    failed_alone: int
    reasons: Mapping[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupCount:
    """What was sampled of one question type of one task, before selection, and how much of it was kept.

    Attributes:
        pass_1, pass_k: share of questions answered right by one attempt, and by any of them. Attempts that the machine
            failed are left out of both, and of the rate and means.
        reflection_rate: share of rollouts that correct a mark; of all, right or wrong.
        passed: rollouts that passed every rule; kept: that were taken, plain ones included.
    """

    name: str
    questions: int
    rollouts: int
    pass_1: Estimate
    pass_k: Estimate
    reflection_rate: float
    mean_drawings: float
    mean_turns: float
    passed: int
    kept: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SelectionReport:
    """`groups` begins with that of all rollouts."""

    num_siblings: int
    rules: tuple[RuleCount, ...]
    groups: tuple[GroupCount, ...]
    selection: Selection

    @property
    def hardest(self) -> RuleCount:
        """The rule that took most of those that came to it in line."""
        return max(self.rules, key=lambda rule: rule.failed)


def report_on(
    judgements: Sequence[Judgement], selection: Selection, *, rule_names: Sequence[str], num_siblings: int
) -> SelectionReport:
    """Count. `rule_names` are in the order in which the rules stand."""
    groups: dict[str, list[Judgement]] = defaultdict(list)
    for judgement in judgements:
        groups[f"{judgement.task} {judgement.question_type}".strip()].append(judgement)
    kept = set(selection.kept)
    return SelectionReport(
        num_siblings=num_siblings,
        rules=tuple(_rule_counts(judgements, rule_names)),
        groups=tuple(
            _group_count(name, members, sum(member.key in kept for member in members))
            for name, members in ((ALL, judgements), *sorted(groups.items()))
        ),
        selection=selection,
    )


def _rule_counts(judgements: Sequence[Judgement], names: Sequence[str]) -> list[RuleCount]:
    counts = []
    left = list(judgements)
    for name in names:
        failing = [judgement for judgement in left if name in judgement.failures]
        counts.append(
            RuleCount(
                name=name,
                came=len(left),
                failed=len(failing),
                failed_at_all=sum(name in judgement.failures for judgement in judgements),
                failed_alone=sum(judgement.failures.keys() == {name} for judgement in judgements),
                reasons=dict(Counter(judgement.failures[name] for judgement in failing).most_common()),
            )
        )
        left = [judgement for judgement in left if name not in judgement.failures]
    return counts


def _group_count(name: str, members: Sequence[Judgement], num_kept: int) -> GroupCount:
    ran = [judgement for judgement in members if "ran" not in judgement.failures]
    right: dict[str, list[float]] = defaultdict(list)
    for judgement in ran:
        right[judgement.key[0]].append(float(judgement.is_correct))
    return GroupCount(
        name=name,
        questions=len({judgement.key[0] for judgement in members}),
        rollouts=len(members),
        pass_1=estimate([fmean(attempts) for attempts in right.values()]),
        pass_k=estimate([max(attempts) for attempts in right.values()]),
        reflection_rate=_mean([judgement.is_reflective for judgement in ran]),
        mean_drawings=_mean([judgement.num_drawings for judgement in ran]),
        mean_turns=_mean([judgement.num_turns for judgement in ran]),
        passed=sum(not judgement.failures for judgement in members),
        kept=num_kept,
    )


def _mean(values: Sequence[float]) -> float:
    return fmean(values) if values else 0.0


# --- for people -------------------------------------------------------------------------------------------------------


def as_markdown(report: SelectionReport) -> str:
    """Three tables: the rules in line, what became of those that passed, and the groups."""
    everything, selection = report.groups[0], report.selection
    rules = [
        (rule.name, rule.came, rule.came - rule.failed, rule.failed, rule.failed_at_all, rule.failed_alone, _why(rule))
        for rule in report.rules
    ]
    groups = [
        (
            group.name,
            group.questions,
            group.rollouts,
            _percent(group.pass_1),
            _percent(group.pass_k),
            f"{group.reflection_rate:.1%}",
            f"{group.mean_drawings:.2f}",
            f"{group.mean_turns:.2f}",
            group.passed,
            group.kept,
        )
        for group in report.groups
    ]
    left_out = [f"- {num} left out: {reason}" for reason, num in selection.left_out.items()]
    plain = f", {selection.num_plain} of them without a correction" if selection.num_plain else ""
    return "\n".join(
        [
            "# Selection",
            "",
            f"{everything.rollouts} rollouts of {everything.questions} questions; {everything.passed} passed every "
            f"rule, {len(selection.kept)} are kept{plain}.",
            "",
            *_table(("rule", "came", "passed", "failed", "failed of all", "failed alone", "why"), rules),
            "",
            *left_out,
            *([""] if left_out else []),
            "As sampled, before selection (95 % intervals by bootstrap over questions; by Wilson where all are equal):",
            "",
            *_table(
                (
                    *("group", "questions", "rollouts", "pass@1", f"pass@{report.num_siblings}", "reflective"),
                    *("drawings", "turns", "passed", "kept"),
                ),
                groups,
            ),
            "",
        ]
    )


def _why(rule: RuleCount) -> str:
    return ", ".join(f"{reason} {num}" for reason, num in rule.reasons.items())


def _percent(value: Estimate) -> str:
    if value.mean is None:
        return "unknown"
    low, high = value.ci95
    return f"{100 * value.mean:.1f} ({100 * low:.1f} to {100 * high:.1f})"


def _table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """The lines of a Markdown table whose columns stand below each other also as plain text."""
    cells = [tuple(header), *(tuple(str(cell) for cell in row) for row in rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(header))]
    cells.insert(1, tuple("-" * width for width in widths))
    return [f"| {' | '.join(map(str.ljust, row, widths))} |" for row in cells]
