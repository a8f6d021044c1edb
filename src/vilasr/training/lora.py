"""Low-rank adapters (LoRA, through peft): the weights stay as they are, and B A is added to some of them.

The adapters are put into the model itself, whose class and methods stay what they were. A checkpoint holds them as peft
does (adapter_model.safetensors, adapter_config.json), so that other programs load it over the same base.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file, save_file

from vilasr.errors import InputError, MissingExtraError
from vilasr.training.distributed import whole
from vilasr.training.optim import part_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from torch import Tensor

    from vilasr.training.config import LoraSection, Part

ADAPTER_FILE = "adapter_model.safetensors"
_OF_PEFT = "base_model.model."
"""peft wraps a model twice before it names its weights."""


def add_adapters(model: Any, lora: LoraSection, *, frozen: Collection[Part], name: str) -> None:
    """Put fresh adapters in float32 into `model`, which was loaded as `name`, and freeze everything else.

    They begin the same in every process and at every start: A is drawn from a fixed seed, B is zero.

    Raises:
        InputError: no linear layer of a part that is not in `frozen` has one of the names in `lora.targets`.
        MissingExtraError: peft is not installed.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise MissingExtraError("lora", package="peft", extra="train") from error
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=_target_layers(model, lora.targets, frozen),
        base_model_name_or_path=name,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        inject_adapter_in_model(config, model)
    for parameter_name, parameter in model.named_parameters():
        parameter.requires_grad_("lora_" in parameter_name)
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


def adapter_weights(model: Any) -> dict[str, Tensor]:
    """The adapters of a model, whole, under the names of peft's files."""
    return {_name_in_file(name): whole(parameter.detach()) for name, parameter in _adapters(model)}


def save_adapters(model: Any, weights: Mapping[str, Tensor], folder: Path) -> None:
    """Write `adapter_weights(model)` as a folder that peft loads."""
    folder.mkdir(parents=True, exist_ok=True)
    model.peft_config["default"].save_pretrained(folder)
    save_file({name: weight.contiguous() for name, weight in weights.items()}, folder / ADAPTER_FILE)


def load_adapters(model: Any, folder: Path) -> None:
    """Give the adapters of `model`, not yet cut up, the weights in `folder`.

    Raises:
        InputError: they are those of another model or of other settings.
    """
    weights = load_file(folder / ADAPTER_FILE)
    wanted = {_name_in_file(name): parameter for name, parameter in _adapters(model)}
    differing = sorted(
        name
        for name in weights.keys() | wanted.keys()
        if name not in weights or name not in wanted or weights[name].shape != wanted[name].shape
    )
    if differing:
        raise InputError(
            str(folder),
            expected=f"adapters for {len(wanted)} matrices of this model",
            got=f"other ones: {len(differing)} do not fit, {differing[0]} first",
            remedy="Resume with the model and the config that the run was started with.",
        )
    with torch.no_grad():
        for name, parameter in wanted.items():
            parameter.copy_(weights[name])


def merged_weights(model: Any) -> Iterator[tuple[str, Tensor]]:
    """The weights that `model` would have without adapters, W + alpha / rank * B A, whole and in the type of W.

    (name, weight) one by one, since all of them might not fit into one process; tied weights once.
    """
    layers = {f"{name}.base_layer.weight": layer for name, layer in model.named_modules() if hasattr(layer, "lora_A")}
    own = {name for name, _ in (*model.named_parameters(), *model.named_buffers())}
    for name, tensor in model.state_dict().items():
        if name not in own or "lora_" in name:
            continue
        weight = whole(tensor)
        if name in layers:
            layer = layers[name]
            down, up = (whole(side["default"].weight.detach()) for side in (layer.lora_A, layer.lora_B))
            weight = (weight.float() + layer.scaling["default"] * (up @ down)).to(weight.dtype)
        yield name.replace(".base_layer.", "."), weight


def _target_layers(model: Any, targets: Collection[str], frozen: Collection[Part]) -> list[str]:
    layers = [
        name
        for name, layer in model.model.named_modules(prefix="model")
        if isinstance(layer, torch.nn.Linear) and part_of(name) not in frozen
    ]
    own_names = {name: name.rpartition(".")[2] for name in layers}
    found = [name for name in layers if own_names[name] in targets]
    missing = {*targets} - {*own_names.values()}
    if missing or not found:
        listing = ", ".join(sorted({*own_names.values()}))
        raise InputError(
            "lora.targets",
            expected=f"names of linear layers in parts that are not frozen ({listing})",
            got=", ".join(sorted(missing)) or "none",
            remedy="Change lora.targets, or take parts out of optim.freeze.",
        )
    return found


def _adapters(model: Any) -> Iterator[tuple[str, torch.nn.Parameter]]:
    return ((name, parameter) for name, parameter in model.named_parameters() if "lora_" in name)


def _name_in_file(name: str) -> str:
    return _OF_PEFT + name.replace(".default.", ".")
