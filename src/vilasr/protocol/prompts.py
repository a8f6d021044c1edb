"""The protocols, as data: every text the environment says, the wire format, the coordinate frame.

Templates know these names: image texts {index}, {width}, {height} (at model size), and {parent} for a drawn image; the
error text {message}. Everything else is said verbatim.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from vilasr.errors import InputError
from vilasr.protocol.frames import CoordinateFrame


class WireFormat(StrEnum):
    FENCED = "fenced"
    """`Action: Object Mapper` or `Action: Path Tracer` and a fenced JSON list; `Action: Answer` and <answer>."""
    TAGGED = "tagged"
    """A strict JSON list in <draw>, boxes and lines mixed as one likes; <answer>."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Protocol:
    """How environment and model speak.

    Attributes:
        system, system_plain: system prompt, with drawing and without; "" for none.
        image, drawn_image: the text before an original and before a drawn image.
        ask_choice, ask_number, ask_text: the line after the question (and its options), by answer type; "" for none.
        go_on: ends the observation after a drawing.
        error: the observation after a model mistake.
        last_turn, last_turn_plain: said on the last allowed turn, with drawing and without.
    """

    name: str
    wire: WireFormat
    frame: CoordinateFrame
    system: str
    system_plain: str
    image: str
    drawn_image: str
    ask_choice: str
    ask_number: str
    ask_text: str
    go_on: str
    error: str
    last_turn: str
    last_turn_plain: str


VILASR = Protocol(
    name="vilasr",
    wire=WireFormat.FENCED,
    frame=CoordinateFrame.PIXEL,
    system="""\
You answer spatial questions about images. You may draw on the images while you reason: each drawing comes back to you \
as a new image, which you can study and draw on again.

Every reply begins with your reasoning inside <think> and </think>, followed by exactly one action.

1. Object Mapper draws boxes around objects:
<think> your reasoning </think> Action: Object Mapper
```json
[{"index": 1, "bbox_2d": [34, 50, 120, 142], "label": "chair"}]
```

2. Path Tracer draws auxiliary lines, for a path, a direction or a distance:
<think> your reasoning </think> Action: Path Tracer
```json
[{"index": 1, "start_point_2d": [77, 96], "end_point_2d": [180, 60], "label": "to the door"}]
```

3. Answer ends the task:
<think> your reasoning </think> Action: Answer
<answer> your answer </answer>

Rules for drawing:
- "index" says which image is drawn on. Any image you were shown may be used, drawn ones too; every image comes with \
its index and its size. Each image you draw on gives one new image, with the next free index.
- Coordinates are pixels of that image: [0, 0] is its top-left corner, x runs to the right and comes first, y runs \
down. A box is [left, top, right, bottom]. Stay inside the image.
- One list may hold several marks, on one image or on several. Give each mark a short label.
- Drawing on a drawn image keeps its marks. To correct a mark, draw it again there under the same label: it is moved. \
Never repeat a mark as it is.
- Look at each new image and check whether your marks are where they should be before you rely on them.
- Do not draw and answer in one reply.""",
    system_plain="""\
You answer spatial questions about images. Every image comes with its index and its size. Reply with your reasoning, \
then the answer:
<think> your reasoning </think> Action: Answer
<answer> your answer </answer>""",
    image="Image {index} ({width}x{height} pixels):",
    drawn_image="Image {index} ({width}x{height} pixels), which is image {parent} with your marks:",
    ask_choice="Answer with the letter of the right option.",
    ask_number="Answer with one number, in digits and without a unit.",
    ask_text="Answer in a few words.",
    go_on="Check your marks on the new image. Then draw further, correct them, or answer.",
    error="That reply could not be carried out. {message} Reply again with one action.",
    last_turn="This is your last reply: drawing is no longer possible. Reason with what you have seen and give the "
    "final answer now as: <think> your reasoning </think> Action: Answer <answer> your answer </answer>",
    last_turn_plain="This is your last reply. Give the final answer now as: "
    "<think> your reasoning </think> Action: Answer <answer> your answer </answer>",
)

COMPACT = Protocol(
    name="compact",
    wire=WireFormat.FENCED,
    frame=CoordinateFrame.PIXEL,
    system="Look, think, draw boxes or lines on an image, then answer.",
    system_plain="Look, think, then answer.",
    image="Image {index} ({width}x{height}):",
    drawn_image="Image {index} ({width}x{height}):",
    ask_choice="Answer with a letter.",
    ask_number="Answer with a number.",
    ask_text="Answer in a few words.",
    go_on="Go on.",
    error="{message} Try again.",
    last_turn="No more drawing. Answer now.",
    last_turn_plain="Answer now.",
)

JSON = Protocol(
    name="json",
    wire=WireFormat.TAGGED,
    frame=CoordinateFrame.THOUSANDTHS,
    system="""\
You answer spatial questions about images. You may draw boxes and lines on them while you reason; each image you draw \
on comes back as a new image with the next free index.

Begin every reply with your reasoning: <think>your reasoning</think>
Then either draw, with a strict JSON list:
<draw>[{"index": 1, "bbox_2d": [152, 260, 535, 740], "label": "chair"}, \
{"index": 1, "start_point_2d": [343, 500], "end_point_2d": [803, 312], "label": "to the door"}]</draw>
or answer:
<answer>your answer</answer>

"index" is the image to draw on: any that you were shown, drawn ones too. Coordinates run from 0 to 1000 along each \
side of that image, x (to the right) before y (down); a box is [left, top, right, bottom]. Marks on a drawn image \
stay when you draw on it; a mark drawn there again under its label is moved. Check your marks on each new image. \
Never repeat a mark as it is, and do not draw and answer in one reply.""",
    system_plain="""\
You answer spatial questions about images. Reply with your reasoning, then the answer:
<think>your reasoning</think>
<answer>your answer</answer>""",
    image="Image {index} ({width}x{height} pixels):",
    drawn_image="Image {index} ({width}x{height} pixels), image {parent} with your marks:",
    ask_choice="Answer with the letter of the right option.",
    ask_number="Answer with one number, in digits and without a unit.",
    ask_text="Answer in a few words.",
    go_on="Check your marks, then draw further or answer.",
    error="That reply could not be carried out. {message} Reply again.",
    last_turn="Drawing is no longer possible. Give the final answer now: "
    "<think>your reasoning</think><answer>your answer</answer>",
    last_turn_plain="Give the final answer now: <think>your reasoning</think><answer>your answer</answer>",
)

PROTOCOLS = (VILASR, COMPACT, JSON)


def protocol_named(name: str) -> Protocol:
    """The shipped protocol of that name; raises InputError for any other."""
    for protocol in PROTOCOLS:
        if protocol.name == name:
            return protocol
    names = ", ".join(protocol.name for protocol in PROTOCOLS)
    raise InputError("protocol", expected=f"one of {names}", got=repr(name), remedy="Give one of these names.")


def with_system_prompt(protocol: Protocol, text: str) -> Protocol:
    """`protocol` with its system prompts replaced by `text`, said verbatim: drive a checkpoint as it was trained."""
    return replace(protocol, system=text, system_plain=text)
