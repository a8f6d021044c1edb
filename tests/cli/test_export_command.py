"""`vilasr export` and `vilasr import`."""

from __future__ import annotations

import json

import pytest

from vilasr.cli.main import main
from vilasr.data import read_dataset


@pytest.fixture(scope="module")
def mazes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "mazes"
    assert main(["generate", "maze", "--num", "3", "--seed", "1", "--out", str(folder)]) == 0
    return folder


@pytest.mark.parametrize(
    ("format_name", "said", "file"),
    [
        ("sharegpt", "3 conversations", "maze-train.json"),
        ("verl", "3 questions", "maze-train.parquet"),
        ("vilasr", "3 conversations and 3 questions", "rl/maze-train.json"),
        ("parquet", "3 questions", "dataset.json"),
    ],
)
def test_export_writes_each_layout(format_name, said, file, mazes, tmp_path, capsys):
    assert main(["export", str(mazes), "--format", format_name, "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out == f"{said} in {tmp_path / 'out'}\n"
    assert (tmp_path / "out" / file).is_file()


def test_import_reads_what_export_wrote(mazes, tmp_path, capsys):
    assert main(["export", str(mazes), "--format", "vilasr", "--out", str(tmp_path / "out")]) == 0
    rows = tmp_path / "out" / "rl" / "maze-train.json"
    command = ["import", str(rows), "--images", str(tmp_path / "out"), "--out", str(tmp_path / "again")]
    assert main(command) == 0
    assert capsys.readouterr().out.endswith(f"3 of 3 rows: samples in {tmp_path / 'again'}\n")
    assert read_dataset(tmp_path / "again")[0].num == 3
    talk = tmp_path / "out" / "cold_start" / "maze-train.json"
    command = ["import", str(talk), "--images", str(tmp_path / "out"), "--out", str(tmp_path / "talk")]
    assert main(command) == 0
    assert main(["view", str(tmp_path / "talk")]) == 0


def test_import_tells_the_first_rejected_rows_and_counts_all(mazes, tmp_path, capsys):
    main(["export", str(mazes), "--format", "vilasr", "--out", str(tmp_path / "out")])
    good = json.loads((tmp_path / "out" / "rl" / "maze-train.json").read_text())[0]
    bad = [{}, *[{"image_path": "/x"}] * 12]
    file = tmp_path / "out" / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, [*bad, good])))
    capsys.readouterr()
    assert main(["import", str(file), "--out", str(tmp_path / "again")]) == 0
    told = capsys.readouterr()
    assert told.out.splitlines() == [
        f"1 of 14 rows: samples in {tmp_path / 'again'}",
        f"  rejected: image_path 13 (listed in {tmp_path / 'again' / 'rejected.jsonl'})",
    ]
    assert "row 1 is rejected: image_path: no such field\n" in told.err
    assert told.err.count("is rejected") == 10
    assert len((tmp_path / "again" / "rejected.jsonl").read_text().splitlines()) == 13


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "csv"], "--format: expected one of sharegpt, verl, vilasr, parquet; got 'csv'"),
        (["--format", "sharegpt", "--mistakes", "0.5"], "--mistakes: expected --keep-mistakes with it"),
        (["--format", "sharegpt", "--mistakes", "2"], "argument --mistakes: expected a number from 0 to 1; got '2'"),
        (["--format", "sharegpt", "--protocol", "x"], "protocol: expected one of vilasr, compact, json; got 'x'"),
        (["--format", "sharegpt", "--style", "x"], "got 'x'"),
        (["--format", "verl", "--num", "0"], "argument --num: expected a whole number from 1; got '0'"),
    ],
)
def test_export_refuses_bad_arguments_and_leaves_nothing(arguments, message, mazes, tmp_path, capsys):
    assert main(["export", str(mazes), *arguments, "--out", str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_export_refuses_to_say_rollouts_again(mazes, tmp_path, capsys):
    main(["export", str(mazes), "--format", "sharegpt", "--out", str(tmp_path / "out")])
    main(["import", str(tmp_path / "out" / "maze-train.json"), "--out", str(tmp_path / "talk")])
    for option in (["--protocol", "json"], ["--no-drawing"], ["--style", "published"], ["--max-pixels", "9999"]):
        command = ["export", str(tmp_path / "talk"), "--format", "sharegpt", *option]
        assert main([*command, "--out", str(tmp_path / "again")]) == 2
        assert f"{option[0]}: expected a dataset to say; got a rollout file" in capsys.readouterr().err
    assert main(["export", str(tmp_path / "talk"), "--format", "sharegpt", "--out", str(tmp_path / "again")]) == 0


def test_export_does_not_touch_a_folder_with_files(mazes, tmp_path, capsys):
    (tmp_path / "kept").write_text("x")
    assert main(["export", str(mazes), "--format", "verl", "--out", str(tmp_path)]) == 2
    assert "expected a new folder; got one with files in it" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_one_is_told_as_one(mazes, tmp_path, capsys):
    command = ["export", str(mazes), "--num", "1", "--format"]
    assert main([*command, "vilasr", "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out == f"1 conversation and 1 question in {tmp_path / 'out'}\n"
    rows = tmp_path / "out" / "rl" / "maze-train.json"
    assert main(["import", str(rows), "--images", str(tmp_path / "out"), "--out", str(tmp_path / "in")]) == 0
    assert capsys.readouterr().out == f"1 of 1 row: samples in {tmp_path / 'in'}\n"


@pytest.mark.parametrize("name", ["", "..", "../../../evil", "a\\b", "a\nb"])
def test_import_refuses_a_name_that_an_export_could_not_use(name, tmp_path, capsys):
    (tmp_path / "rows.json").write_text("[]")
    assert main(["import", str(tmp_path / "rows.json"), "--name", name, "--out", str(tmp_path / "out")]) == 2
    assert "name of what is imported: expected a name that a file can have" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_export_of_nothing_names_both_that_it_takes(tmp_path, capsys):
    assert main(["export", str(tmp_path / "gone"), "--format", "verl", "--out", str(tmp_path / "out")]) == 2
    assert "gone: expected a dataset folder or a rollout file; got no such file or folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.json", "none.json: expected a JSON file; got no such file or directory"),
        ("folder", "folder: expected a JSON file; got is a directory"),
        ("empty.json", "empty: expected at least one row that can be imported; got no row"),
    ],
)
def test_import_refuses_what_is_no_file_of_rows(name, message, tmp_path, capsys):
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.json").write_text("")
    assert main(["import", str(tmp_path / name), "--out", str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
