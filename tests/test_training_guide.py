"""What docs/training.md names is there: commands, files, keys, metrics. Its rows are imported or refused as it says."""

from __future__ import annotations

import ast
import json
import re
import shlex
from functools import cache
from pathlib import Path

import pytest
from PIL import Image

import vilasr.training
from vilasr.cli import import_data
from vilasr.cli.main import build_parser
from vilasr.data import read_dataset
from vilasr.training.config import SftConfig, load_config
from vilasr.training.grpo_config import GrpoConfig
from vilasr.training.grpo_metrics import PLOTTED
from vilasr.training.rejection_config import RejectionConfig

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
KINDS = {"sft": SftConfig, "rejection": RejectionConfig, "grpo": GrpoConfig}
COMMANDS = re.findall(r"^(?:torchrun .*?-m )?vilasr (.*)$", GUIDE, re.MULTILINE)
TRAININGS = [command for command in COMMANDS if command.startswith("train ")]
METRIC_ROWS = re.findall(r"\| metric \|.*\n\|.*\n((?:\|.*\n)+)", GUIDE)
LOGGING = ("sft", "samples", "grpo", "grpo_metrics", "grpo_update", "grpo_validation")
"""The modules of training that make the values of metrics.jsonl."""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_parses(command):
    assert build_parser().parse_args(shlex.split(command)).command == command.split()[0]


@pytest.mark.parametrize("command", TRAININGS)
def test_every_config_loads_with_its_overrides(command):
    args = build_parser().parse_args(shlex.split(command))
    assert load_config(KINDS[args.stage], ROOT / args.config, args.overrides).model_dump()


def test_all_three_stages_are_there_and_no_config_is_named_that_no_command_uses():
    assert {command.split()[1] for command in TRAININGS} == set(KINDS)
    named = set(re.findall(r"configs/[\w/-]+\.toml", GUIDE))
    assert named == {command.split()[2] for command in TRAININGS}


def test_every_file_that_is_linked_exists():
    for target in re.findall(r"\]\((?!https?://)(.*?)\)", GUIDE):
        assert (ROOT / "docs" / target).exists(), target


# --- keys and metrics -------------------------------------------------------------------------------------------------


def is_key(kind, path):
    """Whether `loss.correction` is a key of a config."""
    for name in path.split("."):
        field = getattr(kind, "model_fields", {}).get(name)
        if field is None:
            return False
        options = (field.annotation, *getattr(field.annotation, "__args__", ()))
        kind = next((option for option in options if hasattr(option, "model_fields")), None)
    return True


def test_every_key_is_a_key_of_some_stage():
    quoted = re.findall(r"`([a-z_.]+)(?:=\S*)?`", GUIDE)
    dotted = {text for text in quoted if "." in text and not re.search(r"\.(jsonl?|toml|md|png)$|^vilasr\.", text)}
    sections = set(re.findall(r"\[\[?([a-z_.]+)\]\]?`", GUIDE))
    assert {"loss.correction", "validation.data", "endpoint.url"} <= dotted
    assert {"replay", "balance", "sft", "validation"} <= sections
    assert [key for key in sorted(dotted | sections) if not any(is_key(kind, key) for kind in KINDS.values())] == []


@cache
def logged_names():
    """The texts in the code of the logging modules, docstrings left out: whole names, and how others begin."""
    whole, beginnings = set(), set()
    for module in LOGGING:
        tree = ast.parse((Path(vilasr.training.__file__).parent / f"{module}.py").read_text(encoding="utf-8"))
        inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
                (beginnings if id(node) in inside else whole).add(node.value)
    return whole, {text for text in beginnings if re.fullmatch(r"[a-z]+_", text)}


def is_logged(name):
    whole, beginnings = logged_names()
    if name.startswith("validation_"):
        return "validation_" in beginnings and is_logged(name.removeprefix("validation_"))
    return name in whole or any(name.startswith(text) for text in beginnings)


def test_every_metric_of_the_tables_is_logged_and_every_one_that_is_plotted_is_explained():
    stage_1, stage_3 = (
        {name for row in rows.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])}
        for rows in METRIC_ROWS
    )
    assert {"loss", "held_out_loss", "confident", "grad_norm"} <= stage_1
    assert set(PLOTTED) <= stage_3
    assert [name for name in sorted(stage_1 | stage_3) if not is_logged(name)] == []


def test_a_metric_that_is_not_logged_would_be_found():
    assert is_logged("dropped_REASON")
    assert is_logged("validation_reward")
    assert not is_logged("kl_loss")
    assert not is_logged("validation_kl_loss")


# --- the rows ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def take(tmp_path):
    """Runs the guide's import on rows; gives the samples and the reasons of the refused."""

    def run(rows):
        (tmp_path / "photos").mkdir()
        for name in ("room-1.png", "room-2.png"):
            Image.new("RGB", (56, 56), "white").save(tmp_path / "photos" / name)
        (tmp_path / "own.json").write_text(json.dumps(rows), encoding="utf-8")
        words = shlex.split(next(command for command in COMMANDS if command.startswith("import own.json")))
        words = [str(tmp_path / word) if word in ("own.json", "photos", "data/own") else word for word in words]
        assert import_data.run(build_parser().parse_args(words)) == 0
        rejected = tmp_path / "data" / "own" / "rejected.jsonl"
        reasons = rejected.read_text(encoding="utf-8").splitlines() if rejected.exists() else []
        return list(read_dataset(tmp_path / "data" / "own")[1]), [json.loads(line)["reason"] for line in reasons]

    return run


def rows_of_the_guide():
    return json.loads(re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)[0])


def test_the_rows_are_imported(take):
    (lamp, chairs), reasons = take(rows_of_the_guide())
    assert reasons == []
    assert (lamp.id, lamp.options, lamp.answer, len(lamp.images)) == ("own/1", ("the red one", "the blue one"), "B", 1)
    assert (chairs.id, chairs.answer, chairs.answer_type, len(chairs.images)) == ("own/2", "3", "number", 2)
    assert chairs.metadata["question_type"] == "count"


def test_rows_are_refused_for_the_reasons_that_the_guide_quotes(take):
    lamp, chairs = rows_of_the_guide()
    wrong = [lamp | {"answer": "C"}, chairs | {"image_path": ["room-9.png"]}, chairs | {"answer": "about 3"}]
    samples, reasons = take([*wrong, lamp | {"answer": None}])
    assert [sample.answer for sample in samples] == [None]
    said = " ".join(GUIDE.split())
    assert all(f"`{reason}`" in said for reason in reasons[:2])
    assert reasons[2] == "answer: expected a number; got 'about 3'"
