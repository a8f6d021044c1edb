"""Stage 0a: what every visual token should know, its losses, and a run that is stopped."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from handmade import TINY_NANO
from safetensors.torch import load_file, save_file

from vilasr.errors import InputError
from vilasr.policies.transformers import prepare_tower
from vilasr.tasks.maze.grid import Maze
from vilasr.training.attention import use_packed_attention
from vilasr.training.config import load_config
from vilasr.training.metrics import read_metrics
from vilasr.training.nano import fresh, pictures
from vilasr.training.nano.architecture import (
    IMAGE_SETTINGS,
    NANO_SIZER,
    NanoShape,
    build_model,
    build_vision,
    number_embedding,
)
from vilasr.training.nano.pictures import ScenePictures
from vilasr.training.nano.seeing import (
    BOX,
    EACH_MARK,
    LENGTH,
    LENGTH_SPREAD,
    SeeingConfig,
    SeeingHeads,
    seeing_loss,
    seeing_optimizer,
    train_seeing,
    word_meanings,
)
from vilasr.training.nano.targets import (
    COLOR_NAMES,
    MARKS,
    THINGS,
    UNKNOWN,
    join,
    maze_targets,
    mirrored,
    scene_targets,
)
from vilasr.training.nano.tokenizer import SPECIAL_TOKENS, train_tokenizer
from vilasr.training.optim import set_rate

XS, YS = (80, 160, 240), (32, 128, 224)
"""Of columns and rows on 384x256 pixels; seen at half the width, 40, 80, 120, and at half the height, 16, 64, 112."""
MAZE = Maze(n=3, passages=(4, 6, 12, 7, 15, 9, 3, 11, 8))
MARKS_AT = [("start", 0), ("A", 5), ("D", 7)]


def seen(marks=MARKS_AT, *, xs=XS):
    """The model sees 192x128: 6 x 4 tokens of 32 pixels."""
    return maze_targets(MAZE, marks, centers=(xs, YS), image_size=(384, 256), model_size=(192, 128))


TARGETS = seen()


def at(column, row):
    return row * 6 + column


def test_marks_are_in_the_token_that_holds_their_centre():
    # start (40, 16) -> token column 1, row 0; A (120, 64) -> 3, 2; D (80, 112) -> 2, 3.
    found = {(int(token), MARKS[int(mark)]) for token, mark in TARGETS.marks.nonzero()}
    assert TARGETS.marks.shape == (24, 5)
    assert found == {(at(1, 0), "start"), (at(3, 2), "A"), (at(2, 3), "D")}
    places = {token: where for token, where in enumerate(TARGETS.where_px.tolist()) if not math.isnan(where[0])}
    assert places == {at(1, 0): [40, 16], at(3, 2): [120, 64], at(2, 3): [80, 112]}


def test_marks_that_share_a_token_each_have_their_own_place_there():
    # Columns at 20, 65 and 95: two of them in the tokens from 64 to 96.
    targets = seen([("A", 4), ("D", 5), ("B", 7), ("B", 8)], xs=(40, 130, 190))
    assert targets.mark_px[at(2, 2), [MARKS.index("A"), MARKS.index("D")]].tolist() == [[65, 64], [95, 64]]
    assert targets.where_px[at(2, 2)].isnan().all()
    # Two Bs are there, but have no one place.
    assert targets.marks[at(2, 3)].nonzero().squeeze(-1).tolist() == [MARKS.index("B")]
    assert targets.mark_px[at(2, 3)].isnan().all()


def test_every_token_knows_the_cell_nearest_to_its_centre():
    # Centres of tokens: x 16, 48, 80, 112, 144, 176; y 16, 48, 80, 112.
    assert TARGETS.cell_px[[at(0, 0), at(1, 1), at(2, 2), at(4, 3)]].tolist() == [
        [40, 16],
        [40, 64],
        [80, 64],
        [120, 112],
    ]


def test_walls_are_those_of_that_cell_above_right_below_and_left():
    assert TARGETS.walls[at(1, 0)].tolist() == [1, 1, 0, 1]  # the corner cell, and the wall to its right
    assert TARGETS.walls[at(2, 0)].tolist() == [1, 0, 0, 1]  # the same wall from the other side
    assert TARGETS.walls[at(3, 2)].tolist() == [0, 1, 1, 0]  # the right edge, and the wall below
    assert TARGETS.walls[at(3, 3)].tolist() == [1, 1, 1, 0]
    assert TARGETS.walls[at(2, 2)].tolist() == [0, 0, 0, 0]  # the open cell in the middle


def test_tokens_outside_the_maze_know_no_walls():
    # The last column's centre, x 176, is 56 from the nearest cell, and cells are 40 apart.
    outside = TARGETS.walls.isnan().all(1).nonzero().squeeze(-1).tolist()
    assert outside == [at(5, row) for row in range(4)]


def test_a_mark_on_the_far_edge_is_in_the_last_token():
    targets = seen(xs=(0, 192, 384))
    assert targets.marks[at(5, 2), MARKS.index("A")] == 1


def test_joined_targets_are_one_after_the_other():
    both = join([TARGETS, TARGETS])
    assert torch.equal(both.marks[24:], TARGETS.marks)
    assert both.walls.shape == (48, 4)


# --- scenes -----------------------------------------------------------------------------------------------------------


def thing(name, category, color):
    box = SimpleNamespace(longest=0.5)
    return SimpleNamespace(name=name, category=category, color=color, center=(len(name), 0.0, 0.0), box=box)


TABLE, MUG, GHOST = thing("table", "table", "brown"), thing("mug", "mug", "red"), thing("ghost", "chair", "blue")
LABELS = np.full((64, 96), -1, np.int16)
LABELS[20:64, 0:64] = 0  # the table, seen in tokens 0, 1, 3 and 4 of 2 x 3
LABELS[40:46, 34:40] = 1  # on it the mug, 36 pixels in token 4
LABELS[0:4, 64:68] = 2  # 16 pixels are not enough to be asked about
VIEW = SimpleNamespace(
    labels=LABELS,
    boxes_px={"table": (8, 20, 64, 64), "mug": (34, 40, 40, 46), "ghost": (64, 0, 68, 4)},
    depth=np.tile(np.arange(96, dtype=np.float32) / 10, (64, 1)),  # m: farther to the right
    camera=SimpleNamespace(depth=lambda center: center[0], position=(0.0, 4.0, 0.0)),
)
THREE = SimpleNamespace(objects=(TABLE, MUG, GHOST))
SCENE = scene_targets(THREE, VIEW)
DOTTED = scene_targets(THREE, VIEW, [((70.0, 10.0), "B"), ((10.0, 40.0), "A"), ((20.0, 50.0), "D")])


def test_a_token_of_a_scene_stands_for_the_thing_of_which_it_holds_the_largest_share():
    table, mug, nothing = THINGS.index("table"), THINGS.index("mug"), len(THINGS)
    # Of the table: 12 of 44 rows in tokens 0 and 1, the rest in 3 and 4; of the mug, all is in token 4.
    assert SCENE.thing.tolist() == [table, table, nothing, table, mug, nothing]
    brown, red = COLOR_NAMES.index("brown"), COLOR_NAMES.index("red")
    assert SCENE.color.tolist() == [brown, brown, UNKNOWN, brown, red, UNKNOWN]
    assert SCENE.box_px[[0, 4]].tolist() == [[8, 20, 64, 64], [34, 40, 40, 46]]
    assert SCENE.box_px[2].isnan().all()
    # Ahead as far as their names are long, 5 m and 3 m; the camera is 4 m to the side.
    assert SCENE.lengths_cm[0, :3].tolist() == pytest.approx([500, 100 * math.sqrt(41), 50])
    assert SCENE.lengths_cm[4, :3].tolist() == [300, 500, 50]
    assert SCENE.lengths_cm[2, :3].isnan().all()
    assert not SCENE.marks.any()


def test_the_surface_of_a_token_is_in_its_middle_or_under_its_only_dot():
    assert SCENE.lengths_cm[:3, 3].tolist() == pytest.approx([160, 480, 800])
    # Two dots are in the token at the bottom left.
    assert DOTTED.lengths_cm[:4, 3].tolist() == pytest.approx([160, 480, 700, 160])
    assert DOTTED.marks.nonzero().tolist() == [[2, MARKS.index("B")], [3, MARKS.index("A")], [3, MARKS.index("D")]]
    assert DOTTED.where_px[2].tolist() == [70, 10]
    assert DOTTED.where_px[3].isnan().all()
    assert DOTTED.mark_px[3, MARKS.index("D")].tolist() == [20, 50]


def test_in_a_mirror_left_and_right_change_places():
    seen = mirrored(SCENE, (96, 64))
    assert seen.thing.tolist() == SCENE.thing[[2, 1, 0, 5, 4, 3]].tolist()
    assert seen.box_px[4].tolist() == [56, 40, 62, 46]
    again = mirrored(seen, (96, 64))
    assert torch.equal(again.box_px.nan_to_num(-1), SCENE.box_px.nan_to_num(-1))


class Right(torch.nn.Module):
    """Heads that say what is true of TARGETS and SCENE, one after the other; a token is its number."""

    def where(self, tokens, asked):
        parts = [BOTH.where_px, BOTH.cell_px, BOTH.box_px, BOTH.mark_px.flatten(1), BOTH.lengths_cm]
        wanted = torch.cat(parts, dim=1).nan_to_num(0)[tokens.long().squeeze(-1), asked]
        widths = (LENGTH_SPREAD * wanted).clamp(min=1) if asked == LENGTH else torch.ones_like(wanted)
        return -0.5 * ((torch.arange(1000) - wanted[..., None]) / widths[..., None]) ** 2

    def marks(self, tokens):
        return (BOTH.marks - 0.5) * 80

    def walls(self, tokens):
        return (TARGETS.walls.nan_to_num(0) - 0.5) * 80

    def thing(self, tokens):
        return 80 * torch.nn.functional.one_hot(SCENE.thing, len(THINGS) + 1).float()

    def color(self, tokens):
        return 80 * torch.nn.functional.one_hot(SCENE.color.clamp(min=0), len(COLOR_NAMES)).float()


BOTH = join([TARGETS, SCENE])


def test_heads_that_are_right_lose_nothing_and_are_measured_so():
    loss, logged = seeing_loss(Right(), torch.arange(30.0)[:, None], BOTH)
    assert all(logged[name] == 1 for name in ("recall", "precision", "walls_right", "things_right", "colors_right"))
    assert all(logged[name] == 0 for name in ("where_px", "each_px", "cell_px", "box_px"))
    assert logged["lengths_off"] < 0.01
    # A bell has an entropy of half of log(2 pi e) and the log of its width: what is left of marks, twice, of cells and
    # of boxes, all of one pixel, and of lengths.
    lengths_cm = SCENE.lengths_cm[~SCENE.lengths_cm.isnan()]
    log_width = (LENGTH_SPREAD * lengths_cm).clamp(min=1).log().mean().item()
    assert loss.item() == pytest.approx(2.5 * math.log(2 * math.pi * math.e) + log_width, abs=1e-3)


def test_a_thing_whose_middle_is_behind_the_camera_is_not_asked_how_far_it_is():
    behind = SimpleNamespace(**(vars(VIEW) | {"camera": SimpleNamespace(depth=lambda _: -0.1, position=(0, 0, 0))}))
    assert scene_targets(THREE, behind).lengths_cm[0].isnan().tolist() == [True, False, False, False]


def test_pictures_of_mazes_alone_leave_the_scenes_heads_alone():
    heads = SeeingHeads(64)
    loss, logged = seeing_loss(heads, torch.randn(24, 64), TARGETS)
    loss.backward()
    assert heads.thing.weight.grad is None
    assert "things_right" not in logged


def test_every_second_maze_is_crowded_with_letters():
    found = [pictures.maze_picture(index, 0).targets for index in range(20)]
    letters = [int(targets.marks[:, 1:5].sum()) for targets in found]
    assert all(0 <= number <= 4 for number in letters[::2])
    assert all(5 <= number <= 18 for number in letters[1::2])
    assert all(targets.marks[:, 0].sum() == 1 for targets in found)
    assert torch.equal(pictures.maze_picture(3, 0).patches, pictures.maze_picture(3, 0).patches)


def test_views_of_scenes_are_rendered_once_and_seen_again_in_a_mirror(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "SCENES_PER_FILE", 1)
    monkeypatch.setattr(pictures, "ProcessPoolExecutor", lambda *_, **__: ThreadPoolExecutor(1))
    told = []
    scenes = ScenePictures(tmp_path, 4, seed=0, processes=1, report=told.append)
    assert (len(scenes), told) == (8, [4])
    straight, in_mirror = scenes.picture(0), scenes.picture(1)
    assert straight.grid == in_mirror.grid == (1, 14, 14)
    assert straight.targets.thing.view(7, 7).flip(1).flatten().tolist() == in_mirror.targets.thing.tolist()
    assert (straight.targets.thing < len(THINGS)).any()
    files = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = ScenePictures(tmp_path, 4, seed=0, processes=1, report=told.append)
    assert torch.equal(again.picture(0).patches, straight.patches)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == files
    with pytest.raises(InputError, match=r"0000\.safetensors: expected views with .*'seed': '1'.* Remove .* anew"):
        ScenePictures(tmp_path, 4, seed=1, processes=1, report=told.append)


def test_number_embeddings_have_the_scale_asked_for_and_near_numbers_are_alike():
    table = torch.stack([number_embedding(number, 64, scale=0.02) for number in range(100)])
    torch.testing.assert_close(table.pow(2).mean(1).sqrt(), torch.full((100,), 0.02))
    alike = table[50] @ table.T
    assert alike[50] > alike[51] > alike[53] > alike[60]


def test_heads_read_a_position_that_is_written_in_the_number_embeddings():
    heads = SeeingHeads(64)
    assert heads.where(torch.zeros(3, 64), EACH_MARK).shape == (3, 10, 1000)
    assert torch.equal(heads.where(torch.ones(1, 64), BOX), heads.where(torch.ones(1, 64), slice(0, 18))[:, 4:8])
    written = number_embedding(137, 64, scale=1.0)
    assert (written @ heads.numbers.T).argmax() == 137


class StoppedError(Exception):
    pass


def test_a_run_that_was_stopped_goes_on_as_if_nothing_had_happened(tmp_path, files_limited_to):
    settings = {"steps": 4, "batch_size": 2, "save_every": 2, "threads": 1, "warmup": 1}
    straight, stopped = (SeeingConfig(out=tmp_path / name, **settings) for name in ("straight", "stopped"))

    def stop(step, metrics):
        if step == 2:
            raise StoppedError

    expected = load_file(train_seeing(straight, shape=TINY_NANO))
    with pytest.raises(StoppedError):
        train_seeing(stopped, shape=TINY_NANO, report=stop)
    found = load_file(train_seeing(stopped, shape=TINY_NANO))
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    logs = [read_metrics(config.out / "metrics.jsonl") for config in (straight, stopped)]
    assert logs[0] == logs[1]
    record = json.loads((stopped.out / "run.json").read_text())
    assert (record["config"], record["strategy"]) == (stopped.model_dump(mode="json"), "one process")
    assert [line["step"] for line in logs[0]] == [0, 1, 2, 3]
    assert all(np.isfinite(list(line.values())).all() for line in logs[0])

    vision = stopped.out / "vision.safetensors"
    with files_limited_to(10_000), pytest.raises(InputError, match=r"vision\.safetensors: expected room on the disk"):
        train_seeing(stopped, shape=TINY_NANO)
    assert load_file(vision).keys() == expected.keys()

    other = SeeingConfig(out=stopped.out, **(settings | {"batch_size": 3}))
    with pytest.raises(InputError, match=r"state\.safetensors: expected the state of a run with .*batch_size.: 3"):
        train_seeing(other, shape=TINY_NANO)


@pytest.mark.slow
def test_two_processes_share_the_pictures_and_learn_from_the_mean_of_their_gradients(tmp_path):
    (tmp_path / "see.toml").write_text(f'out = "{tmp_path}/two"\nsteps = 1\nbatch_size = 4\nthreads = 1\nwarmup = 0\n')
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--local-addr=127.0.0.1"]
    words += ["-m", "vilasr.training.nano.seeing"]
    done = subprocess.run([sys.executable, *words, tmp_path / "see.toml"], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr

    config = load_config(SeeingConfig, tmp_path / "see.toml")
    torch.manual_seed(config.seed)
    vision = build_vision(NanoShape())
    use_packed_attention(vision)
    prepare_tower(vision)
    heads = SeeingHeads(vision.config.out_hidden_size)
    for rank in range(2):
        share = sorted(
            (pictures.maze_picture(index, 0) for index in (rank, rank + 2)), key=lambda picture: picture.grid
        )
        patches, grids = torch.cat([each.patches for each in share]), torch.tensor([each.grid for each in share])
        with torch.autocast("cpu", torch.bfloat16):
            tokens = vision(patches, grid_thw=grids).pooler_output.float()
        (seeing_loss(heads, tokens, join([each.targets for each in share]))[0] / 2).backward()
    weights = [weight for weight in (*vision.parameters(), *heads.parameters()) if weight.grad is not None]
    torch.nn.utils.clip_grad_norm_(weights, 1.0)
    optimizer = seeing_optimizer(config, vision, heads)
    set_rate(optimizer, 1.0)
    optimizer.step()
    found = load_file(tmp_path / "two" / "vision.safetensors")
    for name, weight in vision.state_dict().items():
        torch.testing.assert_close(found[name], weight, rtol=1e-4, atol=1e-5)


# --- the untrained checkpoint -----------------------------------------------------------------------------------------


def test_side_files_describe_the_tokenizer_and_the_images():
    tokenizer = train_tokenizer(["a b c"], num_merges=2)
    files = fresh.side_files(tokenizer)
    assert files["generation_config.json"]["eos_token_id"] == tokenizer.token_to_id("<|im_end|>")
    assert files["tokenizer_config.json"]["additional_special_tokens"] == list(SPECIAL_TOKENS)
    assert files["preprocessor_config.json"]["patch_size"] == IMAGE_SETTINGS.patch_size
    assert files["preprocessor_config.json"]["size"] == {"shortest_edge": 45_000, "longest_edge": 65_536}
    assert files["vilasr.json"] == {
        "protocol": "compact",
        "min_pixels": 45_000,
        "max_pixels": 65_536,
        "max_context_tokens": 4096,
    }


def test_a_fresh_checkpoint_loads_with_the_settings_it_was_made_with(nano):
    assert nano.images == IMAGE_SETTINGS
    assert nano.sizer == NANO_SIZER
    assert (nano.protocol, nano.max_context_tokens, nano.family) == ("compact", 4096, "qwen3_vl")
    embeddings = nano.model.get_input_embeddings().weight
    assert embeddings.shape[0] % 64 == 0
    for number in (21, 42, 999):
        [token] = nano.chat.encode(str(number))
        torch.testing.assert_close(embeddings[token].detach(), number_embedding(number, 64, scale=0.02))


def test_the_chat_template_and_the_engine_say_the_same(nano, nano_folder):
    from transformers import PreTrainedTokenizerFast

    from vilasr.types import ImagePart, Message, Role, TextPart

    theirs = PreTrainedTokenizerFast.from_pretrained(nano_folder)
    content = [{"type": "text", "text": "Image 1:"}, {"type": "image"}, {"type": "text", "text": "\nGo."}]
    said = theirs.apply_chat_template(
        [{"role": "system", "content": "Look."}, {"role": "user", "content": content}],
        add_generation_prompt=True,
        tokenize=False,
    )
    messages = [
        Message(Role.SYSTEM, (TextPart("Look."),)),
        Message(Role.USER, (TextPart("Image 1:"), ImagePart(1), TextPart("\nGo."))),
    ]
    assert said == nano.chat.text(nano.chat.context(messages, {1: 1}, first=True))


def test_words_begin_as_what_the_tower_tells_things_and_colours_apart_by(tmp_path):
    width = 64
    torch.manual_seed(0)
    heads = SeeingHeads(width)
    weights = {f"heads.{name}": tensor.contiguous() for name, tensor in heads.state_dict().items()}
    save_file(weights, tmp_path / "state.safetensors")
    meanings = word_meanings(tmp_path / "state.safetensors")
    expected = (heads.thing.weight - heads.thing.weight.mean(0))[THINGS.index("bench")]
    torch.testing.assert_close(meanings["benches"], expected.detach())
    tokenizer = train_tokenizer(["a"], num_merges=1, words=["bench", "benches", "sofa", "red"])
    embeddings = build_model(tokenizer, TINY_NANO, seed=0, meanings=meanings).get_input_embeddings().weight.detach()
    one, many, other, red = (embeddings[tokenizer.token_to_id(word)] for word in ("bench", "benches", "sofa", "red"))
    assert embeddings.shape[1] == width
    assert cosine(one, many) == pytest.approx(0.5, abs=0.25)
    assert abs(cosine(one, other)) < 0.35
    assert cosine(red, meanings["red"]) == pytest.approx(math.sqrt(0.5), abs=0.2)
    assert red.square().mean().sqrt().item() == pytest.approx(0.02, rel=0.3)


def cosine(one, other) -> float:
    return torch.nn.functional.cosine_similarity(one, other.detach(), dim=0).item()
