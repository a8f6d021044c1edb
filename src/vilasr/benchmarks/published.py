"""Benchmarks of other people, from a local folder: in their original layout, or in the unified JSON of ViLaSR-eval.

A benchmark is described by a `Published`: where its files lie, and one pure function from a row to a sample. All else
is the same for all: reading rows, finding pictures and videos, leaving out what is broken and saying so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vilasr.benchmarks.base import WHOLE, Exclusion, LoadOptions, Shard
from vilasr.benchmarks.fields import gold, identity, listed
from vilasr.benchmarks.media import load_media, values_of
from vilasr.benchmarks.options import split_options, without_letters
from vilasr.benchmarks.tables import Row, count_rows, read_table
from vilasr.benchmarks.videos import with_frames
from vilasr.errors import DataError, InputError
from vilasr.integrations.official import decode_question, shown
from vilasr.types import AnswerType, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vilasr.benchmarks.aggregate import Aggregation
    from vilasr.types import Json

Values = Mapping[str, Any]
"""The columns of a row, by name."""

_TWICE = "id: there twice; the first one counts"


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """A published benchmark.

    Attributes:
        name: "spar-tiny"; `task`: of its samples, "spar": the same for all variants.
        files: glob patterns of its table in the folder; the first that finds something is taken.
        unified: name of its file in the unified JSON.
        columns: those that every row needs; `media`: the one with pictures, or None where `decode` names videos.
        decode: row -> sample. Its images are paths in the folder, or none where they are in the column `media`.
        groups: type of question -> groups of an item, by kind; DataError for a type that the benchmark does not have.
        answer_type: type of question -> type of its answer.
        names: type of question in the unified JSON -> its own name, where they differ.
        ask: (question, its type) -> the question as it is asked.
        belongs: whether a row is one of this benchmark, where its files hold others too.
        aggregation: how items become scores; None: the mean over items.
        fetch: what to download, a line each; `repository`: on the Hugging Face Hub; `folder`: where it goes by default.
    """

    name: str
    task: str
    repository: str
    folder: str
    fetch: tuple[str, ...]
    files: tuple[str, ...]
    unified: str
    columns: tuple[str, ...]
    media: str | None
    decode: Callable[[Values], Sample]
    groups: Callable[[str], dict[str, str]]
    answer_type: Callable[[str], AnswerType] = lambda question_type: AnswerType.CHOICE
    names: Mapping[str, str] = field(default_factory=dict)
    ask: Callable[[str, str], str] = lambda question, question_type: question
    belongs: Callable[[Values], bool] | None = None
    aggregation: Aggregation | None = None


class PublishedBenchmark:
    """The items of a published benchmark that are on this disk."""

    def __init__(
        self,
        published: Published,
        data: Path,
        options: LoadOptions = LoadOptions(),  # noqa: B008 -- frozen
    ) -> None:
        """`data` is the folder, or a file in it.

        Raises:
            InputError: no such file; says what to fetch and where to put it.
        """
        self.published = published
        self.name = published.name
        self._options = options
        self._root = data if data.is_dir() else data.parent
        self._tables = find_tables(published, data)

    @cached_property
    def num(self) -> int:
        """Rows of the files; where they hold other parts too, those of this one."""
        if self.published.belongs is not None:
            return sum(1 for _, row in self._rows() if row.problem or self._belongs(row.values))
        return sum(count_rows(path) for path in self._tables)

    @property
    def source(self) -> dict[str, Json]:
        """Name and size of each file: enough to notice another version of the data."""
        files = {path.name: path.stat().st_size for path in self._tables}
        frames = {"num_frames": self._options.num_frames} if self.published.media is None else {}
        return {"benchmark": self.name, "files": files, **frames}

    def samples(self, num: int | None = None, seed: int = 0, shard: Shard = WHOLE) -> Iterator[Sample]:
        """The first `num` items that can be read, of these one shard, in the order of the files; `seed` is not used.

        What cannot be used is left out and told, videos first: all of them are decoded before the first sample comes.

        Raises:
            InputError: a file is broken; or no item at all can be used.
        """
        some = False
        chosen = islice(islice(self._decoded(), num), shard.index, None, shard.count)
        for sample in with_frames(chosen, self._options):
            some = True
            yield sample
        if not some and shard.index == 0:
            remedy = "The items left out say why."
            raise InputError(
                str(self._root), expected=f"items of {self.name}", got="none that can be used", remedy=remedy
            )

    def _rows(self) -> Iterator[tuple[Path, Row]]:
        for path in self._tables:
            for row in read_table(path, () if path.suffix == ".json" else self.published.columns):
                yield path, row

    def _belongs(self, values: Values) -> bool:
        belongs = self.published.belongs
        return belongs is None or is_unified(values) or belongs(values)

    def _decoded(self) -> Iterator[Sample]:
        """The items, without those that are broken or repeat an id, be it of a broken one.

        So no two items that are left out are called the same, nor is one called as another that is asked.
        """
        seen: set[str] = set()
        for path, row in self._rows():
            if not row.problem and not self._belongs(row.values):
                continue
            known = _id_of(row.values, self.published.task)
            try:
                if known in seen:
                    raise DataError(_TWICE)
                sample = self._sample(row)
                if sample.id in seen:
                    raise DataError(_TWICE)
            except DataError as error:
                place = f"({path.name}, row {row.number})"
                called = known if known and known not in seen else f"{known or self.name} {place}"
                seen.add(called)
                self._options.on_excluded(Exclusion(called, str(error)))
            else:
                seen.add(sample.id)
                yield sample

    def _sample(self, row: Row) -> Sample:
        if row.problem:
            raise DataError(row.problem)
        published, values = self.published, row.values
        if is_unified(values):
            sample = decode_unified(published, values, row.number)
            media = values_of(values["image_path"])
        else:
            sample = published.decode(values)
            media = values_of(_column(values, published.media)) if published.media else [str(i) for i in sample.images]
        groups = published.groups(str(sample.metadata.get("question_type", "")))
        metadata = {**sample.metadata, "benchmark": self.name, "groups": groups}
        return replace(sample, task=published.task, images=load_media(media, self._root), metadata=metadata)


def decode_unified(published: Published, row: Values, number: int) -> Sample:
    """The sample of row `number` of the unified JSON, without its images; read as strictly as the original layout.

    Raises:
        DataError: names the field.
    """
    sample = decode_question(row, (), name=published.name, number=number)
    found = str(sample.metadata.get("question_type", ""))
    question_type = published.names.get(found, found)
    published.groups(question_type)
    answer_type = published.answer_type(question_type)
    if sample.answer_type is not answer_type:
        expected = f"one with an answer of type {answer_type}, as {shown(question_type)} has"
        raise DataError(f"problem_type: expected {expected}; got {shown(row['problem_type'])}")
    if sample.answer is None:
        raise DataError("answer: expected one; got none")
    question, options = published.ask(sample.question, question_type), sample.options
    if answer_type is AnswerType.CHOICE:
        question, options = (question, without_letters(listed(row, "options"))) if options else split_options(question)
    own_id = f"{published.name}/{number}"  # a number in the original layout names another item: `compare` pairs by id
    return replace(
        sample,
        id=f"{published.name}/unified/{number}" if sample.id == own_id else sample.id,
        question=question,
        options=options,
        answer=gold(row, "answer", answer_type, options),
        metadata={**sample.metadata, "question_type": question_type},
    )


def is_unified(values: Values) -> bool:
    """Whether a row is of the unified JSON."""
    return "problem_type" in values and "image_path" in values


def find_tables(published: Published, data: Path) -> list[Path]:
    """The files with the rows of a benchmark, in order.

    Raises:
        InputError: there are none; says what to fetch and where to put it.
    """
    if data.is_file():
        return [data]
    for pattern in (*published.files, published.unified):
        if found := sorted(path for path in data.glob(pattern) if path.is_file()):
            return found
    raise InputError(
        published.name,
        expected=f"its files in {data}",
        got="none of " + ", ".join(published.files) if data.is_dir() else "no such folder",
        remedy=how_to_fetch(published, data),
    )


def how_to_fetch(published: Published, data: Path) -> str:
    """What to download, from where, and where to put it."""
    lines = [
        f"It is {published.repository} on the Hugging Face Hub:",
        *(f"  {line}" for line in published.fetch),
        "To fetch it:",
        f"  hf download {published.repository} --repo-type dataset --local-dir {data}",
        f"Files elsewhere: --data FOLDER. The unified JSON of ViLaSR-eval: --data FOLDER/{published.unified}.",
    ]
    return "\n".join(lines)


def default_folder(published: Published) -> Path:
    """Where the files are looked for unless told."""
    return Path("data") / published.folder


def _column(values: Values, name: str) -> Any:
    if name not in values:
        raise DataError(f"{name}: no such field")
    return values[name]


def _id_of(values: Values, task: str) -> str:
    """The id that the sample of a row has, or would have if it were not broken; "" where the row has none."""
    if is_unified(values):  # there the id is the number of the row, or that of our own export
        return ""
    try:
        return f"{task}/{identity(values)}"
    except DataError:
        return ""
