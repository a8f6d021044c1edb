"""What the experiments are: models, how they come about from each other, on what they are measured, what is asked.

seeds = [0, 1, 2]

[[models]]                       # a checkpoint that is there
name = "base"
title = "the start"
start = "runs/nano/1-point/model"
made_by = "make nano"

[[models]]                       # one that is trained, once with each seed
name = "sft"
title = "stage 1"
stage = "sft"
config = "configs/results/sft-drawn.toml"
start = "base"                   # a model above, or a checkpoint

[[evaluations]]                  # a run of `vilasr eval` for each model and seed
name = "mazes"
benchmark = "maze"
num = 150

[[measures]]                     # a column of the tables: all items of an evaluation, or some groups of them
title = "mazes, seen styles"
evaluation = "mazes"

[[questions]]
ask = "Does the cold start help?"
model = "sft"
against = "base"
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from vilasr.benchmarks import GENERATED
from vilasr.errors import InputError
from vilasr.experiments.evidence import metric_named
from vilasr.training.config import Section, load_config

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Name = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
"""It names folders too."""


class ModelRow(Section):
    """A model, and how it is asked.

    Attributes:
        title: what it is, in the tables.
        stage: how it is trained; "none": it is `start` itself.
        config: of the stage; its `model`, `out` and seeds are the study's. Seed s is added to every seed in it.
        overrides: further settings of the config, "key.path=value".
        start: a model above, or a checkpoint: a name that `--model` takes.
        made_by: the command that makes the checkpoint `start`, which then has to be a folder.
        drawing: whether it may draw when it is measured.
    """

    name: Name
    title: str
    stage: Literal["none", "sft", "rejection", "grpo"] = "none"
    config: Path | None = None
    overrides: tuple[str, ...] = ()
    start: str
    made_by: str = ""
    drawing: bool = True

    @model_validator(mode="after")
    def _config_of_a_stage(self) -> ModelRow:
        if (self.stage == "none") != (self.config is None):
            raise ValueError("give config with a stage, and no config without")
        return self


class EvaluationRow(Section):
    """A run of `vilasr eval`.

    Attributes:
        benchmark: one whose items are generated.
        num: items; `samples_per_prompt`: attempts at each.
        seed: of the items and of sampling; the same for all models, so that they can be compared item by item.
        options: further options of `vilasr eval`, but for --data.
        models: those that are measured; empty: all.
    """

    name: Name
    benchmark: str
    num: int = Field(gt=0)
    samples_per_prompt: int = Field(default=1, gt=0)
    temperature: float = Field(default=0.0, ge=0)
    seed: int = Field(default=0, ge=0)
    options: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


class Measure(Section):
    """Items that are told about together: those of an evaluation that are in any of `groups`; empty: all."""

    title: str
    evaluation: str
    groups: tuple[str, ...] = ()


class Question(Section):
    """Is `model` better than `factor` times `against`?

    Attributes:
        ask: what a "yes" would mean, as a question.
        metric: a name of `vilasr.experiments.evidence.METRICS`.
        measures: titles; on each the question is answered. Empty: the first.
    """

    ask: str
    model: str
    against: str
    metric: str = "accuracy"
    factor: float = Field(default=1.0, gt=0)
    measures: tuple[str, ...] = ()


class Study(Section):
    """All experiments.

    Attributes:
        out: folder of the runs.
        page: the Markdown file that is written; its plots go into a folder of the same name without the suffix.
        notes: paragraphs that stand at the head of the page.
    """

    out: Path
    page: Path
    notes: str = ""
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1)
    models: tuple[ModelRow, ...] = Field(min_length=1)
    evaluations: tuple[EvaluationRow, ...] = ()
    measures: tuple[Measure, ...] = ()
    questions: tuple[Question, ...] = ()

    @property
    def plots(self) -> Path:
        return self.page.with_suffix("")

    def model(self, name: str) -> ModelRow:
        return next(row for row in self.models if row.name == name)

    def evaluation(self, name: str) -> EvaluationRow:
        return next(row for row in self.evaluations if row.name == name)

    def measured(self, row: EvaluationRow) -> list[ModelRow]:
        """The models that an evaluation measures."""
        return [model for model in self.models if not row.models or model.name in row.models]

    def parent(self, row: ModelRow) -> ModelRow | None:
        """The model of the study that one starts from; None for a checkpoint."""
        return next((model for model in self.models if model.name == row.start), None)

    def is_seeded(self, row: ModelRow) -> bool:
        """Whether there is one of each seed: it is trained, or starts from what is."""
        parent = self.parent(row)
        return row.stage != "none" or (parent is not None and self.is_seeded(parent))


def load_study(path: Path, overrides: Sequence[str] = ()) -> Study:
    """Read a study, with overrides as of any config.

    Raises:
        InputError: a key, type or value is wrong; a name stands twice, or is used and nowhere given; an evaluation
            takes its items from files.
    """
    study = load_config(Study, path, overrides)
    names = [row.name for row in study.models]
    evaluations = [row.name for row in study.evaluations]
    titles = [measure.title for measure in study.measures]
    for what, given in (("models", names), ("evaluations", evaluations), ("measures", titles), ("seeds", study.seeds)):
        if len({*given}) < len(given):
            raise InputError(f"{path}: {what}", expected="each name once", got=", ".join(map(str, given)))
    for place, row in enumerate(study.models):
        if row.start in names[place:]:
            got = f"{row.name}, which starts from {row.start}"
            raise InputError(f"{path}: models", expected="each below the one that it starts from", got=got)
    for evaluation in study.evaluations:
        _check_known(evaluation.models, names, f"{path}: models of {evaluation.name}")
        _check_generated(evaluation, f"{path}: evaluation {evaluation.name}")
    for measure in study.measures:
        _check_known([measure.evaluation], evaluations, f"{path}: evaluation of {measure.title}")
    for question in study.questions:
        metric_named(question.metric)
        _check_known([question.model, question.against], names, f"{path}: models of {question.ask!r}")
        _check_known(question.measures, titles, f"{path}: measures of {question.ask!r}")
    return study


def _check_generated(row: EvaluationRow, where: str) -> None:
    """Which items are asked for now is seen by the number that the ids of generated samples end with."""
    known = [benchmark.name for benchmark in GENERATED]
    if row.benchmark not in known:
        expected = "a benchmark whose items are generated, one of " + ", ".join(known)
        raise InputError(where, expected=expected, got=repr(row.benchmark))
    if any(option.partition("=")[0] == "--data" for option in row.options):
        raise InputError(where, expected="items that are generated, so no --data", got=" ".join(row.options))


def _check_known(used: Iterable[str], known: Iterable[str], where: str) -> None:
    there = [*known]
    for name in used:
        if name not in there:
            raise InputError(where, expected="one of " + ", ".join(there), got=repr(name))
