"""Configs of training runs: one TOML file and dotted overrides."""

from __future__ import annotations

from pathlib import Path

import pytest

from vilasr.errors import InputError
from vilasr.tasks import task_named
from vilasr.training.config import SftConfig, load_config
from vilasr.training.nano.seeing import SeeingConfig

CONFIGS = Path(__file__).parents[2] / "configs"
WHOLE = """
model = "nano"
out = "runs/x"
steps = 10
[data]
batch_size = 4
[[data.tasks]]
task = "maze"
options = { question = "end" }
[optim]
lr = 1e-3
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "run.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("path", sorted(CONFIGS.rglob("*.toml")), ids=lambda path: str(path.relative_to(CONFIGS)))
def test_every_shipped_config_loads_and_its_tasks_take_their_options(path):
    config = load_config(SeeingConfig if path.stem.startswith("0-see") else SftConfig, path)
    for source in config.data.tasks if isinstance(config, SftConfig) else ():
        assert source.split == "train"
        task_named(source.task).generate(source.split, 0, config.data.seed, source.options)


def test_configs_are_shipped():
    assert len(list(CONFIGS.rglob("*.toml"))) >= 4


def test_a_file_is_read_and_the_rest_are_defaults(write):
    config = load_config(SftConfig, write(WHOLE))
    assert (config.model, config.out, config.steps) == ("nano", Path("runs/x"), 10)
    assert (config.data.batch_size, config.data.tasks[0].options) == (4, {"question": "end"})
    assert (config.optim.lr, config.precision, config.data.window) == (1e-3, "bf16", 8)


def test_overrides_replace_nested_values_and_bare_words_are_text(write):
    overrides = ["optim.lr=2e-4", "out=runs/y", "optim.freeze=['vision']", "pointing.weight=0.5", "steps=3"]
    config = load_config(SftConfig, write(WHOLE), [*overrides, "matmul_attention=true", "model=a=b"])
    assert (config.optim.lr, config.out, config.optim.freeze) == (2e-4, Path("runs/y"), ["vision"])
    assert (config.pointing.weight, config.steps, config.matmul_attention) == (0.5, 3, True)
    assert (config.model, config.data.batch_size) == ("a=b", 4)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["steps=many"], r"run\.toml: steps: expected Input should be a valid integer.*got 'many'"),
        (["steps=0"], r"steps: expected Input should be greater than 0; got 0"),
        (["stepz=1"], r"stepz: expected a known key \(.*steps.*\); got 1"),
        (["optim.rate=1"], r"optim\.rate: expected a known key \(.*lr.*weight_decay.*\); got 1"),
        (["optim.freeze=['eyes']"], r"optim\.freeze\.0: expected Input should be 'vision', 'projector' or 'text'"),
        (["precision=fp8"], r"precision: expected Input should be 'fp32' or 'bf16'; got 'fp8'"),
        (["data.rollouts=a.jsonl"], r"data: expected Value error, give either data\.tasks or data\.rollouts"),
        (["data.tasks=[]"], r"data: expected Value error, give either data\.tasks or data\.rollouts"),
        (["pointing.weight=0.1"], r"pointing and copying need matmul_attention = true"),
        (["copying.weight=0.1"], r"pointing and copying need matmul_attention = true"),
        (["steps=0", "data.seed=x"], r"2 problem\(s\) in all"),
        (["steps"], r"override: expected key\.path=value; got 'steps'"),
        (["=3"], r"override: expected key\.path=value; got '=3'"),
        (["steps.more=3"], r"override steps\.more: expected a key inside a section; got steps is a value"),
        (["data.tasks.0.weight=2"], r"override data\.tasks\.0\.weight: expected a key inside a section; got tasks"),
    ],
)
def test_a_mistake_is_named(write, overrides, message):
    with pytest.raises(InputError, match=message):
        load_config(SftConfig, write(WHOLE), overrides)


def test_an_unknown_key_of_a_task_is_told_the_keys_of_a_task(write):
    text = WHOLE.replace('task = "maze"', 'task = "maze"\nwieght = 2')
    with pytest.raises(InputError, match=r"data\.tasks\.0\.wieght: expected a known key \(.*mistakes.*weight.*\)"):
        load_config(SftConfig, write(text))


def test_a_missing_key_is_named(write):
    with pytest.raises(InputError, match=r"model: expected Field required"):
        load_config(SftConfig, write(WHOLE.replace('model = "nano"', "")))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.toml: expected a readable TOML file; got .*No such file"):
        load_config(SftConfig, tmp_path / "none.toml")


def test_a_file_that_is_not_toml_or_not_text_is_named(write, tmp_path):
    with pytest.raises(InputError, match=r"run\.toml: expected valid TOML; got .*line 1"):
        load_config(SftConfig, write("{json: no}"))
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"bytes\.toml: expected a readable TOML file; got .*utf-8"):
        load_config(SftConfig, tmp_path / "bytes.toml")
