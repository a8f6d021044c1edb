"""What comes back from asking: the answer, and every turn with its pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vilasr.drawing import Style, load_image, save_png
from vilasr.errors import InputError
from vilasr.scoring import extract_answer
from vilasr.types import Action, AnswerType, Box, Json, Rollout, Status, Turn, TurnError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from PIL.Image import Image

    from vilasr.viewer import RolloutNote

PAGE = "index.html"
RESULT = "result.json"


def picture_name(turn: int, index: int) -> str:
    """File name of image `index`, drawn in turn `turn`: "turn-02-image-3.png". Turn 0 is the question."""
    return f"turn-{turn:02d}-image-{index}.png"


def clear_result(folder: Path) -> None:
    """Remove the pictures of an earlier result in this folder, if there is one."""
    if (folder / RESULT).is_file():
        for path in folder.glob("turn-[0-9][0-9]-image-*.png"):
            path.unlink()


@dataclass(frozen=True, kw_only=True, slots=True)
class AskTurn:
    """One turn of the model.

    Attributes:
        number: from 1.
        pictures: index -> the image that its drawing gave, at its own size.
    """

    number: int
    turn: Turn
    pictures: Mapping[int, Image]

    @property
    def thought(self) -> str:
        return self.turn.thought

    @property
    def actions(self) -> tuple[Action, ...]:
        """What it drew."""
        return self.turn.actions

    @property
    def images(self) -> tuple[Image, ...]:
        """What it saw of its drawing: one image for each image drawn on."""
        return tuple(self.pictures.values())

    @property
    def answer(self) -> str | None:
        return self.turn.answer

    @property
    def error(self) -> TurnError | None:
        """Its mistake, if it made one."""
        return self.turn.error

    def file_name(self, index: int) -> str:
        """Name of the file for one of its pictures."""
        return picture_name(self.number, index)

    def save(self, folder: Path) -> dict[int, Path]:
        """Write its pictures; returns index -> file."""
        paths = {}
        for index, picture in self.pictures.items():
            paths[index] = folder / self.file_name(index)
            save_png(picture, paths[index])
        return paths


@dataclass(frozen=True, kw_only=True, slots=True)
class AskResult:
    """The answer, how it was reached, and the record of it all in `rollout`.

    Attributes:
        turns: in order; the last one answered, if `status` is "answered".
        model: its name.
        style: how the marks were drawn.
    """

    rollout: Rollout
    turns: tuple[AskTurn, ...]
    model: str
    style: Style

    @property
    def answer(self) -> str | None:
        """The letter of an option; without options the model's words. None without an answer."""
        sample, said = self.rollout.sample, self.rollout.answer
        if said is None or sample.answer_type is not AnswerType.CHOICE:
            return said
        letter = extract_answer(said, sample.answer_type, sample.options).value
        return said if letter is None else str(letter)

    @property
    def status(self) -> Status:
        return self.rollout.status

    @property
    def num_turns(self) -> int:
        return len(self.turns)

    @property
    def seconds(self) -> float:
        return self.rollout.seconds

    def to_json(self, path_of: Callable[[AskTurn, int], str] | None = None) -> dict[str, Json]:
        """The result as JSON; `path_of(turn, image index)` says where a picture was saved, if it was."""
        return {
            "answer": self.answer,
            "status": self.status.value,
            "num_turns": self.num_turns,
            "turns": [
                {
                    "thought": turn.thought,
                    "actions": [_action_json(action) for action in turn.actions],
                    "images": [path_of(turn, index) for index in turn.pictures] if path_of else [],
                    "error": None if turn.error is None else turn.error.message,
                }
                for turn in self.turns
            ],
            "model": self.model,
            "seconds": round(self.seconds, 3),
        }

    def save(self, folder: str | os.PathLike[str], *, note: RolloutNote | None = None) -> Path:
        """Write every picture, `result.json`, and `index.html`, a page that shows it all; returns the page's path.

        What an earlier result left there is replaced. Raises InputError where the folder cannot be written.
        """
        import json

        from vilasr.viewer import RolloutNote, write_page

        target = Path(folder)
        try:
            target.mkdir(parents=True, exist_ok=True)
            clear_result(target)
            for index, source in enumerate(self.rollout.sample.images, start=1):
                save_png(load_image(source), target / picture_name(0, index))
            for turn in self.turns:
                turn.save(target)
            text = json.dumps(self.to_json(lambda turn, index: turn.file_name(index)), indent=2)
            (target / RESULT).write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise InputError(
                str(folder), expected="a folder that can be written", got=str(error.strerror or error).lower()
            ) from error
        page = target / PAGE
        write_page(
            page,
            [self.rollout],
            title=f"vilasr: {self.rollout.sample.question[:80]}",
            style=self.style,
            notes=lambda _: note or RolloutNote(),
        )
        return page


def _action_json(action: Action) -> dict[str, Json]:
    """{"kind": "box", "image_index": 1, "points_px": [x1, y1, x2, y2], "label": "chair"}."""
    points = action.box_px if isinstance(action, Box) else (*action.start_px, *action.end_px)
    return {
        "kind": action.kind,
        "image_index": action.image_index,
        "points_px": [round(value, 2) for value in points],
        "label": action.label,
    }
