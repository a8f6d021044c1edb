"""100,000 model outputs, random and mutated: no crash, and state, pixels and record agree."""

import random

from PIL import Image

from vilasr.drawing import add_marks, render
from vilasr.env import Episode, EpisodeConfig, Limits
from vilasr.env.scaling import scaled
from vilasr.protocol import COMPACT, JSON, VILASR, Sizer, format_turn, parse_turn
from vilasr.types import Box, Completion, FinishReason, Line, Sample, Status

NUM_PARSED = 90_000
NUM_PLAYED = 10_000

PIECES = [
    "<think>", "</think>", "<answer>", "</answer>", "<draw>", "</draw>", "Action: ", "Action: Object Mapper",
    "Action: Path Tracer", "Action: Answer", "```json\n", "```", "[", "]", "{", "}", "(", ")", '"', "'", "\\", ",", ":",
    "index", "bbox_2d", "start_point_2d", "end_point_2d", "label", "NaN", "nan", "-Infinity", "1e400", "1e-400", "true",
    "None", "null", "-0", "0x10", "9" * 30, "9" * 5000, "1.5", "-1", "2", "<|im_end|>", "<|image_pad|>", "\ud800",
    "\\ud800", "\\x41", "\x00", "\u202e", "\n", " ", "\u6905", "[[[[[[[[", "__import__('os')", "1+1j", "lambda: 0",
]  # fmt: skip
LABELS = ["A", "B", "1", "", "chair", "</think>", "it's", "<|im_end|>", "\u6905\u5b50", "x" * 200, "x" * 201]


def random_action(rng, kind, sizes):
    index = rng.randint(1, len(sizes))
    width, height = sizes[index - 1]
    spread = rng.choice([1.0, 1.0, 1.0, 1.1])  # now and then off the image
    (x1, x2), (y1, y2) = (sorted(rng.uniform(0, side * spread) for _ in range(2)) for side in (width, height))
    label = rng.choice(LABELS)
    if kind == "box":
        return Box(image_index=index, box_px=(x1, y1, x2, y2), label=label)
    return Line(image_index=index, start_px=(x2, y1), end_px=(x1, y2), label=label)


def well_formed(rng, protocol, sizes, model_sizes):
    frame = {"protocol": protocol, "sizes": sizes, "model_sizes": model_sizes}
    if rng.random() < 0.05:
        return format_turn("so", answer=rng.choice("ABCD"), **frame)
    kind = rng.choice(["box", "line"])
    actions = [random_action(rng, kind, sizes) for _ in range(rng.choice([1, 1, 2, 3]))]
    text = format_turn("look", actions=actions, **frame)
    return text.replace('"', "'") if rng.random() < 0.1 else text


def mutated(rng, text):
    for _ in range(rng.choice([1, 1, 2, 5])):
        start = rng.randrange(len(text) + 1)
        end = min(len(text), start + rng.choice([0, 1, 1, 3, 30]))
        match rng.randrange(5):
            case 0:
                text = text[:start] + text[end:]
            case 1:
                text = text[:start] + rng.choice(PIECES) + text[end:]
            case 2:
                text = text[:start] + text[start:end] * rng.choice([2, 3, 80]) + text[end:]
            case 3:
                text = text[:start] + chr(rng.choice([rng.randrange(32, 127), rng.randrange(0xD800)])) + text[end:]
            case 4:
                text = text[: rng.choice([start, len(text)])]
    return text


def random_output(rng, protocol, sizes, model_sizes):
    match rng.choices(["good", "mutated", "pieces"], [0.3, 0.6, 0.1])[0]:
        case "good":
            return well_formed(rng, protocol, sizes, model_sizes)
        case "mutated":
            return mutated(rng, well_formed(rng, protocol, sizes, model_sizes))
    return "".join(rng.choice(PIECES) for _ in range(rng.randrange(30)))


def assert_lies_inside(action, sizes):
    width, height = sizes[action.image_index - 1]
    if isinstance(action, Box):
        x1, y1, x2, y2 = action.box_px
        assert 0 <= x1 < x2 <= width
        assert 0 <= y1 < y2 <= height
    else:
        assert action.start_px != action.end_px
        assert all(0 <= x <= width and 0 <= y <= height for x, y in (action.start_px, action.end_px))
    assert len(action.label) <= 200
    action.label.encode()


def test_no_output_breaks_the_parser():
    rng = random.Random(1)
    sizes, sizer = [(448, 384), (33, 47), (1000, 300)], Sizer(max_pixels=224 * 224)
    model_sizes = [sizer.fit(size) for size in sizes]
    num_drawings = 0
    for _ in range(NUM_PARSED):
        protocol = rng.choice([COMPACT, COMPACT, JSON])
        text = random_output(rng, protocol, sizes, model_sizes)
        parsed = parse_turn(text, protocol, sizes=sizes, model_sizes=model_sizes)
        assert bool(parsed.actions) + (parsed.answer is not None) + (parsed.error is not None) == 1
        for action in parsed.actions:
            assert_lies_inside(action, sizes)
        if parsed.error is not None:
            assert "<|" not in parsed.error.message
            assert len(parsed.error.message) < 700
            parsed.error.message.encode()
        num_drawings += bool(parsed.actions)
    assert num_drawings > NUM_PARSED / 5  # the fuzzer does reach the depth of the reader


def play_one(rng, sample, config):
    """Plays random outputs to the end; returns the number of turns. Checks each observation against the state."""
    episode = Episode(sample, config)
    observation = episode.reset()
    num_images = len(sample.images)
    while not observation.done:
        recipes = episode.rollout().images
        finish = rng.choices(list(FinishReason), [0.96, 0.03, 0.01])[0]
        text = random_output(rng, config.protocol, episode.sizes, episode.model_sizes)
        observation = episode.step(Completion(text=text, finish=finish))
        turn = episode.rollout().turns[-1]
        for action in turn.actions:
            assert_lies_inside(action, episode.sizes)
        assert turn.new_images == tuple(view.index for view in observation.images)
        for view in observation.images:
            num_images += 1
            recipe = episode.rollout().images[view.index - 1]
            parent = recipes[recipe.parent - 1]
            here = [action for action in turn.actions if action.image_index == recipe.parent]
            assert view.index == num_images
            assert recipe.instances == add_marks(parent.instances, here)
            drawn = render(sample.images[recipe.base - 1], recipe.instances, config.style)
            assert drawn.tobytes() == episode.image(view.index).tobytes()
            seen = scaled(drawn, episode.model_sizes[view.index - 1])
            assert seen.tobytes() == view.pixels.tobytes()
    rollout = episode.rollout()
    assert rollout.status is observation.status
    assert (rollout.answer is not None) == (rollout.status is Status.ANSWERED)
    assert len(rollout.images) == num_images <= config.limits.max_images
    assert all(not recipe.instances for recipe in rollout.images[: len(sample.images)])
    return len(rollout.turns)


def test_no_output_makes_state_and_pixels_disagree():
    rng = random.Random(2)
    images = tuple(Image.new("RGB", size, colour) for size, colour in (((60, 40), "white"), ((28, 56), "navy")))
    sample = Sample(id="s", task="maze", question="Where?", images=images, options=("A", "B"))
    sizer = Sizer(min_pixels=28 * 28)
    num_turns = 0
    while num_turns < NUM_PLAYED:
        protocol = rng.choice([COMPACT, VILASR, JSON])
        limits = Limits(max_errors=rng.choice([2, 6]), max_images=rng.choice([5, 12]))
        config = EpisodeConfig(protocol=protocol, sizer=sizer, limits=limits, strict=rng.random() < 0.1)
        num_turns += play_one(rng, sample, config)
