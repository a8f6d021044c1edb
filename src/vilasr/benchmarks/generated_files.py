"""The generated families from files: datasets of `vilasr generate`, and the unified JSON of ViLaSR-eval and our export.

A row is only one of a benchmark if that benchmark could have made it: a maze of 8 x 8 cells is none of `maze`, whose
mazes have 3 to 6, but one of `maze-ood`. The authors' own MAZE (maze.json) comes without the truth about its cells; its
rows are known by their `grid_size`, and belong to `maze` alone.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from vilasr.benchmarks import vsi
from vilasr.benchmarks.base import LoadOptions
from vilasr.benchmarks.fields import gold, identity
from vilasr.benchmarks.files import FileBenchmark, Layout
from vilasr.data.dataset import IMAGE_FOLDER, INFO_FILE, SHARD_FOLDER, DatasetInfo, read_info
from vilasr.data.reader import shard_file
from vilasr.data.rows import COLUMNS, decode_row
from vilasr.errors import DataError, InputError
from vilasr.integrations.fields import shown, words
from vilasr.integrations.official import is_imported
from vilasr.integrations.options import without_letters
from vilasr.tasks import TASK_NAMES
from vilasr.tasks.maze.disturb import DISTURBED
from vilasr.tasks.maze.truth import truth_of
from vilasr.types import AnswerType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vilasr.benchmarks.files import Values
    from vilasr.benchmarks.generated import GeneratedBenchmark
    from vilasr.types import Json, Sample

MAZE_FILE = "maze.json"
"""What the authors call their MAZE in the unified JSON."""
EXPORT_FOLDERS = ("eval", "rl")
"""Where `vilasr export --format vilasr` puts questions; their images lie beside these."""
NUMERIC = {
    "maze": ("shortest",),
    "static": ("count", "depth", "distance"),
    "video": vsi.NUMERIC,
    "multiview": ("depth", "distance"),
}
"""Types of questions whose answer is a number, by task; all others are choices."""


def open_generated(
    generated: GeneratedBenchmark,
    data: Path,
    options: LoadOptions = LoadOptions(),  # noqa: B008 -- frozen
) -> FileBenchmark:
    """The items of a generated family in `data`: the folder of a dataset, one of its files, or a file in the unified
    JSON (or with the columns of a dataset, as JSON objects).

    Raises:
        InputError: there is nothing of that kind; a dataset that is not complete, or of another task.
    """
    folder = data if data.is_dir() else data.parent.parent
    if (folder / INFO_FILE).is_file() and (data.is_dir() or data.parent.name == SHARD_FOLDER):
        return _open_dataset(generated, folder, data, options)
    file = data / MAZE_FILE if data.is_dir() and generated.task == "maze" else data
    if not file.is_file():
        raise InputError(
            "--data",
            expected="the folder of a dataset, or a file in the unified JSON",
            got=f"{data}, a folder without {INFO_FILE}" if data.is_dir() else f"{data}, which is not there",
            remedy=f"Make one: vilasr generate {generated.task} --split test --num {generated.num} --out DIR. "
            "Without --data the samples are made on the fly.",
        )
    return FileBenchmark(_layout(generated, file.stem), _root_of(file), (file,), options)


def _open_dataset(generated: GeneratedBenchmark, folder: Path, data: Path, options: LoadOptions) -> FileBenchmark:
    info = read_info(folder)
    if info.task in TASK_NAMES and info.task != generated.task:
        raise InputError("--data", expected=f"a dataset of the task {generated.task}", got=f"one of {info.task}")
    tables = [shard_file(folder, info, shard) for shard in range(info.num_shards)] if data.is_dir() else [data]
    made_with = ",".join(f"{key}={value}" for key, value in sorted(info.options.items()))
    return FileBenchmark(_layout(generated, made_with), folder, tables, options, _origin(info))


def _origin(info: DatasetInfo) -> dict[str, Json]:
    """What decides the rows of a dataset."""
    return {"dataset": {key: value for key, value in asdict(info).items() if key != "vilasr_version"}}


def _root_of(file: Path) -> Path:
    """The folder that the image paths of a JSON file start from."""
    above = file.parent.parent
    is_export = file.parent.name in EXPORT_FOLDERS and (above / IMAGE_FOLDER).is_dir()
    return above if is_export and not (file.parent / IMAGE_FOLDER).exists() else file.parent


def _layout(generated: GeneratedBenchmark, mark: str) -> Layout:
    """`mark` stands after the ids, because the same id with other options is another sample, and `compare` pairs by
    id; without a mark they are the samples that the task makes unasked."""
    layout = Layout(
        name=generated.name,
        task=generated.task,
        columns=COLUMNS,
        media="images",
        decode=lambda row: _decode(layout, row),
        groups=partial(_checked_type, generated.task),
        answer_type=partial(_answer_type, generated.task),
        accept=partial(accept, generated),
        called=lambda found: f"{found}[{mark}]" if mark else found,
    )
    return layout


def _decode(layout: Layout, row: Values) -> Sample:
    """The sample of a row of a dataset, with the paths of its images in the folder.

    Raises:
        DataError: names the field.
    """
    missing = next((name for name in COLUMNS if name not in row), None)
    if missing is not None:
        raise DataError(f"{missing}: no such field")
    sample = layout.accept(decode_row(row, Path()))
    question_type = words(sample.metadata, "question_type")
    layout.groups(question_type)
    answer_type = layout.answer_type(question_type)
    if sample.answer_type is not answer_type:
        expected = f"{answer_type}, as {shown(question_type)} has"
        raise DataError(f"answer_type: expected {expected}; got {sample.answer_type}")
    options = without_letters(sample.options) if answer_type is AnswerType.CHOICE else ()
    found = identity(row)
    return replace(
        sample,
        id=layout.called(found) if layout.called else found,
        question=words(row, "question"),
        options=options,
        answer=gold(row, "answer", answer_type, options),
    )


def accept(generated: GeneratedBenchmark, sample: Sample) -> Sample:
    """The sample as one of a benchmark.

    Raises:
        DataError: it is of another task, or of a kind that the benchmark does not make.
    """
    if is_imported(sample.task):
        return _accept_foreign(generated, sample)
    if sample.task != generated.task:
        raise DataError(f"task: expected {generated.task}; got {shown(sample.task)}")
    known = sample.metadata
    if generated.task == "maze" and not any(_makes(part, known) for part in generated.parts):
        found = {key: known.get(key) for key in ("question_type", "n", "style", "heldout")}
        raise DataError(f"kind: expected a maze that {generated.name} makes; got {shown(found)}")
    if generated.task == "maze":
        truth_of(sample)  # by which drawings are graded at the end
    return sample


def _accept_foreign(generated: GeneratedBenchmark, sample: Sample) -> Sample:
    """A sample that came without its truth, so that no drawing can be graded."""
    if generated.task != "maze":
        return sample  # known by the type of its question
    official = sample.metadata.get("official")
    cells = official.get("grid_size") if isinstance(official, dict) else None
    if generated.name != "maze":
        raise DataError(f"kind: expected a maze of ours, made as {generated.name} makes them; got one of other people")
    if isinstance(cells, bool) or not isinstance(cells, int) or cells < 2:
        raise DataError(f"grid_size: expected the cells of a maze a side; got {shown(cells)}")
    return replace(sample, metadata={**sample.metadata, "n": cells})


def _makes(part: Mapping[str, str], known: Mapping[str, Json]) -> bool:
    """Whether these options of the maze task make mazes with this metadata."""
    low, high = map(int, part["size"].split("-"))
    n = known.get("n")
    return (
        known.get("question_type") == part["question"]
        and isinstance(n, int)
        and low <= n <= high
        and known.get("heldout") is (part.get("styles") == "heldout")
        and known.get("style") != DISTURBED
    )


def _checked_type(task: str, question_type: str) -> dict[str, str]:
    """No groups: the reports know those of our tasks. Raises DataError for a type that the task does not have."""
    if (types := _question_types(task)) and question_type not in types:
        raise DataError(f"question_type: expected one of the {len(types)} of {task}; got {shown(question_type)}")
    return {}


def _question_types(task: str) -> tuple[str, ...]:
    """Of a task of scenes; of mazes none: those of other people have names of their own."""
    match task:
        case "static":
            from vilasr.tasks.static.task import QUESTIONS

            return QUESTIONS
        case "video":
            from vilasr.tasks.video.task import QUESTIONS as VIDEO_QUESTIONS

            return VIDEO_QUESTIONS
        case "multiview":
            from vilasr.tasks.multiview.options import QUESTIONS as MULTIVIEW_QUESTIONS

            return MULTIVIEW_QUESTIONS
    return ()


def _answer_type(task: str, question_type: str) -> AnswerType:
    return AnswerType.NUMBER if question_type in NUMERIC[task] else AnswerType.CHOICE
