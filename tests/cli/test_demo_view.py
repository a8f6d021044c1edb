"""`vilasr demo` and `view`."""

from __future__ import annotations

import asyncio
import json

import pytest

from vilasr.api import OpenedPolicy, solve
from vilasr.cli.main import main
from vilasr.cli.narrate import printable
from vilasr.drawing import load_image
from vilasr.env import EpisodeConfig
from vilasr.policies import ScriptedPolicy
from vilasr.rollout import RolloutWriter, new_header
from vilasr.tasks import task_named
from vilasr.types import SamplingParams

# --- demo -------------------------------------------------------------------------------------------------------------


def seed_with_answer(letter):
    task = task_named("maze")
    return next(seed for seed in range(50) if task.generate("test", 0, seed, {}).answer == letter)


@pytest.mark.parametrize(("letter", "verdict"), [("B", "right"), ("C", "wrong: it is C")])
def test_demo_tells_each_turn_and_judges_the_answer(letter, verdict, endpoint, tmp_path, capsys):
    seed = seed_with_answer(letter)
    assert main(["demo", "--seed", str(seed), "--out", str(tmp_path / "demo"), "--endpoint", endpoint.url]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Maze {seed} (image 1: {tmp_path / 'demo' / 'turn-00-image-1.png'})"
    assert "Turn 1. I follow the way." in lines
    assert any(line.startswith('  draws a line "way" on image 1: (') for line in lines)
    assert f"  image 2: {tmp_path / 'demo' / 'turn-01-image-2.png'}" in lines
    assert f"Answer: B ({verdict}), in 2 turns, " in lines[-2]
    assert lines[-1] == f"See it drawn: {tmp_path / 'demo' / 'index.html'}"


def test_demo_writes_the_pictures_and_a_page(endpoint, tmp_path):
    main(["demo", "--seed", "1", "--out", str(tmp_path), "--endpoint", endpoint.url])
    clean, drawn = (load_image(tmp_path / name) for name in ("turn-00-image-1.png", "turn-01-image-2.png"))
    assert clean.size == drawn.size
    assert clean.tobytes() != drawn.tobytes()
    assert "I follow the way." in (tmp_path / "index.html").read_text()
    assert json.loads((tmp_path / "result.json").read_text())["turns"][0]["images"] == ["turn-01-image-2.png"]


def test_demo_without_an_answer_is_exit_code_3(endpoint, tmp_path, capsys):
    endpoint.script = ["Hm."]
    assert main(["demo", "--seed", "1", "--out", str(tmp_path), "--endpoint", endpoint.url]) == 3
    assert "No answer: no_action" in capsys.readouterr().out
    assert (tmp_path / "index.html").exists()


def test_demo_draws_another_maze_each_time(endpoint, tmp_path):
    pictures = set()
    for _ in range(2):
        main(["demo", "--out", str(tmp_path), "--endpoint", endpoint.url])
        pictures.add((tmp_path / "turn-00-image-1.png").read_bytes())
    assert len(pictures) == 2


def test_control_sequences_are_taken_out_of_what_is_printed():
    assert printable("a\x1b[31m\r\nb\u202e c") == "a [31m b c"


# --- view -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def rollout_file(tmp_path):
    """One answered maze."""
    sample = task_named("maze").generate("test", 0, 0, {})
    policy = ScriptedPolicy(["<think>It looks like A.</think> Action: Answer <answer>A</answer>"])
    result = asyncio.run(solve(sample, OpenedPolicy(policy=policy), EpisodeConfig()))
    header = new_header(
        protocol="compact", model="scripted", seed=0, style="default", drawing=True, sampling=SamplingParams()
    )
    with RolloutWriter(tmp_path / "rollouts.jsonl", header) as writer:
        writer.append(result.rollout)
    return tmp_path / "rollouts.jsonl"


def test_view_writes_a_page_beside_the_file(rollout_file, capsys):
    assert main(["view", str(rollout_file)]) == 0
    page = rollout_file.with_suffix(".html")
    assert capsys.readouterr().out == f"{page}\n"
    assert "It looks like A." in page.read_text()


def test_view_leaves_the_page_of_an_evaluation_alone(rollout_file, capsys):
    for name in ("summary.json", "rollouts.html"):
        (rollout_file.parent / name).write_text("as it was")
    assert main(["view", str(rollout_file.parent)]) == 0
    assert capsys.readouterr().out == f"{rollout_file.with_name('view.html')}\n"
    assert rollout_file.with_suffix(".html").read_text() == "as it was"


def test_view_takes_a_folder_and_a_place_for_the_page(rollout_file, tmp_path):
    assert main(["view", str(rollout_file.parent), "--out", str(tmp_path / "pages" / "one.html")]) == 0
    assert "It looks like A." in (tmp_path / "pages" / "one.html").read_text()


def test_view_leaves_out_broken_lines_and_says_so(rollout_file, capsys):
    with rollout_file.open("a") as file:
        file.write('{"sample": 1}\n')
    assert main(["view", str(rollout_file)]) == 0
    assert "left out: " in capsys.readouterr().err
    assert "It looks like A." in rollout_file.with_suffix(".html").read_text()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.jsonl", "expected a rollout file; got no such file or directory"),
        ("text.jsonl", "expected a rollout file of schema version 1; got a first line that is no header"),
        ("folder", r"expected a rollout file, or its folder; got a folder without rollouts.jsonl"),
    ],
)
def test_view_refuses_what_is_no_rollout_file(name, message, tmp_path, capsys):
    (tmp_path / "text.jsonl").write_text("hello\n")
    (tmp_path / "folder").mkdir()
    assert main(["view", str(tmp_path / name)]) == 2
    assert message in capsys.readouterr().err


def test_view_never_overwrites_the_rollouts(rollout_file, capsys):
    before = rollout_file.read_bytes()
    assert main(["view", str(rollout_file), "--out", str(rollout_file)]) == 2
    assert "--out: expected a file of its own; got" in capsys.readouterr().err
    assert rollout_file.read_bytes() == before
