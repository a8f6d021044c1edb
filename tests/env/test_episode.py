"""A white 448x384 image that the model sees at 224x192 (factor 32, at most 224*192 pixels)."""

import re
from array import array

import pytest
from PIL import Image

from vilasr.drawing import PUBLISHED, render
from vilasr.env import Episode, EpisodeConfig, Limits
from vilasr.errors import InputError, InvariantError
from vilasr.protocol import COMPACT, JSON, VILASR, Sizer
from vilasr.types import (
    Box,
    Completion,
    ErrorKind,
    FinishReason,
    ImagePart,
    ImageRecipe,
    Line,
    Sample,
    Status,
    TextPart,
    TurnTokens,
)

SIZER = Sizer(factor=32, max_pixels=224 * 192)
ANSWER = "<think>done</think>\nAction: Answer\n<answer> B </answer>"


def make(num_images=1, *, clock=None, task="test", question="Where?", options=(), **config):
    images = tuple(Image.new("RGB", (448, 384), (250 - 10 * i, 250, 250)) for i in range(num_images))
    sample = Sample(id="s", task=task, question=question, images=images, options=options)
    config = EpisodeConfig(**{"sizer": SIZER, **config})
    return Episode(sample, config, sibling=3, seed=7, **({"clock": clock} if clock else {}))


def box(*numbers, label="A", index=1):
    return f'{{"index": {index}, "bbox_2d": {list(numbers)}, "label": "{label}"}}'


def draw(*entries):
    return f"<think>look</think>\nAction: Object Mapper\n```json\n[{', '.join(entries)}]\n```"


def line(start, end, label="1", index=1):
    entry = f'{{"index": {index}, "start_point_2d": {start}, "end_point_2d": {end}, "label": "{label}"}}'
    return f"<think>go</think>\nAction: Path Tracer\n```json\n[{entry}]\n```"


def play(episode, *turns):
    episode.reset()
    for turn in turns:
        observation = episode.step(turn)
    return observation


def text(observation):
    (message,) = observation.messages
    return "".join(part.text if isinstance(part, TextPart) else f"[{part.index}]" for part in message.parts)


def pixels(image):
    return image.size, image.tobytes()


# --- the main path ----------------------------------------------------------------------------------------------------


def test_an_episode_draws_sees_its_drawing_and_answers():
    episode = make(options=("A", "B"))
    first = episode.reset()
    assert [(view.index, view.pixels.size) for view in first.images] == [(1, (224, 192))]
    assert first.messages[1].parts[1] == ImagePart(1)
    second = episode.step(draw(box(10, 20, 60, 70)))
    assert text(second) == "Image 2 (224x192):[2]\nGo on."
    mark = Box(image_index=1, box_px=(20, 40, 120, 140), label="A")
    seen = render(Image.new("RGB", (448, 384), (250, 250, 250)), [mark])
    assert pixels(episode.image(2)) == pixels(seen)
    assert pixels(second.images[0].pixels) == pixels(seen.resize((224, 192), Image.Resampling.BICUBIC))
    assert second.images[0].key != first.images[0].key
    assert (episode.sizes, episode.model_sizes) == (((448, 384),) * 2, ((224, 192),) * 2)
    last = episode.step(ANSWER)
    assert (last.done, last.status, last.messages, last.images) == (True, Status.ANSWERED, (), ())
    rollout = episode.rollout()
    assert (rollout.status, rollout.reason, rollout.answer, rollout.sibling, rollout.seed) == (
        Status.ANSWERED, "", "B", 3, 7,
    )  # fmt: skip
    assert rollout.images == (
        ImageRecipe(base=1, size=(448, 384)),
        ImageRecipe(base=1, size=(448, 384), instances=(mark,), parent=1),
    )
    assert [turn.context for turn in rollout.turns] == [first.messages, second.messages]
    assert [(turn.thought, turn.actions, turn.new_images, turn.answer) for turn in rollout.turns] == [
        ("look", (mark,), (2,), None),
        ("done", (), (), "B"),
    ]


def test_a_correction_moves_the_mark_instead_of_leaving_the_old_one():
    episode = make()
    play(episode, line([10, 20], [60, 20]), line([10, 120], [60, 120], index=2))
    moved = Line(image_index=2, start_px=(20, 240), end_px=(120, 240), label="1")
    assert episode.rollout().images[2] == ImageRecipe(base=1, size=(448, 384), instances=(moved,), parent=2)
    assert pixels(episode.image(3)) == pixels(render(episode.image(1), [moved]))


def test_drawing_on_a_drawn_image_keeps_its_marks_and_on_an_original_starts_clean():
    episode = make()
    play(
        episode, draw(box(10, 20, 60, 70)), draw(box(1, 2, 6, 7, label="B", index=2)), draw(box(5, 5, 9, 9, label="C"))
    )
    labels = [[mark.label for mark in recipe.instances] for recipe in episode.rollout().images]
    assert labels == [[], ["A"], ["A", "B"], ["C"]]


def test_a_turn_on_several_images_gives_one_new_image_for_each_in_index_order():
    episode = make(2)
    observation = play(
        episode, draw(box(1, 2, 6, 7, index=2), box(1, 2, 6, 7, index=1), box(9, 9, 20, 20, index=2, label="B"))
    )
    assert text(observation) == "Image 3 (224x192):[3]\nImage 4 (224x192):[4]\nGo on."
    recipes = episode.rollout().images
    assert [(recipe.base, recipe.parent, len(recipe.instances)) for recipe in recipes[2:]] == [(1, 1, 1), (2, 2, 2)]
    assert episode.rollout().turns[0].new_images == (3, 4)
    assert [view.index for view in observation.images] == [3, 4]


def test_pictures_beyond_the_few_kept_are_rendered_again():
    episode = make(task="maze")
    play(episode, *(draw(box(i, 2, i + 9, 30, index=i)) for i in range(1, 9)))
    for index, recipe in enumerate(episode.rollout().images, start=1):
        assert pixels(episode.image(index)) == pixels(render(episode.image(1), recipe.instances))


def test_the_published_style_draws_on_the_image_as_the_model_sees_it():
    episode = make(style=PUBLISHED)
    observation = play(episode, line([10, 20], [60, 20]))
    mark = Line(image_index=1, start_px=(10, 20), end_px=(60, 20), label="1")
    assert episode.rollout().images[1] == ImageRecipe(base=1, size=(224, 192), instances=(mark,), parent=1)
    assert pixels(observation.images[0].pixels) == pixels(render(episode.image(1), [mark], PUBLISHED))


def test_the_json_protocol_speaks_thousandths():
    episode = make(protocol=JSON)
    play(episode, '<draw>[{"index": 1, "bbox_2d": [0, 250, 500, 750], "label": "a"}]</draw>')
    assert episode.rollout().actions == (Box(image_index=1, box_px=(0, 96, 224, 288), label="a"),)


def test_what_the_policy_recorded_is_kept():
    tokens = TurnTokens(
        context_ids=array("i", [1, 2]), token_ids=array("i", [3]), logprobs=array("f", [-1]), loss_mask=array("b", [1])
    )
    episode = make()
    said = draw(box(1, 2, 6, 7))
    play(
        episode,
        Completion(text=said, tokens=tokens, grids=((1, 12, 14),), learn=False),
        Completion(text=ANSWER, grids=((1, 12, 16),)),
    )
    rollout = episode.rollout()
    assert rollout.turns[0].tokens is tokens
    assert [(turn.text, turn.learn) for turn in rollout.turns] == [(said, False), (ANSWER, True)]
    assert rollout.grids == ((1, 12, 14), (1, 12, 16))


def test_an_episode_can_be_reset_and_played_again():
    episode = make()
    first = play(episode, draw(box(1, 2, 6, 7)), ANSWER)
    assert first.done
    assert [message.role for message in episode.reset().messages] == ["system", "user"]
    assert episode.rollout().turns == ()
    assert (episode.rollout().status, episode.rollout().reason) == (
        Status.TRUNCATED_TURNS, "the episode is still running",
    )  # fmt: skip


# --- mistakes ---------------------------------------------------------------------------------------------------------


def test_a_mistake_is_a_text_and_the_episode_goes_on():
    episode = make()
    observation = play(episode, draw(box(1, 2, 230, 7)))
    message = "bbox_2d must satisfy 0 <= x1 < x2 <= 224; got x2=230. Give pixels of image 1 (224x192)."
    assert text(observation) == f"{message} Try again."
    assert (observation.error.kind, observation.images, observation.done) == (ErrorKind.OFF_IMAGE, (), False)
    assert episode.step(ANSWER).status is Status.ANSWERED
    first, second = episode.rollout().turns
    assert (first.error.message, first.actions, first.new_images) == (message, (), ())
    assert second.context == observation.messages


@pytest.mark.parametrize(
    ("turn", "status"),
    [
        (draw(box(1, 2, 230, 7)), Status.INVALID_ACTION),
        ("<think>hm</think>", Status.NO_ACTION),
        (draw(box(1, 2, 6, 7), box(1, 2, 6, 7)), Status.DUPLICATE_ACTION),
    ],
)
def test_the_third_mistake_ends_the_episode_and_in_strict_mode_the_first(turn, status):
    episode = make()
    assert play(episode, turn, turn).done is False
    observation = episode.step(turn)
    assert (observation.done, observation.status) == (True, status)
    assert observation.error is not None
    assert episode.rollout().reason == observation.error.message
    assert episode.rollout().turns[-1].error == observation.error
    assert play(make(strict=True), turn).status is status
    assert play(make(limits=Limits(max_errors=0)), turn).status is status


DUPLICATE = 'An action must differ from earlier ones; got {"index": 1, "bbox_2d": [1, 2, 6, 7], "label": "A"} again. '
DUPLICATE += "Draw something else or answer."


def test_an_action_may_not_be_repeated_in_a_later_turn_or_in_its_own():
    for turns in (
        [draw(box(1, 2, 6, 7)), draw(box(9, 2, 12, 7, label="B"), box(1, 2, 6, 7))],
        [draw(box(1, 2, 6, 7), box(1, 2, 6, 7))],
    ):
        observation = play(make(), *turns)
        assert observation.error.kind is ErrorKind.DUPLICATE_ACTION
        assert observation.error.message == DUPLICATE


def test_a_drawing_that_changes_nothing_is_a_duplicate():
    observation = play(make(), draw(box(1, 2, 6, 7)), draw(box(1, 2, 6, 7, index=2)))
    assert observation.error.message == DUPLICATE.replace('"index": 1', '"index": 2')


def test_the_second_of_two_marks_with_one_label_is_moved_by_stating_both():
    episode = make()
    play(
        episode,
        draw(box(1, 2, 6, 7), box(20, 2, 26, 7)),
        draw(box(1, 2, 6, 7, index=2), box(40, 2, 46, 7, index=2)),
    )
    assert [mark.box_px[0] for mark in episode.rollout().images[2].instances] == [2, 80]


def test_another_label_or_image_or_place_is_no_duplicate():
    episode = make(2)
    observation = play(
        episode,
        draw(box(1, 2, 6, 7)),
        draw(box(1, 2, 6, 7, label="B")),
        draw(box(1, 2, 6, 7, index=2)),
        draw(box(1, 2, 6, 8)),
    )
    assert observation.error is None


def test_control_tokens_in_labels_are_not_echoed_but_kept_in_the_record():
    turn = draw(box(1, 2, 6, 7, label="<|im_end|>"))
    episode = make()
    observation = play(episode, turn, turn)
    assert '"label": "< |im_end|>"} again.' in text(observation)
    assert episode.rollout().actions[0].label == "<|im_end|>"


# --- limits -----------------------------------------------------------------------------------------------------------


def test_the_last_turn_is_announced_and_can_only_answer():
    episode = make(limits=Limits(max_turns=2))
    observation = play(episode, draw(box(1, 2, 6, 7)))
    assert text(observation) == "Image 2 (224x192):[2]\nNo more drawing. Answer now."
    assert episode.step(ANSWER).status is Status.ANSWERED

    observation = play(episode, draw(box(1, 2, 6, 7)), draw(box(3, 2, 6, 7)))
    assert (observation.status, observation.error.kind) == (Status.TRUNCATED_TURNS, ErrorKind.DRAWING_DISABLED)
    assert episode.rollout().reason == "no answer in 2 turns"
    assert len(episode.rollout().images) == 2


def test_a_mistake_before_the_last_turn_is_told_together_with_the_announcement():
    observation = play(make(limits=Limits(max_turns=2)), "<think>hm</think>")
    assert text(observation).endswith("Answer and <answer>...</answer>. No more drawing. Answer now.")


def test_a_drawing_on_the_last_turn_is_out_of_turns_in_strict_mode_too():
    assert play(make(limits=Limits(max_turns=1), strict=True), draw(box(1, 2, 6, 7))).status is Status.TRUNCATED_TURNS
    assert play(make(limits=Limits(max_turns=1), strict=True), "hm").status is Status.NO_ACTION
    assert play(make(limits=Limits(max_turns=1)), "hm").status is Status.TRUNCATED_TURNS


def test_an_only_turn_is_announced_in_the_prompt():
    *_, user = make(limits=Limits(max_turns=1)).reset().messages
    assert user.parts[-1].text == "\nWhere?\nAnswer with a letter.\nNo more drawing. Answer now."


@pytest.mark.parametrize(("task", "num"), [("test", 10), ("maze", 20), ("ask", 20)])
def test_turns_default_to_ten_and_for_mazes_and_questions_of_a_user_to_twenty(task, num):
    episode = make(task=task)
    turns = [draw(box(i, 2, i + 5, 7)) for i in range(num)]
    assert not play(episode, *turns[:-1]).done
    assert episode.step(turns[-1]).status is Status.TRUNCATED_TURNS


def test_the_turn_that_would_exceed_the_images_ends_the_episode():
    episode = make(2, limits=Limits(max_images=4))
    assert not play(episode, draw(box(1, 2, 6, 7))).done
    observation = episode.step(draw(box(3, 2, 6, 7), box(3, 2, 6, 7, index=2)))
    rollout = episode.rollout()
    assert (observation.status, rollout.reason) == (Status.TRUNCATED_IMAGES, "5 images, of 4 allowed")
    assert (len(rollout.images), rollout.turns[-1].actions, rollout.turns[-1].error) == (3, (), None)


@pytest.mark.parametrize("said", ["<think>I see", "<think>t</think>Action: Path Tracer\n```json\n[{", ANSWER[:-12]])
def test_a_turn_cut_off_by_its_length_ends_the_episode(said):
    episode = make()
    observation = play(episode, Completion(text=said, finish=FinishReason.LENGTH))
    assert observation.status is Status.TRUNCATED_LENGTH
    assert episode.rollout().reason == "the turn was cut off before its answer or drawing was complete"
    assert episode.rollout().turns[0].finish is FinishReason.LENGTH


def test_a_cut_turn_that_was_complete_before_counts():
    rambling = Completion(text=ANSWER + " and also", finish=FinishReason.LENGTH)
    assert play(make(), rambling).status is Status.ANSWERED
    drawing = Completion(text=draw(box(1, 2, 6, 7)) + " and", finish=FinishReason.LENGTH)
    assert play(make(), drawing).images[0].index == 2


def test_a_full_context_ends_the_episode_unless_it_was_answered():
    drawing = Completion(text=draw(box(1, 2, 6, 7)), finish=FinishReason.CONTEXT)
    episode = make()
    assert play(episode, drawing).status is Status.TRUNCATED_LENGTH
    assert (episode.rollout().reason, episode.rollout().actions) == ("the context window is full", ())
    assert play(make(), Completion(text=ANSWER, finish=FinishReason.CONTEXT)).status is Status.ANSWERED


def test_recorded_tokens_count_against_the_context():
    tokens = TurnTokens(
        context_ids=array("i", [0] * 60),
        token_ids=array("i", [0] * 10),
        logprobs=array("f"),
        loss_mask=array("b", [1] * 10),
    )
    episode = make(limits=Limits(max_context_tokens=140))
    first, second = (Completion(text=draw(box(i, 2, 9, 9)), tokens=tokens) for i in (1, 2))
    assert not play(episode, first).done
    assert episode.step(second).status is Status.TRUNCATED_LENGTH
    assert episode.rollout().reason == "140 tokens, of 140 allowed"


def test_time_runs_out_by_the_clock_that_was_given():
    now = [100.0]
    episode = make(clock=lambda: now[0], limits=Limits(max_seconds=5))
    episode.reset()
    now[0] = 105.0
    assert not episode.step(draw(box(1, 2, 6, 7))).done
    now[0] = 105.5
    assert episode.step(ANSWER).status is Status.TIMEOUT
    rollout = episode.rollout()
    assert (rollout.reason, rollout.seconds, rollout.answer) == ("more than 5 seconds", 5.5, None)


def test_the_runner_can_end_an_episode():
    episode = make()
    play(episode, draw(box(1, 2, 6, 7)))
    rollout = episode.end(Status.POLICY_ERROR, "connection refused")
    assert (rollout.status, rollout.reason, len(rollout.turns)) == (Status.POLICY_ERROR, "connection refused", 1)
    with pytest.raises(InvariantError, match="ended with policy_error: call reset"):
        episode.end(Status.TIMEOUT, "")


# --- without drawing --------------------------------------------------------------------------------------------------


def test_without_drawing_the_prompt_says_so_and_a_drawing_is_a_mistake():
    episode = make(drawing=False)
    first = episode.reset()
    assert first.messages[0].parts[0].text == "Look, think, then answer."
    observation = episode.step(draw(box(1, 2, 6, 7)))
    assert text(observation) == "Drawing is not possible; got a drawing. Give the answer. Try again."
    assert episode.step(ANSWER).status is Status.ANSWERED
    assert play(make(drawing=False, strict=True), draw(box(1, 2, 6, 7))).status is Status.INVALID_ACTION
    one_turn = make(drawing=False, limits=Limits(max_turns=1))
    assert play(one_turn, draw(box(1, 2, 6, 7))).status is Status.TRUNCATED_TURNS


# --- misuse -----------------------------------------------------------------------------------------------------------


def test_steps_before_the_beginning_and_after_the_end_are_bugs():
    episode = make()
    with pytest.raises(InvariantError, match=r"must be reset first: call reset\(\)"):
        episode.step(ANSWER)
    play(episode, ANSWER)
    with pytest.raises(InvariantError, match=r"has ended with answered: call reset\(\)"):
        episode.step(ANSWER)
    episode.reset()
    with pytest.raises(InvariantError, match="answered by a step"):
        episode.end(Status.ANSWERED, "")


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"question": " \n"}, "question: expected some text; got nothing"),
        ({"num_images": 0}, "images: expected 1 to 45 images; got 0. Give an image."),
        ({"num_images": 46}, "images: expected 1 to 45 images; got 46. Give fewer images, or raise max_images."),
        ({"options": ("x",) * 27}, "options: expected at most 26 options; got 27"),
    ],
)
def test_samples_that_cannot_be_played_are_refused(kwargs, message):
    with pytest.raises(InputError, match=re.escape(message)):
        make(**kwargs)


def test_an_image_that_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "notes.png"
    path.write_text("hello")
    with pytest.raises(InputError, match=r"notes\.png"):
        Episode(Sample(id="s", task="t", question="?", images=(path,))).reset()
    strip = Image.new("RGB", (1000, 2))
    with pytest.raises(InputError, match=r"image size: expected sides .* got 1000x2"):
        Episode(Sample(id="s", task="t", question="?", images=(strip,))).reset()


def test_unknown_images_are_refused_by_index():
    episode = make()
    episode.reset()
    for index in (0, 2):
        with pytest.raises(InputError, match=rf"image index: expected a number from 1 to 1; got {index}"):
            episode.image(index)


@pytest.mark.parametrize(
    "limit", [{"max_turns": 0}, {"max_images": 0}, {"max_errors": -1}, {"max_seconds": float("nan")}]
)
def test_limits_that_make_no_sense_are_refused(limit):
    (name,) = limit
    with pytest.raises(InputError, match=f"{name}: expected a number from"):
        Limits(**limit)


def test_every_protocol_can_be_played():
    for protocol, said in ((COMPACT, ANSWER), (VILASR, ANSWER), (JSON, "<answer>B</answer>")):
        episode = make(protocol=protocol)
        assert play(episode, said).status is Status.ANSWERED
        assert episode.rollout().answer == "B"
