"""Whole benchmarks from files in their original layout, and what is left out of broken ones."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from PIL import Image

sys.path.append(str(Path(__file__).parent))
from published_files import (
    mmsi_row,
    picture,
    spar_row,
    spatialeval_row,
    unified_row,
    vsi_row,
    write_rows,
    write_vsi,
)

from vilasr.benchmarks import BENCHMARK_NAMES, PUBLISHED, LoadOptions, Shard, benchmark_named, facts_for
from vilasr.drawing import load_image
from vilasr.env import Episode
from vilasr.errors import InputError
from vilasr.types import AnswerType


@pytest.fixture
def load(tmp_path):
    """`load("vsi", folder)` -> (samples, {id: reason} of what was left out)."""

    def read(name, data, num=None, shard=None, **options):
        excluded = []
        settings = LoadOptions(cache=tmp_path / "frames", on_excluded=excluded.append, num_frames=2, **options)
        benchmark = benchmark_named(name, data, settings)
        samples = list(benchmark.samples(num, shard=shard) if shard else benchmark.samples(num))
        return samples, {exclusion.id: exclusion.reason for exclusion in excluded}

    return read


# --- the original layouts ---------------------------------------------------------------------------------------------


def test_vsi_from_jsonl_and_videos(load, tmp_path):
    rows = [vsi_row(0), vsi_row(1, "route_planning"), vsi_row(2, "room_size_estimation", ground_truth=23.4)]
    samples, excluded = load("vsi", write_vsi(tmp_path / "vsi", rows, num_frames=3))
    assert excluded == {}
    assert [(sample.id, sample.answer, len(sample.images)) for sample in samples] == [
        ("vsi/0", "4", 2),
        ("vsi/1", "B", 2),
        ("vsi/2", "23.4", 2),
    ]
    assert samples[0].images == samples[2].images  # of one video, decoded once
    assert samples[1].metadata["groups"] == {"task": "route_planning"}


def test_vsi_debiased_from_parquet_in_the_same_folder(load, tmp_path):
    folder = write_vsi(tmp_path / "vsi", [vsi_row(0), vsi_row(1)])
    write_rows(folder / "test_debiased.parquet", [vsi_row(1)])
    assert [sample.id for sample in load("vsi-debiased", folder)[0]] == ["vsi/1"]
    assert len(load("vsi", folder)[0]) == 2


def test_spar_from_several_parquet_files_in_order(load, tmp_path):
    for part, numbers in enumerate(((0, 1), (2,))):
        rows = [spar_row(number, image=[{"bytes": picture(), "path": None}] * (number + 1)) for number in numbers]
        write_rows(tmp_path / "spar" / "data" / f"test-0000{part}-of-00002.parquet", rows)
    samples, excluded = load("spar", tmp_path / "spar")
    assert excluded == {}
    assert [(sample.id, len(sample.images)) for sample in samples] == [("spar/0", 1), ("spar/1", 2), ("spar/2", 3)]
    assert load_image(samples[2].images[2]).size == (40, 30)


def test_mmsi_from_parquet_with_bare_bytes(load, tmp_path):
    write_rows(tmp_path / "mmsi" / "MMSI_Bench.parquet", [mmsi_row(0), mmsi_row(1, "MSR")])
    samples, excluded = load("mmsi", tmp_path / "mmsi")
    assert excluded == {}
    assert [sample.metadata["groups"] for sample in samples] == [{"type": "Motion (Cam.)"}, {"type": "MSR"}]
    assert [load_image(image).getpixel((0, 0)) for image in samples[0].images] == [(255, 0, 0), (0, 0, 255)]


def test_spatialeval_holds_four_benchmarks_in_one_file(load, tmp_path):
    parts = ("spatialreal", "mazenav", "mazenav", "spatialmap", "spatialgrid")
    rows = [spatialeval_row(number, part) for number, part in enumerate(parts)]
    write_rows(tmp_path / "se" / "vqa" / "test-00000-of-00001.parquet", rows)
    names = ("spatialeval", "spatialeval-maze", "spatialeval-map", "spatialeval-grid")
    assert [len(load(name, tmp_path / "se")[0]) for name in names] == [1, 2, 1, 1]
    assert benchmark_named("spatialeval-maze", tmp_path / "se").num == 2
    assert load("spatialeval", tmp_path / "se")[1] == {}


def test_pictures_may_be_files_in_the_folder(load, tmp_path):
    (tmp_path / "se" / "images").mkdir(parents=True)
    (tmp_path / "se" / "images" / "0.png").write_bytes(picture())
    write_rows(tmp_path / "se" / "vqa.jsonl", [spatialeval_row(0, image="images/0.png")])
    samples, _ = load("spatialeval", tmp_path / "se")
    assert samples[0].images == (tmp_path / "se" / "images" / "0.png",)


def test_a_sample_can_be_played_and_knows_its_group(load, tmp_path):
    write_rows(tmp_path / "mmsi" / "MMSI_Bench.parquet", [mmsi_row(0)])
    episode = Episode(load("mmsi", tmp_path / "mmsi")[0][0])
    episode.reset()
    episode.step("<think> Down. </think> Action: Answer\n<answer> C </answer>")
    facts = facts_for(episode.rollout())
    assert (facts.score, facts.groups) == (1.0, ("type=Motion (Cam.)",))


# --- the unified JSON -------------------------------------------------------------------------------------------------


def test_the_unified_json_loads_as_the_same_benchmark(load, tmp_path):
    folder = tmp_path / "unified"
    (folder / "frames").mkdir(parents=True)
    for index in range(2):
        (folder / "frames" / f"{index}.png").write_bytes(picture())
    choice = unified_row(
        problem_type="multiple choice",
        original_question_type="route_planning",
        options=["A. left", "B. right"],
        answer="B",
    )
    rows = [unified_row(), choice, unified_row(original_question_type="colour"), unified_row(answer=None)]
    write_rows(folder / "vsi_bench.json", rows)
    samples, excluded = load("vsi", folder)
    assert [(sample.id, sample.task, sample.answer) for sample in samples] == [
        ("vsi/unified/1", "vsi", "4"),
        ("vsi/unified/2", "vsi", "B"),
    ]
    assert samples[1].options == ("left", "right")
    assert samples[0].question.startswith("The images are frames of one video")
    assert samples[0].images == (folder / "frames" / "0.png", folder / "frames" / "1.png")
    assert [reason.partition(";")[0] for reason in excluded.values()] == [
        "question_type: expected one of the ten of VSI-Bench",
        "answer: expected one",
    ]
    assert len(load("vsi", folder / "vsi_bench.json")[0]) == 2


def test_unified_options_inside_the_question_are_found(load, tmp_path):
    (tmp_path / "u").mkdir()
    (tmp_path / "u" / "0.png").write_bytes(picture())
    row = unified_row(
        question=mmsi_row(0)["question"],
        problem_type="multiple choice",
        original_question_type="Motion (Cam.)",
        answer="C",
        image_path=["0.png"],
    )
    write_rows(tmp_path / "u" / "mmsi_bench.json", [row, row | {"answer": "E"}])
    samples, excluded = load("mmsi", tmp_path / "u")
    assert samples[0].options == ("Left", "Right while turning", "Up", "Down")
    assert samples[0].answer_type is AnswerType.CHOICE
    assert list(excluded.values()) == ["answer: expected one of the 4 options; got 'E'"]


def unified(load, folder, name, *rows):
    """What comes of rows about one picture, of the type of question that they say."""
    folder.mkdir()
    (folder / "0.png").write_bytes(picture())
    path = write_rows(folder / "rows.json", [unified_row(image_path=["0.png"]) | row for row in rows])
    samples, excluded = load(name, path)
    return samples, list(excluded.values())


def test_unified_choices_are_read_as_strictly_as_the_original_ones(load, tmp_path):
    good = {"problem_type": "multiple choice", "original_question_type": "route_planning", "answer": "A"}
    samples, reasons = unified(
        load,
        tmp_path / "u",
        "vsi",
        good | {"options": ["A. x", "B. y"]},
        good | {"options": ["B. x", "A. y"]},
        good | {"options": ["A. x"]},
        good | {"options": []},
        good | {"options": ["x", "y"], "answer": "Not sure, but B"},
        good | {"options": ["A. left", "B. right"], "answer": "<answer> right </answer>"},
    )
    assert [(sample.id, sample.options, sample.answer) for sample in samples] == [
        ("vsi/unified/1", ("x", "y"), "A"),
        ("vsi/unified/6", ("left", "right"), "B"),
    ]
    assert reasons == [
        "options: expected the letters A, B, C, ... in order; got B, A",
        "options: expected 2 to 26; got 1",
        "options: expected at least two; got none",
        "answer: expected one of the 2 options; got 'Not sure, but B'",
    ]


def test_a_unified_answer_has_the_type_that_its_question_has(load, tmp_path):
    _, reasons = unified(
        load,
        tmp_path / "u",
        "vsi",
        {"answer": "4"},
        {"problem_type": "free-form", "answer": "lots"},
        {"problem_type": "multiple choice", "options": ["A. 3", "B. 4"], "answer": "A"},
        {"original_question_type": "route_planning"},
        {"answer": 10**400},
    )
    assert reasons[:3] == [
        "problem_type: expected one with an answer of type number, as 'object_counting' has; got 'free-form'",
        "problem_type: expected one with an answer of type number, as 'object_counting' has; got 'multiple choice'",
        "problem_type: expected one with an answer of type choice, as 'route_planning' has; got 'regression'",
    ]
    assert len(reasons) == 4
    assert reasons[3].startswith("answer: expected a number that fits in a float; got 1000")


def test_a_unified_view_change_has_either_name_and_movements(load, tmp_path):
    row = {"problem_type": "vci", "original_question_type": "vci", "answer": "move_right:0.3,rotate_up:10"}
    samples, reasons = unified(
        load,
        tmp_path / "u",
        "spar",
        row,
        row | {"original_question_type": "view_change_infer"},
        row | {"original_question_type": None},
        row | {"answer": "to the right"},
    )
    assert [sample.metadata["groups"] for sample in samples] == [{"task": "view_change_infer"}] * 3
    assert {sample.metadata["question_type"] for sample in samples} == {"view_change_infer"}
    assert {sample.answer for sample in samples} == {"move_right:0.3,rotate_up:10.0"}
    assert reasons == ["answer: expected movements such as move_right:0.3,rotate_up:10; got 'to the right'"]


# --- what is broken ---------------------------------------------------------------------------------------------------


def test_broken_items_are_left_out_each_with_its_reason(load, tmp_path):
    rows = [
        vsi_row(0),
        vsi_row(1, ground_truth="many"),
        vsi_row(0, question="The same id again?"),
        vsi_row(3, "route_planning", ground_truth="F"),
        vsi_row(4, "route_planning", options=["B. bed", "A. lamp"]),
        vsi_row(5, scene_name="nowhere"),
        {key: value for key, value in vsi_row(6).items() if key != "question"},
        vsi_row(7, dataset="../secret"),
    ]
    folder = write_vsi(tmp_path / "vsi", rows)
    with (folder / "test.jsonl").open("a") as file:
        file.write('{"id": 8, \n[1, 2]\n')
    samples, excluded = load("vsi", folder)
    assert [sample.id for sample in samples] == ["vsi/0"]
    assert samples[0].question.endswith("How many chairs are there?")
    kinds = {key: reason.partition(":")[0] for key, reason in excluded.items()}
    assert kinds == {
        "vsi/1": "ground_truth",
        "vsi/0 (test.jsonl, row 3)": "id",
        "vsi/3": "ground_truth",
        "vsi/4": "options",
        "vsi/5": "video",
        "vsi/6": "question",
        "vsi/7": "video",
        "vsi (test.jsonl, row 9)": "not JSON",
        "vsi (test.jsonl, row 10)": "not an object",
    }
    assert excluded["vsi/5"] == "video: no such file: 'scannet/nowhere.mp4'"


def test_no_two_items_that_are_left_out_are_called_the_same(load, tmp_path):
    nameless = {key: value for key, value in mmsi_row(0).items() if key != "id"}
    broken = mmsi_row(1, answer="Q")
    for part, rows in enumerate(
        ([mmsi_row(0)] * 3 + [broken] * 2, [mmsi_row(0), nameless | {"id": None}, mmsi_row(1)])
    ):
        write_rows(tmp_path / "mmsi" / f"{part}.parquet", rows)
    samples, excluded = load("mmsi", tmp_path / "mmsi")
    assert [sample.id for sample in samples] == ["mmsi/0"]
    assert {key: reason.partition(":")[0] for key, reason in excluded.items()} == {
        "mmsi/0 (0.parquet, row 2)": "id",
        "mmsi/0 (0.parquet, row 3)": "id",
        "mmsi/1": "answer",
        "mmsi/1 (0.parquet, row 5)": "id",
        "mmsi/0 (1.parquet, row 1)": "id",
        "mmsi (1.parquet, row 2)": "id",
        "mmsi/1 (1.parquet, row 3)": "id",  # the first one counts, though it is broken
    }


def test_an_item_of_a_variant_is_called_the_same_whether_asked_or_left_out(load, tmp_path):
    write_rows(tmp_path / "tiny" / "test.jsonl", [spar_row(0, image="0.png"), spar_row(1, image="1.png")])
    (tmp_path / "tiny" / "1.png").write_bytes(picture())
    samples, excluded = load("spar-tiny", tmp_path / "tiny")
    assert ([sample.id for sample in samples], list(excluded)) == (["spar/1"], ["spar/0"])


def test_a_picture_as_text_is_left_out(load, tmp_path):
    rows = [spar_row(0, image="0.png"), spar_row(1, image="iVBORw0KGgo" * 400)]
    write_rows(tmp_path / "spar" / "test.jsonl", rows)
    (tmp_path / "spar" / "0.png").write_bytes(picture())
    samples, excluded = load("spar", tmp_path / "spar")
    assert [sample.id for sample in samples] == ["spar/0"]
    assert excluded["spar/1"].startswith("image: cannot be looked up: 'iVBORw0KGgo")
    assert excluded["spar/1"].endswith("... (File name too long)")


@pytest.mark.parametrize("content", [b"", b"no video"])
def test_a_broken_video_takes_only_its_own_questions_with_it(load, tmp_path, content):
    folder = write_vsi(tmp_path / "vsi", [vsi_row(number) for number in range(4)])
    (folder / "scannet" / "scene1.mp4").write_bytes(content)
    samples, excluded = load("vsi", folder)
    assert [sample.id for sample in samples] == ["vsi/0", "vsi/2"]
    assert sorted(excluded) == ["vsi/1", "vsi/3"]
    assert all(reason.startswith("video: ") and "cannot be decoded" in reason for reason in excluded.values())


def test_a_video_without_frames_is_told(load, tmp_path):
    import av

    folder = write_vsi(tmp_path / "vsi", [vsi_row(0), vsi_row(1)])
    with av.open(str(folder / "scannet" / "scene1.mp4"), "w") as container:  # sound alone
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
        frame.sample_rate = 8000
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    _, excluded = load("vsi", folder)
    assert "got a file without frames" in excluded["vsi/1"]


def test_broken_pictures_are_left_out(load, tmp_path):
    rows = [
        mmsi_row(0),
        mmsi_row(1, images=[b"no picture"]),
        mmsi_row(2, images=[]),
        mmsi_row(3, images=[b""]),
    ]
    write_rows(tmp_path / "mmsi" / "MMSI_Bench.parquet", rows)
    samples, excluded = load("mmsi", tmp_path / "mmsi")
    assert [sample.id for sample in samples] == ["mmsi/0"]
    assert {reason.partition(":")[0] for reason in excluded.values()} == {"image"}
    assert len(excluded) == 3


def test_pixels_that_are_damaged_are_found_when_the_item_is_played(load, tmp_path):
    write_rows(tmp_path / "mmsi" / "MMSI_Bench.parquet", [mmsi_row(0, images=[picture(size=(300, 200))[:150]])])
    samples, _ = load("mmsi", tmp_path / "mmsi")
    with pytest.raises(InputError, match="image 1: expected a complete image"):
        Episode(samples[0]).reset()


def test_a_file_without_a_column_is_refused(load, tmp_path):
    rows = [{key: value for key, value in mmsi_row(0).items() if key != "answer"}]
    write_rows(tmp_path / "mmsi" / "MMSI_Bench.parquet", rows)
    with pytest.raises(InputError, match=r"MMSI_Bench\.parquet: expected the columns id, .*; got no answer among id"):
        load("mmsi", tmp_path / "mmsi")


def test_a_column_of_another_type_leaves_nothing_and_is_refused(load, tmp_path):
    write_rows(tmp_path / "mmsi" / "MMSI_Bench.parquet", [mmsi_row(0, question=3), mmsi_row(1, question=4)])
    with pytest.raises(InputError, match="expected items of mmsi; got none that can be used"):
        load("mmsi", tmp_path / "mmsi")


def test_a_file_that_is_no_parquet_is_refused(load, tmp_path):
    (tmp_path / "mmsi").mkdir()
    (tmp_path / "mmsi" / "MMSI_Bench.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(InputError, match="expected a complete file; got one that cannot be read"):
        load("mmsi", tmp_path / "mmsi")


@pytest.mark.parametrize("published", PUBLISHED, ids=lambda published: published.name)
def test_without_files_the_message_says_what_to_fetch_and_where_to_put_it(published, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        benchmark_named(published.name)
    message = str(caught.value)
    assert message.startswith(f"{published.name}: expected its files in data/{published.folder}; got no such folder.")
    assert f"hf download {published.repository} --repo-type dataset --local-dir data/{published.folder}" in message
    assert all(line in message for line in published.fetch)
    assert "--data FOLDER" in message
    (tmp_path / "data" / published.folder).mkdir(parents=True)
    with pytest.raises(InputError, match="got none of"):
        benchmark_named(published.name)


# --- parts ------------------------------------------------------------------------------------------------------------


def test_shards_share_the_items_out_and_hold_the_first_ones_together(load, tmp_path):
    write_rows(tmp_path / "mmsi" / "MMSI_Bench.parquet", [mmsi_row(number) for number in range(8)])
    parts = [load("mmsi", tmp_path / "mmsi", 7, Shard(index, 3))[0] for index in range(3)]
    assert [[sample.id for sample in part] for part in parts] == [
        ["mmsi/0", "mmsi/3", "mmsi/6"],
        ["mmsi/1", "mmsi/4"],
        ["mmsi/2", "mmsi/5"],
    ]
    with pytest.raises(InputError, match="shard: expected i/n with i from 0 to n - 1, such as 0/4; got 3/3"):
        Shard(3, 3)


def test_an_item_that_one_machine_lacks_moves_no_other_to_another_shard(load, tmp_path):
    rows = [mmsi_row(number) for number in range(8)]
    write_rows(tmp_path / "here" / "MMSI_Bench.parquet", rows)
    write_rows(tmp_path / "there" / "MMSI_Bench.parquet", [*rows[:3], mmsi_row(3, answer="Z"), *rows[4:]])
    assert [sample.id for sample in load("mmsi", tmp_path / "here", shard=Shard(0, 2))[0]] == [
        f"mmsi/{number}" for number in (0, 2, 4, 6)
    ]
    assert [sample.id for sample in load("mmsi", tmp_path / "there", shard=Shard(1, 2))[0]] == [
        f"mmsi/{number}" for number in (1, 5, 7)
    ]


def test_only_the_videos_that_are_needed_are_decoded(load, tmp_path):
    folder = write_vsi(tmp_path / "vsi", [vsi_row(number) for number in range(4)])
    done = []
    load("vsi", folder, shard=Shard(1, 2), on_video=done.append)
    assert done == [1]  # scene1 alone


def test_a_run_knows_its_data_by_name_and_size(load, tmp_path):
    folder = write_vsi(tmp_path / "vsi", [vsi_row(0)])
    source = benchmark_named("vsi", folder).source
    assert source["benchmark"] == "vsi"
    assert source["num_frames"] == 16
    write_rows(folder / "test.jsonl", [vsi_row(0), vsi_row(1)])
    assert benchmark_named("vsi", folder).source != source
    assert json.loads(json.dumps(source)) == source


def test_names_are_checked():
    with pytest.raises(InputError, match=r"benchmark: expected one of maze, maze-ood, .*, spatialeval-grid; got 'm'"):
        benchmark_named("m")
    assert len(set(BENCHMARK_NAMES)) == 16


# --- generated scenes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["static", "multiview", "video"])
def test_generated_scenes_are_benchmarks_too(name):
    benchmark = benchmark_named(name)
    once = list(benchmark.samples(2))
    assert [sample.id for sample in once] == [f"{name}/test/0/0", f"{name}/test/0/1"]
    assert next(benchmark.samples(2, shard=Shard(1, 2))).question == once[1].question
    assert isinstance(once[0].images[0], Image.Image)
