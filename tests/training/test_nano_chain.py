"""The chain that `make nano` runs: files that fit together."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

import vilasr
from vilasr.training.config import SftConfig, load_config
from vilasr.training.grpo_config import GrpoConfig
from vilasr.training.nano import build
from vilasr.training.nano.build import CHAIN, DATASETS, RUNS
from vilasr.training.rejection_config import RejectionConfig

CONFIGS = Path(__file__).parents[2] / "configs" / "nano"
CLASSES = {"sft": SftConfig, "rejection": RejectionConfig, "grpo": GrpoConfig}


@pytest.fixture(scope="module")
def chain():
    return [load_config(CLASSES[stage], CONFIGS / f"{name}.toml") for name, stage in CHAIN.items()]


def test_every_config_of_the_folder_is_a_stage_and_every_stage_has_one():
    stems = [path.stem for path in CONFIGS.glob("*.toml")]
    assert sorted(stems, key=lambda stem: int(stem.partition("-")[0])) == ["0-see", *CHAIN]


def test_each_stage_writes_into_the_folder_of_its_name(chain):
    assert [config.out for config in chain] == [RUNS / name for name in CHAIN]


def test_each_stage_begins_with_the_model_of_the_one_before(chain):
    assert chain[0].model == str(RUNS / "fresh")
    assert all(later.model == str(earlier.out / "model") for earlier, later in pairwise(chain))


def test_every_dataset_is_made_before_a_stage_learns_from_it_and_none_for_nothing(chain):
    made, used = set(), set()
    for name, config in zip(CHAIN, chain, strict=True):
        made |= {RUNS / "data" / dataset for dataset in DATASETS.get(name, {})}
        sources = config.data.tasks if isinstance(config, SftConfig) else getattr(config, "replay", ())
        used |= {source.dataset for source in sources if source.dataset}
        assert used <= made
    assert used == made


@pytest.fixture
def commands(monkeypatch):
    """What building runs and writes; seeing and fresh weights are as if they were there."""
    told = []
    monkeypatch.chdir(CONFIGS.parents[1])
    monkeypatch.setattr(build, "see", lambda: told.append("see"))
    monkeypatch.setattr(build, "fresh", lambda: told.append("fresh"))
    monkeypatch.setattr(build, "run", lambda *words, processes=1: told.append((*words[:3], processes)))
    monkeypatch.setattr(build, "package", lambda model, out: told.append(("package", model, out)))
    return told


def test_building_runs_all_stages_in_order_and_then_writes_the_package(commands, tmp_path):
    build.main(["--out", str(tmp_path)])
    assert commands == [
        "see",
        "fresh",
        ("train", "sft", "configs/nano/1-point.toml", 2),
        ("train", "sft", "configs/nano/2-draw.toml", 2),
        *[("generate", task, "--seed", 1) for task in ("multiview", "video")],
        ("train", "sft", "configs/nano/3-all.toml", 2),
        *[("generate", "multiview", "--seed", 1)] * 2,
        ("train", "sft", "configs/nano/4-closer.toml", 2),
        *[("generate", task, "--seed", 1) for task in ("multiview", "video") for _ in range(5 + (task == "video"))],
        ("train", "sft", "configs/nano/5-families.toml", 2),
        ("train", "rejection", "configs/nano/6-reflect.toml", 1),
        ("train", "grpo", "configs/nano/7-reinforce.toml", 1),
        ("package", RUNS / "7-reinforce/model", tmp_path),
    ]


def test_building_until_a_stage_makes_only_what_that_needs(commands):
    build.main(["--until", "1-point"])
    assert commands == ["see", "fresh", ("train", "sft", "configs/nano/1-point.toml", 2)]


def test_the_embedded_model_takes_less_than_25_mb_of_the_package():
    files = [path for path in (Path(vilasr.__file__).parent / "models" / "nano").iterdir() if path.is_file()]
    assert "model.safetensors" in {path.name for path in files}
    assert sum(path.stat().st_size for path in files) < 25e6
