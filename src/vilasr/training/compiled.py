"""Layers compiled by torch: what lies between their matrix products goes through memory once instead of five times.

In a small model on a CPU norms, rotations, gates and casts take as long as the products. Attention written as matrix
products stays as it is: it loops over lengths, and taps read it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from vilasr.errors import InputError
from vilasr.training.attention import TEXT, VISION

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def compile_layers(model: PreTrainedModel) -> None:
    """Compile each layer of both towers when it is first called, in place, for any number and length of sequences.

    Names and weights stay what they are. Results differ by rounding from those that are not compiled.

    Raises:
        InputError: torch cannot compile here.
    """
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    _check_compiler()
    for name in (VISION, TEXT):
        if name in ALL_ATTENTION_FUNCTIONS:
            ALL_ATTENTION_FUNCTIONS.register(name, torch.compiler.disable(ALL_ATTENTION_FUNCTIONS[name]))
    for layer in (*model.model.visual.blocks, *model.model.language_model.layers):
        layer.compile(dynamic=True)


def _check_compiler() -> None:
    """By trying: what is missing may be the compiler, Python's headers, or a folder to write to."""
    try:
        torch.compile(lambda x: x.sin().exp())(torch.zeros(2))
    except Exception as problem:  # torch has no one name for them
        raise InputError(
            "compile",
            expected="a machine on which torch.compile works: for a CPU, with g++ and the headers of Python",
            got=(str(problem).strip() or repr(problem)).splitlines()[0],
            remedy="Install them (g++, python3-dev), or train with compile=false.",
        ) from problem
