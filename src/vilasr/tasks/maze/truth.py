"""The complete truth of a maze sample, and its JSON form in `Sample.metadata`.

Keys of the metadata: `question_type`, `n`, `size` [width, height], `xs` and `ys` (px of the column and row centres),
`walls` (closed sides between cells, each [column, row, "right" | "down"]), `start` [column, row], `letters` (letter ->
[column, row]), `moves` (words), `path` (the cells of the moves, start first), `length` (number of moves), `algorithm`,
`style`, `heldout`; for "valid" also `crossing` (index of the move through a wall, or None) and `wall_box_px`; for
"shortest" also `goal` (a letter).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from vilasr.errors import DataError
from vilasr.tasks.maze.grid import DIRECTIONS, Maze, cells_along, neighbours

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vilasr.types import Json, Point, Sample


@dataclass(frozen=True, kw_only=True, slots=True)
class Truth:
    """What is true of one sample. Cells are numbers, row * n + column.

    Attributes:
        question_type: "end", "valid" or "shortest".
        size: (width, height) of the picture, which `xs` and `ys` refer to.
        xs: px of the n column centres; `ys` of the rows.
        letters: cell of each letter in the picture.
        moves: the way asked for ("end"), shown ("valid") or sought ("shortest"), as directions.
        crossing: "valid": index of the move through a wall; None when there is none.
        goal: "shortest": the letter to reach.
    """

    question_type: str
    maze: Maze
    size: tuple[int, int]
    xs: tuple[float, ...]
    ys: tuple[float, ...]
    start: int
    letters: Mapping[str, int]
    moves: tuple[int, ...]
    crossing: int | None = None
    goal: str | None = None

    @property
    def path(self) -> list[int]:
        """The len(moves) + 1 cells of the way."""
        return cells_along(self.maze.n, self.start, self.moves)

    @property
    def cell_px(self) -> Point:
        """Width and height of a cell."""
        return (self.xs[1] - self.xs[0], self.ys[1] - self.ys[0])

    def centre(self, cell: int) -> Point:
        n = self.maze.n
        return (self.xs[cell % n], self.ys[cell // n])

    def cell_at(self, point: Point, *, within: float) -> int | None:
        """The cell whose centre is at most `within` of a cell away in x and in y; None when there is none."""
        width, height = self.cell_px
        column, row = (point[0] - self.xs[0]) / width, (point[1] - self.ys[0]) / height
        x, y, n = round(column), round(row), self.maze.n
        near = abs(column - x) <= within and abs(row - y) <= within
        return y * n + x if near and 0 <= x < n and 0 <= y < n else None

    def wall_box_px(self) -> tuple[float, float, float, float]:
        """A box of the size of a cell, centred where the shown path crosses a wall, inside the picture."""
        if self.crossing is None:
            raise ValueError("a valid path crosses no wall")
        path = self.path
        (x1, y1), (x2, y2) = self.centre(path[self.crossing]), self.centre(path[self.crossing + 1])
        x, y, (width, height) = (x1 + x2) / 2, (y1 + y2) / 2, self.cell_px
        right, bottom = self.size[0] - 1, self.size[1] - 1
        return (max(0, x - width / 2), max(0, y - height / 2), min(right, x + width / 2), min(bottom, y + height / 2))

    def to_metadata(self) -> dict[str, Json]:
        n, maze = self.maze.n, self.maze
        record: dict[str, Json] = {
            "question_type": self.question_type,
            "n": n,
            "size": list(self.size),
            "xs": list(self.xs),
            "ys": list(self.ys),
            "walls": [[cell % n, cell // n, DIRECTIONS[direction]] for cell, direction in maze.walls()],
            "start": [self.start % n, self.start // n],
            "letters": {letter: [cell % n, cell // n] for letter, cell in self.letters.items()},
            "moves": [DIRECTIONS[move] for move in self.moves],
            "path": [[cell % n, cell // n] for cell in self.path],
            "length": len(self.moves),
        }
        if self.question_type == "valid":
            record["crossing"] = self.crossing
            record["wall_box_px"] = None if self.crossing is None else list(self.wall_box_px())
        if self.question_type == "shortest":
            record["goal"] = self.goal
        return record


def truth_of(sample: Sample) -> Truth:
    """Reads the metadata back.

    Raises:
        DataError: when the sample was not made by this task.
    """
    record = sample.metadata
    try:
        if not record["moves"]:
            raise ValueError("no moves")
        n = int(record["n"])
        return Truth(
            question_type=record["question_type"],
            maze=_maze_with(n, record["walls"]),
            size=(record["size"][0], record["size"][1]),
            xs=tuple(record["xs"]),
            ys=tuple(record["ys"]),
            start=_number(record["start"], n),
            letters={letter: _number(cell, n) for letter, cell in record["letters"].items()},
            moves=tuple(DIRECTIONS.index(word) for word in record["moves"]),
            crossing=record.get("crossing"),
            goal=record.get("goal"),
        )
    except (AttributeError, KeyError, TypeError, ValueError, IndexError) as problem:
        raise DataError(f"sample {sample.id}: its metadata is not that of a maze ({problem!r})") from problem


def _number(cell: Sequence[int], n: int) -> int:
    return cell[1] * n + cell[0]


def _maze_with(n: int, walls: Sequence[Sequence[Json]]) -> Maze:
    """The maze in which every side is open but the outer ones and `walls`."""
    passages = [sum(1 << direction for direction, _ in beside) for beside in neighbours(n)]
    for column, row, word in walls:
        cell = row * n + column
        direction = DIRECTIONS.index(cast("str", word))
        beyond = cell + (1 if direction == 1 else n)
        passages[cell] &= ~(1 << direction)
        passages[beyond] &= ~(1 << (direction ^ 2))
    return Maze(n=n, passages=tuple(passages), has_loops=sum(mask.bit_count() for mask in passages) // 2 > n * n - 1)
