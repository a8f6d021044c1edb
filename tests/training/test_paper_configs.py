"""configs/paper holds what the paper says, and its stages fit together. Numbers are the paper's own."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from vilasr.env import Limits
from vilasr.scoring.reward import paper_reward
from vilasr.training.config import SftConfig, load_config
from vilasr.training.grpo_config import GrpoConfig, RewardSection
from vilasr.training.rejection_config import RejectionConfig, SelectSection

CONFIGS = Path(__file__).parents[2] / "configs"
TRAINING_PIXELS = 256 * 28 * 28


@pytest.fixture(scope="module")
def cold_start():
    return load_config(SftConfig, CONFIGS / "paper" / "cold-start.toml")


@pytest.fixture(scope="module")
def reflective():
    return load_config(SftConfig, CONFIGS / "paper" / "reflective.toml")


@pytest.fixture(scope="module")
def rejection():
    return load_config(RejectionConfig, CONFIGS / "paper" / "rejection.toml")


@pytest.fixture(scope="module")
def grpo():
    return load_config(GrpoConfig, CONFIGS / "paper" / "grpo.toml")


@pytest.fixture(scope="module")
def synthesis():
    return load_config(RejectionConfig, CONFIGS / "synthesis-maze.toml")


@pytest.mark.parametrize("stage", ["cold_start", "reflective"])
def test_fine_tuning_is_as_in_the_paper(stage, request):
    config = request.getfixturevalue(stage)
    assert (config.epochs, config.precision, config.strategy) == (3, "bf16", "fsdp2")  # the paper: ZeRO-3
    assert (config.optim.lr, config.optim.warmup_share, config.optim.final_lr) == (1e-5, 0.1, 0)
    assert config.optim.freeze == ["vision", "projector"]
    assert (config.data.max_tokens, config.max_pixels) == (18_432, TRAINING_PIXELS)
    assert config.protocol == "vilasr"


def test_grpo_is_as_in_the_paper(grpo):
    assert (grpo.num_prompts, grpo.num_siblings, grpo.steps * grpo.num_prompts) == (32, 8, 40_000)
    assert grpo.num_prompts / grpo.loss.num_updates == 16  # its global batch, counted in prompts
    assert (grpo.optim.lr, grpo.optim.weight_decay, grpo.optim.freeze) == (1e-6, 1e-2, [])
    assert (grpo.optim.warmup, grpo.optim.warmup_share, grpo.optim.final_lr) == (0, 0, 1)
    assert (grpo.temperature, grpo.top_p, grpo.max_tokens) == (1.0, 1.0, 1_024)
    assert grpo.episode.max_context_tokens == 5_120 + 13_312
    assert grpo.max_pixels == TRAINING_PIXELS
    assert (grpo.loss.average, grpo.loss.advantage, grpo.loss.correction) == ("sequence", "std", None)


def test_attempts_of_grpo_are_played_and_rewarded_as_in_the_paper(grpo):
    assert (grpo.episode.strict, grpo.episode.drawing) == (True, True)
    limits = Limits(max_turns=grpo.episode.max_turns)
    assert (limits.turns_for("static"), limits.turns_for("maze"), limits.max_images) == (10, 20, 45)
    assert grpo.reward == RewardSection(beta=0.0, must_draw=False, drawing=0.0, length_penalty=0.0)
    assert inspect.signature(paper_reward).parameters["max_images"].default == 42


def test_the_second_stage_keeps_what_is_right_well_formed_and_reflective_and_asks_for_nothing_else(rejection):
    assert rejection.select == SelectSection(
        min_score=1.0, reflective=True, nearer=False, min_steps=0, valid_marks=False, min_drawing=None, plain_share=0.0
    )
    assert rejection.sampling.max_tokens == 1_024


def test_the_cold_start_keeps_what_is_right_and_well_formed_in_three_steps_with_every_point_in_its_cell(synthesis):
    assert synthesis.select == SelectSection(min_score=1.0, reflective=False, min_steps=3, valid_marks=True)
    assert synthesis.endpoint.model == "Qwen/Qwen2.5-VL-72B-Instruct"


def test_each_stage_begins_with_what_the_one_before_it_leaves(cold_start, rejection, reflective, grpo, synthesis):
    assert cold_start.model == synthesis.model == "Qwen/Qwen2.5-VL-7B-Instruct"
    assert rejection.model == reflective.model == str(cold_start.out / "model")
    assert reflective.data.rollouts == rejection.selected
    assert grpo.model == str(reflective.out / "model")


def test_the_teacher_speaks_of_the_pixels_that_the_cold_start_trains_on(cold_start, synthesis):
    assert synthesis.max_pixels == cold_start.max_pixels
