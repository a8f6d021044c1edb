"""The dataset card: what is in a dataset, for people and for hubs. Counted row by row; memory stays flat."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vilasr.data.dataset import IMAGE_FOLDER, DatasetInfo, shard_path
from vilasr.data.disk import num_bytes, size_text
from vilasr.data.rows import decode_row, read_shard
from vilasr.errors import InputError
from vilasr.types import AnswerType

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vilasr.types import Sample

LICENCE = """\
CC0-1.0: everything here was computed, no part was taken from elsewhere, and the makers of the generator claim no rights
in what it makes. The generator itself is under Apache-2.0."""
LAYOUT = """| path | what it holds |
|---|---|
| `data/*.parquet` | the rows, up to 1,000 in each: `id`, `task`, `question`, `options`, `answer` (the letter of an option, or a number), `answer_type`, `images` (paths in this folder), `metadata` (JSON: the type of the question, and the ground truth for grading drawings) |
| `images/*.png` | each image once, named by the SHA-256 of its size and pixels |
| `dataset.json` | the settings it was made with |

```python
from vilasr.data import read_dataset

info, samples = read_dataset("DIR")
for sample in samples:
    print(sample.question, sample.options, sample.answer, sample.images[0])
```"""  # noqa: E501 -- a row of a table cannot be broken
_PNG_HEADER = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"


@dataclass(slots=True)
class _Range:
    """Least, greatest and mean of numbers that are seen once."""

    num: int = 0
    total: float = 0.0
    least: float = math.inf
    most: float = -math.inf

    def add(self, value: float) -> None:
        self.num += 1
        self.total += value
        self.least, self.most = min(self.least, value), max(self.most, value)

    def __str__(self) -> str:
        return f"{self.least:g}" if self.least == self.most else f"{self.least:g} to {self.most:g}"


@dataclass(slots=True)
class _Tally:
    """What is counted of the samples of one type of question."""

    num: int = 0
    letters: Counter[str] = field(default_factory=Counter)
    numbers: _Range = field(default_factory=_Range)
    num_options: _Range = field(default_factory=_Range)

    def add(self, sample: Sample) -> None:
        self.num += 1
        if sample.answer_type is AnswerType.CHOICE:
            self.letters[sample.answer or "none"] += 1
            self.num_options.add(len(sample.options))
        elif sample.answer_type is AnswerType.NUMBER and sample.answer is not None:
            self.numbers.add(float(sample.answer))

    @property
    def kind(self) -> str:
        if self.letters:
            return f"one of {self.num_options}"
        return "number" if self.numbers.num else "text"

    @property
    def answers(self) -> str:
        if self.letters:
            return ", ".join(
                f"{cell(letter)} {100 * num / self.num:.1f} %" for letter, num in sorted(self.letters.items())
            )
        if self.numbers.num:
            return f"{self.numbers}, mean {self.numbers.total / self.numbers.num:.2f}"
        return ""


def card_text(folder: Path, info: DatasetInfo) -> str:
    """The card of a complete dataset, counted from its rows and images as they are on disk. Raises InputError."""
    tallies: dict[str, _Tally] = {}
    images_a_sample = _Range()
    for sample in _samples(folder, info):
        tallies.setdefault(_question_type(sample), _Tally()).add(sample)
        images_a_sample.add(len(sample.images))
    return "\n".join(
        [
            *("---", "license: cc0-1.0", "task_categories: [visual-question-answering]"),
            *("tags: [spatial-reasoning, synthetic]", f"size_categories: [{_size_category(info.num)}]"),
            *("configs: [{config_name: default, data_files: data/*.parquet}]", "---"),
            *(f"# {cell(info.name)}", ""),
            f"{info.num:,} {'sample' if info.num == 1 else 'samples'} of the task `{info.task}` "
            f"(version {info.version}), split `{info.split}`, "
            f"seed {info.seed}, with computed answers and ground truth for grading drawings. Made by vilasr "
            f"{info.vilasr_version}; the same command makes the same samples:",
            *("", f"    {_command(info)}", ""),
            *("## Questions", "", "| type | samples | share | answer | answers |", "|---|---|---|---|---|"),
            *(_line(cell(name), tally, info.num) for name, tally in sorted(tallies.items())),
            *_choices_line(tallies, info.num),
            *("", "## Images", "", _images_text(folder, images_a_sample), ""),
            *("## Files", "", LAYOUT, "", "## Licence", "", LICENCE, ""),
        ]
    )


def _samples(folder: Path, info: DatasetInfo) -> Iterator[Sample]:
    for shard in range(info.num_shards):
        for row in read_shard(shard_path(folder, shard)):
            yield decode_row(row, folder)


def _question_type(sample: Sample) -> str:
    return str(sample.metadata.get("question_type", sample.answer_type.value))


def _line(name: str, tally: _Tally, total: int) -> str:
    return f"| {name} | {tally.num:,} | {100 * tally.num / total:.1f} % | {tally.kind} | {tally.answers} |"


def _choices_line(tallies: dict[str, _Tally], total: int) -> list[str]:
    """The letters of all types of choices together, where there are several."""
    choices = [tally for tally in tallies.values() if tally.letters]
    if len(choices) < 2:
        return []
    together = _Tally(num=sum(tally.num for tally in choices))
    for tally in choices:
        together.letters.update(tally.letters)
        together.num_options.add(tally.num_options.least)
        together.num_options.add(tally.num_options.most)
    return [_line("*all choices*", together, total)]


def _images_text(folder: Path, images_a_sample: _Range) -> str:
    num, widths, heights = 0, _Range(), _Range()
    for path in (folder / IMAGE_FOLDER).glob("*.png"):
        width, height = _png_size(path)
        num += 1
        widths.add(width)
        heights.add(height)
    if not num:
        return "None."
    several = "image" if images_a_sample.most == 1 else "images"
    return (
        f"{images_a_sample} {several} a sample; {num:,} different ones, RGB as PNG, {widths} px wide and {heights} px "
        f"high. With the rows they take {size_text(num_bytes(folder))}."
    )


def _png_size(path: Path) -> tuple[int, int]:
    """(width, height) from the header alone."""
    with path.open("rb") as file:
        header = file.read(24)
    if len(header) < 24 or not header.startswith(_PNG_HEADER):
        remedy = "It was damaged after it was written: generate into a new folder."
        raise InputError(str(path), expected="a PNG image", got="something else", remedy=remedy)
    return int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:24], "big")


def _command(info: DatasetInfo) -> str:
    options = [word for key, value in sorted(info.options.items()) for word in ("--family-option", f"{key}={value}")]
    words = ["vilasr", "generate", info.task, "--split", info.split, "--num", info.num, "--seed", info.seed, *options]
    return shlex.join([*map(str, words), "--out", "DIR"])


def _size_category(num: int) -> str:
    """As hubs name them: "1K<n<10K"."""
    bounds = [(1000, "1K"), (10_000, "10K"), (100_000, "100K"), (1_000_000, "1M"), (10_000_000, "10M")]
    below = "n"
    for bound, name in bounds:
        if num < bound:
            return f"{below}<{name}"
        below = f"{name}<n"
    return "n>10M"


def cell(text: str) -> str:
    """Text from a dataset as a cell of a table: one short line without markup."""
    return " ".join("".join(c if c.isalnum() or c in "_-.," else " " for c in text[:60]).split())
