"""Measure the embedded model, and write what it can do: docs/nano.md, and the table of its card.

Every family of generated worlds, with drawing and in words alone, over SEEDS, each of which has its own samples. Runs
that are finished are left alone, so the command may be killed and given again: `make nano` ends with it.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from vilasr.benchmarks.wording import rate_text, score_text, signed_text
from vilasr.cli.main import Parser
from vilasr.errors import InputError
from vilasr.experiments.curves import gain_text, read_curve
from vilasr.experiments.plots import can_plot, plot_abilities, plot_curves
from vilasr.experiments.tables import table
from vilasr.experiments.units import read_json, weights_of
from vilasr.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from vilasr.types import Json

    Comparison = Mapping[str, Json]
    Summary = Mapping[str, Json]

REINFORCED = Path("runs/nano/7-reinforce")
"""The run of the last stage, whose validation the page shows where it lies there."""
CARD = Path("src/vilasr/models/nano/README.md")
SEEDS = (0, 1, 2)
NUM_ITEMS = {"maze": 500, "maze-ood": 240, "static": 300, "video": 200, "multiview": 200}
"""Benchmark: items of each seed."""
MAX_TOKENS = 256
"""Of one reply: what the model was taught to say is shorter."""
MEASURED = re.compile(r"(?<=<!-- measured -->\n).*?(?=<!-- end -->)", re.DOTALL)
"""The part of the card that is written here."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = Parser(prog="python -m vilasr.experiments.card", description=__doc__)
    parser.add_argument("--model", default="nano", help="a checkpoint folder (default: the embedded one)")
    parser.add_argument("--runs", type=Path, default=Path("runs/nano/measured"), help="where the runs go")
    parser.add_argument("--reinforced", type=Path, default=REINFORCED, help="the run of its last stage, if it is there")
    parser.add_argument("--page", type=Path, default=Path("docs/nano.md"), help="the page to write")
    parser.add_argument("--card", type=Path, default=CARD, help="the card whose table is replaced")
    args = parser.parse_args(arguments)
    comparisons = [*measure(args.model, args.runs)]
    write_page(comparisons, args.page, reinforced=args.reinforced)
    write_card(comparisons, args.card)
    print(f"Written: {args.page}, {args.card}")


def measure(
    model: str, runs: Path, *, num_items: Mapping[str, int] = NUM_ITEMS, seeds: Sequence[int] = SEEDS
) -> Iterator[Comparison]:
    """For each benchmark what `vilasr compare` says of the run in words and that with drawing, which is the second.

    The runs lie in a folder of `runs` that is named by the weights: other weights are measured anew.
    """
    weights = b"".join(path.read_bytes() for path in weights_of(model))
    runs = runs / hashlib.sha256(weights or model.encode()).hexdigest()[:12]
    runs.mkdir(parents=True, exist_ok=True)
    for benchmark, num in num_items.items():
        folders = [runs / f"{benchmark}-words", runs / benchmark]
        for folder, options in zip(folders, (["--no-drawing"], []), strict=True):
            if (folder / "summary.json").exists():
                continue
            given = ["--model", model, "--num", str(num), "--seeds", ",".join(map(str, seeds))]
            limits = ["--max-tokens", str(MAX_TOKENS), "--resume"]
            _vilasr("eval", benchmark, *given, *limits, *options, "--out", str(folder))
        _vilasr("compare", *map(str, folders), "--json", str(runs / f"{benchmark}.json"))
        yield json.loads((runs / f"{benchmark}.json").read_text())


def _vilasr(*words: str) -> None:
    """Raises SystemExit with its code where the command fails."""
    if code := subprocess.run([sys.executable, "-m", "vilasr", *words], stdout=sys.stderr, check=False).returncode:
        sys.exit(code)


def write_page(comparisons: Sequence[Comparison], page: Path, *, reinforced: Path) -> None:
    """Write `page` and, where matplotlib is installed, the plots beside it."""
    lines = [
        "# What nano can do",
        "",
        "Written by `make nano`, or by itself by `python -m vilasr.experiments.card`, which goes on where it was "
        "stopped. Not to be edited.",
        "",
        *overview(comparisons),
        "",
        *_origin(comparisons),
        "",
    ]
    if can_plot():
        plot = page.with_suffix(".png")
        plot_abilities([(_name(each), _types(each)) for each in comparisons], plot)
        lines += [f"![Scores by family and type, with what guessing gives]({plot.name})", ""]
    for each in comparisons:
        lines += [f"## {_name(each)}", "", *by_type(each), ""]
    lines += _reward_by_step(reinforced, page.with_name(f"{page.stem}-reward.png"))
    write_atomically(page, "\n".join(lines).encode())


def write_card(comparisons: Sequence[Comparison], card: Path) -> None:
    """Replace the measured part of the card.

    Raises:
        InputError: the card has no such part.
    """
    text = card.read_text(encoding="utf-8")
    if not MEASURED.search(text):
        raise InputError(str(card), expected="lines '<!-- measured -->' and '<!-- end -->'", got="none in it")
    lines = ["", *overview(comparisons), "", *_origin(comparisons), "", ""]
    write_atomically(card, MEASURED.sub(lambda _: "\n".join(lines), text).encode())


def overview(comparisons: Iterable[Comparison]) -> list[str]:
    """A table with a row for each benchmark."""
    header = ("benchmark", "samples", "by guessing", "drawn", "in words", "drawn - in words")
    rows = []
    for each in comparisons:
        words, drawn = _summaries(each)
        difference = each["runs"][1]["difference"]
        low, high = difference["ci95"]
        change = f"{signed_text(difference['score'])} ({signed_text(low)} to {signed_text(high)})"
        guessing = score_text(drawn["guessing"])
        rows.append(
            (f"`{_name(each)}`", str(drawn["num"]), guessing, _seeded(drawn), _seeded(words), change, *_drawings(drawn))
        )
    return table((*header, "drawing score", "marks true", "answer as drawn", "reflect"), rows)


def by_type(comparison: Comparison) -> list[str]:
    """A table with a row for each group of a benchmark, and how far they are above guessing."""
    words, drawn = _summaries(comparison)
    rows = []
    for name, group in drawn["groups"].items():
        other = words["groups"].get(name)
        cells = (_called(name, drawn["groups"]), str(group["num"]), score_text(group["guessing"]), _ranged(group))
        rows.append((*cells, _ranged(other) if other else "", _verdict(group)))
    header = ("", "samples", "by guessing", "drawn", "in words", "drawn better than guessing")
    return [*table(header, rows), "", *_above_guessing(drawn["groups"].values())]


def _reward_by_step(run: Path, plot: Path) -> Iterator[str]:
    """A section on the validation of a GRPO run; nothing where there was none, or it has not ended."""
    record = read_json(run / "run.json")
    if record is None:
        return
    config = record["config"]
    curve = read_curve(run, seed=config["seed"])
    if curve is None or max(curve.reward) != config["steps"]:
        return
    yield "## Reinforcement"
    yield ""
    steps = " to ".join(f"{mean.value:.3f} (step {step})" for step, mean in curve.reward.items())
    yield (
        f"Validation reward of the last stage, {curve.gain.num_items} questions at temperature "
        f"{config['validation']['temperature']:g}, seed {curve.seed}: {steps}. Gained, question by question: "
        f"{gain_text(curve.gain)}."
    )
    yield ""
    if can_plot():
        plot_curves({run.name: [curve]}, plot)
        yield f"![Validation reward by step]({plot.name})"
        yield ""


def _verdict(group: Summary) -> str:
    if group["guessing"] is None:
        return ""
    return "yes" if group["ci95"][0] > group["guessing"] else "not shown"


def _above_guessing(groups: Iterable[Summary]) -> Iterator[str]:
    """A sentence on the choices, and one on the numbers, if there are any."""
    for kind, called in (("choice", "choices"), ("number", "numbers")):
        of_kind = [group for group in groups if group["answers"] == kind and group["guessing"] is not None]
        if of_kind:
            num_above = sum(_verdict(group) == "yes" for group in of_kind)
            margin = fmean(group["score"] - group["guessing"] for group in of_kind)
            yield (
                f"Groups of {called}: {num_above} of {len(of_kind)} are better than guessing with 95 % confidence, "
                f"drawn; on average by {signed_text(margin)} points."
            )


def _types(comparison: Comparison) -> dict[str, tuple[Summary, Summary]]:
    """Group: (drawn, in words)."""
    words, drawn = _summaries(comparison)
    return {
        _called(name, drawn["groups"]): (group, words["groups"][name])
        for name, group in drawn["groups"].items()
        if name in words["groups"]
    }


def _called(group: str, groups: Iterable[str]) -> str:
    """ "size=6", or "count" for "question=count" where all groups are of questions."""
    kind, _, value = group.partition("=")
    return value if all(other.startswith(f"{kind}=") for other in groups) else group


def _summaries(comparison: Comparison) -> tuple[Summary, Summary]:
    words, drawn = (run["summary"] for run in comparison["runs"])
    return words, drawn


def _name(comparison: Comparison) -> str:
    return str(comparison["benchmark"])


def _ranged(estimate: Summary) -> str:
    low, high = map(score_text, estimate["ci95"])
    return f"{score_text(estimate['score'])} ({low} to {high})"


def _seeded(summary: Summary) -> str:
    spread = summary.get("seed_spread")
    return _ranged(summary) + ("" if spread is None else f" +- {score_text(spread)}")


def _drawings(summary: Summary) -> tuple[str, ...]:
    rates = ("valid_marks", "drawing_agreement", "reflection_rate")
    known = ("" if summary[rate] is None else rate_text(summary[rate]) for rate in rates)
    return (score_text(summary["drawing_score"]), *known)


def _origin(comparisons: Sequence[Comparison]) -> list[str]:
    drawn = _summaries(comparisons[0])[1]
    seeds = ", ".join(drawn.get("seeds", {}) or [str(drawn["seed"])])
    return [
        f"`vilasr eval BENCHMARK --seeds {seeds.replace(' ', '')} --max-tokens {MAX_TOKENS}`, with and without "
        f"`--no-drawing`, greedy, seeds {seeds}; version {drawn['version']}. In brackets the 95 % interval over "
        "samples, after +- the standard deviation between seeds; drawn and in words are paired sample by sample. "
        "Guessing: any option, or of numbers the best constant. Marks true: of those that stand in the end. Answer as "
        "drawn: it is what they show."
    ]


if __name__ == "__main__":
    main()
