"""The embedded model as TRL takes it: processor, chat template and stock weights; and whether TRL is there at all."""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoTokenizer, Qwen2VLImageProcessorPil, Qwen3VLForConditionalGeneration
from transformers.models.qwen3_vl.processing_qwen3_vl import Qwen3VLProcessor

if TYPE_CHECKING:
    from pathlib import Path

    from vilasr.policies.transformers import LoadedModel

INSTALL = "pip install trl==1.16.0"
ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": "1000000000",
    "MALLOC_TRIM_THRESHOLD_": "1000000000",
    "MALLOC_TOP_PAD_": "64000000",
}
"""For both sides. glibc otherwise hands large tensors back to the kernel at every step."""

TRAINER = {
    "lr_scheduler_type": "constant",
    "gradient_checkpointing": False,
    "bf16": False,
    "use_cpu": True,
    "report_to": "none",
    "save_strategy": "no",
    "logging_strategy": "no",
    "disable_tqdm": True,
}
"""Of both of TRL's trainers: float32 on the processor, nothing recomputed, nothing written."""

# The checkpoint's own template, and what TRL asks of one: a tool's result is what the user says next, tool calls can be
# seen, and what the policy said is marked, stop token included.
CHAT_TEMPLATE = r"""
{%- macro said(content) -%}
{%- if content is string -%}{{ content }}
{%- else -%}{%- for part in content -%}
{%- if part.type == 'text' -%}{{ part.text }}{%- else -%}<|vision_start|><|image_pad|><|vision_end|>{%- endif -%}
{%- endfor -%}{%- endif -%}
{%- endmacro -%}
{%- for message in messages -%}
{{- '<|im_start|>' + ('user' if message.role == 'tool' else message.role) + '\n' -}}
{%- if message.role == 'assistant' -%}
{%- generation -%}{{- said(message.content) -}}
{%- for call in message.tool_calls or [] -%}{{- call.function | tojson -}}{%- endfor -%}
{{- '<|im_end|>' -}}{%- endgeneration -%}
{%- else -%}{{- said(message.content) + '<|im_end|>' -}}{%- endif -%}
{{- '\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}{%- endif -%}
""".strip()

RESPONSE_TEMPLATE = {
    "defaults": {"role": "assistant"},
    "start_anchor": "<|im_start|>assistant\n",
    "fields": {
        "tool_calls": {
            "open_pattern": r"\A(?!.*<answer>)(?P<said>.+?)(?=<\|im_end\|>|\Z)",
            "close_pattern": r"<\|im_end\|>\s*",
            "repeats": True,
            "content": "text",
            "transform": {"type": "function", "function": {"name": "play", "arguments": {"text": "{said}"}}},
        },
        "content": {"close_pattern": r"<\|im_end\|>\s*", "content": "text"},
    },
}
"""A turn that does not answer is one call of the tool `play`, its whole text the argument."""


def leave_without_trl() -> None:
    """Ends the program, which is no failure, where TRL or what it needs is not installed."""
    missing = [name for name in ("trl", "datasets", "accelerate") if importlib.util.find_spec(name) is None]
    if missing:
        print(f"left out: {', '.join(missing)} not installed. Beside vilasr, say: {INSTALL}")
        sys.exit(0)


def start_over_with_allocator() -> None:
    """Runs the program again with `ALLOCATOR` in force, unless it is; to be called before any work."""
    if any(key not in os.environ for key in ALLOCATOR):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**ALLOCATOR, **os.environ})


class ImageProcessor(Qwen3VLProcessor):
    """Images and text, no videos, whose processor needs torchvision."""

    def __init__(self, image_processor: Any = None, tokenizer: Any = None, chat_template: str | None = None) -> None:
        super().__init__(image_processor, tokenizer, None, chat_template=chat_template)


def processor_of(folder: Path) -> ImageProcessor:
    """Tokens and pixels as the engine has them: the environment has fitted the images, nothing is left to resize."""
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left", truncation_side="left")
    tokenizer.response_template = RESPONSE_TEMPLATE
    images = Qwen2VLImageProcessorPil.from_pretrained(folder)
    return ImageProcessor(images, tokenizer, chat_template=CHAT_TEMPLATE)


def stock_model(loaded: LoadedModel) -> Any:
    """The same weights in float32, in the model as transformers has it: without this project's vision tower."""
    return Qwen3VLForConditionalGeneration.from_pretrained(
        loaded.folder, dtype=torch.float32, attn_implementation="sdpa", local_files_only=True
    )
