"""For the commands that run many samples: a command run here, an endpoint without a model, a tiny model."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "policies")]


@pytest.fixture
def vilasr(capsys):
    """`vilasr("eval", "maze", ...)` runs the command here -> (exit code, stdout, stderr)."""
    from vilasr.cli.main import main

    def run(*words: object) -> tuple[int, str, str]:
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture(scope="session")
def endpoint():
    """Base URL of an OpenAI-compatible server that draws a box, then answers: right about one time in four."""
    from answering_server import serve

    with serve() as url:
        yield url


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A random checkpoint that takes small pictures and speaks the compact protocol."""
    from tiny_models import write_tiny_model

    folder = write_tiny_model(tmp_path_factory.mktemp("models") / "tiny", "qwen3_vl")
    (folder / "vilasr.json").write_text(json.dumps({"protocol": "compact"}))
    return folder


@pytest.fixture(scope="session")
def brief(tiny, tmp_path_factory):
    """A copy of `tiny` to whom all tokens are nearly equally likely, its stop token too, so that lengths differ."""
    from safetensors.torch import load_file, save_file

    folder = tmp_path_factory.mktemp("models") / "brief"
    shutil.copytree(tiny, folder)
    weights = load_file(folder / "model.safetensors")
    weights["lm_head.weight"] *= 0.05
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder
