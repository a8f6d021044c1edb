"""What demonstrations say and draw, and what grades make of drawings, on a maze that can be read by eye."""

from __future__ import annotations

import itertools
import random

import pytest

from vilasr.errors import DataError
from vilasr.tasks import task_named
from vilasr.tasks.maze.demonstrate import chunk_sizes, wrong_ways
from vilasr.tasks.maze.truth import truth_of
from vilasr.types import Box, ImageRecipe, Line, Rollout, Sample, Status, Turn

TASK = task_named("maze")
SIZE = (160, 160)
# Three cells a side, centres at 30, 80, 130. Corridors:   0 - 1 - 2
#                                                                  |
#                                                          3 - 4 - 5
#                                                          |
#                                                          6 - 7 - 8
WALLS = [[0, 0, "down"], [1, 0, "down"], [1, 1, "down"], [2, 1, "down"]]
METADATA = {
    "question_type": "end",
    "n": 3,
    "size": list(SIZE),
    "xs": [30.0, 80.0, 130.0],
    "ys": [30.0, 80.0, 130.0],
    "walls": WALLS,
    "start": [0, 0],
    "letters": {"A": [1, 1], "B": [2, 2], "C": [0, 1], "D": [1, 2]},
    "moves": ["right", "right", "down", "left"],
}
CENTRES = [(30, 30), (80, 30), (130, 30), (130, 80), (80, 80)]


def sample_with(**changes):
    return Sample(id="maze/test/0/0", task="maze", question="?", images=(), answer="A", metadata=METADATA | changes)


def line(start, end, label="1", image_index=1):
    return Line(image_index=image_index, start_px=start, end_px=end, label=label)


def true_lines():
    return [line(a, b, str(i)) for i, (a, b) in enumerate(itertools.pairwise(CENTRES), 1)]


def graded(sample, standing, drawn=None, size=SIZE):
    """The grade of a rollout whose last image shows `standing`, after `drawn` was drawn."""
    original = ImageRecipe(base=1, size=size)
    last = ImageRecipe(base=1, size=size, instances=tuple(standing), parent=1)
    turn = Turn(context=(), text="", actions=tuple(drawn if drawn is not None else standing))
    rollout = Rollout(sample=sample, status=Status.ANSWERED, images=(original, last), turns=(turn,))
    return TASK.grade_drawing(sample, rollout)


def whole_pixels(_image_index, point):
    return (round(point[0]), round(point[1]))


# --- demonstrations ---------------------------------------------------------------------------------------------------


def test_the_first_thought_reads_the_grid_and_every_line_joins_centres():
    first, *later, last = TASK.demonstrate(sample_with(), random.Random(0), frame=whole_pixels)
    assert "30 80 130" in first.thought
    assert "[30, 30]. A [80, 80], B [130, 130], C [30, 80], D [80, 130]. Next 1 right" in first.thought
    lines = [mark for turn in (first, *later) for mark in turn.actions]
    assert [(mark.start_px, mark.end_px, mark.label) for mark in lines] == [
        (mark.start_px, mark.end_px, mark.label) for mark in true_lines()
    ]
    assert last.answer == "A"
    assert "[80, 80]" in last.thought
    assert last.actions == ()


def test_each_turn_draws_on_the_newest_image():
    for seed in range(20):
        turns = TASK.demonstrate(sample_with(), random.Random(seed), frame=whole_pixels, mistake=seed % 2 == 0)
        for number, turn in enumerate(turns[:-1], 1):
            assert {mark.image_index for mark in turn.actions} == {number}


def test_a_mistake_is_not_learned_and_the_next_turn_redraws_the_same_labels():
    for seed in range(50):
        turns = TASK.demonstrate(sample_with(), random.Random(seed), frame=whole_pixels, mistake=True)
        wrong = [number for number, turn in enumerate(turns) if not turn.learn]
        assert len(wrong) == 1
        mistaken, corrected = turns[wrong[0]], turns[wrong[0] + 1]
        before = {mark.label: mark.end_px for mark in mistaken.actions}
        for mark in corrected.actions:
            assert before[mark.label] != mark.end_px
        first = corrected.actions[0].label
        assert f"Line {first} goes " in corrected.thought
        assert f" but move {first} is " in corrected.thought
        assert "Redraw" in corrected.thought
        final = {mark.label: mark for turn in turns for mark in turn.actions}
        ends = [(final[str(i)].start_px, final[str(i)].end_px) for i in range(1, 5)]
        assert ends == [(mark.start_px, mark.end_px) for mark in true_lines()]
        assert all(0 < value < 160 for mark in mistaken.actions for value in mark.start_px + mark.end_px)


def test_without_drawing_the_way_is_told_in_words():
    (turn,) = TASK.demonstrate(sample_with(), random.Random(0), frame=whole_pixels, drawing=False)
    assert "1 right [80, 30], 2 right [130, 30], 3 down [130, 80], 4 left [80, 80]. " in turn.thought
    assert turn.answer == "A"


def test_chunks_make_two_to_the_most_turns_and_about_three_moves_each():
    rng = random.Random(2)
    sizes = [chunk_sizes(num, most, rng) for num in range(2, 21) for most in (7, 8) for _ in range(50)]
    assert all(2 <= len(found) <= 8 for found in sizes)
    assert all(1 <= size <= 4 for found in sizes for size in found)
    long = [size for found in sizes if sum(found) == 12 for size in found]
    assert 2.4 < sum(long) / len(long) < 3.4


def test_wrong_ways_are_complete_on_a_hand_made_path():
    # From cell 0, right then right. Wrong first moves: down (then right: 3, 4). Wrong second moves from 1: down, left.
    found = wrong_ways(3, [0, 1, 2], [1, 1], range(2))
    assert sorted(found) == [(0, 2, [0, 3, 4]), (1, 2, [0, 1, 4]), (1, 3, [0, 1, 0])]


def test_a_crossing_is_boxed_and_a_clear_path_retraced():
    crossed = sample_with(question_type="valid", letters={}, moves=["right", "down"], crossing=1)
    boxing, _ = TASK.demonstrate(crossed, random.Random(0), frame=whole_pixels)
    assert boxing.actions == (Box(image_index=1, box_px=(55.0, 30.0, 105.0, 80.0), label="wall"),)
    clear = sample_with(question_type="valid", letters={}, crossing=None)
    retracing, _ = TASK.demonstrate(clear, random.Random(0), frame=whole_pixels)
    ends = [(mark.start_px, mark.end_px) for mark in retracing.actions]
    assert ends == [((30, 30), (130, 30)), ((130, 30), (130, 80)), ((130, 80), (80, 80))]


@pytest.mark.parametrize("damage", [{"letters": None}, {"letters": ["A"]}, {"moves": []}, {"moves": ["north"]}])
def test_a_damaged_truth_is_named(damage):
    with pytest.raises(DataError, match="its metadata is not that of a maze"):
        truth_of(sample_with(**damage))


def test_a_sample_of_another_task_is_refused():
    stranger = Sample(id="x", task="static", question="?", images=(), answer="A", metadata={"n": 3})
    with pytest.raises(DataError, match="sample x: its metadata is not that of a maze"):
        TASK.demonstrate(stranger, random.Random(0), frame=whole_pixels)


# --- grades -----------------------------------------------------------------------------------------------------------


def test_the_true_path_grades_full():
    grade = graded(sample_with(), true_lines())
    assert (grade.score, grade.num_graded, grade.num_valid) == (1.0, 4, 4)
    assert grade.details["ends_in"] == "A"
    assert grade.details["end_error_cells"] == 0.0


def test_half_the_path_grades_half_and_tells_where_it_ends():
    grade = graded(sample_with(), true_lines()[:2])
    assert grade.score == 0.5
    assert grade.details["ends_in"] is None
    assert grade.details["end_error_cells"] == pytest.approx(2**0.5, abs=1e-4)  # one cell right, one up


def test_a_line_through_a_wall_is_invalid_and_costs_a_move():
    grade = graded(sample_with(), [*true_lines(), line((30, 30), (30, 80), "5")])
    assert (grade.num_graded, grade.num_valid) == (5, 4)
    assert grade.score == 0.75
    assert grade.details["ends_in"] == "C"


@pytest.mark.parametrize(
    ("end", "valid"),
    [((80, 30), 1), ((97, 30), 1), ((98, 30), 0), ((80, 47), 1), ((80, 48), 0), ((130, 30), 0), ((30, 30), 0)],
)
def test_ends_must_lie_within_35_percent_of_a_cell_of_a_neighbours_centre(end, valid):
    assert graded(sample_with(), [line((30, 30), end)]).num_valid == valid  # a cell is 50 px, 35 % are 17.5


def test_a_line_drawn_backwards_or_out_of_order_is_not_right():
    reverse = [line(mark.end_px, mark.start_px, mark.label) for mark in true_lines()]
    assert graded(sample_with(), reverse).score == 0.0
    assert graded(sample_with(), true_lines()[::-1]).score == 0.25


def test_a_corrected_mark_counts_as_corrected_and_the_raw_counts_tell():
    wrong = line((30, 30), (30, 80), "1")
    grade = graded(sample_with(), true_lines(), [wrong, *true_lines()])
    assert grade.score == 1.0
    assert (grade.details["raw_num_graded"], grade.details["raw_num_valid"]) == (5, 4)


def test_marks_on_an_image_of_another_size_are_scaled():
    doubled = [
        line((2 * mark.start_px[0], 2 * mark.start_px[1]), (2 * mark.end_px[0], 2 * mark.end_px[1]), mark.label)
        for mark in true_lines()
    ]
    assert graded(sample_with(), doubled, size=(320, 320)).score == 1.0


def test_nothing_drawn_grades_zero():
    grade = graded(sample_with(), [])
    assert (grade.score, grade.num_graded, grade.details["ends_in"]) == (0.0, 0, None)


def test_any_shortest_way_is_right_where_loops_leave_a_choice():
    # All sides open: from the top-left to the middle both right-down and down-right take two moves.
    sample = sample_with(question_type="shortest", walls=[], moves=["right", "down"], goal="A", letters={"A": [1, 1]})
    other = [line((30, 30), (30, 80), "1"), line((30, 80), (80, 80), "2")]
    assert graded(sample, other).score == 1.0
    detour = [line((30, 30), (30, 80), "1"), line((30, 80), (30, 130), "2")]
    assert graded(sample, detour).score == 0.5


def test_a_wall_box_is_graded_by_its_overlap():
    sample = sample_with(question_type="valid", letters={}, moves=["right", "down"], crossing=1)

    def box(*box_px):
        return Box(image_index=1, box_px=box_px, label="wall")

    assert graded(sample, [box(55, 30, 105, 80)]).score == 1.0
    half = graded(sample, [box(55, 30, 105, 55)])  # IoU 0.5
    assert half.details["iou"] == 0.5
    assert half.score == pytest.approx(0.625)  # 0.5 / 0.8
    assert graded(sample, [box(55, 30, 105, 80), box(0, 0, 20, 20)]).score == 0.5
    assert graded(sample, [line((30, 30), (80, 30))]).score == 0.0


def test_a_clear_path_may_be_retraced_in_straight_runs():
    sample = sample_with(question_type="valid", letters={}, crossing=None)
    runs = [line((30, 30), (130, 30), "1"), line((130, 30), (130, 80), "2"), line((130, 80), (80, 80), "3")]
    assert graded(sample, runs).score == 1.0
    assert graded(sample, [*runs, Box(image_index=1, box_px=(0, 0, 9, 9), label="wall")]).score == 0.75
