"""An untrained nano checkpoint: tokenizer, configuration, weights; a folder that `load_model` and transformers read."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

from vilasr.env import EpisodeConfig
from vilasr.protocol import COMPACT
from vilasr.tasks import task_named
from vilasr.training.demonstrations import play
from vilasr.training.nano.architecture import (
    IMAGE_SETTINGS,
    MAX_CONTEXT_TOKENS,
    NANO_SIZER,
    NanoShape,
    build_model,
)
from vilasr.training.nano.tokenizer import SPECIAL_TOKENS, train_tokenizer
from vilasr.training.words import PLACES, WORDS
from vilasr.types import TextPart

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tokenizers import Tokenizer
    from torch import Tensor

NUM_MERGES = 1400
CORPUS: tuple[tuple[str, dict[str, str], int], ...] = (
    ("maze", {"question": "end"}, 1200),
    ("maze", {"question": "valid"}, 300),
    ("maze", {"question": "shortest"}, 300),
    ("marks", {}, 300),
    ("lengths", {}, 300),
    ("static", {"size": "112"}, 700),
    ("multiview", {"size": "112"}, 400),
    ("video", {"size": "64", "frames": "8"}, 250),
)
"""(task, options, number of demonstrations) that the tokenizer learns its merges from."""

CHAT_TEMPLATE = """\
{%- for message in messages -%}
<|im_start|>{{ message.role }}
{% if message.content is string %}{{ message.content }}{% else %}{% for part in message.content -%}
{%- if part.type == 'text' %}{{ part.text }}{% else %}<|vision_start|><|image_pad|><|vision_end|>{% endif -%}
{%- endfor %}{% endif %}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif -%}
"""


def write_fresh(
    folder: Path,
    *,
    seed: int,
    vision: Mapping[str, Tensor] | None = None,
    meanings: Mapping[str, Tensor] | None = None,
    shape: NanoShape = NanoShape(),  # noqa: B008 -- frozen
) -> None:
    """Write an untrained checkpoint into `folder`; `vision` are weights of a tower that has learned to see, `meanings`
    what it knows of words (see `build_model`).
    """
    folder.mkdir(parents=True, exist_ok=True)
    # A list, since the tokenizer draws its texts on threads of its own, and scenes are rendered on one thread.
    tokenizer = train_tokenizer(list(corpus(seed)), num_merges=NUM_MERGES, words=(*WORDS, *PLACES))
    model = build_model(tokenizer, shape, seed=seed, meanings=meanings)
    if vision is not None:
        model.model.visual.load_state_dict(vision)
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    for name, content in side_files(tokenizer).items():
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE, encoding="utf-8")


def side_files(tokenizer: Tokenizer) -> dict[str, dict[str, object]]:
    """The small JSON files beside the weights."""
    return {
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "eos_token": "<|im_end|>",
            "pad_token": "<|endoftext|>",
            "additional_special_tokens": list(SPECIAL_TOKENS),
            "model_max_length": MAX_CONTEXT_TOKENS,
            "clean_up_tokenization_spaces": False,
        },
        "preprocessor_config.json": {
            "image_processor_type": "Qwen2VLImageProcessor",
            "patch_size": IMAGE_SETTINGS.patch_size,
            "merge_size": IMAGE_SETTINGS.merge_size,
            "temporal_patch_size": IMAGE_SETTINGS.temporal_patch_size,
            "image_mean": list(IMAGE_SETTINGS.mean),
            "image_std": list(IMAGE_SETTINGS.std),
            "size": {"shortest_edge": NANO_SIZER.min_pixels, "longest_edge": NANO_SIZER.max_pixels},
        },
        "generation_config.json": {
            "eos_token_id": tokenizer.token_to_id("<|im_end|>"),
            "pad_token_id": tokenizer.token_to_id("<|endoftext|>"),
        },
        "vilasr.json": {
            "protocol": COMPACT.name,
            "min_pixels": NANO_SIZER.min_pixels,
            "max_pixels": NANO_SIZER.max_pixels,
            "max_context_tokens": MAX_CONTEXT_TOKENS,
        },
    }


def corpus(seed: int) -> Iterator[str]:
    """What is said on both sides of the demonstrations in CORPUS."""
    rng = random.Random(seed)
    for name, options, num in CORPUS:
        task = task_named(name)
        for index in range(num):
            sample = task.generate("train", index, seed, options)
            config = EpisodeConfig(protocol=COMPACT, sizer=NANO_SIZER, drawing=rng.random() < 0.9)
            for turn in play(task, sample, rng, config, mistake=rng.random() < 0.2).rollout.turns:
                for message in turn.context:
                    yield f"{message.role.value}\n"
                    yield from (part.text for part in message.parts if isinstance(part, TextPart))
                yield turn.text
