"""The three questions about a maze: where moves end, whether a shown path is valid, how long the shortest way is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vilasr.tasks.maze.grid import (
    DIRECTIONS,
    Maze,
    cells_along,
    neighbours,
    shortest_way,
    simple_way,
    winding_way,
)

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

LETTERS = ("A", "B", "C", "D")
YES_OR_NO = ("Yes", "No")

_END_TEXTS = (
    "Start at the dot. Moves: {moves}. Where do you end?",
    "Moves from the dot: {moves}. Which letter do you reach?",
    "Follow these moves from the dot: {moves}. Which letter is there?",
    "Moves: {moves}. Starting at the dot, which letter do they lead to?",
    "Go from the dot: {moves}. Where does the path end?",
    "You are at the dot. Moves: {moves}. Which letter are you at now?",
    "The dot moves {moves}. On which letter does it stop?",
    "From the dot go {moves}. At which letter do you arrive?",
)
_VALID_TEXTS = (
    "Does the drawn path stay off the walls?",
    "Is the drawn path free of wall crossings?",
    "Can one walk the drawn path without passing through a wall?",
    "Does the line from the dot keep to the corridors?",
    "Is the path from the dot allowed, crossing no wall?",
    "Does the shown path avoid every wall?",
)
_SHORTEST_TEXTS = (
    "How many moves does the shortest way from the dot to {goal} take?",
    "What is the least number of moves from the dot to {goal}?",
    "Count the moves of the shortest path from the dot to {goal}.",
    "What is the fewest moves that lead from the dot to {goal}?",
    "From the dot to {goal}: how many moves at least?",
    "How long is the shortest path from the dot to {goal}, in moves?",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Puzzle:
    """A question about a maze, before it has a picture. Cells are numbers.

    Attributes:
        shown: the path is part of the picture.
        crossing: index of the move through a wall, if any.
    """

    text: str
    answer: str
    start: int
    moves: tuple[int, ...]
    letters: dict[str, int]
    shown: bool = False
    crossing: int | None = None
    goal: str | None = None


def numbered(moves: Sequence[int]) -> str:
    """
    >>> numbered([1, 2, 2])
    '1 right, 2 down, 3 down'
    """
    return ", ".join([f"{number} {DIRECTIONS[move]}" for number, move in enumerate(moves, 1)])


def end_puzzle(maze: Maze, lengths: tuple[int, int], rng: random.Random) -> Puzzle | None:
    """Where do these moves end? None when the maze has no way of such a length."""
    found = winding_way(maze, lengths, rng) if maze.has_loops else shortest_way(maze, lengths, rng)
    if found is None:
        return None
    start, moves = found
    path = cells_along(maze.n, start, moves)
    cells = _distractors(maze.n, path, rng)
    gold = int(4 * rng.random())
    cells.insert(gold, path[-1])
    return Puzzle(
        text=_pick(_END_TEXTS, rng).format(moves=numbered(moves)),
        answer=LETTERS[gold],
        start=start,
        moves=tuple(moves),
        letters=dict(zip(LETTERS, cells, strict=True)),
    )


def valid_puzzle(maze: Maze, lengths: tuple[int, int], rng: random.Random) -> Puzzle | None:
    """Does the shown path keep off the walls? Half of them cross exactly one."""
    found = simple_way(maze, lengths, rng, crossing=rng.random() < 0.5)
    if found is None:
        return None
    start, moves, crossing = found
    return Puzzle(
        text=_pick(_VALID_TEXTS, rng),
        answer="A" if crossing is None else "B",
        start=start,
        moves=tuple(moves),
        letters={},
        shown=True,
        crossing=crossing,
    )


def shortest_puzzle(maze: Maze, lengths: tuple[int, int], rng: random.Random) -> Puzzle | None:
    """How many moves is it from the dot to the one letter?"""
    found = shortest_way(maze, lengths, rng)
    if found is None:
        return None
    start, moves = found
    goal = _pick(LETTERS, rng)
    return Puzzle(
        text=_pick(_SHORTEST_TEXTS, rng).format(goal=goal),
        answer=str(len(moves)),
        start=start,
        moves=tuple(moves),
        letters={goal: cells_along(maze.n, start, moves)[-1]},
        goal=goal,
    )


def _pick(texts: Sequence[str], rng: random.Random) -> str:
    return texts[int(len(texts) * rng.random())]


def _distractors(n: int, path: Sequence[int], rng: random.Random) -> list[int]:
    """Three cells, neither start nor end: beside the end, on the path, one move off it, or anywhere."""
    table, draw = neighbours(n), rng.random
    taken = {path[0], path[-1]}
    chosen: list[int] = []
    while len(chosen) < 3:
        chance = draw()
        if chance < 0.4:
            beside = table[path[-1]]
            cell = beside[int(draw() * len(beside))][1]
        elif chance < 0.65:
            cell = path[int(draw() * len(path))]
        elif chance < 0.85:
            beside = table[path[int(draw() * len(path))]]
            cell = beside[int(draw() * len(beside))][1]
        else:
            cell = int(draw() * n * n)
        if cell not in taken:
            taken.add(cell)
            chosen.append(cell)
    return chosen
