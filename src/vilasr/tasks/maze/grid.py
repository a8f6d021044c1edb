"""Mazes on an n x n grid, and paths in them. Knows nothing of pictures.

A cell is its number row * n + column. A direction is 0 up, 1 right, 2 down, 3 left; its opposite is `direction ^ 2`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

DIRECTIONS = ("up", "right", "down", "left")
ALGORITHMS = ("dfs", "wilson", "percolation")

_STEPS = ((0, -1), (1, 0), (0, 1), (-1, 0))


@dataclass(frozen=True, kw_only=True, slots=True)
class Maze:
    """Which neighbouring cells are joined.

    Attributes:
        n: cells a side.
        passages: n * n bit masks: bit `direction` of a cell's mask is set when one can go there.
        has_loops: False for a perfect maze, where one simple path joins any two cells.
    """

    n: int
    passages: tuple[int, ...]
    has_loops: bool = False

    def is_open(self, cell: int, direction: int) -> bool:
        return bool(self.passages[cell] >> direction & 1)

    def walls(self) -> list[tuple[int, int]]:
        """Closed sides between two cells, each once, as (cell, direction) with direction right or down."""
        n, found = self.n, []
        for cell, mask in enumerate(self.passages):
            if not mask & 2 and cell % n < n - 1:
                found.append((cell, 1))
            if not mask & 4 and cell < n * (n - 1):
                found.append((cell, 2))
        return found


@lru_cache
def neighbours(n: int) -> tuple[tuple[tuple[int, int], ...], ...]:
    """For each cell, the (direction, cell) pairs beside it on the grid, walls or not."""
    table = []
    for cell in range(n * n):
        column, row = cell % n, cell // n
        beside = ((d, column + dx, row + dy) for d, (dx, dy) in enumerate(_STEPS))
        table.append(tuple((d, y * n + x) for d, x, y in beside if 0 <= x < n and 0 <= y < n))
    return tuple(table)


@lru_cache
def offsets(n: int) -> tuple[int, int, int, int]:
    """What to add to a cell's number to go in each direction."""
    return (-n, 1, n, -1)


def make_maze(n: int, algorithm: str, rng: random.Random) -> Maze:
    """A connected maze by one of ALGORITHMS."""
    if algorithm == "dfs":
        return Maze(n=n, passages=tuple(_depth_first(n, rng)))
    if algorithm == "wilson":
        return Maze(n=n, passages=tuple(_wilson(n, rng)))
    return Maze(n=n, passages=tuple(_percolation(n, rng)), has_loops=True)


def _depth_first(n: int, rng: random.Random) -> list[int]:
    """Long winding corridors: walk to unvisited neighbours, back up where there is none."""
    table, draw = neighbours(n), rng.random
    passages, unseen = [0] * (n * n), n * n - 1
    cell = int(draw() * n * n)
    seen, stack = {cell}, [cell]
    while unseen:
        fresh = [pair for pair in table[cell] if pair[1] not in seen]
        if not fresh:
            stack.pop()
            cell = stack[-1]
            continue
        direction, beyond = fresh[int(draw() * len(fresh))]
        passages[cell] |= 1 << direction
        passages[beyond] |= 1 << (direction ^ 2)
        seen.add(beyond)
        stack.append(beyond)
        cell = beyond
        unseen -= 1
    return passages


def _wilson(n: int, rng: random.Random) -> list[int]:
    """A uniformly random spanning tree, by loop-erased walks (Wilson 1996)."""
    table, draw = neighbours(n), rng.random
    passages = [0] * (n * n)
    order = list(range(n * n))
    rng.shuffle(order)
    joined = {order[0]}
    for first in order[1:]:
        cell, leaving = first, {}
        while cell not in joined:
            beside = table[cell]
            leaving[cell] = step = beside[int(draw() * len(beside))]
            cell = step[1]
        cell = first
        while cell not in joined:
            joined.add(cell)
            direction, beyond = leaving[cell]
            passages[cell] |= 1 << direction
            passages[beyond] |= 1 << (direction ^ 2)
            cell = beyond
    return passages


def _percolation(n: int, rng: random.Random) -> list[int]:
    """Sides open at random (45 to 70 %); then just enough more, in random order, to join all cells."""
    table, share = neighbours(n), 0.45 + 0.25 * rng.random()
    sides = [(cell, d, beyond) for cell in range(n * n) for d, beyond in table[cell] if d in (1, 2)]
    rng.shuffle(sides)
    num_random = int(share * len(sides))
    passages, group = [0] * (n * n), list(range(n * n))
    for position, (cell, direction, beyond) in enumerate(sides):
        one, other = group[cell], group[beyond]
        if position >= num_random and one == other:
            continue
        passages[cell] |= 1 << direction
        passages[beyond] |= 1 << (direction ^ 2)
        if one != other:
            group = [one if mark == other else mark for mark in group]
    return passages


def distances(maze: Maze, start: int) -> tuple[list[int], list[int]]:
    """(number of moves from `start` to each cell, direction of the last of them; -1 at the start), breadth first."""
    table, passages = neighbours(maze.n), maze.passages
    steps, arrived = [-1] * len(passages), [-1] * len(passages)
    steps[start] = 0
    queue = [start]
    for cell in queue:
        mask, ahead = passages[cell], steps[cell] + 1
        for direction, beyond in table[cell]:
            if mask >> direction & 1 and steps[beyond] < 0:
                steps[beyond], arrived[beyond] = ahead, direction
                queue.append(beyond)
    return steps, arrived


def moves_to(n: int, end: int, arrived: Sequence[int]) -> list[int]:
    """Directions of a shortest path to `end`, from the second result of `distances`."""
    offset, moves, cell = offsets(n), [], end
    while arrived[cell] >= 0:
        moves.append(arrived[cell])
        cell -= offset[arrived[cell]]
    return moves[::-1]


def cells_along(n: int, start: int, moves: Sequence[int]) -> list[int]:
    """The len(moves) + 1 cells that a path visits."""
    offset, cells = offsets(n), [start]
    for move in moves:
        cells.append(cells[-1] + offset[move])
    return cells


def shortest_way(maze: Maze, lengths: tuple[int, int], rng: random.Random) -> tuple[int, list[int]] | None:
    """(start, moves) of a shortest path whose length is spread evenly over what `lengths` and the maze allow.

    None when no two cells are far enough apart. In a perfect maze, every path without reversal is such a path.
    """
    n, fewest = maze.n, lengths[0]
    start = int(rng.random() * n * n)
    steps, arrived = distances(maze, start)
    reach = max(steps)
    far_start = steps.index(reach)
    far_steps, far_arrived = distances(maze, far_start)
    most = min(lengths[1], max(far_steps))
    if most < fewest:
        return None
    length = fewest + int(rng.random() * (most - fewest + 1))
    if reach < length:
        start, steps, arrived = far_start, far_steps, far_arrived
    ends = [cell for cell, step in enumerate(steps) if step == length]
    end = ends[int(rng.random() * len(ends))]
    moves = moves_to(n, end, arrived)
    if rng.random() < 0.5:
        return end, [move ^ 2 for move in reversed(moves)]
    return start, moves


def winding_way(maze: Maze, lengths: tuple[int, int], rng: random.Random) -> tuple[int, list[int]] | None:
    """(start, moves) of a path that never turns straight back and does not end where it began; cells may recur."""
    n = maze.n
    most = min(lengths[1], n * n - 1)
    if most < lengths[0]:
        return None
    length = lengths[0] + int(rng.random() * (most - lengths[0] + 1))
    table, passages = neighbours(n), maze.passages
    hopeless: set[tuple[int, int, int]] = set()

    def extend(cell: int, arrived: int, moves: list[int], start: int) -> bool:
        if len(moves) == length:
            return cell != start
        state = (cell, arrived, len(moves))
        if state in hopeless:
            return False
        back = arrived ^ 2 if arrived >= 0 else -1
        onward = [pair for pair in table[cell] if passages[cell] >> pair[0] & 1 and pair[0] != back]
        rng.shuffle(onward)
        for direction, beyond in onward:
            moves.append(direction)
            if extend(beyond, direction, moves, start):
                return True
            moves.pop()
        hopeless.add(state)
        return False

    starts = list(range(n * n))
    rng.shuffle(starts)
    for start in starts:
        hopeless.clear()
        moves: list[int] = []
        if extend(start, -1, moves, start):
            return start, moves
    return None


def simple_way(
    maze: Maze, lengths: tuple[int, int], rng: random.Random, *, crossing: bool
) -> tuple[int, list[int], int | None] | None:
    """(start, moves, index of the move through a wall) of a path that visits no cell twice.

    With `crossing` exactly one move goes through a wall; without, none does and the index is None. Both kinds have
    the same spread of lengths, as long as the maze has room for them.
    """
    found = shortest_way(maze, lengths, rng)
    if found is None or not crossing:
        return None if found is None else (*found, None)
    for length in range(len(found[1]), lengths[0] - 1, -1):
        for _ in range(12):
            start, through = int(rng.random() * maze.n**2), int(rng.random() * length)
            moves = _wander(maze, start, length, through, rng)
            if moves is not None:
                return start, moves, through
    return None


def _wander(maze: Maze, start: int, length: int, through: int, rng: random.Random) -> list[int] | None:
    """A random walk to new cells, by passages except for move number `through`; None when it gets stuck."""
    table, passages = neighbours(maze.n), maze.passages
    cell, seen, moves = start, {start}, []
    for number in range(length):
        wanted = number != through
        onward = [(d, b) for d, b in table[cell] if bool(passages[cell] >> d & 1) is wanted and b not in seen]
        if not onward:
            return None
        direction, cell = onward[int(rng.random() * len(onward))]
        seen.add(cell)
        moves.append(direction)
    return moves
