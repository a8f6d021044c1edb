"""A small run of GRPO on an untrained model, and a reward that it can earn."""

from __future__ import annotations

from typing import Any

from safetensors.torch import load_file

from vilasr.training.grpo_config import EpisodeSection, GrpoConfig
from vilasr.training.grpo_rewards import Earned
from vilasr.training.metrics import read_metrics


def grpo_config(model, out, *, steps: int, **changes: Any) -> GrpoConfig:
    """Two questions about one mark, two rollouts of one turn of five tokens each; float32, one thread."""
    settings: dict[str, Any] = {
        "prompts": {"tasks": [{"task": "marks", "options": {"num": "1"}}]},
        "num_prompts": 2,
        "num_siblings": 2,
        "max_tokens": 5,
        "concurrency": 16,
        "episode": EpisodeSection(strict=True),
        "optim": {"lr": 5e-3, "weight_decay": 0.0, "final_lr": 1.0},
        "threads": 1,
        "matmul_attention": True,
        "save_every": 2,
    }
    return GrpoConfig.model_validate({"model": str(model), "out": out, "steps": steps, **settings, **changes})


def loud(rollout) -> Earned:
    """The share of the tokens whose number is odd: any model can learn that. Nearly nothing is added by the numbers
    themselves, so that no two rollouts are alike, whatever the vocabulary."""
    ids = [token for turn in rollout.turns for token in turn.tokens.token_ids]
    odd = sum(token % 2 for token in ids) / len(ids)
    return Earned(total=odd + 1e-6 * sum(ids), correct=0.0, format=0.0)


def weights(folder):
    return load_file(folder / "model.safetensors")


def log(config):
    """The lines of metrics.jsonl without wall times."""
    return [
        {name: value for name, value in line.items() if not name.startswith("seconds")}
        for line in read_metrics(config.out / "metrics.jsonl")
    ]
