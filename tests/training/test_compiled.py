"""Compiled layers compute what the layers compute."""

from __future__ import annotations

import shutil
import sysconfig
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from handmade import ragged, sft_config
from tiny_models import write_tiny_model

from vilasr.errors import InputError
from vilasr.training.compiled import compile_layers
from vilasr.training.distributed import ALONE
from vilasr.training.guidance import Guidance
from vilasr.training.learner import open_learner
from vilasr.training.sft import train_step


def after_a_step(folder, out, **changes):
    """(metrics, weights) after a step of descent on samples of different length."""
    config = sft_config(folder, out, steps=1, precision="fp32", **changes)
    learner = open_learner(config, ALONE, start=None)
    learner = replace(learner, optimizer=torch.optim.SGD(learner.model.parameters(), lr=0.1))
    metrics = train_step(learner, ragged(learner.loaded)[0], config, guidance=Guidance(config, learner.loaded))
    return metrics, dict(learner.model.named_parameters())


HEADERS = Path(sysconfig.get_path("include"), "Python.h")


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("g++") and HEADERS.exists()), reason="no g++, or no headers of Python")
@pytest.mark.filterwarnings("ignore")  # of torch, while it compiles
def test_a_compiled_model_learns_the_same_and_keeps_its_names(tmp_path):
    folder = write_tiny_model(tmp_path / "tiny", "qwen3_vl")
    expected, weights = after_a_step(folder, tmp_path)
    found, others = after_a_step(folder, tmp_path, compile=True)
    assert found["loss"] == pytest.approx(expected["loss"], rel=1e-5)
    assert found["grad_norm"] == pytest.approx(expected["grad_norm"], rel=1e-4)
    assert weights.keys() == others.keys()
    for name, weight in weights.items():
        torch.testing.assert_close(others[name], weight, atol=1e-5, rtol=1e-4)


def test_a_machine_that_cannot_compile_says_what_is_missing(monkeypatch):
    def broken(function):
        raise RuntimeError("InvalidCxxCompiler: No working C++ compiler found\nmore")

    monkeypatch.setattr(torch, "compile", broken)
    with pytest.raises(InputError, match=r"compile: expected .*g\+\+.*; got InvalidCxxCompiler: No working C\+\+"):
        compile_layers(torch.nn.Module())
