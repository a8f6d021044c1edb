"""Datasets on disk: what is written is read, also after a crash, and nothing in them is trusted."""

from __future__ import annotations

import hashlib
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from vilasr.data import DatasetInfo, DatasetWriter, read_dataset, write_dataset
from vilasr.data.dataset import SHARD_ROWS
from vilasr.data.rows import schema
from vilasr.drawing import content_key, load_image
from vilasr.errors import DataError, InputError
from vilasr.types import AnswerType, Sample

COLOURS = ("red", "green", "blue")


def info_of(num, **changes):
    settings = {"name": "toys", "task": "toy", "version": 1, "split": "train", "seed": 0, "num": num}
    return DatasetInfo(**(settings | changes))


def make(row):
    """Three pictures in turn; a number as the answer of every third."""
    colour = COLOURS[row % 3]
    return Sample(
        id=f"toy/train/0/{row}",
        task="toy",
        question=f"Is picture {row} {colour}?",
        images=(Image.new("RGB", (8, 6), colour), Image.new("RGB", (4, 4), "white")),
        options=("yes", "no") if row % 3 else (),
        answer="A" if row % 3 else "2.5",
        answer_type=AnswerType.CHOICE if row % 3 else AnswerType.NUMBER,
        metadata={"row": row, "walls": [[0, 1, "right"]], "question_type": "colour" if row % 3 else "size"},
    )


def shard_bytes(folder):
    return {path.name: path.read_bytes() for path in sorted((folder / "data").iterdir())}


def rewrite_row(folder, **changes):
    """Replace values of row 1 of the first shard."""
    path = folder / "data" / "00000.parquet"
    rows = pq.read_table(path).to_pylist()
    rows[1] |= changes
    pq.write_table(pa.Table.from_pylist(rows, schema=schema()), path)


# --- there and back ---------------------------------------------------------------------------------------------------


def test_what_is_written_is_read(tmp_path):
    write_dataset(tmp_path, info_of(4), make)
    info, samples = read_dataset(tmp_path)
    samples = list(samples)
    assert (info.task, info.num, info.num_shards) == ("toy", 4, 1)
    assert [sample.id for sample in samples] == [f"toy/train/0/{row}" for row in range(4)]
    for row, sample in enumerate(samples):
        original = make(row)
        assert (sample.question, sample.options, sample.answer) == (
            original.question,
            original.options,
            original.answer,
        )
        assert (sample.answer_type, sample.metadata) == (original.answer_type, original.metadata)
        assert [content_key(load_image(image)) for image in sample.images] == [content_key(i) for i in original.images]


def test_equal_images_are_stored_once_under_their_content_key(tmp_path):
    write_dataset(tmp_path, info_of(9), make)
    names = {path.name for path in (tmp_path / "images").iterdir()}
    assert len(names) == 4  # red, green, blue, and white
    white = hashlib.sha256(b"4x4:" + b"\xff" * 48).hexdigest()
    assert f"{white}.png" in names


def test_reading_opens_no_image(tmp_path):
    write_dataset(tmp_path, info_of(3), make)
    for path in (tmp_path / "images").iterdir():
        path.unlink()
    assert len(list(read_dataset(tmp_path)[1])) == 3


def test_rows_are_cut_into_shards_of_a_thousand(tmp_path):
    write_dataset(tmp_path, info_of(SHARD_ROWS + 1), make)
    assert [pq.read_metadata(tmp_path / "data" / f"0000{shard}.parquet").num_rows for shard in (0, 1)] == [1000, 1]
    assert sum(1 for _ in read_dataset(tmp_path)[1]) == 1001


def test_shards_may_be_written_in_any_order(tmp_path):
    info = info_of(SHARD_ROWS + 2)
    write_dataset(tmp_path / "forwards", info, make)
    writer = DatasetWriter(tmp_path / "backwards", info)
    for shard in (1, 0):
        writer.write_shard(shard, [make(row) for row in info.rows_of(shard)])
    assert shard_bytes(tmp_path / "forwards") == shard_bytes(tmp_path / "backwards")


def test_the_card_counts_questions_and_answers(tmp_path):
    write_dataset(tmp_path, info_of(8, options={"size": "3-4"}), make)
    card = (tmp_path / "README.md").read_text()
    assert "license: apache-2.0" in card
    assert "| colour | 5 | A 100 % |" in card
    assert "| size | 3 | 2.5 100 % |" in card
    assert "vilasr generate toy --split train --num 8 --seed 0 --family-option size=3-4 --out DIR" in card


# --- resuming ---------------------------------------------------------------------------------------------------------


def test_whole_shards_are_kept_and_missing_ones_are_made(tmp_path):
    info = info_of(2 * SHARD_ROWS + 1)
    write_dataset(tmp_path, info, make)
    whole = shard_bytes(tmp_path)
    (tmp_path / "data" / "00001.parquet").unlink()
    made, told = [], []
    write_dataset(tmp_path, info, lambda row: made.append(row) or make(row), on_rows=told.append)
    assert made == list(range(1000, 2000))
    assert sum(told) == 2001
    assert shard_bytes(tmp_path) == whole


def test_an_interrupted_run_leaves_no_partial_shard_and_goes_on(tmp_path):
    def fail_late(row):
        if row == 1500:
            raise KeyboardInterrupt
        return make(row)

    info = info_of(2000)
    with pytest.raises(KeyboardInterrupt):
        write_dataset(tmp_path, info, fail_late)
    assert list(shard_bytes(tmp_path)) == ["00000.parquet"]
    with pytest.raises(InputError, match=r"expected 2 shards; got no 00001\.parquet: it is not complete"):
        list(read_dataset(tmp_path)[1])
    write_dataset(tmp_path, info, make)
    assert sum(1 for _ in read_dataset(tmp_path)[1]) == 2000


def test_other_settings_in_the_same_folder_are_refused_by_name(tmp_path):
    write_dataset(tmp_path, info_of(3), make)
    with pytest.raises(InputError, match=r"got seed 0 there, 1 now; options \{\} there, \{'size': '3'\} now"):
        write_dataset(tmp_path, info_of(3, seed=1, options={"size": "3"}), make)


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("...")
    with pytest.raises(InputError, match="expected a new folder, or one with a dataset; got one with other files"):
        write_dataset(tmp_path, info_of(3), make)


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "out").write_text("...")
    with pytest.raises(InputError, match="expected a folder that can be written"):
        write_dataset(tmp_path / "out", info_of(3), make)


# --- nothing is trusted -----------------------------------------------------------------------------------------------

KEY = "0" * 64


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": ["../../etc/passwd"]}, r"images: expected images/<sha256>\.png; got '\.\./\.\./etc/passwd'"),
        ({"images": ["/etc/passwd"]}, "images: expected"),
        ({"images": [f"images/../images/{KEY}.png"]}, "images: expected"),
        ({"images": [f"images/{KEY}.png\n"]}, "images: expected"),
        ({"images": []}, "images: expected at least one; got none"),
        ({"answer_type": "essay"}, "answer_type: expected choice, number, text; got 'essay'"),
        ({"metadata": "{"}, "metadata: expected JSON; got '{'"),
        ({"metadata": "[1]"}, r"metadata: expected a JSON object; got '\[1\]'"),
        ({"options": [None]}, r"options: expected a list of texts; got \[None\]"),
    ],
)
def test_a_bad_row_is_told_with_shard_and_row_and_the_rest_goes_on(changes, message, tmp_path):
    write_dataset(tmp_path, info_of(3), make)
    rewrite_row(tmp_path, **changes)
    with pytest.raises(DataError, match=r"00000\.parquet, row 1: " + message):
        list(read_dataset(tmp_path)[1])
    errors = []
    samples = list(read_dataset(tmp_path, on_bad_row=errors.append)[1])
    assert [sample.id for sample in samples] == ["toy/train/0/0", "toy/train/0/2"]
    assert len(errors) == 1


def test_an_image_that_is_a_link_out_of_the_folder_is_refused(tmp_path):
    write_dataset(tmp_path / "data", info_of(1), make)
    secret = tmp_path / "secret.png"
    Image.new("RGB", (2, 2)).save(secret)
    image = next((tmp_path / "data" / "images").iterdir())
    image.unlink()
    image.symlink_to(secret)
    with pytest.raises(DataError, match="is a link that leaves the dataset's folder"):
        list(read_dataset(tmp_path / "data")[1])


def test_a_damaged_shard_is_named(tmp_path):
    write_dataset(tmp_path, info_of(3), make)
    (tmp_path / "data" / "00000.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(InputError, match=r"00000\.parquet: expected a parquet file; got one that cannot be read"):
        list(read_dataset(tmp_path)[1])


def test_a_shard_without_a_column_is_named(tmp_path):
    write_dataset(tmp_path, info_of(3), make)
    path = tmp_path / "data" / "00000.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["metadata"]), path)
    with pytest.raises(InputError, match="got no metadata"):
        list(read_dataset(tmp_path)[1])


def test_a_folder_without_a_dataset_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"expected a dataset folder with dataset\.json; got none"):
        read_dataset(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "the file: Invalid JSON"),
        ('{"name": "toys"}', "task: Field required"),
        ({"seed": "0"}, "seed: Input should be a valid integer"),
        ({"num": -1}, "num: Input should be greater than or equal to 0"),
        ({"schema_version": 2}, "expected schema version 1; got 2"),
    ],
)
def test_a_broken_description_is_refused(text, message, tmp_path):
    write_dataset(tmp_path, info_of(3), make)
    path = tmp_path / "dataset.json"
    path.write_text(text if isinstance(text, str) else json.dumps(json.loads(path.read_text()) | text))
    with pytest.raises(InputError, match=message):
        read_dataset(tmp_path)
