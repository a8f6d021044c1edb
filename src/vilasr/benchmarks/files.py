"""The items of a benchmark from files: in a layout of its own, or in the unified JSON of ViLaSR-eval.

A benchmark is described by a `Layout`, above all one pure function from a row to a sample. All else is the same for
all: reading rows, finding pictures and videos, leaving out what is broken and saying so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from vilasr.benchmarks.base import WHOLE, Exclusion, LoadOptions, Shard
from vilasr.benchmarks.fields import gold, identity
from vilasr.benchmarks.media import load_media, values_of
from vilasr.benchmarks.tables import Row, count_rows, read_table
from vilasr.benchmarks.videos import with_frames
from vilasr.errors import DataError, InputError
from vilasr.integrations.fields import shown
from vilasr.integrations.official import decode_question, is_imported
from vilasr.integrations.options import split_options
from vilasr.types import AnswerType, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vilasr.types import Json

Values = Mapping[str, Any]
"""The columns of a row, by name."""

_TWICE = "id: there twice; the first one counts"


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """How rows become the samples of a benchmark.

    Attributes:
        name: "spar-tiny"; `task`: of its samples, "spar": the same for all variants.
        columns: those that every row needs; `media`: the one with pictures, or None where `decode` names videos.
        decode: row -> sample. Its images are paths in the folder, or none where they are in the column `media`.
        groups: type of question -> groups of an item, by kind; DataError for a type that the benchmark does not have.
        answer_type: type of question -> type of its answer.
        names: type of question in the unified JSON -> its own name, where they differ.
        ask: (question, its type) -> the question as it is asked.
        belongs: whether a row is one of this benchmark, where its files hold others too.
        accept: sample of a row of the unified JSON -> the same as one of this benchmark; DataError for one of another.
        called: id of an item in its file -> id of its sample; None: after the task, "spar/17".
    """

    name: str
    task: str
    columns: tuple[str, ...]
    media: str | None
    decode: Callable[[Values], Sample]
    groups: Callable[[str], dict[str, str]]
    answer_type: Callable[[str], AnswerType] = lambda question_type: AnswerType.CHOICE
    names: Mapping[str, str] = field(default_factory=dict)
    ask: Callable[[str, str], str] = lambda question, question_type: question
    belongs: Callable[[Values], bool] | None = None
    accept: Callable[[Sample], Sample] = lambda sample: sample
    called: Callable[[str], str] | None = None


class FileBenchmark:
    """The items of a benchmark that are on this disk."""

    def __init__(
        self,
        layout: Layout,
        root: Path,
        tables: Sequence[Path],
        options: LoadOptions = LoadOptions(),  # noqa: B008 -- frozen
        origin: Mapping[str, Json] | None = None,
    ) -> None:
        """`root` is where paths of pictures and videos start; `tables` are the files with the rows, in order; `origin`
        is what else than these decides the samples."""
        self.layout = layout
        self.name = layout.name
        self._options = options
        self._root = root
        self._tables = tables
        self._origin = dict(origin or {})

    @cached_property
    def num(self) -> int:
        """Rows of the files; where they hold other parts too, those of this one."""
        if self.layout.belongs is not None:
            return sum(1 for _, row in self._rows() if row.problem or self._belongs(row.values))
        return sum(count_rows(path) for path in self._tables)

    @property
    def source(self) -> dict[str, Json]:
        """Name and size of each file: enough to notice another version of the data."""
        files = {path.name: path.stat().st_size for path in self._tables}
        frames = {"num_frames": self._options.num_frames} if self.layout.media is None else {}
        return {"benchmark": self.name, "files": files, **frames, **self._origin}

    def samples(self, num: int | None = None, seed: int = 0, shard: Shard = WHOLE) -> Iterator[Sample]:
        """The first `num` items that can be read, of these one shard, in the order of the files; `seed` is not used.

        Shards are cut by rows, so that a picture that one machine lacks moves no other item to another shard.
        What cannot be used is left out and told, videos first: all of them are decoded before the first sample comes.

        Raises:
            InputError: a file is broken; or no item at all can be used.
        """
        some = False
        first = islice(self._decoded(), num)
        chosen = (sample for place, sample in first if place % shard.count == shard.index)
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
            for row in read_table(path, () if path.suffix == ".json" else self.layout.columns):
                yield path, row

    def _belongs(self, values: Values) -> bool:
        belongs = self.layout.belongs
        return belongs is None or is_unified(values) or belongs(values)

    def _decoded(self) -> Iterator[tuple[int, Sample]]:
        """The items and their places among all, without those that are broken or repeat an id, be it of a broken one.

        So no two items that are left out are called the same, nor is one called as another that is asked.
        """
        seen: set[str] = set()
        rows = ((path, row) for path, row in self._rows() if row.problem or self._belongs(row.values))
        for place, (path, row) in enumerate(rows):
            known = _id_of(row.values, self.layout)
            try:
                if known in seen:
                    raise DataError(_TWICE)
                sample = self._sample(row)
                if sample.id in seen:
                    raise DataError(_TWICE)
            except DataError as error:
                called = (
                    known if known and known not in seen else f"{known or self.name} ({path.name}, row {row.number})"
                )
                seen.add(called)
                self._options.on_excluded(Exclusion(called, str(error)))
            else:
                seen.add(sample.id)
                yield place, sample

    def _sample(self, row: Row) -> Sample:
        if row.problem:
            raise DataError(row.problem)
        layout, values = self.layout, row.values
        if is_unified(values):
            sample = decode_unified(layout, values, row.number)
            media = values_of(values["image_path"])
        else:
            sample = layout.decode(values)
            media = values_of(_column(values, layout.media)) if layout.media else [str(i) for i in sample.images]
        groups = layout.groups(str(sample.metadata.get("question_type", "")))
        metadata = {**sample.metadata, "benchmark": self.name, "groups": groups}
        return replace(sample, task=layout.task, images=load_media(media, self._root), metadata=metadata)


def decode_unified(layout: Layout, row: Values, number: int) -> Sample:
    """The sample of row `number` of the unified JSON, without its images; read as strictly as the original layout.

    Raises:
        DataError: names the field.
    """
    sample = decode_question(row, (), name=layout.name, number=number)
    if sample.task != layout.task and not is_imported(sample.task):
        raise DataError(f"task: expected {layout.task}; got {shown(sample.task)}")
    sample = layout.accept(sample)
    found = str(sample.metadata.get("question_type", ""))
    question_type = layout.names.get(found, found)
    layout.groups(question_type)
    answer_type = layout.answer_type(question_type)
    if sample.answer_type is not answer_type:
        expected = f"one with an answer of type {answer_type}, as {shown(question_type)} has"
        raise DataError(f"problem_type: expected {expected}; got {shown(row['problem_type'])}")
    if sample.answer is None:
        raise DataError("answer: expected one; got none")
    question, options = layout.ask(sample.question, question_type), sample.options
    if answer_type is AnswerType.CHOICE and not options:
        question, options = split_options(question)
    return replace(
        sample,
        id=_unified_id(layout, sample.id, number),
        question=question,
        options=options,
        answer=gold(row, "answer", answer_type, options),
        metadata={**sample.metadata, "question_type": question_type},
    )


def _unified_id(layout: Layout, found: str, number: int) -> str:
    """A number in the original layout names another item than the number of a row: `compare` pairs by id."""
    if found == f"{layout.name}/{number}":
        return f"{layout.name}/unified/{number}"
    return layout.called(found) if layout.called else found


def is_unified(values: Values) -> bool:
    """Whether a row is of the unified JSON."""
    return "problem_type" in values and "image_path" in values


def _column(values: Values, name: str) -> Any:
    if name not in values:
        raise DataError(f"{name}: no such field")
    return values[name]


def _id_of(values: Values, layout: Layout) -> str:
    """The id that the sample of a row has, or would have if it were not broken; "" where the row has none."""
    if is_unified(values):  # there the id is the number of the row, or that of our own export
        return ""
    try:
        found = identity(values)
    except DataError:
        return ""
    return layout.called(found) if layout.called else f"{layout.task}/{found}"
