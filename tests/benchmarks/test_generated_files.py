"""The generated families from datasets on disk and from the unified JSON, and what is left out of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from PIL import Image

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1] / "integrations")]
from published_files import picture, unified_row, write_rows
from small_datasets import make_dataset

from vilasr.benchmarks import LoadOptions, Shard, benchmark_named, facts_for
from vilasr.data import DatasetInfo, write_dataset
from vilasr.data.dataset import shard_path
from vilasr.data.rows import read_shard
from vilasr.drawing import load_image
from vilasr.env import Episode
from vilasr.errors import InputError
from vilasr.integrations import ExportOptions, export, open_source
from vilasr.tasks import task_named
from vilasr.tasks.multiview.options import QUESTIONS as MULTIVIEW
from vilasr.tasks.static.task import QUESTIONS as STATIC
from vilasr.tasks.video.task import QUESTIONS as VIDEO
from vilasr.types import AnswerType, Sample


def load(name, data, **wanted):
    """(samples, {id: reason} of what was left out)."""
    excluded = []
    benchmark = benchmark_named(name, data, LoadOptions(on_excluded=excluded.append))
    return list(benchmark.samples(**wanted)), {exclusion.id: exclusion.reason for exclusion in excluded}


def rows_of(folder):
    return list(read_shard(shard_path(folder, 0)))


def exported(dataset, out):
    """The questions of a dataset in the unified JSON."""
    source = open_source(dataset, on_bad=pytest.fail)
    export(source, out, ExportOptions(format="vilasr"), on_row=lambda: None)
    return next(out.glob("*/*.json"))


def reasons_for(tmp_path, name, rows):
    """Why rows, beside a good one, are left out."""
    write_rows(tmp_path / "rows.jsonl", rows)
    return list(load(name, tmp_path / "rows.jsonl")[1].values())


# --- datasets ---------------------------------------------------------------------------------------------------------


def test_a_dataset_of_the_test_split_holds_the_very_samples_that_are_made_on_the_fly(tmp_path):
    folder = make_dataset(tmp_path / "mazes", num=4, split="test", options={})
    samples, excluded = load("maze", folder)
    made = list(benchmark_named("maze").samples(4))
    assert excluded == {}
    for one, other in zip(samples, made, strict=True):
        same = ("id", "task", "question", "options", "answer", "answer_type")
        assert all(getattr(one, field) == getattr(other, field) for field in same)
        assert load_image(one.images[0]).tobytes() == other.images[0].tobytes()
        assert one.metadata.items() >= json.loads(json.dumps(dict(other.metadata))).items()


@pytest.mark.parametrize("split", ["train", "validation"])
def test_any_split_will_do_and_its_drawings_are_graded(tmp_path, split):
    samples, _ = load("maze", make_dataset(tmp_path / "mazes", num=3, split=split, options={}), shard=Shard(1, 2))
    assert [sample.id for sample in samples] == [f"maze/{split}/0/1"]
    episode = Episode(samples[0])
    episode.reset()
    episode.step("<think> Up. </think> Action: Answer\n<answer> A </answer>")
    facts = facts_for(episode.rollout())
    assert facts.score == float(samples[0].answer == "A")
    assert "part=seen styles, sizes 3-6" in facts.groups
    assert facts.drawing_score is not None


@pytest.mark.parametrize(
    ("task", "questions", "numbers"),
    [
        ("static", STATIC, {"count", "depth", "distance"}),
        ("video", VIDEO, {name for name in VIDEO if name.endswith(("counting", "abs_distance", "estimation"))}),
        ("multiview", MULTIVIEW, {"depth", "distance"}),
    ],
)
def test_every_question_about_scenes_is_read_with_the_answer_that_it_has(tmp_path, task, questions, numbers):
    made = [_question(task, name, is_number=name in numbers) for name in questions]
    swapped = [_question(task, name, is_number=name not in numbers) for name in questions]
    info = DatasetInfo(name="scenes", task=task, version=2, split="test", seed=0, num=2 * len(made))
    write_dataset(tmp_path / "scenes", info, [*made, *swapped].__getitem__)
    samples, excluded = load(task, tmp_path / "scenes")
    assert [(one.id, one.options, one.answer) for one in samples] == [(one.id, one.options, one.answer) for one in made]
    assert {reason.partition(":")[0] for reason in excluded.values()} == {"answer_type"}
    assert len(excluded) == len(made)


def _question(task, name, *, is_number):
    return Sample(
        id=f"{task}/{name}/{is_number}",
        task=task,
        question="Which one, or how many?",
        images=(Image.new("RGB", (8, 8)),),
        options=() if is_number else ("the chair", "the lamp"),
        answer="2.5" if is_number else "B",
        answer_type=AnswerType.NUMBER if is_number else AnswerType.CHOICE,
        metadata={"question_type": name},
    )


def test_a_dataset_of_scenes_that_was_generated_is_read_whole(tmp_path):
    folder = make_dataset(tmp_path / "scenes", num=1, task="static", options={"question": "depth", "size": "128"})
    samples, excluded = load("static", folder)
    assert ([one.id for one in samples], excluded) == (["static/train/0/0[question=depth,size=128]"], {})
    assert task_named("static").grade_drawing(samples[0], _unanswered(samples[0])).score == 0


def test_mixed_mazes_are_shared_out_by_their_question_and_the_others_are_named(tmp_path):
    folder = make_dataset(tmp_path / "mazes", num=30, split="test")
    names = ("maze", "maze-valid", "maze-shortest")
    parts = {name: load(name, folder) for name in names}
    types = {name: {one.metadata["question_type"] for one in samples} for name, (samples, _) in parts.items()}
    assert types == {"maze": {"end"}, "maze-valid": {"valid"}, "maze-shortest": {"shortest"}}
    assert sum(len(samples) for samples, _ in parts.values()) == 30
    samples, excluded = parts["maze-valid"]
    assert len(excluded) == 30 - len(samples)
    first_id, first_reason = next(iter(excluded.items()))
    assert first_id == "maze/test/0/0[question=mixed]"
    assert first_reason.startswith("kind: expected a maze that maze-valid makes; got {'question_type': 'end', 'n': ")


def test_large_mazes_and_held_out_styles_are_no_mazes_of_maze(tmp_path):
    for name, options in (("large", {"size": "7-8"}), ("heldout", {"styles": "heldout"})):
        folder = make_dataset(tmp_path / name, num=2, split="test", options=options)
        assert len(load("maze-ood", folder)[0]) == 2
        with pytest.raises(InputError, match="expected items of maze; got none that can be used"):
            load("maze", folder)
    assert not {one.id for one in load("maze-ood", tmp_path / "large")[0]} & {
        one.id for one in load("maze-ood", tmp_path / "heldout")[0]
    }  # other mazes under one number: `compare` must not pair them


def test_disturbed_mazes_are_to_train_on_and_of_no_benchmark(tmp_path):
    folder = make_dataset(tmp_path, num=2, split="test", options={"styles": "disturbed"})
    for name in ("maze", "maze-ood"):
        with pytest.raises(InputError, match=rf"expected items of {name}; got none that can be used"):
            load(name, folder)


def test_one_shard_and_rows_as_json_are_read_too(tmp_path):
    folder = make_dataset(tmp_path / "mazes", num=3, split="test", options={})
    assert [one.id for one in load("maze", shard_path(folder, 0))[0]] == [f"maze/test/0/{row}" for row in range(3)]
    write_rows(folder / "some.jsonl", rows_of(folder)[:2])
    samples, _ = load("maze", folder / "some.jsonl")
    assert [one.id for one in samples] == ["maze/test/0/0[some]", "maze/test/0/1[some]"]


def test_a_run_knows_its_dataset(tmp_path):
    made = [make_dataset(tmp_path / str(num), num=num, split="test", options={}) for num in (2, 3)]
    sources = [benchmark_named("maze", folder).source for folder in made]
    assert [benchmark_named("maze", folder).num for folder in made] == [2, 3]
    assert sources[0] != sources[1]
    assert sources[0]["dataset"]["split"] == "test"
    assert json.loads(json.dumps(sources)) == sources


# --- the unified JSON -------------------------------------------------------------------------------------------------


def test_our_export_in_the_unified_json_is_the_same_benchmark(tmp_path):
    folder = make_dataset(tmp_path / "mazes", num=20, split="test")
    file = exported(folder, tmp_path / "out")
    assert file.parent.name == "eval"
    for name in ("maze", "maze-shortest"):
        samples, _ = load(name, file)
        there, _ = load(name, folder)
        assert [(one.question, one.options, one.answer) for one in samples] == [
            (one.question, one.options, one.answer) for one in there
        ]
        assert [one.id for one in samples] == [one.id.replace("[question=mixed]", "[maze-test]") for one in there]
        assert samples[0].images[0].read_bytes() == there[0].images[0].read_bytes()
    assert task_named("maze").grade_drawing(samples[0], _unanswered(samples[0])) is not None
    with pytest.raises(InputError, match="expected items of static; got none that can be used"):
        load("static", file)
    with pytest.raises(InputError, match="expected items of vsi; got none that can be used"):
        load("vsi", file)


def _unanswered(sample):
    episode = Episode(sample)
    episode.reset()
    return episode.rollout()


def maze_row(**changes):
    return unified_row(
        question="Start at the dot and go up. Where are you?",
        options=["A. A", "B. B"],
        answer="B",
        problem_type="multiple choice",
        original_question_type=None,
        data_type="single_view",
        image_path="maze/0.png",
        grid_size=4,
        **changes,
    )


def test_the_authors_maze_is_read_from_its_folder_or_its_file(tmp_path):
    (tmp_path / "maze").mkdir()
    (tmp_path / "maze" / "0.png").write_bytes(picture())
    rows = [maze_row(), maze_row() | {"grid_size": None}, maze_row() | {"options": ["B. A", "A. B"]}]
    write_rows(tmp_path / "maze.json", rows)
    for data in (tmp_path, tmp_path / "maze.json"):
        samples, excluded = load("maze", data)
        assert [(one.id, one.task, one.options, one.answer) for one in samples] == [
            ("maze/unified/1", "maze", ("A", "B"), "B")
        ]
        assert excluded == {
            "maze (maze.json, row 2)": "grid_size: expected the cells of a maze a side; got None",
            "maze (maze.json, row 3)": "options: expected the letters A, B, C, ... in order; got B, A",
        }
    facts = facts_for(_unanswered(samples[0]))
    assert {"size=4", "question=multiple choice"} <= set(facts.groups)
    assert facts.drawing_score is None  # there is no truth to grade it by
    for name in ("maze-ood", "static"):
        with pytest.raises(InputError, match=f"expected items of {name}; got none that can be used"):
            load(name, tmp_path / "maze.json")


def test_unified_questions_without_our_truth_are_known_by_their_type(tmp_path):
    (tmp_path / "0.png").write_bytes(picture())
    known = unified_row(original_question_type="depth", answer="1.5", image_path=["0.png"])
    rows = [known, known | {"original_question_type": "colour"}, known | {"answer": "about 2"}]
    write_rows(tmp_path / "some.json", rows)
    samples, excluded = load("static", tmp_path / "some.json")
    assert [(one.id, one.task, one.answer) for one in samples] == [("static/unified/1", "static", "1.5")]
    assert list(excluded.values()) == [
        "question_type: expected one of the 11 of static; got 'colour'",
        "answer: expected a number; got 'about 2'",
    ]


# --- what is broken ---------------------------------------------------------------------------------------------------


def test_broken_rows_of_a_dataset_are_left_out_each_with_its_reason(tmp_path):
    folder = make_dataset(tmp_path / "mazes", num=12, split="test", options={})
    rows = rows_of(folder)
    changes = [
        {},
        {"answer": "E"},
        {"answer": None},
        {"answer": "Not sure, but A"},
        {"options": ["A"]},
        {"options": ["B. x", "A. y"]},
        {"answer_type": "number"},
        {"task": "static"},
        {"question": " "},
        {"images": ["images/" + "0" * 64 + ".png"]},
        {"images": ["../secret.png"]},
        {"id": rows[0]["id"]},
    ]
    for row, change in zip(rows, changes, strict=True):
        row |= change
    del rows[1]["metadata"]
    write_rows(folder / "rows.jsonl", rows)
    samples, excluded = load("maze", folder / "rows.jsonl")
    assert [one.id for one in samples] == ["maze/test/0/0[rows]"]
    assert excluded == {
        "maze/test/0/1[rows]": "metadata: no such field",
        "maze/test/0/2[rows]": "answer: expected text; got None",
        "maze/test/0/3[rows]": "answer: expected one of the 4 options; got 'Not sure, but A'",
        "maze/test/0/4[rows]": "options: expected 2 to 26; got 1",
        "maze/test/0/5[rows]": "options: expected the letters A, B, C, ... in order; got B, A",
        "maze/test/0/6[rows]": "answer_type: expected choice, as 'end' has; got number",
        "maze/test/0/7[rows]": "task: expected maze; got 'static'",
        "maze/test/0/8[rows]": "question: expected some text; got none",
        "maze/test/0/9[rows]": f"image: no such file: 'images/{'0' * 64}.png'",
        "maze/test/0/10[rows]": "images: expected images/<sha256>.png; got '../secret.png'",
        "maze/test/0/0[rows] (rows.jsonl, row 12)": "id: there twice; the first one counts",
    }


def test_a_number_is_the_only_thing_in_a_right_answer(tmp_path):
    folder = make_dataset(tmp_path / "mazes", num=4, split="test", options={"question": "shortest"})
    rows = rows_of(folder)
    for row, answer in zip(rows, ("3", "about 3", "3 m or 4", ""), strict=True):
        row["answer"] = answer
    write_rows(folder / "rows.jsonl", rows)
    samples, excluded = load("maze-shortest", folder / "rows.jsonl")
    assert [one.answer for one in samples] == ["3"]
    assert [reason.partition(";")[0] for reason in excluded.values()] == ["answer: expected a number"] * 3


def test_a_dataset_that_is_not_complete_is_refused(tmp_path):
    folder = make_dataset(tmp_path / "mazes", num=2, options={})
    shard_path(folder, 0).unlink()
    with pytest.raises(InputError, match=r"expected 1 shards; got no 00000\.parquet: it is not complete"):
        load("maze", folder)


def test_what_is_no_data_is_refused_with_what_to_do(tmp_path):
    folder = make_dataset(tmp_path / "mazes", num=1, options={})
    with pytest.raises(InputError, match="--data: expected a dataset of the task static; got one of maze"):
        benchmark_named("static", folder)
    with pytest.raises(
        InputError, match=r"got .*nowhere, which is not there\. Make one: vilasr generate maze --split test"
    ):
        benchmark_named("maze-ood", tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"a folder without dataset\.json. Make one: .*Without --data the samples are"):
        benchmark_named("multiview", tmp_path)
