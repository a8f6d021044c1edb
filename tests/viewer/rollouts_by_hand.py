"""Rollouts made by hand for the tests of the viewer."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from vilasr.drawing import add_marks
from vilasr.types import (
    Action,
    AnswerType,
    Box,
    ErrorKind,
    FinishReason,
    ImagePart,
    ImageRecipe,
    Line,
    Message,
    Role,
    Rollout,
    Sample,
    Status,
    TextPart,
    Turn,
    TurnError,
    TurnTokens,
)

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = (
    "<img src=x onerror=\"document.documentElement.dataset.hacked='yes'\"> </script><script>"
    "document.documentElement.dataset.hacked='yes'</script> <!-- \u2028 &lt;b&gt; \u202egnihtyna"
)


def maze_image(size: tuple[int, int] = (224, 192), cell: int = 32) -> Image.Image:
    """A grid with some walls, a green start cell and a red end cell."""
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((cell + 4, cell + 4, 2 * cell - 4, 2 * cell - 4), fill="#35a35a")
    draw.rectangle((5 * cell + 4, 4 * cell + 4, 6 * cell - 4, 5 * cell - 4), fill="#d23f3f")
    walls = [
        (1, 1, 6, 1),
        (1, 1, 1, 5),
        (6, 1, 6, 5),
        (1, 5, 6, 5),
        (2, 1, 2, 3),
        (3, 2, 3, 5),
        (4, 1, 4, 4),
        (5, 2, 5, 5),
    ]
    for x1, y1, x2, y2 in walls:
        draw.line((x1 * cell, y1 * cell, x2 * cell, y2 * cell), fill="#22262e", width=4)
    return image


def room_image(shift: int = 0) -> Image.Image:
    """A bare room of 320 x 240 with a window and a table."""
    image = Image.new("RGB", (320, 240), "#d9cdb8")
    draw = ImageDraw.Draw(image)
    draw.polygon([(0, 240), (320, 240), (270, 170), (50, 170)], fill="#8d6f4f")
    draw.rectangle((90 + shift, 30, 150 + shift, 90), fill="#a9d3f0", outline="white", width=5)
    draw.rectangle((170 - shift, 130, 250 - shift, 150), fill="#5b3a20")
    draw.rectangle((178 - shift, 150, 186 - shift, 200), fill="#5b3a20")
    draw.rectangle((234 - shift, 150, 242 - shift, 200), fill="#5b3a20")
    return image


def maze_sample(**changes: object) -> Sample:
    fields: dict[str, object] = {
        "id": "maze/test/0/17",
        "task": "maze",
        "question": "You start on the green cell and go down, down, right, up, up, right, right. Where are you then?",
        "images": (maze_image(),),
        "options": ("the top left corner", "next to the red cell", "outside of the maze", "back on the green cell"),
        "answer": "B",
        "metadata": {"size": [5, 4], "style": "plain"},
    }
    return Sample(**(fields | changes))  # type: ignore[arg-type]


def arrow(image_index: int, start: tuple[float, float], end: tuple[float, float], label: str) -> Line:
    return Line(image_index=image_index, start_px=start, end_px=end, label=label)


class Story:
    """Builds a rollout turn by turn, with the recipes and contexts that the environment would give it."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self.images = [
            ImageRecipe(base=index, size=image.size)  # type: ignore[union-attr]
            for index, image in enumerate(sample.images, 1)
        ]
        self.turns: list[Turn] = []
        self._context: tuple[Message, ...] = (
            Message(Role.SYSTEM, (TextPart("Draw to think. Answer with a letter."),)),
            Message(Role.USER, (TextPart("Image 1 (224x192): "), ImagePart(1), TextPart(f"\n{sample.question}"))),
        )

    def draw(self, thought: str, *actions: Action, learn: bool = True) -> Story:
        first = len(self.images) + 1
        for parent in dict.fromkeys(action.image_index for action in actions):
            on = self.images[parent - 1]
            marks = add_marks(on.instances, [action for action in actions if action.image_index == parent])
            self.images.append(ImageRecipe(base=on.base, size=on.size, instances=marks, parent=parent))
        new = tuple(range(first, len(self.images) + 1))
        text = f"<think>{thought}</think> Action: Path Tracer\n```json\n[...]\n```"
        self._add(
            Turn(
                context=self._context,
                text=text,
                thought=thought,
                actions=actions,
                new_images=new,
                learn=learn,
                tokens=tokens(61),
            )
        )
        self._context = (Message(Role.USER, (TextPart("Image: "), ImagePart(new[0]), TextPart(" Continue."))),)
        return self

    def fail(self, text: str, kind: ErrorKind, message: str, finish: FinishReason = FinishReason.STOP) -> Story:
        self._add(Turn(context=self._context, text=text, error=TurnError(kind, message), finish=finish))
        self._context = (Message(Role.USER, (TextPart(message),)),)
        return self

    def answer(self, thought: str, answer: str) -> Story:
        text = f"<think>{thought}</think> Action: Answer\n<answer>{answer}</answer>"
        self._add(Turn(context=self._context, text=text, thought=thought, answer=answer, tokens=tokens(24)))
        return self

    def end(
        self, status: Status = Status.ANSWERED, reason: str = "", sibling: int = 0, seconds: float = 3.42
    ) -> Rollout:
        return Rollout(
            sample=self.sample,
            sibling=sibling,
            seed=7,
            status=status,
            reason=reason,
            images=tuple(self.images),
            turns=tuple(self.turns),
            seconds=seconds,
        )

    def _add(self, turn: Turn) -> None:
        self.turns.append(turn)


def tokens(num: int) -> TurnTokens:
    return TurnTokens(
        context_ids=array("i", range(210)),
        token_ids=array("i", range(num)),
        logprobs=array("f", [-0.25] * num),
        loss_mask=array("b", [1] * num),
    )


def corrected_maze() -> Rollout:
    """Right: draws, makes a mistake that it is told about, sees a wrong line and moves it, answers."""
    return (
        Story(maze_sample())
        .draw(
            "The green cell is at (48, 48). Going down twice ends at (48, 112). I draw that step first.",
            arrow(1, (48, 48), (48, 112), "step 1"),
        )
        .draw(
            "Now one to the right, and up twice from there.",
            arrow(2, (48, 112), (80, 112), "step 2"),
            arrow(2, (80, 112), (112, 48), "step 3"),
        )
        .fail(
            '<think>Then right.</think> Action: Path Tracer\n```json\n[{"index": 3, "start_point_2d": [112, 48], '
            '"end_point_2d": [512, 48], "label": "step 4"}]\n```',
            ErrorKind.OFF_IMAGE,
            "end_point_2d must lie on image 3 (224x192); got [512, 48]. Give pixels of image 3.",
        )
        .draw(
            "Step 3 crosses a wall: it must go straight up to (80, 48). I move it, and then go right twice.",
            arrow(3, (80, 112), (80, 48), "step 3"),
            arrow(3, (80, 48), (144, 48), "step 4"),
        )
        .draw("I mark where that ends.", Box(image_index=4, box_px=(130, 34, 158, 62), label="end"))
        .answer("The end is not on the red cell, but close to it.", "B")
        .end()
    )


def truncated_maze() -> Rollout:
    story = Story(maze_sample(id="maze/test/0/18", question="Which letter marks the cell that the path ends on?"))
    for step in range(3):
        story.draw(
            f"Step {step + 1} goes on to the right.",
            arrow(step + 1, (48 + 32 * step, 48), (80 + 32 * step, 48), f"step {step + 1}"),
        )
    return story.end(Status.TRUNCATED_TURNS, "No answer within 3 turns.", seconds=12.6)


def wrong_maze() -> Rollout:
    story = Story(maze_sample(id="maze/test/0/19"))
    return (
        story.draw("Down twice.", arrow(1, (48, 48), (48, 112), "step 1"), learn=False)
        .answer("Back at the start.", "D")
        .end(sibling=1)
    )


def two_rooms() -> Rollout:
    """Several images, a number as the answer, marks on both images in one turn."""
    sample = Sample(
        id="static/rooms/4",
        task="static",
        question="How many metres are between the window and the table?",
        images=(room_image(), room_image(40)),
        answer="2.5",
        answer_type=AnswerType.NUMBER,
    )
    return (
        Story(sample)
        .draw(
            "The window is in both images.",
            Box(image_index=1, box_px=(90, 30, 150, 90), label="window"),
            Box(image_index=1, box_px=(170, 130, 250, 200), label="table"),
            Box(image_index=2, box_px=(130, 30, 190, 90), label="window"),
        )
        .draw("A line between them, twice as long as the window is high.", arrow(3, (120, 60), (210, 140), "distance"))
        .answer("About two metres.", "2.2")
        .end(seconds=0.84)
    )


def hostile_rollout() -> Rollout:
    sample = maze_sample(
        id=f"evil/{HOSTILE}", question=HOSTILE, options=(HOSTILE, "B", "C"), metadata={HOSTILE: float("nan")}
    )
    return (
        Story(sample)
        .draw(HOSTILE, Box(image_index=1, box_px=(20, 20, 120, 120), label=HOSTILE))
        .fail(HOSTILE, ErrorKind.MALFORMED_JSON, HOSTILE, FinishReason.LENGTH)
        .end(Status.INVALID_ACTION, HOSTILE)
    )


def missing_image(folder: Path) -> Rollout:
    sample = maze_sample(id="maze/test/0/20", images=(folder / "gone.png",))
    return Rollout(
        sample=sample,
        status=Status.POLICY_ERROR,
        reason="The server went away.",
        images=(ImageRecipe(base=1, size=(224, 192)),),
        turns=(),
    )
