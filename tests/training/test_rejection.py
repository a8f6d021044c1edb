"""Sampling, selection and training as one run: through a real server, and with the engine."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from pydantic import ValidationError

from vilasr.data import DatasetInfo, write_dataset
from vilasr.errors import InputError
from vilasr.policies.transformers import load_model
from vilasr.rollout import read_rollouts
from vilasr.tasks import task_named
from vilasr.training import rejection
from vilasr.training.metrics import read_metrics
from vilasr.training.rejection import count_questions, questions, train_rejection
from vilasr.training.rejection_config import RejectionConfig
from vilasr.types import AnswerType, Sample, Status

sys.path.append(str(Path(__file__).parents[1] / "cli" / "runs"))


@pytest.fixture(scope="module")
def endpoint():
    from answering_server import serve
    from correcting_server import reply

    with serve(reply) as url:
        yield {"url": url, "model": "teacher"}


def config_for(model, out, **changes):
    marks = {"task": "marks", "options": {"num": "2"}}
    settings = {"prompts": {"tasks": [marks], "num": 12}, "num_siblings": 2, "concurrency": 4, "threads": 1}
    return RejectionConfig.model_validate({"model": str(model), "out": out, **settings, **changes})


SFT = {"steps": 2, "precision": "fp32", "data": {"batch_size": 2, "window": 1}}


def told(path):
    """What every rollout of a file says, in the order of the file."""
    return [
        (rollout.sample.id, rollout.sibling, [turn.text for turn in rollout.turns])
        for rollout in read_rollouts(path)[1]
    ]


def keys(path):
    return [entry[:2] for entry in told(path)]


# --- the whole run ----------------------------------------------------------------------------------------------------


def test_it_samples_selects_and_trains_and_says_how_far_it_is(nano_folder, tmp_path, endpoint):
    config = config_for(nano_folder, tmp_path, endpoint=endpoint, balance={"max_per_question": 1}, sft=SFT)
    reported = []
    model = train_rejection(config, report=lambda *values: reported.append(values))
    assert model == tmp_path / "model"
    assert load_model(model).protocol == "compact"
    assert [line["step"] for line in read_metrics(tmp_path / "metrics.jsonl")] == [0, 1]
    assert len(keys(config.sampled)) == 24
    kept = list(read_rollouts(config.selected)[1])
    assert 0 < len(kept) < 12
    assert all(len(rollout.actions) == 2 and rollout.answer == "2" for rollout in kept)
    assert len({rollout.sample.id for rollout in kept}) == len(kept)
    found = json.loads((tmp_path / "selection.json").read_text())
    assert found["groups"][0]["rollouts"] == 24
    assert found["groups"][0]["kept"] == len(kept) == len(found["selection"]["kept"])
    assert f"{len(kept)} are kept" in (tmp_path / "selection.md").read_text()
    assert reported[0] == ("rollouts", 0, 24, {})
    assert reported[24][:3] == ("rollouts", 24, 24)
    assert set(reported[24][3]) == {"correct", "reflective"}
    assert [(stage, done, total) for stage, done, total, _ in reported[25:]] == [("steps", 1, 2), ("steps", 2, 2)]


def test_a_run_that_was_stopped_while_it_sampled_ends_as_one_that_was_not(nano_folder, tmp_path, endpoint, caplog):
    class StoppedError(Exception):
        pass

    def stop(stage, done, total, shown):
        if done == 7:
            raise StoppedError

    straight = config_for(nano_folder, tmp_path / "straight", endpoint=endpoint)
    stopped = config_for(nano_folder, tmp_path / "stopped", endpoint=endpoint)
    assert train_rejection(straight) == straight.selected
    with pytest.raises(StoppedError):
        train_rejection(stopped, report=stop)
    num_there = len(keys(stopped.sampled))
    assert 7 <= num_there < 24
    with stopped.sampled.open("ab") as file:
        file.write(b'{"sample":{"id":"marks/tr')
    reported = []
    train_rejection(stopped, report=lambda *values: reported.append(values))
    assert reported[0][:2] == ("rollouts", num_there)
    assert sorted(told(stopped.sampled)) == sorted(told(straight.sampled))
    assert told(stopped.selected) == told(straight.selected)  # in one order, whichever was sampled first
    assert any("was cut off" in message for message in caplog.messages)


def test_what_is_all_there_is_not_asked_for_again(nano_folder, tmp_path, endpoint):
    config = config_for(nano_folder, tmp_path, endpoint=endpoint)
    train_rejection(config)
    before = config.selected.read_bytes()
    gone = config.model_copy(update={"endpoint": config.endpoint.model_copy(update={"url": "http://127.0.0.1:9/v1"})})
    train_rejection(gone)
    assert gone.selected.read_bytes() == before


def test_teacher_synthesis_is_a_run_that_ends_with_the_rollouts(nano_folder, tmp_path, endpoint):
    rules = {"reflective": False, "min_steps": 3}
    config = config_for(nano_folder, tmp_path, endpoint=endpoint, select=rules)
    assert train_rejection(config) == config.selected
    header, rollouts = read_rollouts(config.selected)
    assert header.model == "teacher"
    assert header.protocol == "compact"
    assert header.config["select"]["min_steps"] == 3
    assert {len(rollout.turns) for rollout in rollouts} == {3}
    assert not (tmp_path / "model").exists()


def test_rows_of_a_dataset_are_questions_too(nano_folder, tmp_path, endpoint):
    marks = task_named("marks")
    samples = [marks.generate("train", index, 5, {"num": "2"}) for index in range(3)]
    info = DatasetInfo(name="marks", task="marks", version=1, split="train", seed=5, num=3)
    write_dataset(tmp_path / "data", info, samples.__getitem__)
    config = config_for(nano_folder, tmp_path / "run", endpoint=endpoint, prompts={"data": tmp_path / "data", "num": 2})
    assert [sample.id for sample in questions(config.prompts)] == [sample.id for sample in samples[:2]]
    reported = []
    train_rejection(config, report=lambda *values: reported.append(values))
    assert reported[-1][:3] == ("rollouts", 4, 4)


def test_attempts_at_rows_that_were_others_then_are_refused(nano_folder, tmp_path, endpoint):
    marks = task_named("marks")
    info = DatasetInfo(name="marks", task="marks", version=1, split="train", seed=1, num=3)
    for seed in (1, 2):
        rows = [replace(marks.generate("train", index, seed, {"num": "2"}), id=f"own/{index}") for index in range(3)]
        write_dataset(tmp_path / f"{seed}", info, rows.__getitem__)
    data = tmp_path / "data"
    (tmp_path / "1").rename(data)
    config = config_for(nano_folder, tmp_path / "run", endpoint=endpoint, prompts={"data": data})
    train_rejection(config)
    data.rename(tmp_path / "1")
    (tmp_path / "2").rename(data)
    with pytest.raises(InputError, match=rf"data\.{data}"):
        train_rejection(config)


def test_where_bad_rows_alone_are_left_nothing_is_opened_to_sample_them(nano_folder, tmp_path, endpoint, monkeypatch):
    """One row cannot be read, since its picture is a link out of the folder; the picture of one is no picture."""
    marks = task_named("marks")
    info = DatasetInfo(name="marks", task="marks", version=1, split="train", seed=1, num=6)
    write_dataset(tmp_path / "data", info, lambda index: marks.generate("train", index, 1, {"num": "2"}))
    link, broken = sorted((tmp_path / "data" / "images").iterdir())[:2]
    link.rename(tmp_path / "moved.png")
    link.symlink_to(tmp_path / "moved.png")
    broken.write_bytes(b"no picture")
    config = config_for(nano_folder, tmp_path / "run", endpoint=endpoint, prompts={"data": tmp_path / "data"})
    assert count_questions(config.prompts) == 5
    train_rejection(config)
    before = keys(config.sampled)
    assert len(before) == 8
    monkeypatch.setattr(rejection, "_open_policy", None)  # would fail
    train_rejection(config)
    assert keys(config.sampled) == before


def test_rows_with_one_id_are_refused(nano_folder, tmp_path, endpoint):
    sample = task_named("marks").generate("train", 0, 1, {"num": "1"})
    info = DatasetInfo(name="marks", task="marks", version=1, split="train", seed=1, num=2)
    write_dataset(tmp_path / "data", info, lambda index: sample)
    config = config_for(nano_folder, tmp_path / "run", endpoint=endpoint, prompts={"data": tmp_path / "data"})
    with pytest.raises(InputError, match="expected an id of its own for each row; got 'marks/train/1/0/1-1' twice"):
        train_rejection(config)


def test_attempts_that_the_teacher_failed_are_made_again_until_training_has_begun(nano_folder, tmp_path, endpoint):
    config = config_for(nano_folder, tmp_path, endpoint=endpoint)
    gone = config.model_copy(update={"endpoint": config.endpoint.model_copy(update={"url": "http://127.0.0.1:9/v1"})})
    with pytest.raises(InputError):
        train_rejection(gone)
    train_rejection(config)
    assert {rollout.status for rollout in read_rollouts(config.sampled)[1]} == {Status.ANSWERED}


def test_a_teacher_is_kept_where_every_mark_is_right_and_where_nobody_knows(nano_folder, tmp_path, endpoint):
    """It always draws a box about (11, 11), corrected or not, whatever it is asked about."""
    truths = {"right": [["A", 11.0, 11.0]], "wrong": [["A", 40.0, 40.0]]}

    def question(number):
        kind = ("right", "wrong", "unknown")[number % 3]
        return Sample(
            id=f"{kind}/{number}",
            task="photos" if kind == "unknown" else "marks",
            question="How many marks are there?",
            images=(Image.new("RGB", (56, 56), (number, 0, 0)),),
            answer="2",
            answer_type=AnswerType.NUMBER,
            metadata={"marks": truths.get(kind, [])},
        )

    info = DatasetInfo(name="mixed", task="mixed", version=1, split="train", seed=1, num=18)
    write_dataset(tmp_path / "data", info, question)
    config = config_for(
        nano_folder,
        tmp_path / "run",
        endpoint=endpoint,
        prompts={"data": tmp_path / "data"},
        select={"reflective": False, "valid_marks": True},
    )
    train_rejection(config)
    assert {name.split("/")[0] for name, _ in keys(config.selected)} == {"right", "unknown"}
    rules = {rule["name"]: rule for rule in json.loads((tmp_path / "run" / "selection.json").read_text())["rules"]}
    assert (rules["valid"]["failed_at_all"], set(rules["valid"]["reasons"])) == (12, {"a mark is wrong"})


def test_the_engine_samples_each_attempt_as_its_seed_says(nano_folder, tmp_path):
    sampling = {"max_tokens": 12, "max_turns": 2}
    prompts = {"tasks": [{"task": "marks", "options": {"num": "1"}}], "num": 2}
    several = config_for(nano_folder, tmp_path / "several", prompts=prompts, sampling=sampling)
    one = config_for(nano_folder, tmp_path / "one", prompts=prompts, sampling=sampling, concurrency=1)
    for config in (several, one):
        with pytest.raises(InputError, match="'correct' took most, 4 of the 4 that came to it"):
            train_rejection(config)
    assert sorted(told(several.sampled)) == sorted(told(one.sampled))
    assert len({tuple(texts) for _, _, texts in told(one.sampled)}) == 4
    tokens = [turn.tokens for rollout in read_rollouts(one.sampled)[1] for turn in rollout.turns]
    assert all(len(each.token_ids) == len(each.logprobs) == 12 for each in tokens)


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("room", "told"),
    [(-50, "what is in the file stays"), (50, "what was sampled is kept")],
    ids=["for no header", "for a header alone"],
)
def test_a_disk_that_is_full_when_the_selection_is_told_is_bad_input(
    room, told, nano_folder, tmp_path, endpoint, files_limited_to
):
    config = config_for(nano_folder, tmp_path, endpoint=endpoint)
    train_rejection(config)
    before = (tmp_path / "selection.json").read_bytes()
    nothing = config_for(nano_folder, tmp_path, endpoint=endpoint, select={"nearer": True})
    with (
        files_limited_to(len(config.selected.read_bytes().splitlines()[0]) + room),
        pytest.raises(InputError, match=rf"got file too large\. Make room.* {told}"),
    ):
        train_rejection(nothing)
    assert (tmp_path / "selection.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_selection_of_nothing_names_the_rule_that_took_most_and_leaves_the_report(nano_folder, tmp_path, endpoint):
    config = config_for(nano_folder, tmp_path, endpoint=endpoint, select={"nearer": True}, sft=SFT)
    with pytest.raises(
        InputError, match=r"none of 24: the rule '(nearer|reflective)' took most, .* raise num_siblings"
    ):
        train_rejection(config)
    assert "0 are kept" in (tmp_path / "selection.md").read_text()
    assert not config.selected.exists()
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_other_rules_are_tried_freely_until_training_has_begun(nano_folder, tmp_path, endpoint):
    train_rejection(config_for(nano_folder, tmp_path, endpoint=endpoint))
    strict = {"endpoint": endpoint, "balance": {"max_per_question": 1}}
    train_rejection(config_for(nano_folder, tmp_path, **strict))
    config = config_for(nano_folder, tmp_path, **strict, sft=SFT)
    train_rejection(config)
    train_rejection(config)
    before = config.selected.read_bytes()
    with pytest.raises(InputError, match="expected the selection that its training began with; got other rollouts"):
        train_rejection(config_for(nano_folder, tmp_path, endpoint=endpoint, sft=SFT))
    assert config.selected.read_bytes() == before


def test_attempts_that_are_no_longer_asked_for_are_not_selected_in_silence(nano_folder, tmp_path, endpoint):
    config = config_for(nano_folder, tmp_path, endpoint=endpoint)
    train_rejection(config)
    fewer = config.prompts.model_copy(update={"num": 11})
    for changed in ({"prompts": fewer}, {"num_siblings": 1}):
        with pytest.raises(InputError, match=r"sampled\.jsonl: expected .* at most; got 2 at 12"):
            train_rejection(config.model_copy(update=changed))


def test_more_attempts_are_refused_before_they_are_made_once_training_has_begun(nano_folder, tmp_path, endpoint):
    train_rejection(config_for(nano_folder, tmp_path, endpoint=endpoint, sft=SFT))
    before = keys(tmp_path / "sampled.jsonl")
    with pytest.raises(InputError, match=r"expected prompts\.num and num_siblings that its training began with"):
        train_rejection(config_for(nano_folder, tmp_path, endpoint=endpoint, sft=SFT, num_siblings=3))
    assert keys(tmp_path / "sampled.jsonl") == before


def test_the_samples_of_another_run_are_refused(nano_folder, tmp_path, endpoint):
    train_rejection(config_for(nano_folder, tmp_path, endpoint=endpoint))
    with pytest.raises(InputError, match=r"sampling\.temperature: 1\.0 in the file, 0\.5 now"):
        train_rejection(config_for(nano_folder, tmp_path, endpoint=endpoint, sampling={"temperature": 0.5}))


def test_several_processes_train_only_on_what_one_has_selected(nano_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    with pytest.raises(
        InputError, match=r"Sample and select with one process first: .* \[sft\] and replay taken out of the file\."
    ):
        train_rejection(config_for(nano_folder, tmp_path))


# --- its config -------------------------------------------------------------------------------------------------------


def test_the_settings_of_sft_are_completed_from_the_rest():
    replay = [{"task": "maze", "weight": 0.5}]
    config = config_for("m", Path("run"), sft=SFT | {"optim": {"lr": 1e-4}}, replay=replay, max_pixels=9000)
    assert (config.sft.model, config.sft.out, config.sft.threads, config.sft.optim.lr) == ("m", Path("run"), 1, 1e-4)
    assert config.sft.max_pixels == 9000
    sources = config.sft.data.tasks
    assert [(source.rollouts, source.task, source.weight) for source in sources] == [
        (Path("run/selected.jsonl"), "", 1.0),
        (None, "maze", 0.5),
    ]
    assert config_for("m", Path("run"), sft=SFT).sft.data.rollouts == Path("run/selected.jsonl")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sft": SFT | {"model": "nano"}}, "sft.model follows from the rest of this file"),
        (
            {"sft": SFT | {"data": {"tasks": [{"task": "maze"}]}}},
            r"sft.data.tasks follows .* \(for tasks, give replay\)",
        ),
        ({"sft": SFT | {"max_pixels": 5000}}, "sft.max_pixels follows"),
        ({"replay": [{"task": "maze"}]}, "replay needs sft"),
        ({"prompts": {"tasks": [{"task": "maze"}]}}, "give prompts.num: tasks never end"),
        ({"prompts": {"num": 3}}, "give either prompts.tasks or prompts.data"),
        ({"sft": {"steps": 1, "data": 5}}, "sft.data"),
        ({"sft": SFT, "out": 5}, r"out\n.*valid path"),
        ({"sft": SFT, "replay": 5}, r"replay\n.*valid list"),
        ({"sft": {"steps": 1, "optim": {"rate": 5}}}, "sft.optim.rate"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        config_for("m", **({"out": Path("run")} | changes))


def test_bad_questions_end_with_their_own_error(nano_folder, tmp_path, endpoint):
    prompts = {"tasks": [{"task": "marks", "options": {"num": "9"}}], "num": 1}
    with pytest.raises(InputError, match="option num of task marks"):
        train_rejection(config_for(nano_folder, tmp_path, endpoint=endpoint, prompts=prompts))
