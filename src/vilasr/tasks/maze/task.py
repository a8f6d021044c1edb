"""The maze task: options, samples, and the way to demonstrations and grades."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from vilasr.errors import InputError
from vilasr.tasks.base import Demonstration, DrawingGrade, FramePoint, generator_for
from vilasr.tasks.maze.demonstrate import demonstrate
from vilasr.tasks.maze.disturb import DISTURBED, disturbed, widened
from vilasr.tasks.maze.grade import grade_drawing
from vilasr.tasks.maze.grid import ALGORITHMS, Maze, make_maze
from vilasr.tasks.maze.paint import paint
from vilasr.tasks.maze.questions import LETTERS, YES_OR_NO, Puzzle, end_puzzle, shortest_puzzle, valid_puzzle
from vilasr.tasks.maze.style import heldout_style, seen_style
from vilasr.tasks.maze.truth import Truth
from vilasr.tasks.options import OptionReader
from vilasr.types import AnswerType, Rollout, Sample

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

QUESTIONS = ("end", "valid", "shortest")
SIZES = (3, 8)
LENGTHS = (2, 20)

_ALLOWED = {
    "question": "end|valid|shortest|mixed",
    "size": "a number or a range like 3-6, within 3 to 8",
    "styles": "seen|disturbed|heldout",
    "algorithm": "dfs|wilson|percolation|any",
    "length": "a number or a range like 2-20, within 2 to 20",
}
_MAKERS: dict[str, Callable[[Maze, tuple[int, int], random.Random], Puzzle | None]] = {
    "end": end_puzzle,
    "valid": valid_puzzle,
    "shortest": shortest_puzzle,
}
_MAX_TRIES = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class MazeOptions:
    """Read from strings by `read_options`; ranges include both ends."""

    question: str = "end"
    sizes: tuple[int, int] = (3, 6)
    styles: str = "seen"
    algorithm: str = "any"
    lengths: tuple[int, int] = LENGTHS


class MazeTask:
    """Mazes of 3 x 3 to 8 x 8 cells, drawn in random styles; three types of question.

    Options: `question` (end, valid, shortest, or mixed: 80, 10 and 10 %), `size`, `styles` (seen; heldout; disturbed:
    seen ones with any walls and letters, parts in other colours, noise), `algorithm` (any: 65 % depth first, 20 %
    Wilson, 15 % percolation), `length` of the path.
    """

    name = "maze"
    version = 1

    def generate(self, split: str, index: int, seed: int, options: Mapping[str, str] | None = None) -> Sample:
        """Sample `index` of a split; see `Truth` for its metadata.

        Raises:
            InputError: for an unknown split or option, a bad value, or a length that no maze of the size has.
        """
        chosen = read_options(tuple(sorted((options or {}).items())))
        rng = generator_for(self.name, self.version, split, seed, index)
        question = chosen.question if chosen.question != "mixed" else _mixed_question(rng)
        maze, algorithm, puzzle = _puzzle(question, chosen, rng)
        style = (heldout_style if chosen.styles == "heldout" else seen_style)(maze.n, rng)
        if chosen.styles == DISTURBED:
            style = replace(widened(style, maze.n, rng), name=DISTURBED)
        truth = Truth(
            question_type=question,
            maze=maze,
            size=style.size,
            xs=tuple(style.columns(maze.n)),
            ys=tuple(style.rows(maze.n)),
            start=puzzle.start,
            letters=puzzle.letters,
            moves=puzzle.moves,
            crossing=puzzle.crossing,
            goal=puzzle.goal,
        )
        shown = truth.path if puzzle.shown else ()
        image = paint(maze, style, start=puzzle.start, letters=puzzle.letters.items(), path=shown)
        if chosen.styles == DISTURBED:
            image = disturbed(image, rng)
        metadata = truth.to_metadata() | {"algorithm": algorithm, "style": style.name, "heldout": style.heldout}
        return Sample(
            id=f"{self.name}/{split}/{seed}/{index}",
            task=self.name,
            question=puzzle.text,
            images=(image,),
            options={"end": LETTERS, "valid": YES_OR_NO, "shortest": ()}[question],
            answer=puzzle.answer,
            answer_type=AnswerType.NUMBER if question == "shortest" else AnswerType.CHOICE,
            metadata=metadata,
        )

    def demonstrate(
        self, sample: Sample, rng: random.Random, *, frame: FramePoint, drawing: bool = True, mistake: bool = False
    ) -> Demonstration:
        return demonstrate(sample, rng, frame=frame, drawing=drawing, mistake=mistake)

    def grade_drawing(self, sample: Sample, rollout: Rollout) -> DrawingGrade:
        return grade_drawing(sample, rollout)


def _mixed_question(rng: random.Random) -> str:
    chance = rng.random()
    return "end" if chance < 0.8 else "valid" if chance < 0.9 else "shortest"


def _puzzle(question: str, options: MazeOptions, rng: random.Random) -> tuple[Maze, str, Puzzle]:
    """A maze that has room for a question of the wanted length, the algorithm that made it, and the question."""
    low, high = options.sizes
    for _ in range(_MAX_TRIES):
        n = low + int((high - low + 1) * rng.random())
        algorithm = options.algorithm
        if algorithm == "any":
            chance = rng.random()
            algorithm = "dfs" if chance < 0.65 else "wilson" if chance < 0.85 else "percolation"
        maze = make_maze(n, algorithm, rng)
        puzzle = _MAKERS[question](maze, options.lengths, rng)
        if puzzle is not None:
            return maze, algorithm, puzzle
    raise InputError(
        "option length of task maze",
        expected=f"a length that paths in mazes of {low} to {high} cells a side have",
        got="-".join(str(length) for length in options.lengths),
        remedy="Give shorter lengths or larger sizes.",
    )


@lru_cache
def read_options(pairs: tuple[tuple[str, str], ...]) -> MazeOptions:
    """The options from (key, value) pairs, with defaults for the rest; raises InputError."""
    read, default = OptionReader("maze", dict(pairs), _ALLOWED), MazeOptions()
    return MazeOptions(
        question=read.one_of("question", (*QUESTIONS, "mixed"), default.question),
        sizes=read.numbers("size", SIZES, default.sizes),
        styles=read.one_of("styles", ("seen", DISTURBED, "heldout"), default.styles),
        algorithm=read.one_of("algorithm", (*ALGORITHMS, "any"), default.algorithm),
        lengths=read.numbers("length", LENGTHS, default.lengths),
    )
