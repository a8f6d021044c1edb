"""Demonstrations for mazes: read the grid, draw a few moves a turn, say where one is, answer.

The first thought writes down the column and row centres once; every later coordinate repeats one of those numbers, so
that a small model can copy instead of measuring. With a mistake, one turn draws a line the wrong way; the next turn
says so and draws the same labels again, which moves the marks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vilasr.tasks.base import Demonstration, DemoTurn, FramePoint
from vilasr.tasks.maze.grid import DIRECTIONS, neighbours
from vilasr.tasks.maze.truth import Truth, truth_of
from vilasr.types import Box, Line, Sample

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

MAX_DRAWING_TURNS = 8
_MAX_LINES = 4


def demonstrate(
    sample: Sample, rng: random.Random, *, frame: FramePoint, drawing: bool = True, mistake: bool = False
) -> Demonstration:
    """A right way to the answer of a sample that this task made.

    Args:
        frame: the numbers that the model writes for a point of an image.
        drawing: False for one turn without marks.
        mistake: draw one line wrong, notice, correct. Without effect on "valid" questions and without drawing.

    Raises:
        DataError: when the sample was not made by this task.
    """
    teller = _Teller(sample, truth_of(sample), rng, frame)
    if teller.truth.question_type == "valid":
        return teller.check_path(drawing=drawing)
    if not drawing:
        return (teller.follow_in_words(),)
    return teller.follow(mistake=mistake)


class _Teller:
    """Tells one demonstration; holds what all its sentences need."""

    def __init__(self, sample: Sample, truth: Truth, rng: random.Random, frame: FramePoint) -> None:
        self.sample, self.truth, self.rng, self.frame = sample, truth, rng, frame
        self.answer = sample.answer or ""

    # --- sentences ---

    def at(self, cell: int, image_index: int = 1) -> str:
        x, y = self.frame(image_index, self.truth.centre(cell))
        return f"[{x}, {y}]"

    def reading(self) -> str:
        """ "Columns x 20 51 82. Rows y 25 56 87. Start [51, 25]. A [82, 56], B [20, 25]." """
        truth, pick = self.truth, self.rng.choice
        xs = " ".join(str(self.frame(1, (x, truth.ys[0]))[0]) for x in truth.xs)
        ys = " ".join(str(self.frame(1, (truth.xs[0], y))[1]) for y in truth.ys)
        grid = pick((f"Columns x {xs}. Rows y {ys}.", f"Columns at x {xs}. Rows at y {ys}."))
        letters = ", ".join(f"{letter} {self.at(cell)}" for letter, cell in truth.letters.items())
        return f"{grid} {self.start()} {letters}."

    def start(self) -> str:
        return self.rng.choice(("Start", "Dot", "The dot is at")) + f" {self.at(self.truth.start)}."

    def conclusion(self, end: int) -> str:
        truth, pick = self.truth, self.rng.choice
        if truth.question_type == "shortest":
            num = len(truth.moves)
            return pick((f"That is {truth.goal}, {num} moves.", f"{truth.goal} is reached in {num} moves."))
        return pick((f"That is {self.answer}.", f"This is {self.answer}."))

    # --- following moves ("end", "shortest") ---

    def follow_in_words(self) -> DemoTurn:
        truth = self.truth
        steps = ", ".join(
            f"{number} {DIRECTIONS[move]} {self.at(cell)}"
            for number, (move, cell) in enumerate(zip(truth.moves, truth.path[1:], strict=True), 1)
        )
        return DemoTurn(thought=f"{self.reading()} {steps}. {self.conclusion(truth.path[-1])}", answer=self.answer)

    def follow(self, *, mistake: bool) -> Demonstration:
        path, done = self.truth.path, 0
        turns: list[DemoTurn] = []
        chunks = chunk_sizes(len(self.truth.moves), MAX_DRAWING_TURNS - mistake, self.rng)
        wrong_turn = self.rng.randrange(len(chunks)) if mistake else -1
        for number, size in enumerate(chunks):
            coming = range(done, done + size)
            opening = self.reading() if not turns else f"{self.rng.choice(('At', 'Now at'))} {self.at(path[done])}."
            thought = f"{opening} Next {self.listed(coming)}."
            if number == wrong_turn:
                turns.extend(self.slip(thought, coming, len(turns) + 1))
            else:
                turns.append(DemoTurn(thought=thought, actions=self.lines(path, coming, len(turns) + 1)))
            done += size
        opening = f"{self.rng.choice(('At', 'Now at'))} {self.at(path[-1])}."
        return (*turns, DemoTurn(thought=f"{opening} {self.conclusion(path[-1])}", answer=self.answer))

    def listed(self, numbers: Sequence[int]) -> str:
        return ", ".join(f"{number + 1} {DIRECTIONS[self.truth.moves[number]]}" for number in numbers)

    def lines(self, cells: Sequence[int], numbers: Sequence[int], image_index: int) -> tuple[Line, ...]:
        """Line i from cells[i] to cells[i + 1], labelled i + 1."""
        centre = self.truth.centre
        return tuple(
            Line(image_index=image_index, start_px=centre(cells[i]), end_px=centre(cells[i + 1]), label=str(i + 1))
            for i in numbers
        )

    def slip(self, thought: str, coming: range, image_index: int) -> tuple[DemoTurn, DemoTurn]:
        """The turn that draws `coming` wrong from some move on, and the turn that puts it right."""
        truth, path = self.truth, self.truth.path
        first, direction, cells = self.rng.choice(wrong_ways(truth.maze.n, path, truth.moves, coming))
        wrong = DemoTurn(thought=thought, actions=self.lines(cells, coming, image_index), learn=False)
        again = range(first, coming.stop)
        noticed = (
            f"Line {first + 1} goes {DIRECTIONS[direction]} but move {first + 1} is {DIRECTIONS[truth.moves[first]]}."
        )
        back = f"{self.rng.choice(('Back at', 'Back to'))} {self.at(path[first])}."
        right = DemoTurn(
            thought=f"{noticed} {back} Redraw {self.listed(again)}.",
            actions=self.lines(path, again, image_index + 1),
        )
        return wrong, right

    # --- checking a shown path ("valid") ---

    def check_path(self, *, drawing: bool) -> Demonstration:
        truth, pick = self.truth, self.rng.choice
        if truth.crossing is None:
            verdict = pick(("No wall is crossed.", "It crosses no wall."))
        else:
            verdict = pick(("The path goes through a wall.", "It crosses a wall."))
        if not drawing:
            return (DemoTurn(thought=f"{self.start()} {verdict}", answer=self.answer),)
        if truth.crossing is not None:
            box = Box(image_index=1, box_px=truth.wall_box_px(), label="wall")
            opening = f"{self.start()} {pick(('The path meets a wall.', 'I see a crossing.'))}"
            turns = [DemoTurn(thought=opening, actions=(box,))]
        else:
            turns = self.retrace()
        return (*turns, DemoTurn(thought=verdict, answer=self.answer))

    def retrace(self) -> list[DemoTurn]:
        """The straight runs of the shown path, four a turn."""
        truth, path = self.truth, self.truth.path
        corners = [path[0]]
        for number in range(1, len(truth.moves)):
            if truth.moves[number] != truth.moves[number - 1]:
                corners.append(path[number])
        corners.append(path[-1])
        turns: list[DemoTurn] = []
        for done in range(0, len(corners) - 1, _MAX_LINES):
            coming = range(done, min(done + _MAX_LINES, len(corners) - 1))
            opening = f"{self.start()} The path is clear so far." if not turns else f"At {self.at(corners[done])}."
            follow = f"Follow it over {' '.join(self.at(corners[i + 1]) for i in coming)}."
            turns.append(DemoTurn(thought=f"{opening} {follow}", actions=self.lines(corners, coming, len(turns) + 1)))
        return turns


def chunk_sizes(num_moves: int, max_turns: int, rng: random.Random) -> list[int]:
    """How many moves each turn draws: 1 to 4, about 3; at least two turns and at most `max_turns`.

    `num_moves` is 2 to 4 * max_turns.
    """
    while True:
        sizes: list[int] = []
        left = num_moves
        while left:
            most = min(_MAX_LINES, left if sizes else num_moves - 1)
            size = min(most, rng.choices((1, 2, 3, 4), (1, 2, 4, 4))[0])
            sizes.append(size)
            left -= size
        if len(sizes) <= max_turns:
            return sizes


def wrong_ways(n: int, path: Sequence[int], moves: Sequence[int], coming: range) -> list[tuple[int, int, list[int]]]:
    """Every way to draw one of the moves `coming` in a wrong direction and go on from there without leaving the grid.

    Returns (index of the wrong move, direction drawn, cells of the drawn way from the start on). The last of `coming`
    can always go wrong, so there is at least one.
    """
    found = []
    for first in coming:
        for direction, beyond in neighbours(n)[path[first]]:
            if direction == moves[first]:
                continue
            cells = [*path[: first + 1], beyond]
            for move in moves[first + 1 : coming.stop]:
                ahead = [cell for way, cell in neighbours(n)[cells[-1]] if way == move]
                cells.extend(ahead)
                if not ahead:
                    break
            if len(cells) == coming.stop + 1:
                found.append((first, direction, cells))
    return found
