"""The maze's truth, checked by code that shares nothing with the generator."""

from __future__ import annotations

import itertools
import random
import re
from collections import Counter, deque
from dataclasses import replace

import pytest

from vilasr.errors import InputError
from vilasr.tasks import task_named
from vilasr.tasks.maze import HELDOUT
from vilasr.tasks.maze.glyphs import text_mask
from vilasr.tasks.maze.grid import ALGORITHMS, Maze, make_maze
from vilasr.tasks.maze.paint import paint
from vilasr.tasks.maze.style import heldout_style, seen_style

TOWARDS = {"up": (0, -1), "right": (1, 0), "down": (0, 1), "left": (-1, 0)}
TASK = task_named("maze")


def samples(num, split="test", **options):
    return [TASK.generate(split, index, 2, options) for index in range(num)]


def open_neighbours(metadata):
    """(column, row) -> the cells one move away, from the walls in the metadata."""
    n = metadata["n"]
    closed = set()
    for column, row, side in metadata["walls"]:
        dx, dy = TOWARDS[side]
        closed |= {((column, row), (column + dx, row + dy)), ((column + dx, row + dy), (column, row))}
    joined = {(column, row): set() for column in range(n) for row in range(n)}
    for (column, row), found in joined.items():
        for dx, dy in TOWARDS.values():
            other = (column + dx, row + dy)
            if other in joined and ((column, row), other) not in closed:
                found.add(other)
    return joined


def num_moves(joined, start):
    reached, queue = {start: 0}, deque([start])
    while queue:
        cell = queue.popleft()
        for other in joined[cell] - reached.keys():
            reached[other] = reached[cell] + 1
            queue.append(other)
    return reached


def walk(start, moves):
    cells = [tuple(start)]
    for word in moves:
        dx, dy = TOWARDS[word]
        cells.append((cells[-1][0] + dx, cells[-1][1] + dy))
    return cells


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_maze_is_connected_and_only_percolation_has_loops(algorithm):
    loops = 0
    for sample in samples(60, algorithm=algorithm, size="3-8"):
        joined = open_neighbours(sample.metadata)
        assert len(num_moves(joined, (0, 0))) == sample.metadata["n"] ** 2
        loops += sum(len(found) for found in joined.values()) // 2 - (len(joined) - 1)
    assert (loops > 0) == (algorithm == "percolation")


def test_the_moves_of_an_end_question_follow_corridors_to_the_gold_letter():
    for sample in samples(300, size="3-8"):
        truth = sample.metadata
        numbered = re.findall(r"(\d+) (up|right|down|left)", sample.question)
        assert [int(number) for number, _ in numbered] == list(range(1, truth["length"] + 1))
        moves = [word for _, word in numbered]
        cells = walk(truth["start"], moves)
        joined = open_neighbours(truth)
        assert all(b in joined[a] for a, b in itertools.pairwise(cells))
        assert all(a != c for a, c in zip(cells, cells[2:], strict=False)), "turned straight back"
        assert list(cells[-1]) == truth["letters"][sample.answer]
        assert [list(cell) for cell in cells] == truth["path"]
        places = [tuple(cell) for cell in truth["letters"].values()]
        assert len({*places, tuple(truth["start"])}) == 5
        assert 2 <= len(moves) <= 20


def test_lengths_are_spread_over_short_and_long():
    lengths = Counter(sample.metadata["length"] for sample in samples(1500, split="train", size="6"))
    assert set(range(2, 19)) <= set(lengths)
    assert max(lengths.values()) < 0.14 * 1500


def test_the_shortest_length_is_the_breadth_first_one():
    for sample in samples(150, question="shortest", algorithm="percolation"):
        truth = sample.metadata
        reached = num_moves(open_neighbours(truth), tuple(truth["start"]))
        assert reached[tuple(truth["letters"][truth["goal"]])] == int(sample.answer) == truth["length"]
        assert list(truth["letters"]) == [truth["goal"]]
        assert f" {truth['goal']}" in sample.question


def test_a_shown_path_crosses_one_wall_exactly_when_the_answer_is_no():
    lengths = {"A": [], "B": []}
    for sample in samples(400, question="valid", size="3-8"):
        truth = sample.metadata
        xs, ys = truth["xs"], truth["ys"]
        width, height = xs[1] - xs[0], ys[1] - ys[0]
        walls = []
        for column, row, side in truth["walls"]:
            x, y = xs[column], ys[row]
            if side == "right":
                walls.append(((x + width / 2, y - height / 2), (x + width / 2, y + height / 2)))
            else:
                walls.append(((x - width / 2, y + height / 2), (x + width / 2, y + height / 2)))
        points = [(xs[column], ys[row]) for column, row in walk(truth["start"], truth["moves"])]
        assert len(set(points)) == len(points)
        crossings = [wall for a, b in itertools.pairwise(points) for wall in walls if properly_cross(a, b, *wall)]
        assert len(crossings) == (0 if sample.answer == "A" else 1)
        assert sample.options[0] == "Yes"
        lengths[sample.answer].append(truth["length"])
        if crossings:
            (x1, y1), (x2, y2) = crossings[0]
            box = truth["wall_box_px"]
            assert box[0] <= (x1 + x2) / 2 <= box[2]
            assert box[1] <= (y1 + y2) / 2 <= box[3]
    means = [sum(found) / len(found) for found in lengths.values()]
    assert abs(means[0] - means[1]) < 1.0, "the length of the path gives the answer away"


def properly_cross(a, b, c, d):
    def side(p, q, r):
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0


def test_walls_are_painted_where_they_are_and_nowhere_else():
    rng = random.Random(4)
    for _ in range(60):
        n = rng.randint(3, 8)
        maze = make_maze(n, rng.choice(ALGORITHMS), rng)
        style = replace(seen_style(n, rng), finish=("none", 0.0))
        image = paint(maze, style, start=0, letters=())
        xs, ys = style.columns(n), style.rows(n)
        for cell in range(n * n):
            column, row = cell % n, cell // n
            if column < n - 1:
                middle = image.getpixel((int((xs[column] + xs[column + 1]) / 2), round(ys[row])))
                assert (middle == style.wall) == (not maze.is_open(cell, 1))
            if row < n - 1:
                middle = image.getpixel((round(xs[column]), int((ys[row] + ys[row + 1]) / 2)))
                assert (middle == style.wall) == (not maze.is_open(cell, 2))


@pytest.mark.parametrize("family", [seen_style, heldout_style])
def test_letters_stay_legible_at_224_px_and_inside_the_picture(family):
    rng = random.Random(6)
    for _ in range(300):
        n = rng.randint(3, 8)
        style = family(n, rng)
        width, height = style.size
        assert 160 <= min(style.size) <= max(style.size) <= 448
        ink = text_mask("A", style.font, style.letter_px).height * 224 / max(style.size)
        assert ink >= 7
        assert 0 < style.box[0] < style.box[2] < width
        assert 0 < style.box[1] < style.box[3] < height
        cell = min((style.box[2] - style.box[0]) / n, (style.box[3] - style.box[1]) / n)
        assert cell * 224 / max(style.size) >= 16
        assert style.wall_px + style.dot_px < 1.15 * cell


def test_seen_and_held_out_styles_do_not_meet():
    seen = {sample.metadata["style"] for sample in samples(300, split="train")}
    held = samples(200, styles="heldout")
    assert seen == {"plain", "plot"}
    assert {sample.metadata["style"] for sample in held} == set(HELDOUT)
    assert all(sample.metadata["heldout"] for sample in held)


def test_disturbed_mazes_are_the_seen_ones_nearly_all_with_another_look():
    num_changed = 0
    for seen, other in zip(samples(30), samples(30, styles="disturbed"), strict=True):
        assert other.metadata == seen.metadata | {"style": "disturbed"}
        assert (other.question, other.options, other.answer) == (seen.question, seen.options, seen.answer)
        assert other.images[0].size == seen.images[0].size
        num_changed += other.images[0].tobytes() != seen.images[0].tobytes()
    assert num_changed >= 25


@pytest.mark.parametrize("name", HELDOUT)
def test_every_held_out_style_paints_start_letters_and_path(name):
    rng = random.Random(3)
    style = heldout_style(4, rng)
    while style.name != name:
        style = heldout_style(4, rng)
    maze = make_maze(4, "dfs", rng)
    bare = paint(maze, style, start=0, letters=())
    full = paint(maze, style, start=0, letters=[("A", 5), ("B", 6), ("C", 9), ("D", 15)], path=(0, 1, 2))
    assert bare.mode == "RGB"
    for cell in (1, 2, 5, 6, 9, 15):
        x, y = style.columns(4)[cell % 4], style.rows(4)[cell // 4]
        patch = (int(x) - 16, int(y) - 16, int(x) + 16, int(y) + 16)  # wider than the hole of a large D
        assert bare.crop(patch).tobytes() != full.crop(patch).tobytes()


def test_mixed_questions_are_mostly_about_ends():
    kinds = Counter(sample.metadata["question_type"] for sample in samples(600, question="mixed"))
    assert 0.75 < kinds["end"] / 600 < 0.85
    assert min(kinds["valid"], kinds["shortest"]) > 36


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": "9"}, r"option size of task maze: expected a number or a range like 3-6, within 3 to 8; got '9'"),
        ({"size": "6-3"}, "option size"),
        ({"size": "big"}, "option size"),
        ({"length": "1-5"}, "option length of task maze: .*within 2 to 20; got '1-5'"),
        ({"question": "why"}, "expected one of end, valid, shortest, mixed; got 'why'"),
        ({"styles": "all"}, "expected one of seen, disturbed, heldout; got 'all'"),
        ({"algorithm": "prim"}, "expected one of dfs, wilson, percolation, any; got 'prim'"),
        ({"size": "3", "length": "20"}, "expected a length that paths in mazes of 3 to 3 cells a side have; got 20-20"),
    ],
)
def test_bad_options_name_what_is_allowed(options, message):
    with pytest.raises(InputError, match=message):
        TASK.generate("train", 0, 0, options)


def test_walls_of_a_hand_made_maze():
    # 2 x 2 cells:  0 - 1
    #                   |
    #               2 - 3      the one closed side is between 0 and 2
    maze = Maze(n=2, passages=(0b0010, 0b1100, 0b0010, 0b1001))
    assert maze.walls() == [(0, 2)]
