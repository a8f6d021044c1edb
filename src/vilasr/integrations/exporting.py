"""`vilasr export`: a dataset or a rollout file in the layout of another program.

sharegpt   OUT/NAME.json, dataset_info.json, images/       conversations for LLaMA-Factory
vilasr     OUT/cold_start/NAME.json, rl/NAME.json (or eval/NAME.json), dataset_info.json, images/   the official layout
verl       OUT/NAME.parquet                                 prompts for reinforcement learning
parquet    a dataset of ours

Rows are made, written and forgotten one by one. OUT appears when all of it is there.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vilasr.data import DatasetInfo
from vilasr.data.card import cell
from vilasr.drawing import style_named
from vilasr.env import EpisodeConfig
from vilasr.errors import DataError, InputError
from vilasr.files import write_atomically
from vilasr.integrations.conversations import conversations_of, recorded_sizer
from vilasr.integrations.dataset_folder import DatasetFolder
from vilasr.integrations.official import EXTRA, encode_question
from vilasr.integrations.sources import recorded
from vilasr.integrations.staging import ImageFolder, JsonList, image_path, staged_folder
from vilasr.integrations.verl_rows import write_verl
from vilasr.protocol import CoordinateFrame, Sizer, protocol_named
from vilasr.tasks import TASK_NAMES

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from vilasr.integrations.sources import Source

FORMATS = ("sharegpt", "verl", "vilasr", "parquet")
MAX_IMAGE_TOKENS = 1280
"""Of an image, unless `max_pixels` says otherwise: the default of Qwen's processors."""
INDEX = "dataset_info"
TAGS = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "system_tag": "system",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportOptions:
    """What to export, and how demonstrations are played for it.

    Attributes:
        protocol: None: the rollout file's own; `vilasr` for a dataset.
        max_pixels: of an image as the policy sees it; None: 1280 tokens.
        mistakes: share of demonstrations with a deliberate mistake, which the next turn corrects.
        keep_mistakes: write conversations with a turn that must not be learnt, though the reader will train it.
    """

    format: str
    protocol: str | None = None
    style: str = "default"
    drawing: bool = True
    max_pixels: int | None = None
    mistakes: float = 0.0
    keep_mistakes: bool = False
    seed: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Exported:
    """What was written; `left_out` counts by reason what was not."""

    num_conversations: int
    num_questions: int
    left_out: dict[str, int]


OnRow = Callable[[], None]


def export(source: Source, out: str | os.PathLike[str], options: ExportOptions, *, on_row: OnRow) -> Exported:
    """Write `out`, which must not exist or be empty. `on_row` is called after every row.

    Raises:
        InputError: nothing to export; samples of a task without demonstrations; `out` cannot be written.
    """
    config = episode_config(source, options)
    left_out: Counter[str] = Counter()
    with staged_folder(out) as folder:
        num_conversations = num_questions = 0
        match options.format:
            case "verl":
                path = folder / f"{source.name}.parquet"
                num_questions = write_verl(path, source, config, left_out=left_out, on_row=on_row)
            case "parquet":
                num_questions = _parquet(folder, source, left_out, on_row)
            case _:
                num_conversations, num_questions = _json(folder, source, config, options, left_out, on_row)
        if num_conversations + num_questions == 0:
            reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.items())
            raise InputError(str(source.path), expected="something to export", got=reasons or "nothing")
    return Exported(num_conversations=num_conversations, num_questions=num_questions, left_out=dict(left_out))


def episode_config(source: Source, options: ExportOptions) -> EpisodeConfig:
    """How the rollouts of a file were played, or how demonstrations are to be. Raises InputError for unknown names."""
    header = source.header
    protocol = protocol_named(options.protocol or (header.protocol if header is not None else "vilasr"))
    factor = 32 if protocol.frame is CoordinateFrame.THOUSANDTHS else 28
    sizer = Sizer(factor=factor, max_pixels=options.max_pixels or MAX_IMAGE_TOKENS * factor**2)
    if header is None:
        return EpisodeConfig(protocol=protocol, style=style_named(options.style), sizer=sizer, drawing=options.drawing)
    if options.protocol in (None, header.protocol):
        system, plain = (recorded(header, "episode", "protocol", key) for key in ("system", "system_plain"))
        if isinstance(system, str) and isinstance(plain, str):
            protocol = replace(protocol, system=system, system_plain=plain)
    sizer = recorded_sizer(header, sizer)
    return EpisodeConfig(protocol=protocol, style=style_named(header.style), sizer=sizer, drawing=header.drawing)


# --- one function a layout --------------------------------------------------------------------------------------------


def _parquet(folder: Path, source: Source, left_out: Counter[str], on_row: OnRow) -> int:
    dataset = DatasetFolder(folder)
    for sample in source.samples():
        try:
            dataset.add(sample)
        except InputError as error:
            source.on_bad(DataError(f"{sample.id}: {error}"))
            left_out["with an image that cannot be read"] += 1
        else:
            on_row()
    info = source.info or DatasetInfo(name=source.name, task="rollouts", version=0, split="train", seed=0, num=0)
    return dataset.finish(info, origin=f"from {source.path.name}")


def _json(
    folder: Path, source: Source, config: EpisodeConfig, options: ExportOptions, left_out: Counter[str], on_row: OnRow
) -> tuple[int, int]:
    """Both layouts of JSON lists and PNG files; the numbers of conversations and of questions."""
    images = ImageFolder(folder)
    if options.format == "sharegpt":
        if source.name == INDEX:
            expected = f"a name other than that of the index beside it, {INDEX}.json"
            raise InputError(f"name of {source.path}", expected=expected, got=INDEX, remedy="Rename it.")
        files = {source.name: f"{source.name}.json"}
        num_questions = 0
    else:
        files = {f"{source.name}_cold_start": f"cold_start/{source.name}.json"} if _has_conversations(source) else {}
        num_questions = _write_questions(folder, source, images, left_out, on_row)
    num_conversations = 0
    for file_name in files.values():
        num_conversations = _write_conversations(folder / file_name, source, config, images, options, left_out, on_row)
    descriptions = {name: _description(file_name) for name, file_name in files.items()}
    write_atomically(folder / f"{INDEX}.json", json.dumps(descriptions, indent=2).encode() + b"\n")
    if files:
        write_atomically(folder / "README.md", _readme(next(iter(files)), config.sizer).encode())
    return num_conversations, num_questions


def _has_conversations(source: Source) -> bool:
    """The official layout trains on demonstrations of the training split, never on those of a benchmark."""
    return source.info is None or (source.split == "train" and source.info.task in TASK_NAMES)


def _write_questions(folder: Path, source: Source, images: ImageFolder, left_out: Counter[str], on_row: OnRow) -> int:
    path = folder / ("rl" if source.split == "train" else "eval") / f"{source.name}.json"
    with JsonList(path) as rows:
        for sample in source.samples():
            try:
                row = encode_question(sample, [image_path(images.store(image)) for image in sample.images])
            except InputError as error:
                source.on_bad(DataError(f"{sample.id}: {error}"))
                left_out["that the layout cannot hold"] += 1
            else:
                rows.append(row)
                on_row()
        return rows.num_rows


def _write_conversations(
    path: Path,
    source: Source,
    config: EpisodeConfig,
    images: ImageFolder,
    options: ExportOptions,
    left_out: Counter[str],
    on_row: OnRow,
) -> int:
    conversations = conversations_of(
        source,
        config,
        seed=options.seed,
        mistakes=options.mistakes,
        keep_mistakes=options.keep_mistakes,
        left_out=left_out,
    )
    with JsonList(path) as rows:
        for conversation in conversations:
            rows.append(
                {
                    "conversations": list(conversation.messages),
                    "images": [image_path(images.store(image)) for image in conversation.images],
                    EXTRA: json.dumps(conversation.truth, allow_nan=False),
                }
            )
            on_row()
        return rows.num_rows


# --- what is said about them ------------------------------------------------------------------------------------------


def _description(file_name: str) -> dict[str, object]:
    """An entry of LLaMA-Factory's `dataset_info.json`."""
    columns = {"messages": "conversations", "images": "images"}
    return {"file_name": file_name, "formatting": "sharegpt", "columns": columns, "tags": TAGS}


def _readme(name: str, sizer: Sizer) -> str:
    return f"""\
# {cell(name)}

Conversations for LLaMA-Factory, with every picture that the policy saw, drawn ones included.

```yaml
dataset: {json.dumps(name)}
dataset_dir: .                       # this folder
image_max_pixels: {sizer.max_pixels}            # or more: the numbers in the text are pixels of these very pictures
cutoff_len: 18432
```

The loss is on every assistant message and on nothing else; leave `train_on_prompt` and `mask_history` off. A single
assistant message cannot be left out of it, so conversations with a deliberate mistake are not here unless they were
asked for (`--keep-mistakes`).
"""
