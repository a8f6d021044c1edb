import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vilasr.protocol import COMPACT, JSON, PROTOCOLS, CoordinateFrame, Sizer, format_turn, one_line, parse_turn
from vilasr.types import Box, Line

LINE = Line(image_index=1, start_px=(40, 102), end_px=(102, 102), label="1")
BOX = Box(image_index=1, box_px=(40, 102, 102, 110), label="A")
FRAME = {"sizes": [(448, 384)], "model_sizes": [(224, 192)]}


def test_compact_text_of_a_drawing_and_of_an_answer():
    assert format_turn(" go up ", actions=[LINE, LINE], protocol=COMPACT, **FRAME) == (
        "<think>go up</think>\nAction: Path Tracer\n```json\n"
        '[{"index": 1, "start_point_2d": [20, 51], "end_point_2d": [51, 51], "label": "1"}, '
        '{"index": 1, "start_point_2d": [20, 51], "end_point_2d": [51, 51], "label": "1"}]\n```'
    )
    assert format_turn("so", answer="B", protocol=COMPACT, **FRAME) == (
        "<think>so</think>\nAction: Answer\n<answer>B</answer>"
    )


def test_json_text_mixes_boxes_and_lines_in_thousandths():
    assert format_turn("", actions=[BOX, LINE], protocol=JSON, **FRAME) == (
        '<think></think>\n<draw>[{"index": 1, "bbox_2d": [89, 266, 228, 286], "label": "A"}, '
        '{"index": 1, "start_point_2d": [89, 266], "end_point_2d": [228, 266], "label": "1"}]</draw>'
    )


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"thought": "t"}, "draws or answers"),
        ({"thought": "t", "actions": [LINE], "answer": "B"}, "draws or answers"),
        ({"thought": "t", "actions": [LINE, BOX]}, "boxes or lines, not both"),
        ({"thought": "a</think>", "answer": "B"}, "cannot hold the tags"),
        ({"thought": "t", "answer": "</answer>"}, "cannot hold the tags"),
        ({"thought": "t", "answer": " "}, "cannot be empty"),
    ],
)
def test_turns_that_the_wire_format_cannot_say_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        format_turn(**kwargs, protocol=COMPACT, **FRAME)


sides = st.integers(30, 900)
labels = st.text(max_size=30).map(one_line) | st.sampled_from(
    ["</think>", "```", "Action: Answer", "<answer>", "it's", '"', "\\", "[{", "<|im_end|>", "\u6905\u5b50"]
)
TAGS = ("think>", "answer>", "draw>")
texts = st.text(max_size=40).map(str.strip).filter(lambda text: not any(tag in text for tag in TAGS))


@st.composite
def turns(draw, kinds):
    """(sizes, actions): marks at least three model pixels long, which no rounding can make vanish."""
    sizes = draw(st.lists(st.tuples(sides, sides), min_size=1, max_size=3))
    kinds = draw(st.sampled_from(kinds))
    actions = []
    for _ in range(draw(st.integers(1, 4))):
        index = draw(st.integers(1, len(sizes)))
        width, height = sizes[index - 1]
        xs = sorted((draw(st.floats(0, 0.8)), draw(st.floats(0.0, 0.8))))
        ys = sorted((draw(st.floats(0, 0.8)), draw(st.floats(0.0, 0.8))))
        start = (xs[0] * width, ys[0] * height)
        end = ((xs[1] + 0.2) * width, (ys[1] + 0.2) * height)
        label = draw(labels)
        if draw(st.sampled_from(kinds)) == "box":
            actions.append(Box(image_index=index, box_px=(*start, *end), label=label))
        else:
            actions.append(Line(image_index=index, start_px=end, end_px=start, label=label))
    return sizes, actions


def numbers(action):
    return action.box_px if isinstance(action, Box) else (*action.start_px, *action.end_px)


@pytest.mark.parametrize(
    "protocol",
    [*PROTOCOLS, dataclasses.replace(JSON, name="unit", frame=CoordinateFrame.UNIT)],
    ids=lambda protocol: protocol.name,
)
@settings(max_examples=150, deadline=None)
@given(data=st.data(), thought=texts)
def test_what_was_formatted_is_parsed_back_within_half_a_model_pixel(protocol, data, thought):
    kinds = [("box", "line")] if protocol.frame is not CoordinateFrame.PIXEL else [("box",), ("line",)]
    sizes, actions = data.draw(turns(kinds))
    sizer = Sizer()
    model_sizes = [sizer.fit(size) for size in sizes]
    text = format_turn(thought, actions=actions, protocol=protocol, sizes=sizes, model_sizes=model_sizes)
    parsed = parse_turn(text, protocol, sizes=sizes, model_sizes=model_sizes)
    assert parsed.error is None
    assert parsed.thought == thought
    for before, after in zip(actions, parsed.actions, strict=True):
        assert (before.kind, before.image_index, before.label) == (after.kind, after.image_index, after.label)
        for axis, (old, new) in enumerate(zip(numbers(before), numbers(after), strict=True)):
            own, model = sizes[before.image_index - 1][axis % 2], model_sizes[before.image_index - 1][axis % 2]
            assert abs(old - new) * model / own <= 0.5 + 1e-9
            assert 0 <= new <= own


@settings(max_examples=100, deadline=None)
@given(thought=texts, answer=texts.filter(bool))
@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
def test_answers_are_parsed_back_verbatim(protocol, thought, answer):
    parsed = parse_turn(format_turn(thought, answer=answer, protocol=protocol, **FRAME), protocol, **FRAME)
    assert (parsed.thought, parsed.answer, parsed.error) == (thought, answer, None)


def test_half_pixels_are_rounded_up_in_every_frame():
    line = Line(image_index=1, start_px=(1, 3), end_px=(101, 103), label="")
    text = format_turn("", actions=[line], protocol=COMPACT, **FRAME)
    assert '"start_point_2d": [1, 2], "end_point_2d": [51, 52]' in text
