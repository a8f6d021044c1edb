"""Makes `tiny_models` importable, and loads one tiny checkpoint of each family for all tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session", params=["qwen2_5_vl", "qwen3_vl"])
def folder(request, tmp_path_factory):
    """A checkpoint folder of each family in turn."""
    from tiny_models import write_tiny_model

    return write_tiny_model(tmp_path_factory.mktemp("models") / request.param, request.param)


@pytest.fixture(scope="session")
def loaded(folder):
    """The loaded checkpoint of each family in turn."""
    import torch

    from vilasr.policies.transformers import load_model

    torch.set_num_threads(1)
    return load_model(folder)
