"""Datasets on disk: what is written is read, also after a crash, and nothing in them is trusted."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from toys import files_of, info_of, make, refuse_row_20

from vilasr.data import DatasetWriter, read_dataset, write_dataset
from vilasr.data.dataset import SHARD_ROWS, check_name
from vilasr.data.disk import only_writer, size_text
from vilasr.data.journal import Journal, journal_path
from vilasr.data.rows import schema
from vilasr.drawing import content_key, load_image
from vilasr.errors import DataError, InputError


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


# --- the card ---------------------------------------------------------------------------------------------------------


def test_the_card_counts_questions_answers_and_images(tmp_path):
    write_dataset(tmp_path, info_of(8, options={"size": "3-4"}), make)
    card = (tmp_path / "README.md").read_text()
    assert "license: cc0-1.0\n" in card
    assert "size_categories: [n<1K]\n" in card
    assert "8 samples of the task `toy` (version 1), split `train`, seed 0" in card
    assert "| colour | 5 | 62.5 % | one of 2 | A 100.0 % |" in card
    assert "| size | 3 | 37.5 % | number | 2.5, mean 2.50 |" in card
    assert "2 images a sample; 4 different ones, RGB as PNG, 4 to 8 px wide and 4 to 6 px high." in card
    assert "    vilasr generate toy --split train --num 8 --seed 0 --family-option size=3-4 --out DIR\n" in card


def test_letters_are_counted_over_all_types_of_choices(tmp_path):
    def of_two_types(row):
        types = {"question_type": "left" if row < 3 else "right"}
        return replace(make(1), answer="AAB"[row % 3], metadata=types, options=("x", "y", "z")[: 2 + row // 3])

    write_dataset(tmp_path, info_of(6), of_two_types)
    card = (tmp_path / "README.md").read_text()
    assert "| left | 3 | 50.0 % | one of 2 | A 66.7 %, B 33.3 % |" in card
    assert "| *all choices* | 6 | 100.0 % | one of 2 to 3 | A 66.7 %, B 33.3 % |" in card


def test_text_from_a_dataset_is_no_markup_in_the_card(tmp_path):
    hostile = replace(make(1), answer="|\n# <b>", metadata={"question_type": "<script>|x|\n# y"})
    write_dataset(tmp_path, info_of(1, options={"a": "$(rm x) 'y'"}), lambda _: hostile)
    card = (tmp_path / "README.md").read_text()
    assert "| script x y | 1 | 100.0 % | one of 2 | b 100.0 % |" in card
    assert """--family-option 'a=$(rm x) '"'"'y'"'"'' --out DIR""" in card


def test_the_name_of_a_dataset_is_no_markup_in_the_card(tmp_path):
    write_dataset(tmp_path, info_of(1, name="[toys](x) <b>"), make)
    assert "\n# toys x b\n" in (tmp_path / "README.md").read_text()


def test_a_damaged_image_is_told_before_a_card_is_written(tmp_path):
    write_dataset(tmp_path, info_of(3), make)
    (tmp_path / "README.md").unlink()
    next((tmp_path / "images").iterdir()).write_bytes(b"")
    with pytest.raises(InputError, match=r"\.png: expected a PNG image; got something else\."):
        write_dataset(tmp_path, info_of(3), make)
    assert not (tmp_path / "README.md").exists()


# --- resuming ---------------------------------------------------------------------------------------------------------


def test_whole_shards_are_kept_and_missing_ones_are_made(tmp_path):
    info = info_of(2 * SHARD_ROWS + 1)
    write_dataset(tmp_path, info, make)
    whole = files_of(tmp_path)
    (tmp_path / "data" / "00001.parquet").unlink()
    made = []
    writer = DatasetWriter(tmp_path, info)
    assert writer.num_rows_there == 1001
    writer.fill(lambda row: made.append(row) or make(row))
    assert made == list(range(1000, 2000))
    assert files_of(tmp_path) == whole


def fail_at(number):
    def failing(row):
        if row == number:
            raise KeyboardInterrupt
        return make(row)

    return failing


def test_an_interrupted_run_leaves_no_partial_shard_and_loses_no_row(tmp_path):
    info = info_of(1100)
    write_dataset(tmp_path / "at once", info, make)
    with pytest.raises(KeyboardInterrupt):
        write_dataset(tmp_path / "resumed", info, fail_at(1050))
    assert list(shard_bytes(tmp_path / "resumed")) == [".00001.rows.jsonl", "00000.parquet"]
    with pytest.raises(InputError, match=r"expected 2 shards; got no 00001\.parquet: it is not complete"):
        list(read_dataset(tmp_path / "resumed")[1])
    made = []
    writer = DatasetWriter(tmp_path / "resumed", info)
    assert writer.num_rows_there == 1050
    writer.fill(lambda row: made.append(row) or make(row), on_row=lambda: None)
    assert made == list(range(1050, 1100))
    assert files_of(tmp_path / "resumed") == files_of(tmp_path / "at once")


@pytest.mark.parametrize(
    "line", [b'{"id": "toy/trai', b"{}\n", b"[1]\n", b"\xff\n", b'{"id": 3, "images": []}\n', b"[" * 9999 + b"\n"]
)
def test_a_broken_line_of_a_journal_is_made_again(line, tmp_path):
    info = info_of(30)
    write_dataset(tmp_path / "at once", info, make)
    with pytest.raises(KeyboardInterrupt):
        write_dataset(tmp_path / "resumed", info, fail_at(10))
    with journal_path(tmp_path / "resumed", 0).open("ab") as file:
        file.write(line)
    write_dataset(tmp_path / "resumed", info, make)
    assert files_of(tmp_path / "resumed") == files_of(tmp_path / "at once")


def test_a_journal_never_gives_more_rows_than_its_shard_has(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write_dataset(tmp_path, info_of(30), fail_at(10))
    with Journal(tmp_path, 0, most=4) as journal:
        assert [row["id"] for row in journal.rows] == [f"toy/train/0/{row}" for row in range(4)]


@pytest.mark.parametrize("num_bytes", [0, 40])
def test_rows_whose_images_a_power_cut_took_are_made_again(num_bytes, tmp_path):
    info = info_of(30)
    write_dataset(tmp_path / "at once", info, make)
    with pytest.raises(KeyboardInterrupt):
        write_dataset(tmp_path / "resumed", info, fail_at(10))
    blue = tmp_path / "resumed" / "images" / f"{content_key(make(2).images[0])}.png"
    blue.write_bytes(blue.read_bytes()[:num_bytes])
    made = []
    write_dataset(tmp_path / "resumed", info, lambda row: made.append(row) or make(row))
    assert made == list(range(2, 30))
    assert files_of(tmp_path / "resumed") == files_of(tmp_path / "at once")


@pytest.mark.skipif(not hasattr(os, "sync"), reason="the system has no such call")
def test_the_images_of_a_shard_are_on_the_disk_before_it(tmp_path, monkeypatch):
    there = []

    def sync():
        there.append((len(list(tmp_path.glob("images/*.png"))), len(list(tmp_path.glob("data/*.parquet")))))

    monkeypatch.setattr("os.sync", sync)
    write_dataset(tmp_path, info_of(9), make)
    assert there == [(4, 0)]


def test_what_a_killed_writer_left_is_removed(tmp_path):
    info = info_of(3)
    write_dataset(tmp_path, info, make)
    whole = files_of(tmp_path)
    for leftover in ("images/.ab.png.1.00.part", "data/.00000.parquet.1.part", "data/.00000.rows.jsonl", ".x.1.part"):
        (tmp_path / leftover).write_bytes(b"PAR1")
    write_dataset(tmp_path, info, make)
    assert files_of(tmp_path) == whole


def test_the_bytes_do_not_depend_on_the_number_of_workers(tmp_path):
    for workers in (1, 2):
        write_dataset(tmp_path / str(workers), info_of(SHARD_ROWS + 20), make, workers=workers)
    assert files_of(tmp_path / "1") == files_of(tmp_path / "2")


def test_a_refusal_of_a_worker_ends_the_run_and_keeps_the_rows_before_it(tmp_path):
    with pytest.raises(InputError, match="expected a GL context; got none at 20"):
        write_dataset(tmp_path, info_of(40), refuse_row_20, workers=2)
    writer = DatasetWriter(tmp_path, info_of(40))
    assert writer.num_rows_there == 20


def test_a_second_writer_is_refused(tmp_path):
    info = info_of(3)
    writer = DatasetWriter(tmp_path, info)
    refused = pytest.raises(InputError, match="a dataset of its own; got another process that is writing it")
    with only_writer(tmp_path, info), refused:
        writer.fill(make)


@pytest.mark.parametrize(
    ("num", "text"), [(0, "0 kB"), (1, "1 kB"), (999_999, "1000 kB"), (3_400_000, "3.4 MB"), (2 * 10**12, "2.0 TB")]
)
def test_sizes_are_told_in_words(num, text):
    assert size_text(num) == text


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
    with pytest.raises(
        InputError, match=r"expected a folder that can be written; got file exists\. Give another folder; or"
    ):
        write_dataset(tmp_path / "out", info_of(3), make)


# --- nothing is trusted -----------------------------------------------------------------------------------------------

KEY = "0" * 64
BAD_NAMES = ["", ".", "..", "../../evil", "/evil", "a/b", "a/", "..\\evil", "C:evil", "a\0b", "a\nb", " a", "x" * 201]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_no_file_can_have_is_refused(name, tmp_path):
    with pytest.raises(InputError, match=r"^name of the dataset: expected a name that a file can have"):
        info_of(3, name=name)
    write_dataset(tmp_path, info_of(3), make)
    path = tmp_path / "dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"name": name}))
    with pytest.raises(InputError, match=r"dataset\.json: name of the dataset: expected a name that a file can have"):
        read_dataset(tmp_path)


@pytest.mark.parametrize("name", ["maze-train", "rl (1)", "..a", "a.b", "\u8ff7\u8def", "x" * 200])
def test_all_other_names_are_kept(name):
    assert check_name(name, "--name") == info_of(1, name=name).name == name


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
