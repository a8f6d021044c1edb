from __future__ import annotations

import dataclasses
import json
from array import array
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vilasr.drawing import content_key
from vilasr.errors import DataError, InputError, InvariantError
from vilasr.rollout import Header, RolloutWriter, new_header, read_rollouts
from vilasr.rollout.codec import decode_rollout, encode_rollout
from vilasr.types import (
    AnswerType,
    Box,
    ErrorKind,
    FinishReason,
    ImagePart,
    ImageRecipe,
    Line,
    Message,
    Role,
    Rollout,
    Sample,
    SamplingParams,
    Status,
    TextPart,
    Turn,
    TurnError,
    TurnTokens,
)

RED = Image.new("RGB", (64, 48), "red")


def make_header(**changes) -> Header:
    settings = {"protocol": "compact", "model": "scripted", "seed": 1, "style": "default", "drawing": True}
    return new_header(**{**settings, "sampling": SamplingParams(), "config": {"limits": {"max_turns": 3}}, **changes})


def make_rollout(sample_id="maze/test/0/1", sibling=0, image=RED) -> Rollout:
    box = Box(image_index=1, box_px=(1.0, 2.5, 30.0, 40.0), label="t\u00fcr \u2028 \u9580")
    line = Line(image_index=2, start_px=(0.0, 0.0), end_px=(5.25, 6.0), label="way")
    sample = Sample(
        id=sample_id,
        task="maze",
        question="Where?",
        images=(image,),
        options=("up", "down"),
        answer="B",
        answer_type=AnswerType.CHOICE,
        metadata={"n": 3, "walls": [[0, 1]]},
    )
    tokens = TurnTokens(
        context_ids=array("i", [5, 6, 7]),
        token_ids=array("i", [8, 9]),
        logprobs=array("f", [-0.1, -1e-8]),
        loss_mask=array("b", [1, 0]),
    )
    prompt = (
        Message(Role.SYSTEM, (TextPart("Draw."),)),
        Message(Role.USER, (TextPart("Image 1:"), ImagePart(1), TextPart("lone \ud800 surrogate"))),
    )
    return Rollout(
        sample=sample,
        sibling=sibling,
        seed=2**53 - 1,
        status=Status.ANSWERED,
        images=(
            ImageRecipe(base=1, size=(64, 48)),
            ImageRecipe(base=1, size=(64, 48), instances=(box,), parent=1),
            ImageRecipe(base=1, size=(64, 48), instances=(box, line), parent=2),
        ),
        turns=(
            Turn(context=prompt, text="a", thought="b", actions=(box,), new_images=(2,), tokens=tokens),
            Turn(context=(), text="x", error=TurnError(ErrorKind.OFF_IMAGE, "no"), finish=FinishReason.LENGTH),
            Turn(context=(), text="c", actions=(line,), new_images=(3,), learn=False),
            Turn(context=(), text="d", answer="B"),
        ),
        grids=((1, 4, 6), (1, 4, 6)),
        seconds=0.5,
    )


def write(path, *rollouts, header=None, resume=False):
    with RolloutWriter(path, header or make_header(), resume=resume) as writer:
        for rollout in rollouts:
            writer.append(rollout)


def ids(path):
    return [rollout.sample.id for rollout in read_rollouts(path)[1]]


def test_everything_comes_back_and_images_are_paths(tmp_path):
    path = tmp_path / "rollouts.jsonl"
    made = make_rollout()
    write(path, made)
    header, rollouts = read_rollouts(path)
    (back,) = rollouts
    stored = tmp_path / "images" / f"{content_key(RED)}.png"
    assert back == dataclasses.replace(made, sample=dataclasses.replace(made.sample, images=(stored,)))
    assert Image.open(stored).tobytes() == RED.tobytes()
    assert (header.settings, header.model) == (make_header().settings, "scripted")


def test_without_tokens_all_the_rest_comes_back(tmp_path):
    path = tmp_path / "rollouts.jsonl"
    made = make_rollout()
    turns = (dataclasses.replace(made.turns[0], text='"tokens":{"context_ids":[1]} {"tokens":null}'), *made.turns[1:])
    write(path, dataclasses.replace(made, turns=turns))
    (whole,), (light,) = read_rollouts(path)[1], read_rollouts(path, tokens=False)[1]
    assert whole.turns[0].tokens is not None
    bare = tuple(dataclasses.replace(turn, tokens=None) for turn in whole.turns)
    assert light == dataclasses.replace(whole, turns=bare)


def test_without_tokens_a_line_cut_off_in_the_middle_of_them_is_still_bad(tmp_path):
    path = tmp_path / "rollouts.jsonl"
    write(path, make_rollout())
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"token_ids") + 15])
    with pytest.raises(DataError, match="line 2: cut off"):
        list(read_rollouts(path, tokens=False)[1])
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(DataError, match="line 2: not JSON"):
        list(read_rollouts(path, tokens=False)[1])


def test_siblings_share_one_stored_image(tmp_path):
    write(tmp_path / "r.jsonl", make_rollout(), make_rollout(sibling=1), make_rollout("other"))
    assert len(list((tmp_path / "images").iterdir())) == 1


def test_an_image_given_as_a_path_is_stored_by_content(tmp_path):
    RED.save(tmp_path / "photo.png")
    write(tmp_path / "out" / "r.jsonl", make_rollout(image=tmp_path / "photo.png"))
    assert (tmp_path / "out" / "images" / f"{content_key(RED)}.png").exists()


def test_the_header_line_holds_what_the_contract_asks_for(tmp_path):
    write(tmp_path / "r.jsonl")
    header = json.loads((tmp_path / "r.jsonl").read_text())
    assert header["schema_version"] == 1
    assert header["config_hash"] == make_header().config_hash
    assert {"protocol", "model", "seed", "style", "drawing", "sampling", "config", "created", "vilasr_version"} <= set(
        header
    )


def test_reading_is_lazy(tmp_path):
    path = tmp_path / "r.jsonl"
    write(path, make_rollout("a"))
    with path.open("a") as stream:
        stream.write("broken\n")
    _, rollouts = read_rollouts(path)
    assert next(rollouts).sample.id == "a"
    with pytest.raises(DataError, match=r"r\.jsonl, line 3: not JSON"):
        next(rollouts)


# --- resuming ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [1, 20, 300, -1])
def test_a_line_cut_off_anywhere_is_dropped_and_runs_again(tmp_path, keep, caplog):
    path = tmp_path / "r.jsonl"
    write(path, make_rollout("a"))
    whole = path.read_bytes()
    write(path, make_rollout("b"), resume=True)
    last = path.read_bytes()[len(whole) :]
    path.write_bytes(whole + last[:keep])
    with RolloutWriter(path, make_header(), resume=True) as writer:
        assert writer.done == {("a", 0)}
        assert "its last line was cut off and is dropped" in caplog.text
        writer.append(make_rollout("b"))
    assert ids(path) == ["a", "b"]


@pytest.mark.parametrize("keep", [0, 1, 10, 17, 100, -1])
def test_a_header_cut_off_anywhere_counts_as_an_empty_file(tmp_path, keep):
    path = tmp_path / "r.jsonl"
    write(path)
    path.write_bytes(path.read_bytes()[:keep])
    write(path, make_rollout("a"), resume=True)
    assert ids(path) == ["a"]


def test_resuming_a_file_that_is_not_there_begins_it(tmp_path):
    write(tmp_path / "r.jsonl", make_rollout("a"), resume=True)
    assert ids(tmp_path / "r.jsonl") == ["a"]


def test_other_settings_are_refused_and_named(tmp_path):
    path = tmp_path / "r.jsonl"
    write(path, make_rollout())
    before = path.read_bytes()
    other = make_header(seed=2, sampling=SamplingParams(temperature=0.5), config={"limits": {"max_turns": 4}})
    with pytest.raises(InputError) as caught:
        RolloutWriter(path, other, resume=True)
    for told in (
        "seed: 1 in the file, 2 now",
        "sampling.temperature: 0.0 in the file, 0.5 now",
        "config.limits.max_turns: 3 in the file, 4 now",
    ):
        assert told in str(caught.value)
    assert path.read_bytes() == before


def test_time_and_version_do_not_stand_in_the_way_of_resuming(tmp_path):
    path = tmp_path / "r.jsonl"
    old = dataclasses.replace(make_header(), created="2020-01-01T00:00:00+00:00", vilasr_version="0.0.1")
    write(path, make_rollout("a"), header=old)
    with RolloutWriter(path, make_header(), resume=True) as writer:
        assert writer.header.vilasr_version == "0.0.1"


def test_an_existing_file_is_never_overwritten(tmp_path):
    path = tmp_path / "r.jsonl"
    write(path, make_rollout())
    before = path.read_bytes()
    with pytest.raises(
        InputError, match=r"a new file; got one that exists\. Resume to go on with it, or write to another path"
    ):
        RolloutWriter(path, make_header())
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"my diary", b"my diary\n", b'{"a": 1}\n', b"\x89PNG\r\n\x1a\n\x00"])
def test_resuming_something_else_is_refused_and_leaves_it_alone(tmp_path, content):
    path = tmp_path / "diary.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match="a first line that is no header"):
        RolloutWriter(path, make_header(), resume=True)
    assert path.read_bytes() == content


def test_two_writers_at_once_are_refused(tmp_path):
    path = tmp_path / "r.jsonl"
    with RolloutWriter(path, make_header()), pytest.raises(InputError, match="another run that is writing it"):
        RolloutWriter(path, make_header(), resume=True)
    write(path, resume=True)  # the lock is gone with its holder


def test_a_broken_line_in_the_middle_is_told_and_its_sample_runs_again(tmp_path, caplog):
    path = tmp_path / "r.jsonl"
    write(path, make_rollout("a"), make_rollout("b"))
    first, second, third = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + second.replace(b'"answered"', b'"amazing"') + third)
    with RolloutWriter(path, make_header(), resume=True) as writer:
        assert writer.done == {("b", 0)}
        assert "line 2 is no rollout (status: expected one of" in caplog.text
        writer.append(make_rollout("a"))
    problems = []
    assert [rollout.sample.id for rollout in read_rollouts(path, on_bad_line=problems.append)[1]] == ["b", "a"]
    assert len(problems) == 1


def test_a_rollout_written_twice_is_a_bug_and_one_found_twice_is_reported(tmp_path):
    path = tmp_path / "r.jsonl"
    with RolloutWriter(path, make_header()) as writer:
        writer.append(make_rollout("a"))
        with pytest.raises(InvariantError, match="is written twice"):
            writer.append(make_rollout("a"))
    header, line = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(header + line + line)
    with pytest.raises(DataError, match="line 3: sample 'a', sibling 0, is there twice"):
        ids(path)


def test_a_missing_base_image_is_the_users_and_leaves_the_file_whole(tmp_path):
    path = tmp_path / "r.jsonl"
    with RolloutWriter(path, make_header()) as writer:
        with pytest.raises(InputError, match="no such file"):
            writer.append(make_rollout("a", image=tmp_path / "gone.png"))
        writer.append(make_rollout("b"))
    assert ids(path) == ["b"]


def test_a_full_disk_leaves_no_partial_line(tmp_path, monkeypatch):
    path = tmp_path / "r.jsonl"
    with RolloutWriter(path, make_header()) as writer:
        writer.append(make_rollout("a"))
        real = writer._file

        class Full:
            def __getattr__(self, name):
                return getattr(real, name)

            def write(self, line):
                real.write(line[:100])
                real.flush()
                raise OSError(28, "No space left on device")

        writer._file = Full()
        with pytest.raises(InputError, match="no space left on device"):
            writer.append(make_rollout("b"))
        writer._file = real
        writer.append(make_rollout("c"))
    assert ids(path) == ["a", "c"]


def test_a_disk_that_is_full_before_the_first_line_is_told_as_such(tmp_path, files_limited_to):
    with files_limited_to(10), pytest.raises(InputError, match=r"r\.jsonl"):
        RolloutWriter(tmp_path / "r.jsonl", make_header())


def test_a_disk_that_stays_full_is_told_once_and_the_file_ends_with_the_last_whole_line(tmp_path, files_limited_to):
    path = tmp_path / "r.jsonl"
    write(path, make_rollout("a"))
    with (
        files_limited_to(path.stat().st_size + 10),
        pytest.raises(InputError, match=r"r\.jsonl: expected a file that can be written; got file too large"),
        RolloutWriter(path, make_header(), resume=True) as writer,
    ):
        writer.append(make_rollout("b"))
    assert ids(path) == ["a"]


# --- trying again what failed -----------------------------------------------------------------------------------------


def failed(sample_id, reason="DataError: the server is down", **changes):
    return dataclasses.replace(make_rollout(sample_id, **changes), status=Status.POLICY_ERROR, reason=reason)


def test_a_rollout_whose_policy_failed_is_replaced_by_a_later_attempt_and_nothing_else_is_touched(tmp_path):
    path = tmp_path / "r.jsonl"
    truncated = dataclasses.replace(make_rollout("c"), status=Status.TRUNCATED_TURNS)
    write(path, failed("a"), make_rollout("b"), truncated, failed("a", sibling=1))
    before = path.read_bytes()
    with RolloutWriter(path, make_header(), resume=True, retry_failed=True) as writer:
        assert (writer.done, writer.failed) == ({("b", 0), ("c", 0)}, {("a", 0), ("a", 1)})
        writer.append(make_rollout("a"))
        assert (writer.done, writer.failed) == ({("a", 0), ("b", 0), ("c", 0)}, {("a", 1)})
        with pytest.raises(InvariantError, match="is written twice"):
            writer.append(make_rollout("a"))
    assert path.read_bytes().startswith(before)
    retried = []
    found = list(read_rollouts(path, on_retried=retried.append)[1])
    assert [(rollout.sample.id, rollout.sibling, rollout.status.value) for rollout in found] == [
        ("b", 0, "answered"),
        ("c", 0, "truncated_turns"),
        ("a", 0, "answered"),
        ("a", 1, "policy_error"),
    ]
    assert retried == [("a", 0)]
    with RolloutWriter(path, make_header(), resume=True, retry_failed=True) as writer:
        assert (writer.done, writer.failed) == ({("a", 0), ("b", 0), ("c", 0)}, {("a", 1)})


def test_what_failed_again_is_there_once_with_its_last_reason_and_may_be_tried_a_third_time(tmp_path):
    path = tmp_path / "r.jsonl"
    write(path, failed("a", "first"), make_rollout("b"))
    for reason in ("second", "third"):
        with RolloutWriter(path, make_header(), resume=True, retry_failed=True) as writer:
            assert writer.failed == {("a", 0)}
            writer.append(failed("a", reason))
    retried = []
    found = list(read_rollouts(path, on_retried=retried.append)[1])
    assert [(rollout.sample.id, rollout.reason) for rollout in found] == [("b", ""), ("a", "third")]
    assert retried == [("a", 0), ("a", 0)]


def test_what_failed_counts_as_done_unless_it_is_asked_for(tmp_path):
    path = tmp_path / "r.jsonl"
    write(path, failed("a"))
    with RolloutWriter(path, make_header(), resume=True) as writer:
        assert (writer.done, writer.failed) == ({("a", 0)}, set())


def test_a_base_image_that_a_power_cut_left_empty_is_written_anew(tmp_path):
    write(tmp_path / "r.jsonl", make_rollout("a"))
    (stored,) = (tmp_path / "images").iterdir()
    whole = stored.read_bytes()
    for left in (b"", whole[:50]):
        stored.write_bytes(left)
        write(tmp_path / "r.jsonl", make_rollout(f"b{len(left)}"), resume=True)
        assert stored.read_bytes() == whole


# --- hostile files ----------------------------------------------------------------------------------------------------


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="no such file or directory"):
        read_rollouts(tmp_path / "none.jsonl")


def test_an_unknown_schema_version_is_refused(tmp_path):
    path = tmp_path / "r.jsonl"
    write(path)
    path.write_bytes(path.read_bytes().replace(b'"schema_version":1', b'"schema_version":2'))
    with pytest.raises(InputError, match="expected a rollout file of schema version 1; got schema version 2"):
        read_rollouts(path)


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        (["sample", "images", 0], "../../etc/passwd", "expected SHA-256 hashes"),
        (["sample", "images", 0], "A" * 64, "expected SHA-256 hashes"),
        (["sample", "images", 0], "a" * 64 + "\n", "expected SHA-256 hashes"),
        (["images", 0, "base_sha256"], "a" * 64, "is not the hash of the sample's image"),
        (["images", 0, "base"], 2, "whole number from 1 to 1"),
        (["images", 1, "parent"], 2, "whole number from 1 to 1"),
        (["images", 0, "size"], [0, 5], "size: expected"),
        (["turns", 0, "actions", 0, "image_index"], 9, "from 1 to 3"),
        (["turns", 0, "actions", 0, "points_px"], [1, 2, 3], "4 numbers"),
        (["turns", 0, "actions", 0, "points_px"], [1, 2, 3, 10**400], "a finite number"),
        (["turns", 0, "actions", 0, "kind"], "circle", "expected box or line"),
        (["turns", 0, "tokens", "loss_mask"], [1], "loss_mask has 1 entries for 2"),
        (["turns", 0, "tokens", "loss_mask"], [1, 2], "from 0 to 1"),
        (["turns", 0, "tokens", "token_ids"], [1, 2**40], "token_ids"),
        (["turns", 0, "tokens", "token_ids"], [True, 1], "a whole number"),
        (["turns", 0, "context", 0, "role"], "root", "expected one of system, user, assistant"),
        (["turns", 0, "context", 1, "parts", 1], {"image": 99}, "from 1 to 3"),
        (["turns"], None, "turns: expected a list"),
        (["sibling"], -1, "sibling: expected"),
        (["seconds"], "1", "a finite number"),
        (["grids"], [[1, 2]], "(t, h, w)"),
    ],
)
def test_a_hostile_value_is_a_data_error_that_names_the_line(tmp_path, where, value, message):
    path = tmp_path / "r.jsonl"
    write(path, make_rollout())
    header, line = path.read_bytes().splitlines(keepends=True)
    data = json.loads(line)
    inner = data
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = value
    path.write_bytes(header + json.dumps(data).encode() + b"\n")
    with pytest.raises(DataError) as caught:
        list(read_rollouts(path)[1])
    assert "r.jsonl, line 2: " in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [b"[" * 100_000, b"null", b"[]", b"7", b"\xff\xfe", b"", b'{"sample":NaN}', b"1" * 5000, b"{}", b'{"sample":{}}'],
)
def test_a_hostile_line_is_skipped_and_counted(tmp_path, line):
    path = tmp_path / "r.jsonl"
    write(path, make_rollout("a"), make_rollout("b"))
    header, first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(header + first + line + b"\n" + second + b'{"cut')
    problems = []
    found = [rollout.sample.id for rollout in read_rollouts(path, on_bad_line=problems.append)[1]]
    assert found == ["a", "b"]
    assert ["line 3" in str(problems[0]), "line 5: cut off" in str(problems[1])] == [True, True]


def test_an_endless_line_is_not_read_into_memory(tmp_path, monkeypatch):
    path = tmp_path / "r.jsonl"
    write(path, make_rollout("a"), make_rollout("b"))
    header, first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(header + first + b"x" * 50_000 + b"\n" + second)
    monkeypatch.setattr("vilasr.rollout.file.MAX_LINE_BYTES", 10_000)
    problems = []
    assert [rollout.sample.id for rollout in read_rollouts(path, on_bad_line=problems.append)[1]] == ["a", "b"]
    assert "line 3: too long" in str(problems[0])
    with RolloutWriter(path, make_header(), resume=True) as writer:
        assert writer.done == {("a", 0), ("b", 0)}


def test_tokens_that_do_not_fit_together_are_never_written(tmp_path):
    made = make_rollout()
    broken = dataclasses.replace(made.turns[0].tokens, logprobs=array("f", [float("nan"), 0.0]))
    made = dataclasses.replace(made, turns=(dataclasses.replace(made.turns[0], tokens=broken),))
    with (
        RolloutWriter(tmp_path / "r.jsonl", make_header()) as writer,
        pytest.raises(InvariantError, match="not finite"),
    ):
        writer.append(made)


@given(st.lists(st.floats(max_value=0, width=32, allow_nan=False, allow_infinity=False), max_size=20))
def test_log_probabilities_come_back_to_the_last_bit(values):
    made = make_rollout()
    ones = array("b", [1] * len(values))
    tokens = TurnTokens(
        context_ids=array("i"), token_ids=array("i", range(len(values))), logprobs=array("f", values), loss_mask=ones
    )
    made = dataclasses.replace(made, turns=(dataclasses.replace(made.turns[0], tokens=tokens),))
    data = json.loads(json.dumps(encode_rollout(made, ["0" * 64])))
    back = decode_rollout(data, Path())
    assert back.turns[0].tokens.logprobs.tobytes() == np.asarray(values, dtype=np.float32).tobytes()
