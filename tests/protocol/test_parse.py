"""One image of 448x384 that the model sees at 224x192, then one of 1000x500 that it sees as it is."""

import json

import pytest

from vilasr.protocol import COMPACT, JSON, PROTOCOLS, VILASR, parse_turn, split_thought
from vilasr.types import Box, ErrorKind, Line

SIZES = [(448, 384), (1000, 500)]
MODEL_SIZES = [(224, 192), (1000, 500)]


def parse(text, protocol=COMPACT, **kwargs):
    return parse_turn(text, protocol, sizes=SIZES, model_sizes=MODEL_SIZES, **kwargs)


def boxes(listing):
    return f"<think>t</think>\nAction: Object Mapper\n```json\n{listing}\n```"


def lines(listing):
    return f"<think>t</think>\nAction: Path Tracer\n```json\n{listing}\n```"


GOOD_BOX = '{"index": 1, "bbox_2d": [10, 20, 30, 40], "label": "chair"}'
BOX = Box(image_index=1, box_px=(20, 40, 60, 80), label="chair")
WRITE_BOX = '{"index": 1, "bbox_2d": [x1, y1, x2, y2], "label": "..."}'
WRITE_LINE = '{"index": 1, "start_point_2d": [x, y], "end_point_2d": [x, y], "label": "..."}'


@pytest.mark.parametrize(
    "text",
    [
        boxes(f"[{GOOD_BOX}]"),
        f"<think> t </think> Action: Object Mapper\n```json\n[{GOOD_BOX}]\n```",
        f"t</think>Action: object mapper ```[{GOOD_BOX}]```",
        f"<think>t</think>Action: Object Mapper [{GOOD_BOX}]",
        f"<think>t</think>**Action: Object Mapper**\nHere they are:\n```json\n[{GOOD_BOX}]",
        boxes(GOOD_BOX),
        boxes("[{'index': 1, 'bbox_2d': (10, 20., 30, +40), 'label': 'chair',},]"),
        boxes('[{"index": 1, "bbox_2d": [10, 20, 30, 4e1], "label": "ch\\u0061ir", "more": null}]'),
        boxes("[{'index': 1, 'bbox_2d': [10, 20, 30, 40], 'label': 'ch\\x61ir', 'more': None}]"),
    ],
)
def test_one_box_is_read_from_every_form_that_can_mean_only_it(text):
    parsed = parse(text)
    assert (parsed.thought, parsed.actions, parsed.answer, parsed.error) == ("t", (BOX,), None, None)


def test_a_line_keeps_its_direction_and_floats_their_fraction():
    parsed = parse(lines('[{"index": 2, "start_point_2d": [10.5, 20], "end_point_2d": [3, 4], "label": "1"}]'))
    assert parsed.actions == (Line(image_index=2, start_px=(10.5, 20), end_px=(3, 4), label="1"),)


def test_the_json_protocol_reads_boxes_and_lines_in_thousandths():
    text = (
        '<think>t</think><draw>[{"index": 1, "bbox_2d": [0, 500, 250, 1000], "label": "a"}, '
        '{"index": 2, "start_point_2d": [500, 500], "end_point_2d": [1000, 0], "label": "b"}]</draw>'
    )
    box = Box(image_index=1, box_px=(0, 192, 112, 384), label="a")
    line = Line(image_index=2, start_px=(500, 250), end_px=(1000, 0), label="b")
    assert parse(text, JSON).actions == (box, line)


def test_the_json_protocol_allows_a_fence_and_no_python():
    assert parse(f"<draw>\n```json\n[{GOOD_BOX}]\n```\n</draw>", JSON).error is None
    python = "<draw>[{'index': 1, 'bbox_2d': [1, 2, 3, 4], 'label': 'a'}]</draw>"
    assert parse(python, JSON).error.kind is ErrorKind.MALFORMED_JSON


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>t</think> Action: Answer <answer>B</answer>", "B"),
        ("<think>t</think><answer> 3.5 \n</answer>", "3.5"),
        ("t</think><answer>A</answer> or <answer>C</answer>", "C"),
        ("<think>t <answer>A</answer></think><answer>D</answer>", "D"),
        ("<think>t</think>Action: Answer the question <answer>B. left of Action: Path Tracer</answer>", None),
    ],
)
def test_answers_are_kept_verbatim(protocol, text, answer):
    assert parse(text, protocol).answer == (answer or "B. left of Action: Path Tracer")


def test_text_inside_the_thinking_never_acts():
    parsed = parse(f"<think>I could say {boxes(f'[{GOOD_BOX}]')}</think> <answer>A</answer>")
    # The inner </think> ends the thinking; what was drawn before the outer one counts as thinking too.
    assert (parsed.answer, parsed.actions) == ("A", ())
    assert parse("<think>I know: <answer>A</answer>").error.kind is ErrorKind.NO_ACTION


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think> a </think> b", ("a", " b")),
        ("a</think> b", ("a", " b")),
        ("<think> a", ("a", "")),
        ("a", ("", "a")),
        ("<think>a</think>b<think>c</think>d", ("a\nc", "bd")),
        ("<think>a<think>b</think>c", ("a<think>b", "c")),
        ("<think>a</think>b</think>c", ("a\nb", "c")),
    ],
)
def test_thinking_is_told_from_the_rest(text, expected):
    assert split_thought(text) == expected


GIVE_1 = "Give pixels of image 1 (224x192)."
MISTAKES = {
    "cut list": (
        f"<think>t</think>Action: Object Mapper\n```json\n[{GOOD_BOX}, {{",
        ErrorKind.MALFORMED_JSON,
        f"The JSON list must end with ]; it is cut off. Write a shorter list: [{WRITE_BOX}].",
    ),
    "broken list": (
        lines('[{"index": 1 "label": "a"}]'),
        ErrorKind.MALFORMED_JSON,
        "Action: Path Tracer must have one JSON list; got an error: Expecting ',' delimiter at character 14. "
        f"Write [{WRITE_LINE}].",
    ),
    "no list": (
        "<think>t</think>Action: Path Tracer\nfrom the dot upwards",
        ErrorKind.MALFORMED_JSON,
        f"Action: Path Tracer must have one JSON list; got none. Write [{WRITE_LINE}].",
    ),
    "two lists": (
        boxes(f"[{GOOD_BOX}]") + f"\n```json\n[{GOOD_BOX}]\n```",
        ErrorKind.MALFORMED_JSON,
        f"Action: Object Mapper must have one JSON list; got 2 lists. Write [{WRITE_BOX}].",
    ),
    "unknown action": (
        "Action: Fly away",
        ErrorKind.WRONG_ACTION,
        'Action must be Object Mapper, Path Tracer or Answer; got "Fly away". Write one of these.',
    ),
    "a box under the tracer": (
        lines(f"[{GOOD_BOX}]"),
        ErrorKind.WRONG_ACTION,
        "Path Tracer takes index, start_point_2d, end_point_2d, label; got bbox_2d. "
        "Write Action: Object Mapper to draw boxes.",
    ),
    "a line under the mapper": (
        boxes('[{"index": 1, "start_point_2d": [1, 2], "end_point_2d": [3, 4], "label": "a"}]'),
        ErrorKind.WRONG_ACTION,
        "Object Mapper takes index, bbox_2d, label; got start_point_2d. Write Action: Path Tracer to draw lines.",
    ),
    "two actions": (
        boxes("[]") + " Action: Path Tracer",
        ErrorKind.WRONG_ACTION,
        "A drawing must have one action; got 2 actions. "
        "Write Action: Object Mapper for boxes or Action: Path Tracer for lines.",
    ),
    "a list without its action": (
        f"<think>t</think>```json\n[{GOOD_BOX}]\n```",
        ErrorKind.WRONG_ACTION,
        "A drawing must have one action; got a list without an action. "
        "Write Action: Object Mapper for boxes or Action: Path Tracer for lines.",
    ),
    "missing label": (
        boxes('[{"index": 1, "bbox_2d": [1, 2, 3, 4]}]'),
        ErrorKind.MISSING_FIELD,
        f"Each entry must have index, bbox_2d and label; got no label. Write {WRITE_BOX}.",
    ),
    "missing end, second entry": (
        lines(
            '[{"index": 1, "start_point_2d": [1, 2], "end_point_2d": [3, 4], "label": "a"}, '
            '{"index": 1, "start_point_2d": [1, 2], "label": "b"}]'
        ),
        ErrorKind.MISSING_FIELD,
        "Entry 2: Each entry must have index, start_point_2d, end_point_2d and label; got no end_point_2d. "
        f"Write {WRITE_LINE}.",
    ),
    "an entry that is no object": (
        boxes("[[1, 2, 3, 4]]"),
        ErrorKind.WRONG_TYPE,
        f"Each entry must be an object; got a list of 4. Write {WRITE_BOX}.",
    ),
    "index in quotes": (
        boxes('[{"index": "1", "bbox_2d": [1, 2, 3, 4], "label": "a"}]'),
        ErrorKind.WRONG_TYPE,
        'index must be a whole number; got "1". Write for example "index": 1.',
    ),
    "index true": (
        boxes('[{"index": true, "bbox_2d": [1, 2, 3, 4], "label": "a"}]'),
        ErrorKind.WRONG_TYPE,
        'index must be a whole number; got true. Write for example "index": 1.',
    ),
    "label a number": (
        boxes('[{"index": 1, "bbox_2d": [1, 2, 3, 4], "label": 7}]'),
        ErrorKind.WRONG_TYPE,
        'label must be a text in quotes; got 7. Write for example "label": "1".',
    ),
    "three numbers": (
        boxes('[{"index": 1, "bbox_2d": [1, 2, 3], "label": "a"}]'),
        ErrorKind.WRONG_TYPE,
        f"bbox_2d must be 4 numbers [x1, y1, x2, y2]; got a list of 3. {GIVE_1}",
    ),
    "a number in quotes": (
        boxes('[{"index": 1, "bbox_2d": [1, 2, "3", 4], "label": "a"}]'),
        ErrorKind.WRONG_TYPE,
        f'bbox_2d must be 4 numbers [x1, y1, x2, y2]; got x2="3". {GIVE_1}',
    ),
    "a truth value among the numbers": (
        boxes('[{"index": 1, "bbox_2d": [1, false, 3, 4], "label": "a"}]'),
        ErrorKind.WRONG_TYPE,
        f"bbox_2d must be 4 numbers [x1, y1, x2, y2]; got y1=false. {GIVE_1}",
    ),
    "NaN": (
        boxes('[{"index": 1, "bbox_2d": [1, NaN, 3, 4], "label": "a"}]'),
        ErrorKind.NOT_FINITE,
        f"bbox_2d must hold finite numbers; got y1=NaN. {GIVE_1}",
    ),
    "1e400": (
        lines("[{'index': 1, 'start_point_2d': [1, -1e400], 'end_point_2d': [3, 4], 'label': 'a'}]"),
        ErrorKind.NOT_FINITE,
        f"start_point_2d must hold finite numbers; got y=-inf. {GIVE_1}",
    ),
    "a number of 5,000 digits": (
        boxes('[{"index": 1, "bbox_2d": [1, 2, ' + "9" * 5000 + ', 4], "label": "a"}]'),
        ErrorKind.NOT_FINITE,
        f"bbox_2d must hold finite numbers; got x2=inf. {GIVE_1}",
    ),
    "unknown image": (
        boxes('[{"index": 3, "bbox_2d": [1, 2, 3, 4], "label": "a"}]'),
        ErrorKind.UNKNOWN_IMAGE,
        "index must be from 1 to 2; got 3. Give the index of an image that you were shown.",
    ),
    "image 0": (
        boxes('[{"index": 0, "bbox_2d": [1, 2, 3, 4], "label": "a"}]'),
        ErrorKind.UNKNOWN_IMAGE,
        "index must be from 1 to 2; got 0. Give the index of an image that you were shown.",
    ),
    "off the right edge": (
        boxes('[{"index": 2, "bbox_2d": [1003, 2, 1010, 4], "label": "a"}]'),
        ErrorKind.OFF_IMAGE,
        "bbox_2d must satisfy 0 <= x1 < x2 <= 1000; got x1=1003. Give pixels of image 2 (1000x500).",
    ),
    "above the top": (
        lines('[{"index": 1, "start_point_2d": [1, 2], "end_point_2d": [3, -2.5], "label": "a"}]'),
        ErrorKind.OFF_IMAGE,
        f"end_point_2d must satisfy 0 <= y <= 192; got y=-2.5. {GIVE_1}",
    ),
    "no width": (
        boxes('[{"index": 1, "bbox_2d": [50, 2, 50, 4], "label": "a"}]'),
        ErrorKind.DEGENERATE,
        f"bbox_2d must satisfy 0 <= x1 < x2 <= 224; got x1=50, x2=50. {GIVE_1}",
    ),
    "no height after clamping": (
        boxes('[{"index": 1, "bbox_2d": [50, 192, 60, 194], "label": "a"}]'),
        ErrorKind.DEGENERATE,
        f"bbox_2d must satisfy 0 <= y1 < y2 <= 192; got y1=192, y2=194. {GIVE_1}",
    ),
    "no length": (
        lines('[{"index": 1, "start_point_2d": [5, 6], "end_point_2d": [5, 6], "label": "a"}]'),
        ErrorKind.DEGENERATE,
        f"start_point_2d and end_point_2d must be two different points; got [5, 6] twice. {GIVE_1}",
    ),
    "drawing and answering": (
        boxes(f"[{GOOD_BOX}]") + " Action: Answer <answer>A</answer>",
        ErrorKind.DRAW_AND_ANSWER,
        "A reply must draw or answer; got both. Draw now and answer after you have seen the new image.",
    ),
    "nothing": (
        "<think>t</think>",
        ErrorKind.NO_ACTION,
        "A reply must draw or answer after </think>; got neither. "
        "Write Action: Object Mapper, Action: Path Tracer or Action: Answer and <answer>...</answer>.",
    ),
    "an answer without its tag": (
        "<think>t</think>Action: Answer\nB",
        ErrorKind.NO_ACTION,
        "An answer must stand in <answer>...</answer>; got none. Write it there.",
    ),
    "an empty answer": (
        "<think>t</think>Action: Answer <answer> </answer>",
        ErrorKind.NO_ACTION,
        "An answer must stand in <answer>...</answer>; got an empty one. Write it there.",
    ),
    "an answer without its end": (
        "<think>t</think>Action: Answer <answer>B",
        ErrorKind.NO_ACTION,
        "An answer must end with </answer>; got no end. Write <answer>...</answer>.",
    ),
    "an empty list": (
        boxes("[]"),
        ErrorKind.NO_ACTION,
        f"A drawing must have at least one entry; got an empty list. Write [{WRITE_BOX}].",
    ),
    "65 boxes": (
        boxes(json.dumps([json.loads(GOOD_BOX)] * 65)),
        ErrorKind.TOO_MANY_ACTIONS,
        "A drawing may have at most 64 entries; got 65. Draw fewer, the rest in the next turn.",
    ),
    "a long label": (
        boxes('[{"index": 1, "bbox_2d": [1, 2, 3, 4], "label": "' + "a" * 201 + '"}]'),
        ErrorKind.LABEL_TOO_LONG,
        "label must have at most 200 characters; got 201. Write a shorter label.",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
@pytest.mark.parametrize("protocol", [VILASR, COMPACT], ids=lambda protocol: protocol.name)
def test_each_mistake_is_told_with_expected_got_and_remedy(protocol, name):
    text, kind, message = MISTAKES[name]
    parsed = parse(text, protocol)
    assert (parsed.error.kind, parsed.error.message) == (kind, message)
    assert (parsed.actions, parsed.answer) == ((), None)


def test_a_drawing_where_none_is_allowed_is_told_so():
    error = parse(boxes(f"[{GOOD_BOX}]"), drawing=False).error
    assert error.kind is ErrorKind.DRAWING_DISABLED
    assert error.message == "Drawing is not possible; got a drawing. Give the answer."
    error = parse("hm", drawing=False).error
    assert error.message == (
        "A reply must answer after </think>; got no answer. Write Action: Answer and <answer>...</answer>."
    )


JSON_MISTAKES = [
    (
        '[{"index": 1, "bbox_2d": [0, 0, 1020, 5], "label": "a"}]',
        ErrorKind.OFF_IMAGE,
        "bbox_2d must satisfy 0 <= x1 < x2 <= 1000; got x2=1020. "
        "Give numbers from 0 to 1000 along each side of image 1.",
    ),
    (
        '[{"index": 1, "bbox_2d": [0, 0, 1, 5], "start_point_2d": [1, 2], "label": "a"}]',
        ErrorKind.WRONG_ACTION,
        "An entry must be a box or a line; got the fields of both. Write two entries.",
    ),
    (
        "{,}",
        ErrorKind.MALFORMED_JSON,
        "<draw> must have one JSON list; got an error: "
        f"Expecting property name enclosed in double quotes at character 2. Write [{WRITE_BOX}].",
    ),
]


@pytest.mark.parametrize(("listing", "kind", "message"), JSON_MISTAKES, ids=[str(row[1]) for row in JSON_MISTAKES])
def test_the_json_protocol_tells_mistakes_in_its_own_terms(listing, kind, message):
    error = parse(f"<draw>{listing}</draw>", JSON).error
    assert (error.kind, error.message) == (kind, message)


def test_up_to_two_pixels_off_the_image_are_moved_to_its_edge():
    parsed = parse(boxes('[{"index": 1, "bbox_2d": [-2, -1, 226, 193.5], "label": "a"}]'))
    assert parsed.actions == (Box(image_index=1, box_px=(0, 0, 448, 384), label="a"),)
    # Two of 224 px are 8.93 thousandths.
    inside = '<draw>[{"index": 1, "bbox_2d": [0, 0, 1008.9, 5], "label": "a"}]</draw>'
    outside = inside.replace("1008.9", "1009")
    assert parse(inside, JSON).actions[0].box_px[2] == 448
    assert parse(outside, JSON).error.kind is ErrorKind.OFF_IMAGE


def test_control_tokens_and_broken_characters_are_not_echoed():
    error = parse("Action: <|im_end|>").error
    assert "<|" not in error.message
    error = parse("Action: a<|im_start|>b").error
    assert "<|" not in error.message
    error = parse(boxes('[{"index": "<|im_end|>\\ud800\\n", "bbox_2d": [1, 2, 3, 4], "label": "a"}]')).error
    assert error.message == 'index must be a whole number; got "< |im_end|>\ufffd ". Write for example "index": 1.'
    label = parse(boxes('[{"index": 1, "bbox_2d": [1, 2, 3, 4], "label": "a\\ud800\\n\\u0000b"}]')).actions[0].label
    assert label == "a\ufffd b"


@pytest.mark.parametrize(
    "text",
    [
        "```[" * 50_000,
        "Action: Path Tracer [" + "[" * 100_000,
        "Action: Path Tracer [" + "[" * 5_000 + "]" * 5_001,
        "Action: Path Tracer [" + '"\\' * 100_000,
        "Action: Path Tracer [" + "'" * 100_001,
        "Action: Path Tracer [" + "-" * 100_000 + "1]",
        "Action: Path Tracer [0x" + "f" * 50_000 + "]",
        "<think>" * 50_000 + "</think>" * 50_000,
        "<answer>" * 50_000,
        "Action:" * 50_000,
        "Action: Path Tracer [" + "1," * 49_000 + "]",
    ],
    ids=range(11),
)
@pytest.mark.parametrize("protocol", [COMPACT, JSON], ids=lambda protocol: protocol.name)
def test_hostile_texts_are_read_in_linear_time(protocol, text):
    text = text if protocol is COMPACT else text.replace("Action: Path Tracer", "<draw>").replace("```", "<draw>")
    assert parse(text, protocol).error is not None
