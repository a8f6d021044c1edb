"""Plans told and graded, options, overlaps and words, on marks small enough to check by eye."""

from __future__ import annotations

import json
import random
from collections import Counter
from types import SimpleNamespace

import pytest

from vilasr.env import EpisodeConfig
from vilasr.errors import DataError
from vilasr.protocol import protocol_named
from vilasr.tasks.asking import words
from vilasr.tasks.asking.choices import letter, ordered, shuffled
from vilasr.tasks.asking.grade import grade_plan, worth
from vilasr.tasks.asking.plan import (
    MAX_SLIP,
    Plan,
    PlannedMark,
    Step,
    demonstrate_plan,
    plan_of,
    plan_to_json,
)
from vilasr.tasks.overlap import overlap
from vilasr.tasks.scenes.world import SceneObject
from vilasr.training.demonstrations import play
from vilasr.types import Box, ImageRecipe, Line, Rollout, Sample, Status

PLANNED = SimpleNamespace(demonstrate=demonstrate_plan)
"""As much of a task as it takes to play a demonstration."""
SIZE = (200, 150)
"""The diagonal is 250 px: a line is right while its ends are 2.5 px off in the mean, worth nothing from 25 px on."""


def box(x1, y1, x2, y2, label="chair", image=1):
    return Box(image_index=image, box_px=(x1, y1, x2, y2), label=label)


def line(x1, y1, x2, y2, label="1", image=1):
    return Line(image_index=image, start_px=(x1, y1), end_px=(x2, y2), label=label)


def plan_with(*turns, concludes=("So it is.",)):
    """A plan of turns, each a tuple of marks or of (mark, others as good)."""
    steps = tuple(
        Step(
            says=("It is at {0}.",),
            marks=tuple(
                PlannedMark(mark=each[0], also=each[1]) if isinstance(each, tuple) else PlannedMark(mark=each)
                for each in marks
            ),
        )
        for marks in turns
    )
    return Plan(steps=steps, concludes=concludes)


def sample_with(plan, *, num_images=1):
    from PIL import Image

    return Sample(
        id="static/test/0/0",
        task="static",
        question="Where?",
        images=tuple(Image.new("RGB", SIZE) for _ in range(num_images)),
        options=("here", "there"),
        answer="B",
        metadata={"size": list(SIZE), "plan": plan_to_json(plan)},
    )


def whole_pixels(_image_index, point):
    return (round(point[0]), round(point[1]))


# --- telling ----------------------------------------------------------------------------------------------------------


def test_a_plan_is_told_step_by_step_each_on_the_newest_drawing():
    plan = plan_with((box(10, 20, 60, 70), box(100, 20, 150, 70, "lamp")), (line(35, 45, 125, 45),))
    first, second, last = demonstrate_plan(sample_with(plan), random.Random(0), frame=whole_pixels)
    assert first.thought == "It is at [10, 20, 60, 70]."
    assert first.actions == (box(10, 20, 60, 70), box(100, 20, 150, 70, "lamp"))
    assert second.thought == "It is at [35, 45] to [125, 45]."
    assert second.actions == (line(35, 45, 125, 45, image=2),)
    assert (last.thought, last.actions, last.answer) == ("So it is. So, there: B.", (), "B")


def test_marks_on_two_images_make_two_new_ones_numbered_by_the_image_drawn_on():
    plan = plan_with((box(0, 0, 50, 50, image=2), box(0, 0, 50, 50, image=1)), (line(0, 0, 9, 90, image=2),))
    first, second, _ = demonstrate_plan(sample_with(plan, num_images=2), random.Random(0), frame=whole_pixels)
    assert [mark.image_index for mark in first.actions] == [2, 1]
    assert [mark.image_index for mark in second.actions] == [4]


def test_without_drawing_one_turn_says_everything_and_answers():
    plan = plan_with((box(10, 20, 60, 70),), (line(35, 45, 125, 45),))
    (turn,) = demonstrate_plan(sample_with(plan), random.Random(0), frame=whole_pixels, drawing=False)
    assert turn.thought == "It is at [10, 20, 60, 70]. It is at [35, 45] to [125, 45]. So it is. So, there: B."
    assert (turn.actions, turn.answer) == ((), "B")


def test_a_mistake_is_drawn_unlearned_seen_and_corrected():
    plan = plan_with((box(10, 20, 60, 70), box(100, 20, 150, 70, "lamp")))
    for seed in range(50):
        wrong, right, last = demonstrate_plan(sample_with(plan), random.Random(seed), frame=whole_pixels, mistake=True)
        assert not wrong.learn
        assert right.learn
        assert last.learn
        assert wrong.actions[1] == box(100, 20, 150, 70, "lamp")
        assert overlap(wrong.actions[0].box_px, (10, 20, 60, 70)) <= MAX_SLIP
        assert right.actions == (box(10, 20, 60, 70, image=2),)
        assert "[10, 20, 60, 70]" in right.thought
        assert "chair" in right.thought


@pytest.mark.parametrize(("num_images", "begins"), [(1, "The box chair "), (3, "In image 2 the box chair ")])
def test_a_mistake_among_several_images_is_seen_in_the_one_it_is_in(num_images, begins):
    plan = plan_with((box(10, 20, 60, 70, image=min(2, num_images)),))
    sample = sample_with(plan, num_images=num_images)
    _, right, _ = demonstrate_plan(sample, random.Random(0), frame=whole_pixels, mistake=True)
    assert right.thought.startswith(begins)
    assert right.thought.endswith(" [10, 20, 60, 70].")


@pytest.mark.parametrize(
    "mark", [box(0, 0, 200, 150), box(2, 3, 190, 149), box(0, 60, 200, 90), line(1, 1, 199, 149), line(0, 75, 200, 75)]
)
def test_a_mistake_in_a_mark_as_large_as_the_picture_is_a_mistake_too(mark):
    for seed in range(50):
        wrong, right, _ = demonstrate_plan(
            sample_with(plan_with((mark,))), random.Random(seed), frame=whole_pixels, mistake=True
        )
        (drawn,), (again,) = wrong.actions, right.actions
        corners = drawn.box_px if isinstance(drawn, Box) else (*drawn.start_px, *drawn.end_px)
        assert all(0 <= value <= limit for value, limit in zip(corners, (*SIZE, *SIZE), strict=True))
        assert worth(drawn, mark, diagonal=250.0) <= 0.65
        assert worth(again, mark, diagonal=250.0) == 0.0, "it is drawn on the newer image"


@pytest.mark.parametrize("protocol", ["compact", "vilasr", "json"])
@pytest.mark.parametrize("mistake", [False, True])
def test_plans_over_several_images_run_in_an_episode_and_grade_full(protocol, mistake):
    plan = plan_with(
        (box(10, 20, 60, 70, image=1), box(90, 20, 140, 90, image=3)),
        (line(35, 45, 125, 45, image=3),),
        (box(0, 0, 200, 150, "room", image=2),),
    )
    sample, spoken = sample_with(plan, num_images=3), protocol_named(protocol)

    for seed in range(4):
        rollout = play(PLANNED, sample, random.Random(seed), EpisodeConfig(protocol=spoken), mistake=mistake).rollout
        assert rollout.status is Status.ANSWERED
        assert rollout.answer == "B"
        assert grade_plan(sample, rollout).score >= 0.97


# --- records ----------------------------------------------------------------------------------------------------------


def test_a_plan_survives_json_to_a_tenth_of_a_pixel():
    plan = plan_with((box(10.04, 20, 60, 70.25),), ((line(35, 45, 125, 45), (line(3, 4, 5, 6, image=2),)),))
    again = plan_of(sample_with(plan))
    assert json.loads(json.dumps(plan_to_json(plan))) == plan_to_json(plan)
    assert again == plan_with((box(10.0, 20, 60, 70.2),), ((line(35, 45, 125, 45), (line(3, 4, 5, 6, image=2),)),))


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"plan": None},
        {"plan": {"steps": [], "concludes": ["So."]}},
        {"plan": {"steps": [{"says": ["Here."], "marks": []}], "concludes": ["So."]}},
        {
            "plan": {
                "steps": [{"says": ["Here."], "marks": [{"kind": "box", "image": 1, "points": [1, 2], "label": "a"}]}]
            }
        },
    ],
)
def test_metadata_without_a_whole_plan_is_bad_data(record):
    sample = Sample(id="x/1", task="x", question="?", images=(), metadata=record)
    with pytest.raises(DataError, match="sample x/1: its metadata holds no plan"):
        plan_of(sample)


# --- grading ----------------------------------------------------------------------------------------------------------


def graded(plan, *standing, size=SIZE, num_images=1):
    """The grade of a rollout with `standing` on the newest drawing of each image."""
    sample = sample_with(plan, num_images=num_images)
    originals = [ImageRecipe(base=number, size=SIZE) for number in range(1, num_images + 1)]
    drawn = [
        ImageRecipe(
            base=number, size=size, parent=number, instances=tuple(m for m in standing if m.image_index == number)
        )
        for number in range(1, num_images + 1)
    ]
    rollout = Rollout(sample=sample, status=Status.ANSWERED, images=(*originals, *drawn), turns=())
    return grade_plan(sample, rollout)


def test_the_planned_marks_grade_full_and_none_grades_nothing():
    plan = plan_with((box(10, 20, 60, 70),), (line(35, 45, 125, 45),))
    full = graded(plan, box(10, 20, 60, 70), line(35, 45, 125, 45))
    assert (full.score, full.num_graded, full.num_valid) == (1.0, 2, 2)
    none = graded(plan)
    assert (none.score, none.num_graded, none.num_valid) == (0.0, 0, 0)


def test_a_box_is_worth_its_overlap_over_full():
    # 50 x 50 moved by 25: they share 25 x 50 of 75 x 50, a third; over 0.8 that is 0.4167.
    grade = graded(plan_with((box(10, 20, 60, 70),)), box(35, 20, 85, 70))
    assert grade.score == pytest.approx(1 / 3 / 0.8)
    assert grade.num_valid == 0
    # Moved by 5: 45 x 50 of 55 x 50 = 0.818 is as good as full.
    assert graded(plan_with((box(10, 20, 60, 70),)), box(15, 20, 65, 70)).score == 1.0


def test_a_line_is_worth_less_the_farther_its_ends_are_and_its_direction_is_free():
    # Ends off by 5 and 10 px: the mean is 7.5, which is 17.5 from 25 on a scale of 22.5.
    plan = plan_with((line(0, 0, 100, 100),))
    assert graded(plan, line(3, 4, 106, 108)).score == pytest.approx(7 / 9)
    assert graded(plan, line(106, 108, 3, 4)).score == pytest.approx(7 / 9)
    assert graded(plan, line(0, 2, 103, 100)).score == 1.0
    assert graded(plan, line(20, 15, 120, 115)).score == 0.0


def test_marks_of_another_kind_or_on_another_image_are_worth_nothing():
    plan = plan_with((box(10, 20, 60, 70),))
    assert graded(plan, line(10, 20, 60, 70)).score == 0.0
    assert graded(plan, box(10, 20, 60, 70, image=2), num_images=2).score == 0.0


def test_each_mark_counts_once_and_superfluous_marks_cost():
    plan = plan_with((box(0, 0, 50, 50), box(100, 0, 150, 50)))
    assert graded(plan, box(0, 0, 50, 50)).score == 0.5
    assert graded(plan, box(0, 0, 50, 50), box(1, 0, 51, 50)).score == 0.5
    four = [box(0, 0, 50, 50), box(100, 0, 150, 50), box(0, 90, 50, 140), box(100, 90, 150, 140)]
    assert graded(plan, *four).score == 0.5
    assert graded(plan, *four).details == {"num_planned": 2, "mean_worth": 1.0, "num_boxes": 4, "num_lines": 0}


def test_a_mark_that_shows_the_same_elsewhere_is_as_good():
    plan = plan_with(((box(10, 20, 60, 70), (box(30, 20, 80, 70, image=2),)),))
    assert graded(plan, box(30, 20, 80, 70, image=2), num_images=2).score == 1.0


def test_marks_on_a_drawing_of_another_size_are_scaled():
    plan = plan_with((box(10, 20, 60, 70),), (line(0, 0, 100, 100),))
    assert graded(plan, box(5, 10, 30, 35), line(0, 0, 50, 50), size=(100, 75)).score == 1.0


def test_of_several_drawings_of_an_image_the_newest_counts():
    plan = plan_with((box(10, 20, 60, 70),))
    recipes = [
        ImageRecipe(base=1, size=SIZE),
        ImageRecipe(base=1, size=SIZE, parent=1, instances=(box(100, 20, 150, 70),)),
        ImageRecipe(base=1, size=SIZE, parent=2, instances=(box(10, 20, 60, 70, image=2),)),
    ]
    rollout = Rollout(sample=sample_with(plan), status=Status.ANSWERED, images=tuple(recipes), turns=())
    assert grade_plan(rollout.sample, rollout).score == 1.0


# --- options, overlaps, words -----------------------------------------------------------------------------------------


def test_overlap_of_boxes():
    assert overlap((0, 0, 10, 10), (0, 0, 10, 10)) == 1.0
    assert overlap((0, 0, 10, 10), (5, 5, 15, 15)) == pytest.approx(25 / 175)
    assert overlap((0, 0, 10, 10), (2, 2, 4, 4)) == pytest.approx(4 / 100)
    assert overlap((0, 0, 10, 10), (10, 0, 20, 10)) == 0.0


def test_shuffled_options_have_the_right_one_at_every_letter():
    rng = random.Random(0)
    counts = Counter()
    for _ in range(4000):
        options, answer = shuffled("right", ["x", "y", "z"], rng)
        assert options["ABCD".index(answer)] == "right"
        assert sorted(options) == ["right", "x", "y", "z"]
        counts[answer] += 1
    assert all(abs(counts[each] - 1000) < 120 for each in "ABCD")
    with pytest.raises(ValueError, match="options must differ"):
        shuffled("x", ["y", "x"], rng)


def test_ordered_options_stay_as_they_are():
    assert ordered("right", ("left", "right")) == (("left", "right"), "B")
    assert [letter(number) for number in range(3)] == ["A", "B", "C"]


def thing(name, category, color):
    return SceneObject(name=name, category=category, color=color, position=(0, 0, 0), yaw=0, size=(1, 1, 1), parts=())


def test_things_are_named_by_as_little_as_tells_them_apart():
    sofa = thing("sofa_1", "sofa", "blue")
    red, green = thing("chair_1", "chair", "red"), thing("chair_2", "chair", "green")
    assert words.describe(red) == "red chair"
    assert words.uniquely_named([sofa, red, green]) == {
        "sofa_1": "sofa",
        "chair_1": "red chair",
        "chair_2": "green chair",
    }
    twin = thing("chair_3", "chair", "red")
    assert words.uniquely_named([sofa, red, green, twin]) == {"sofa_1": "sofa", "chair_2": "green chair"}


def test_lengths_have_as_many_decimals_as_make_sense():
    cases = {0.0: "0.00", 0.054: "0.05", 0.345: "0.34", 0.994: "0.99", 0.996: "1.0", 2.345: "2.3", 12.0: "12.0"}
    assert {value: words.metres(value) for value in cases} == cases


def test_words_around_phrases():
    assert words.listed(["sofa"]) == "the sofa"
    assert words.listed(["sofa", "lamp", "rug"], last="or") == "the sofa, the lamp or the rug"
    assert [words.with_article(each) for each in ("red chair", "orange chair")] == ["a red chair", "an orange chair"]
    assert words.sentence("the sofa is red.") == "The sofa is red."
    assert (words.plural("chair"), words.plural("bookshelf")) == ("chairs", "bookshelves")


# --- the guesser that never looks -------------------------------------------------------------------------------------


def questions_about_pairs(num, *, leak):
    """Which is nearer of two of five things? With a leak, always the one that comes first in the alphabet."""
    rng = random.Random(0)
    for number in range(num):
        pair = rng.sample(["ball", "cone", "desk", "lamp", "sofa"], 2)
        right = pair.index(min(pair)) if leak else rng.randrange(2)
        yield Sample(
            id=str(number),
            task="static",
            question=f"Which is nearer, the {pair[0]} or the {pair[1]}?",
            images=(),
            options=tuple(pair),
            answer=letter(right),
            metadata={"question_type": "nearer"},
        )


def test_the_guesser_finds_what_words_give_away_and_nothing_else():
    from text_guesser import guess_choices

    leaking = guess_choices(questions_about_pairs(500, leak=True))["nearer"]
    assert (leaking.num, leaking.chance) == (500, 0.5)
    assert leaking.words > 0.95
    assert leaking.majority < 0.6
    assert guess_choices(questions_about_pairs(500, leak=False))["nearer"].words < 0.58
