"""Tiny checkpoints: one of each family with byte tokens, and a tiny nano with its own tokenizer."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1] / "policies")]


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session", params=["qwen2_5_vl", "qwen3_vl"])
def tiny_folder(request, tmp_path_factory):
    """A checkpoint folder of each family in turn."""
    from tiny_models import write_tiny_model

    return write_tiny_model(tmp_path_factory.mktemp("training") / request.param, request.param)


@pytest.fixture(scope="session")
def tiny(tiny_folder):
    """The loaded checkpoint of each family in turn. Do not change its weights or its attention."""
    from vilasr.policies.transformers import load_model

    return load_model(tiny_folder)


@pytest.fixture(scope="session")
def nano_folder(tmp_path_factory):
    """An untrained nano of tiny width and small vocabulary."""
    from handmade import TINY_NANO

    from vilasr.training.nano import fresh

    folder = tmp_path_factory.mktemp("nano") / "fresh"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fresh, "CORPUS", (("maze", {"question": "end"}, 5), ("marks", {}, 10)))
        patch.setattr(fresh, "NUM_MERGES", 150)
        fresh.write_fresh(folder, seed=0, shape=TINY_NANO)
    return folder


@pytest.fixture(scope="session")
def nano(nano_folder):
    """The loaded tiny nano. Do not change its weights or its attention."""
    from vilasr.policies.transformers import load_model

    return load_model(nano_folder)
