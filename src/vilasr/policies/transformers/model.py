"""Checkpoints of the Qwen2.5-VL and Qwen3-VL families: load one, save one."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from vilasr.errors import InputError
from vilasr.policies.transformers.chat import ChatTokens
from vilasr.policies.transformers.vision import ImageSettings, prepare_vision
from vilasr.protocol import Sizer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FAMILIES = {"qwen2_5_vl": "Qwen2.5-VL", "qwen3_vl": "Qwen3-VL"}
DEFAULT_PROTOCOLS = {"qwen2_5_vl": "vilasr", "qwen3_vl": "json"}
SETTINGS_FILE = "vilasr.json"
"""Beside the usual files, our checkpoints carry {"protocol", "min_pixels", "max_pixels", "max_context_tokens"}."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedModel:
    """A checkpoint in memory, with all it takes to talk to it.

    Attributes:
        name: what the user called it.
        folder: where its files lie.
        family: key of FAMILIES.
        model: the `ForConditionalGeneration`, in eval mode; on the device "meta" without weights.
        chat: its tokens.
        images: how it cuts images up.
        sizer: fits image sizes to what it accepts.
        protocol: name of the wire format it was trained with.
        max_context_tokens: length of its context window.
    """

    name: str
    folder: Path
    family: str
    model: Any
    chat: ChatTokens
    images: ImageSettings
    sizer: Sizer
    protocol: str
    max_context_tokens: int


def load_model(name: str | Path, *, dtype: torch.dtype = torch.float32, device: str = "cpu") -> LoadedModel:
    """Load a checkpoint: `nano` (the embedded one), a local folder, or a name on the Hugging Face hub.

    Weights are read from safetensors only, and no code from the checkpoint ever runs. For the device "meta" none are
    read: such a model says which layers it has, and computes nothing.

    Raises:
        InputError: no such folder or name, another architecture, broken or missing files, missing weights.
    """
    folder = _find(str(name))
    family = _family(folder, str(name))
    chat = ChatTokens.from_file(_require(folder / "tokenizer.json"))
    frame = _frame(folder, family)
    model = _without_weights(folder, family) if device == "meta" else _load_weights(folder, family, dtype).to(device)
    if model.config.image_token_id != chat.image_id:
        raise InputError(
            str(folder / "tokenizer.json"),
            expected=f"<|image_pad|> to be token {model.config.image_token_id}, as config.json says",
            got=f"token {chat.image_id}",
            remedy="Use the tokenizer.json that belongs to this checkpoint.",
        )
    num_embeddings = model.config.text_config.vocab_size
    if max(chat.special_ids) >= num_embeddings:
        raise InputError(
            str(folder / "tokenizer.json"),
            expected=f"control tokens below {num_embeddings}, the number of embeddings that config.json tells",
            got=f"token {max(chat.special_ids)}",
            remedy="Use the tokenizer.json that belongs to this checkpoint.",
        )
    return LoadedModel(
        name=str(name),
        folder=folder,
        family=family,
        model=model,
        chat=chat,
        images=frame.images,
        sizer=frame.sizer,
        protocol=frame.protocol,
        max_context_tokens=frame.max_context_tokens or model.config.text_config.max_position_embeddings,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """How a checkpoint is talked to; read without its weights. The attributes are those of `LoadedModel`.

    `max_context_tokens` is None where only the model's own config knows it.
    """

    images: ImageSettings
    sizer: Sizer
    protocol: str
    max_context_tokens: int | None


def read_frame(name: str | Path) -> Frame:
    """Raises InputError as `load_model` does."""
    folder = _find(str(name))
    return _frame(folder, _family(folder, str(name)))


def _frame(folder: Path, family: str) -> Frame:
    images, min_pixels, max_pixels = _image_settings(folder)
    settings = _read_json(folder / SETTINGS_FILE) if (folder / SETTINGS_FILE).exists() else {}
    return Frame(
        images=images,
        sizer=Sizer(
            factor=images.factor,
            min_pixels=settings.get("min_pixels", min_pixels),
            max_pixels=settings.get("max_pixels", max_pixels),
        ),
        protocol=settings.get("protocol", DEFAULT_PROTOCOLS[family]),
        max_context_tokens=settings.get("max_context_tokens"),
    )


def _family(folder: Path, name: str) -> str:
    """Key of FAMILIES; raises InputError for another architecture."""
    family = _read_json(folder / "config.json").get("model_type")
    if family not in FAMILIES:
        raise InputError(
            name,
            expected=f"a checkpoint of the {' or '.join(FAMILIES.values())} family",
            got=f"model_type {family!r}",
            remedy="Serve other models with any OpenAI-compatible server and give --endpoint URL.",
        )
    return str(family)


def save_model(loaded: LoadedModel, folder: Path, *, weights: Mapping[str, torch.Tensor] | None = None) -> None:
    """Write a checkpoint that `load_model` and transformers read: the weights as they are, other files copied.

    `weights`, by their names in the model, take the place of the model's own; of tied ones, one is enough.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _quiet():
        loaded.model.save_pretrained(folder, state_dict=weights)
    for path in loaded.folder.iterdir():
        if path.suffix in {".json", ".jinja", ".txt"} and not (folder / path.name).exists():
            if path.name.endswith(".index.json"):
                continue  # describes the old shards
            shutil.copyfile(path, folder / path.name)
    settings = {
        "protocol": loaded.protocol,
        "min_pixels": loaded.sizer.min_pixels,
        "max_pixels": loaded.sizer.max_pixels,
        "max_context_tokens": loaded.max_context_tokens,
    }
    (folder / SETTINGS_FILE).write_text(json.dumps(settings, indent=2) + "\n")


def _find(name: str) -> Path:
    """The folder that `name` means; a hub name is downloaded (or found in the hub's cache)."""
    if name == "nano":
        folder = Path(str(files("vilasr"))) / "models" / "nano"
        if not (folder / "config.json").exists():
            raise InputError(
                "nano", expected="the embedded model in the package", got="none", remedy="Build it with: make nano"
            )
        return folder
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    looks_local = name.startswith((".", "/", "~")) or name.count("/") != 1 or path.exists()
    if not looks_local:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

        try:
            return Path(snapshot_download(name, allow_patterns=["*.json", "*.jinja", "*.txt", "*.safetensors"]))
        except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
            raise InputError(
                name,
                expected="a folder, or a model on the Hugging Face hub that can be reached",
                got=f"{type(error).__name__}: {str(error).splitlines()[0]}",
                remedy="Check the name and the network, or download the model and give its folder.",
            ) from error
    raise InputError(
        name,
        expected="'nano', a checkpoint folder, or a hub name like Qwen/Qwen2.5-VL-7B-Instruct",
        got="a file" if path.exists() else "no such folder",
        remedy="Give the folder that holds config.json and *.safetensors.",
    )


def _require(path: Path) -> Path:
    if not path.is_file():
        raise InputError(
            str(path.parent),
            expected=f"a checkpoint folder with {path.name}",
            got="a folder without it",
            remedy="Give the folder that holds config.json, tokenizer.json and *.safetensors.",
        )
    return path


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(_require(path).read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(str(path), expected="a JSON object", got=f"{error}", remedy="Copy the file again.") from error
    if not isinstance(content, dict):
        raise InputError(str(path), expected="a JSON object", got=type(content).__name__, remedy="Copy the file again.")
    return content


def _image_settings(folder: Path) -> tuple[ImageSettings, int, int]:
    """`preprocessor_config.json` -> settings, min_pixels, max_pixels; the latter two, in newer files, as `size`."""
    path = folder / "preprocessor_config.json"
    content = _read_json(path)
    size = content.get("size") or {}
    try:
        settings = ImageSettings(
            patch_size=content["patch_size"],
            merge_size=content["merge_size"],
            temporal_patch_size=content["temporal_patch_size"],
            mean=tuple(content["image_mean"]),
            std=tuple(content["image_std"]),
        )
        min_pixels = content["min_pixels"] if content.get("min_pixels") else size["shortest_edge"]
        max_pixels = content["max_pixels"] if content.get("max_pixels") else size["longest_edge"]
    except KeyError as error:
        raise InputError(
            str(path), expected=f"the field {error}", got="none", remedy="Use the file that came with the checkpoint."
        ) from error
    return settings, min_pixels, max_pixels


def _class_of(family: str) -> Any:
    if family == "qwen2_5_vl":
        from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLForConditionalGeneration as Model
    else:
        from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLForConditionalGeneration as Model
    return Model


def _without_weights(folder: Path, family: str) -> Any:
    kind = _class_of(family)
    with torch.device("meta"):
        return kind(kind.config_class.from_pretrained(folder)).eval()


def _load_weights(folder: Path, family: str, dtype: torch.dtype) -> Any:
    from safetensors import SafetensorError

    try:
        with _quiet():
            model, info = _class_of(family).from_pretrained(
                folder,
                dtype=dtype,
                use_safetensors=True,
                local_files_only=True,
                attn_implementation="sdpa",
                output_loading_info=True,
            )
    except (SafetensorError, OSError, RuntimeError, ValueError, TypeError) as error:
        raise _bad_weights(folder, family, str(error).splitlines()[0]) from error
    if info["missing_keys"]:
        missing = sorted(info["missing_keys"])
        raise _bad_weights(folder, family, f"{len(missing)} weights missing, {missing[0]} first")
    if "sliding_attention" in (getattr(model.config.text_config, "layer_types", None) or []):
        raise InputError(
            str(folder),
            expected="full attention in every layer",
            got="use_sliding_window: true",
            remedy="Serve this checkpoint with another engine and give --endpoint URL.",
        )
    prepare_vision(model)
    return model.eval()


def _bad_weights(folder: Path, family: str, got: str) -> InputError:
    return InputError(
        str(folder),
        expected=f"complete *.safetensors weights of a {FAMILIES[family]} model",
        got=got,
        remedy="Copy the weights again from where the checkpoint came from.",
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' progress bars."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
