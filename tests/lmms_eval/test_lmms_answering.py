from __future__ import annotations

import logging
from collections import Counter

import pytest
from PIL import Image

from vilasr.api.models import OpenedPolicy
from vilasr.errors import InputError
from vilasr.lmms_eval.answering import Answerer, Options, read_options
from vilasr.lmms_eval.requests import Request
from vilasr.policies.scripted import ScriptedPolicy
from vilasr.protocol import COMPACT, format_turn
from vilasr.rollout import read_rollouts
from vilasr.types import Box, ImagePart, SamplingParams, TextPart

SIZE = (112, 84)
DRAW = format_turn(
    "Look.",
    actions=(Box(image_index=1, box_px=(4.0, 4.0, 40.0, 40.0), label="A"),),
    protocol=COMPACT,
    sizes=[SIZE],
    model_sizes=[SIZE],
)


def say(answer):
    return format_turn("Done.", answer=answer, protocol=COMPACT, sizes=[SIZE], model_sizes=[SIZE])


def request(doc_id=0, *, task="shapes", visuals=None, **settings):
    def make():
        return [Image.new("RGB", SIZE, "white")] if visuals is None else visuals

    return Request(task=task, split="test", doc_id=doc_id, text=f"Which is {doc_id}?", settings=settings, visuals=make)


def question(observation):
    """The text after the images of a prompt."""
    return observation.messages[-1].parts[-1].text.strip()


@pytest.fixture
def answerer():
    """`answerer(script, **options)`: with a script instead of a model."""
    made = []

    def make(script, **options):
        opened = OpenedPolicy(policy=ScriptedPolicy(script), protocol=COMPACT)
        made.append(Answerer(Options(**options), opened))
        return made[-1]

    yield make
    for one in made:
        one.close()


def number_of(observation, turn):
    """A script: answers with the number in the question."""
    return say(question(observation).removeprefix("Which is ").removesuffix("?"))


def test_answers_come_in_the_order_of_the_requests_whatever_their_task(answerer):
    requests = [request(5), request(2, task="other"), request(9, temperature=1.0), request(0)]
    assert answerer(number_of).answer(requests) == ["5", "2", "9", "0"]


def test_the_policy_draws_before_it_answers_and_the_rollouts_are_kept(answerer, tmp_path):
    folder = tmp_path / "kept"
    one = answerer([DRAW, say("B")], rollouts_path=folder, seed=4, max_tokens=99)
    assert one.answer([request(0, max_new_tokens=16), request(1, task="a/b", max_new_tokens=16)]) == ["B", "B"]
    header, rollouts = read_rollouts(folder / "shapes.jsonl")
    (rollout,) = rollouts
    assert (header.seed, header.drawing, header.sampling) == (4, True, SamplingParams(max_tokens=99))
    assert header.config["episode"]["limits"]["max_completion_tokens"] == 99
    assert [action.label for action in rollout.actions] == ["A"]
    assert (folder / "a_b.jsonl").is_file()


def test_without_drawing_a_drawing_is_a_mistake(answerer):
    one = answerer([DRAW, say("B")], drawing=False, strict=True)
    assert one.answer([request(0)]) == [""]
    assert one.outcomes == Counter(invalid_action=1)


def test_the_policy_reads_the_words_of_the_task_and_none_of_ours_after_them(answerer):
    seen = []

    def listen(observation, turn):
        seen.append(observation.messages[-1].parts)
        return say("B")

    answerer(listen).answer([request(7)])
    assert seen == [(TextPart("Image 1 (112x84):"), ImagePart(1), TextPart("\nWhich is 7?"))]


def test_a_request_that_comes_again_is_a_sibling(answerer, tmp_path):
    one = answerer([say("B")], rollouts_path=tmp_path)
    assert one.answer([request(0), request(0), request(1)]) == ["B", "B", "B"]
    assert one.answer([request(1)]) == ["B"]
    rollouts = list(read_rollouts(tmp_path / "shapes.jsonl")[1])
    keys = [(rollout.sample.id, rollout.sibling) for rollout in rollouts]
    assert sorted(keys) == [("shapes/test/0", 0), ("shapes/test/0", 1), ("shapes/test/1", 0), ("shapes/test/1", 1)]
    assert len({rollout.seed for rollout in rollouts}) == 4


def test_what_cannot_be_asked_gets_an_empty_answer_and_is_counted(answerer, tmp_path, caplog):
    (tmp_path / "broken.png").write_bytes(b"no image")
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    bad = [
        request(0, visuals=[tmp_path / "broken.png"]),
        request(1, visuals=[tmp_path / "broken.mp4"]),
        request(2, visuals=[]),
        request(3, visuals=[Image.new("RGB", SIZE)] * 46),
        request(4, visuals=[3.5]),
    ]
    one = answerer(number_of)
    assert one.answer([request(8), *bad, bad[0], request(9)]) == ["8", "", "", "", "", "", "", "9"]
    assert one.outcomes == Counter(answered=2, left_out=6)
    assert "shapes/test/0 gets an empty answer. " in caplog.text
    assert "expected 1 to 45 images; got 46" in caplog.text
    assert "6 requests failed in this call. So far: 2 answered, 6 left_out." in caplog.text


def test_a_policy_that_fails_at_a_request_goes_on_with_the_others(answerer, caplog):
    def stumble(observation, turn):
        if "0" in question(observation):
            raise RuntimeError("out of memory")
        return say("B")

    one = answerer(stumble)
    assert one.answer([request(0), request(1)]) == ["", "B"]
    assert one.outcomes == Counter(answered=1, policy_error=1)
    assert "policy: RuntimeError: out of memory" in caplog.text


def test_a_run_in_which_nothing_can_be_asked_fails(answerer):
    with pytest.raises(InputError, match=r"got none among 2 \(the first: visual 1: expected an image"):
        answerer(number_of).answer([request(0, visuals=[3]), request(1, visuals=[4])])


def test_a_later_call_in_which_nothing_can_be_asked_does_not_end_the_run(answerer):
    one = answerer(number_of)
    assert one.answer([request(0)]) == ["0"]
    assert one.answer([request(1, visuals=[3])]) == [""]


def test_a_policy_that_never_answers_is_no_failure_of_the_run(answerer):
    one = answerer(["Hm."] * 10)
    assert one.answer([request(0)]) == [""]
    assert one.outcomes == Counter(no_action=1)


def test_the_whole_last_turn_is_returned_when_asked_for(answerer):
    assert answerer([DRAW, say("B")], response="turn").answer([request(0)]) == [say("B")]
    assert answerer(["It is B."], response="turn", max_turns=1).answer([request(0)]) == ["It is B."]


def test_an_answer_ends_at_the_stop_string_of_the_task(answerer):
    assert answerer([say("B, I think")]).answer([request(0, until=[","])]) == ["B"]


def test_unused_settings_are_named_once(answerer, caplog):
    answerer([say("B")]).answer([request(number, num_beams=4) for number in range(3)])
    assert caplog.text.count("num_beams=4 is not used here") == 1


def test_a_video_is_seen_as_frames(answerer, tmp_path, monkeypatch, caplog):
    pytest.importorskip("av")
    from video_files import write_video

    monkeypatch.setenv("VILASR_CACHE", str(tmp_path / "cache"))
    clip = write_video(tmp_path / "clip.mp4", num_frames=9)
    one = answerer(lambda observation, turn: say(str(len(observation.images))), frames=4, workers=1)
    caplog.set_level(logging.WARNING)
    assert one.answer([request(0, visuals=[str(clip)]), request(1, visuals=[str(tmp_path / "none.mp4")])]) == ["4", ""]
    assert "no such file" in caplog.text


def test_an_endpoint_is_asked_in_several_calls():
    from answering_server import serve

    with serve(lambda messages: say("B")) as url:
        one = Answerer(read_options({"model": "any", "endpoint": url, "protocol": "compact"}))
        assert [one.answer([request(0)]), one.answer([request(1), request(2)])] == [["B"], ["B", "B"]]
        one.close()


def test_a_folder_in_use_is_refused_before_a_model_is_loaded(tmp_path):
    (tmp_path / "shapes.jsonl").touch()
    with pytest.raises(InputError, match=r"rollouts_path: .* expected a new or empty folder; got one in use"):
        Answerer(Options(model="no such model", rollouts_path=tmp_path))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dwaring": True}, "model_args: dwaring: expected a known name .model, endpoint, .*; got True"),
        ({"drawing": "perhaps"}, "model_args: drawing: .*; got 'perhaps'"),
        ({"frames": 0}, "model_args: frames: .*greater than or equal to 1; got 0"),
        ({"response": "all"}, "model_args: response: .*'answer' or 'turn'; got 'all'"),
    ],
)
def test_wrong_model_args_are_told(values, message):
    with pytest.raises(InputError, match=message):
        read_options(values)


def test_values_as_lmms_eval_reads_them_are_understood():
    options = read_options({"drawing": "no", "model": 7, "max_tokens": 300, "rollouts_path": "out"})
    assert (options.drawing, options.model, options.max_tokens, str(options.rollouts_path)) == (False, "7", 300, "out")
