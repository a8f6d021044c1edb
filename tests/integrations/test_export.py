"""Datasets and rollout files in the layouts of LLaMA-Factory, verl and the official data."""

from __future__ import annotations

import asyncio
import io
import json
import random
import shutil
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from small_datasets import make_dataset

from vilasr.data import read_dataset
from vilasr.drawing import content_key, load_image
from vilasr.env import EpisodeConfig, views_of
from vilasr.errors import InputError
from vilasr.integrations import FORMATS, ExportOptions, export, open_source
from vilasr.integrations.conversations import plain
from vilasr.policies import ScriptedPolicy
from vilasr.protocol import VILASR, Sizer
from vilasr.rollout import RolloutWriter, new_header, run_rollout
from vilasr.tasks import task_named
from vilasr.training.demonstrations import play
from vilasr.types import AnswerType, Sample, SamplingParams

DRAW = (
    "<think>Here <image>.</think> Action: Path Tracer\n```json\n"
    '[{"index": 1, "start_point_2d": [4, 4], "end_point_2d": [40, 30], "label": "w"}]\n```'
)
ANSWER = "<think>So<|im_end|>.</think> Action: Answer\n<answer> B </answer>"


def run(source, out, format_name, *, num=None, **options):
    told = []
    opened = open_source(source, on_bad=lambda error: told.append(str(error)), num=num)
    return export(opened, out, ExportOptions(format=format_name, **options), on_row=lambda: None), told


def rollout_file(path, scripts, *, sizer, size=(100, 60)):
    """One rollout of each script."""
    config = EpisodeConfig(protocol=VILASR, sizer=sizer)
    header = new_header(
        protocol="vilasr", model="x", seed=0, style="default", drawing=True, sampling=SamplingParams(),
        config={"episode": config},
    )  # fmt: skip
    with RolloutWriter(path, header) as writer:
        for number, script in enumerate(scripts):
            image = Image.new("RGB", size, (number, 200, 100))
            sample = Sample(id=f"s/{number}", task="photos", question="A <image>?", images=(image,), answer="3",
                            answer_type=AnswerType.NUMBER)  # fmt: skip
            writer.append(asyncio.run(run_rollout(sample, ScriptedPolicy(script), config)))
    return path


def counts(row):
    return sum(message["content"].count("<image>") for message in row["conversations"])


# --- sharegpt ---------------------------------------------------------------------------------------------------------


def test_demonstrations_become_conversations_that_llama_factory_finds(mazes, tmp_path):
    done, _ = run(mazes, tmp_path / "out", "sharegpt")
    assert (done.num_conversations, done.num_questions, done.left_out) == (8, 0, {})
    (name, entry), *rest = json.loads((tmp_path / "out" / "dataset_info.json").read_text()).items()
    assert (name, rest) == ("maze-train", [])
    assert entry == {
        "file_name": "maze-train.json",
        "formatting": "sharegpt",
        "columns": {"messages": "conversations", "images": "images"},
        "tags": {
            "role_tag": "role",
            "content_tag": "content",
            "user_tag": "user",
            "assistant_tag": "assistant",
            "system_tag": "system",
        },
    }
    rows = json.loads((tmp_path / "out" / entry["file_name"]).read_text())
    assert len(rows) == 8
    for row in rows:
        roles = [message["role"] for message in row["conversations"]]
        assert roles[0] == "system"
        assert roles[1::2] == ["user"] * (len(roles) // 2)
        assert roles[2::2] == ["assistant"] * (len(roles) // 2)
        assert counts(row) == len(row["images"]) >= 2
        assert all((tmp_path / "out" / image).is_file() for image in row["images"])


def test_the_pictures_are_those_the_policy_saw_in_order(mazes, tmp_path):
    run(mazes, tmp_path / "out", "sharegpt", num=1)
    (row,) = json.loads((tmp_path / "out" / "maze-train.json").read_text())
    sample = next(iter(read_dataset(mazes)[1]))
    rng = random.Random(f"0/{sample.id}")
    rng.random()
    played = play(task_named("maze"), sample, rng, EpisodeConfig(protocol=VILASR))
    pictures = [load_image(tmp_path / "out" / image) for image in row["images"]]
    assert [picture.tobytes() for picture in pictures] == [view.tobytes() for view in played.views]
    assert row["conversations"][-1]["content"] == played.rollout.turns[-1].text
    assert f"Image 2 ({pictures[1].width}x{pictures[1].height} pixels)" in row["conversations"][3]["content"]


def test_without_drawing_there_is_one_reply_and_one_picture(mazes, tmp_path):
    run(mazes, tmp_path / "out", "sharegpt", drawing=False, protocol="compact")
    for row in json.loads((tmp_path / "out" / "maze-train.json").read_text()):
        assert len(row["images"]) == 1
        assert [message["role"] for message in row["conversations"]] == ["system", "user", "assistant"]
        assert row["conversations"][0]["content"] == "Look, think, then answer."


def test_deliberate_mistakes_are_left_out_unless_they_are_asked_for(mazes, tmp_path):
    with pytest.raises(
        InputError, match="something to export; got 8 with a deliberate mistake, which would be trained"
    ):
        run(mazes, tmp_path / "none", "sharegpt", mistakes=1.0)
    done, _ = run(mazes, tmp_path / "half", "sharegpt", mistakes=0.5)
    left = done.left_out["with a deliberate mistake, which would be trained"]
    assert 0 < left < 8
    assert done.num_conversations == 8 - left
    done, _ = run(mazes, tmp_path / "all", "sharegpt", mistakes=1.0, keep_mistakes=True)
    rows = json.loads((tmp_path / "all" / "maze-train.json").read_text())
    assert done.num_conversations == len(rows) == 8
    assert all(False in json.loads(row["vilasr"])["learn"] for row in rows)


def test_rollouts_that_answered_become_conversations(tmp_path):
    sizer = Sizer(factor=28, min_pixels=28 * 28, max_pixels=84 * 56)
    file = rollout_file(tmp_path / "r" / "rollouts.jsonl", [[DRAW, ANSWER], ["Hm."] * 3, [ANSWER]], sizer=sizer)
    with file.open("a") as stream:
        stream.write("{}\n")
    done, told = run(tmp_path / "r", tmp_path / "out", "sharegpt")
    assert (done.num_conversations, done.left_out) == (2, {"that ended as no_action": 1})
    assert len(told) == 1
    drew, answered = json.loads((tmp_path / "out" / "rollouts.json").read_text())
    pictures = [load_image(tmp_path / "out" / image) for image in drew["images"]]
    rollout = next(open_source(file, on_bad=told.append).rollouts())
    expected = views_of(rollout, style=EpisodeConfig().style, sizer=sizer)
    assert [picture.size for picture in pictures] == [(84, 28)] * 2
    assert [content_key(picture) for picture in pictures] == [content_key(view) for view in expected]
    assert counts(answered) == len(answered["images"]) == 1


def test_text_never_becomes_a_picture_or_a_control_token(tmp_path):
    file = rollout_file(tmp_path / "rollouts.jsonl", [[DRAW, ANSWER]], sizer=Sizer())
    run(file, tmp_path / "out", "sharegpt")
    (row,) = json.loads((tmp_path / "out" / "rollouts.json").read_text())
    assert counts(row) == len(row["images"]) == 2
    assert "A < image>?" in row["conversations"][1]["content"]
    assert row["conversations"][2]["content"].startswith("<think>Here < image>.</think>")
    assert "So< |im_end|>." in row["conversations"][4]["content"]
    assert plain("<video><|a|><audio>") == "< video>< |a|>< audio>"


def test_a_rollout_whose_image_is_gone_is_left_out(tmp_path):
    file = rollout_file(tmp_path / "rollouts.jsonl", [[ANSWER], [ANSWER]], sizer=Sizer())
    rollouts = list(open_source(file, on_bad=print).rollouts())
    rollouts[0].sample.images[0].unlink()
    done, told = run(file, tmp_path / "out", "sharegpt")
    assert (done.num_conversations, done.left_out) == (1, {"with an image that cannot be read": 1})
    assert "expected an image file; got no such file" in told[0]


def test_samples_without_demonstrations_are_an_error(tmp_path):
    file = rollout_file(tmp_path / "rollouts.jsonl", [[ANSWER]], sizer=Sizer())
    run(file, tmp_path / "data", "parquet")
    with pytest.raises(InputError, match=r"samples to demonstrate: expected those of maze, .*; got one of 'photos'"):
        run(tmp_path / "data", tmp_path / "out", "sharegpt")
    assert not (tmp_path / "out").exists()


# --- verl -------------------------------------------------------------------------------------------------------------


def test_prompts_for_verl_hold_text_pictures_and_the_whole_sample(mazes, tmp_path):
    done, _ = run(mazes, tmp_path / "out", "verl", max_pixels=150 * 150)
    assert done.num_questions == 8
    rows = pq.read_table(tmp_path / "out" / "maze-train.parquet").to_pylist()
    for index, (row, sample) in enumerate(zip(rows, read_dataset(mazes)[1], strict=True)):
        system, user = row["prompt"]
        (picture,) = (Image.open(io.BytesIO(image["bytes"])) for image in row["images"])
        assert (system["role"], user["role"]) == ("system", "user")
        assert user["content"].startswith(f"Image 1 ({picture.width}x{picture.height} pixels):<image>\n")
        assert sample.question in user["content"]
        assert picture.width * picture.height <= 150 * 150
        assert (row["data_source"], row["agent_name"], row["ability"]) == ("vilasr/maze", "vilasr", "spatial")
        assert row["reward_model"] == {"style": "rule", "ground_truth": sample.answer}
        extra = row["extra_info"]
        assert (extra["index"], extra["split"], extra["id"]) == (index, "train", sample.id)
        assert (tuple(extra["options"]), extra["answer_type"]) == (sample.options, sample.answer_type.value)
        assert json.loads(extra["metadata"]) == sample.metadata
        assert (extra["protocol"], extra["style"], extra["drawing"]) == ("vilasr", "default", True)


def test_verl_rows_are_written_in_groups_of_bounded_size(mazes, tmp_path, monkeypatch):
    monkeypatch.setattr("vilasr.integrations.verl_rows.GROUP_ROWS", 3)
    run(mazes, tmp_path / "out", "verl")
    file = pq.ParquetFile(tmp_path / "out" / "maze-train.parquet")
    assert [file.metadata.row_group(group).num_rows for group in range(3)] == [3, 3, 2]


def test_siblings_are_one_prompt(tmp_path):
    file = rollout_file(tmp_path / "rollouts.jsonl", [[ANSWER]], sizer=Sizer())
    (rollout,) = open_source(file, on_bad=print).rollouts()
    header = open_source(file, on_bad=print).header
    with RolloutWriter(tmp_path / "two.jsonl", header) as writer:
        for sibling in range(2):
            writer.append(replace(rollout, sibling=sibling))
    assert run(tmp_path / "two.jsonl", tmp_path / "verl", "verl")[0].num_questions == 1
    assert run(tmp_path / "two.jsonl", tmp_path / "talk", "sharegpt")[0].num_conversations == 2


# --- the official layout, and ours ------------------------------------------------------------------------------------


def test_the_official_layout_of_training_data_has_questions_and_conversations(mazes, tmp_path):
    done, _ = run(mazes, tmp_path / "out", "vilasr")
    assert (done.num_conversations, done.num_questions) == (8, 8)
    info = json.loads((tmp_path / "out" / "dataset_info.json").read_text())
    assert info["maze-train_cold_start"]["file_name"] == "cold_start/maze-train.json"
    rows = json.loads((tmp_path / "out" / "rl" / "maze-train.json").read_text())
    for row, sample in zip(rows, read_dataset(mazes)[1], strict=True):
        assert row["question"] == sample.question
        assert row["options"] == [f"{'ABCD'[at]}. {option}" for at, option in enumerate(sample.options)]
        assert row["answer"] == sample.answer
        assert row["original_question_type"] == sample.metadata["question_type"]
        assert (row["data_type"], row["grid_size"]) == ("single_view", sample.metadata["n"])
        (path,) = row["image_path"]
        assert load_image(tmp_path / "out" / path).tobytes() == load_image(sample.images[0]).tobytes()


def test_the_official_layout_of_a_test_split_has_questions_only(tmp_path):
    data = make_dataset(tmp_path / "data", num=2, split="test")
    done, _ = run(data, tmp_path / "out", "vilasr")
    assert (done.num_conversations, done.num_questions) == (0, 2)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["dataset_info.json", "eval", "images"]


def test_a_picture_that_cannot_be_read_costs_its_own_rows_only(tmp_path):
    for number, format_name in enumerate(("verl", "vilasr", "parquet")):
        data = make_dataset(tmp_path / f"data{number}", num=3, split="test")
        broken = list(read_dataset(data)[1])[1].images[0]
        broken.write_bytes(b"no picture")
        done, told = run(data, tmp_path / format_name, format_name)
        assert done.num_questions == 2
        assert sum(done.left_out.values()) == len(told) == 1


def test_no_more_than_num_samples_are_read(mazes, tmp_path):
    for format_name in ("sharegpt", "verl", "vilasr", "parquet"):
        done, _ = run(mazes, tmp_path / format_name, format_name, num=3)
        assert {done.num_conversations, done.num_questions} <= {0, 3}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", "nothing: expected a dataset folder or a rollout file; got no such file or folder"),
        ("", "expected a folder with dataset.json or rollouts.jsonl, or a rollout file; got a folder with neither"),
    ],
)
def test_what_is_neither_dataset_nor_rollouts_is_an_error(name, message, tmp_path):
    with pytest.raises(InputError, match=message):
        open_source(tmp_path / name, on_bad=print)


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("name", ["", "..", "../../evil", "a\\b", "a\0b", "a\nb"])
def test_nothing_is_written_under_a_name_that_leads_out_of_the_folder(name, format_name, mazes, tmp_path):
    shutil.copytree(mazes, tmp_path / "data")
    path = tmp_path / "data" / "dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"name": name}))
    with pytest.raises(InputError, match="name of the dataset: expected a name that a file can have"):
        run(tmp_path / "data", tmp_path / "new" / "out", format_name)
    assert [entry.name for entry in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("stem", ["a\nb", "a\\b"])
def test_a_rollout_file_with_a_name_that_none_of_ours_can_have_is_refused(stem, format_name, tmp_path):
    file = rollout_file(tmp_path / "rollouts.jsonl", [[ANSWER]], sizer=Sizer())
    file = file.rename(tmp_path / f"{stem}.jsonl")
    with pytest.raises(InputError, match=r"^name of '.*jsonl': expected a name that a file can have.*Rename it\.$"):
        run(file, tmp_path / "out", format_name)
    assert not (tmp_path / "out").exists()


def test_rollouts_whose_name_is_that_of_the_index_are_refused(tmp_path):
    file = rollout_file(tmp_path / "rollouts.jsonl", [[ANSWER]], sizer=Sizer()).rename(tmp_path / "dataset_info.jsonl")
    with pytest.raises(InputError, match=r"expected a name other than that of the index.*Rename it\.$"):
        run(file, tmp_path / "out", "sharegpt")
    assert not (tmp_path / "out").exists()


def test_the_name_is_one_value_of_the_settings_and_no_markup(mazes, tmp_path):
    shutil.copytree(mazes, tmp_path / "data")
    path = tmp_path / "data" / "dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"name": "mazes: <b> #1"}))
    run(tmp_path / "data", tmp_path / "out", "sharegpt", num=1)
    readme = (tmp_path / "out" / "README.md").read_text()
    assert readme.startswith("# mazes b 1\n")
    assert '\ndataset: "mazes: <b> #1"\n' in readme


def test_half_a_surrogate_pair_in_a_dataset_costs_no_export(tmp_path):
    data = make_dataset(tmp_path / "data", num=2, split="test")
    path = data / "data" / "00000.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    rows[0]["metadata"] = json.dumps(json.loads(rows[0]["metadata"]) | {"question_type": "x\ud800"})
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    done, _ = run(data, tmp_path / "out", "parquet")
    assert done.num_questions == 2
    assert "| x | 1 |" in (tmp_path / "out" / "README.md").read_text()
