"""`vilasr train grpo`: what is checked before, what is printed and left behind."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def config(tiny, tmp_path):
    """Two steps on pictures of one mark; an untrained model earns by being brief."""
    file = tmp_path / "config.toml"
    file.write_text(
        f"""
        model = "{tiny}"
        out = "{tmp_path / "run"}"
        steps = 2
        num_prompts = 2
        num_siblings = 2
        max_tokens = 12
        threads = 1
        reward = {{ length_penalty = 1.0, free_length = 0, max_length = 12 }}
        prompts = {{ tasks = [{{ task = "marks", options = {{ num = "1" }} }}] }}
        validation = {{ every = 1, num = 3 }}
        """
    )
    return file


def test_a_dry_run_prints_the_config_opens_model_and_questions_and_writes_nothing(config, tmp_path, vilasr):
    code, out, err = vilasr("train", "grpo", config, "loss.clip_high=0.3", "num_siblings=4", "--dry-run")
    assert code == 0
    resolved = json.loads(out)
    assert (resolved["loss"]["clip_high"], resolved["num_siblings"], resolved["lag"]) == (0.3, 4, 0)
    assert "million weights, protocol compact" in err
    assert "Prompts: 2 a step, marks/train/0/0" in err
    assert "3 held out for validation" in err
    assert not (tmp_path / "run").exists()


def test_a_run_tells_what_came_of_it_and_where_it_is(config, tmp_path, vilasr):
    code, out, _ = vilasr("train", "grpo", config)
    assert code == 0
    assert "Validation accuracy: 0.0 before, 0.0 after" in out
    assert "2 steps, " in out
    assert f"Model: {tmp_path / 'run' / 'model'}" in out
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 3
    assert json.loads((tmp_path / "run" / "run.json").read_text())["config"]["num_prompts"] == 2
    assert (tmp_path / "run" / "metrics.png").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["loss.clip=1"], "loss.clip: expected a known key ("),
        (["num_siblings=1"], "num_siblings: expected "),
        (["reward.beta=often"], "reward.beta: expected "),
        (["prompts.data=/no/such/folder"], "prompts: expected "),
        (["lag=1"], "lag = 1 needs loss.correction"),
        (['validation.tasks=[{task = "marks"}]'], "validation: expected samples that are not trained on"),
        (['prompts.tasks=[{task = "chess"}]', "--dry-run"], "got 'chess'"),
        (["model=/no/such/folder", "--dry-run"], "/no/such/folder: expected 'nano', a checkpoint folder"),
    ],
)
def test_bad_settings_end_with_2_and_a_message_that_names_them(config, vilasr, words, message):
    code, _, err = vilasr("train", "grpo", config, *words)
    assert code == 2
    assert message in err
