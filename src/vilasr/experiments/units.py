"""The study cut into units: runs of `vilasr train` or `vilasr eval`, each in a folder that tells whether it is done."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vilasr.cli.evaluate import settings_of
from vilasr.cli.main import build_parser
from vilasr.errors import InputError
from vilasr.training.config import load_config

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from vilasr.experiments.study import EvaluationRow, ModelRow, Study
    from vilasr.training.config import Section
    from vilasr.types import Json

SEED_KEYS = {
    "sft": ("data.seed",),
    "rejection": ("seed", "prompts.seed", "sft.data.seed"),
    "grpo": ("seed", "prompts.seed"),
}
"""What of a stage's config a seed of the study is added to. Validation keeps its own: it asks all seeds the same."""


class State(Enum):
    """How far a unit is, as its folder shows."""

    DONE = "done"
    BEGUN = "begun"
    NEW = "not begun"
    OUTDATED = "outdated"  # its model was trained anew since


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """One run of the command line.

    Attributes:
        name: "sft/seed-0", "mazes/sft/seed-0", or "mazes/base" where there are no seeds.
        model: the model that is trained, or measured.
        evaluation: what it is measured on; None where it is trained.
        seed: of the study; None for a model without.
        command: words after `vilasr`.
        folder: where the run is kept.
        start: the checkpoint that is trained or measured: a name or a folder.
        needs: name of the unit that makes it; None where it is there before.
        settings: what run.json says of such a run.
        num: items that its summary has; None where it is trained.
    """

    name: str
    model: str
    evaluation: str | None
    seed: int | None
    command: tuple[str, ...]
    folder: Path
    start: str
    needs: str | None
    settings: dict[str, Json]
    num: int | None = None

    @property
    def result(self) -> Path:
        """The file that is there when the run has ended."""
        return self.folder / ("model/vilasr.json" if self.evaluation is None else "summary.json")

    @property
    def state(self) -> State:
        if not self.folder.is_dir() or not any(self.folder.iterdir()):
            return State.NEW
        if self._is_outdated():
            return State.OUTDATED
        return State.DONE if self._is_done() else State.BEGUN

    def _is_done(self) -> bool:
        record = read_json(self.folder / "run.json")
        if not self.result.exists() or record is None or not agrees(record.get("config"), self.settings):
            return False
        if self.num is None:
            return True
        summary = read_json(self.result) or {}
        return bool(summary.get("complete")) and summary["num"] + summary["num_excluded"] == self.num

    def _is_outdated(self) -> bool:
        weights = [path.stat().st_mtime for path in weights_of(self.start)]
        worked = [path.stat().st_mtime for path in self.folder.glob("*.jsonl")]
        return bool(weights and worked) and max(worked) < max(weights)


def weights_of(model: str) -> list[Path]:
    """The files of a model's weights: "nano", or a checkpoint folder; none of what is not here."""
    folder = Path(str(files("vilasr"))) / "models" / "nano" if model == "nano" else Path(model)
    return sorted(folder.glob("*.safetensors"))


def units_of(study: Study) -> list[Unit]:
    """All runs of the study in an order in which each comes after what it needs: seed by seed, so that one seed of
    everything is there first, and each model is measured as soon as it is trained.

    Raises:
        InputError: a stage's config, or an option of an evaluation, is wrong.
    """
    return [
        unit
        for place, seed in enumerate(study.seeds)
        for row in study.models
        if study.is_seeded(row) or place == 0
        for unit in _units_of_model(study, row, seed if study.is_seeded(row) else None)
    ]


def _units_of_model(study: Study, row: ModelRow, seed: int | None) -> Iterator[Unit]:
    if row.stage != "none":
        yield _training(study, row, seed)
    for evaluation in study.evaluations:
        if row in study.measured(evaluation):
            yield _evaluation(study, evaluation, row, seed)


def checkpoint_of(study: Study, row: ModelRow, seed: int | None) -> tuple[str, str | None]:
    """The checkpoint of a model, and the unit that makes it, if any."""
    if row.stage != "none":
        return str(study.out / "models" / _place(row, seed) / "model"), _place(row, seed)
    return _start_of(study, row, seed)


def _start_of(study: Study, row: ModelRow, seed: int | None) -> tuple[str, str | None]:
    parent = study.parent(row)
    return (
        (row.start, None) if parent is None else checkpoint_of(study, parent, seed if study.is_seeded(parent) else None)
    )


def _place(row: ModelRow, seed: int | None) -> str:
    return row.name if seed is None else f"{row.name}/seed-{seed}"


def _training(study: Study, row: ModelRow, seed: int | None) -> Unit:
    assert row.config is not None  # both for mypy: the study has seen to them
    assert seed is not None
    kind = config_class(row.stage)
    start, needs = _start_of(study, row, seed)
    folder = study.out / "models" / _place(row, seed)
    given = [*row.overrides, f"model={start}", f"out={folder}"]
    written = load_config(kind, row.config, given).model_dump(mode="json")
    given += [f"{key}={_at(written, key) + seed}" for key in SEED_KEYS[row.stage] if _at(written, key) is not None]
    return Unit(
        name=_place(row, seed),
        model=row.name,
        evaluation=None,
        seed=seed,
        command=("train", row.stage, str(row.config), *given),
        folder=folder,
        start=start,
        needs=needs,
        settings=load_config(kind, row.config, given).model_dump(mode="json"),
    )


def _evaluation(study: Study, row: EvaluationRow, model: ModelRow, seed: int | None) -> Unit:
    start, needs = checkpoint_of(study, model, seed)
    folder = study.out / "evaluations" / row.name / _place(model, seed)
    command = (*eval_words(row, model), "--model", start, "--out", str(folder), "--resume")
    return Unit(
        name=f"{row.name}/{_place(model, seed)}",
        model=model.name,
        evaluation=row.name,
        seed=seed,
        command=command,
        folder=folder,
        start=start,
        needs=needs,
        settings=json.loads(json.dumps(settings_of(_parsed(command, row.name)))),
        num=row.num,
    )


def eval_words(row: EvaluationRow, model: ModelRow) -> list[str]:
    """The command line of an evaluation, up to the model."""
    words = ["eval", row.benchmark, "--num", str(row.num), "--seed", str(row.seed)]
    if row.samples_per_prompt > 1:
        words += ["--samples-per-prompt", str(row.samples_per_prompt)]
    if row.temperature:
        words += ["--temperature", f"{row.temperature:g}"]
    return [*words, *row.options, *([] if model.drawing else ["--no-drawing"])]


def _parsed(command: Sequence[str], name: str) -> argparse.Namespace:
    try:
        return build_parser(["eval"]).parse_args(command)
    except SystemExit as end:  # argparse has printed its error
        got = " ".join(command)
        raise InputError(f"evaluation {name}", expected="options that 'vilasr eval' takes", got=got) from end


def config_class(stage: str) -> type[Section]:
    """The class of a stage's config."""
    from vilasr.cli.train import STAGES

    return STAGES[stage].config()


def _at(config: dict[str, Any], key: str) -> Any:
    """The value at a dotted key; None where a section on the way is absent."""
    value: Any = config
    for part in key.split("."):
        value = None if value is None else value.get(part)
    return value


# --- what folders say -------------------------------------------------------------------------------------------------


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a file; None where there is no such file, or something else is in it."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def agrees(saved: Json, told: Json) -> bool:
    """Whether a saved config says what is told now.

    Settings that do not decide the result do not count (validation does, as the page shows its curve), and neither does
    one that only one of them knows: it came, or went, with another version, which would not have made another run. Only
    options of tasks must be the very same.
    """
    from vilasr.training.resume import FREE  # not earlier: it comes with torch

    if isinstance(saved, dict) and isinstance(told, dict):
        free = FREE - {"validation"} | {"workers", "concurrency", "keep_rollouts"}
        known = saved.keys() & told.keys() - free
        return all(saved[key] == told[key] if key == "options" else agrees(saved[key], told[key]) for key in known)
    if isinstance(saved, list) and isinstance(told, list):
        return len(saved) == len(told) and all(map(agrees, saved, told))
    return bool(saved == told)
