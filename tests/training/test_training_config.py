"""Configs of training runs: one TOML file and dotted overrides."""

from __future__ import annotations

from pathlib import Path

import pytest

from vilasr.cli.main import build_parser
from vilasr.errors import InputError
from vilasr.experiments.study import Study
from vilasr.tasks import task_named
from vilasr.training.config import SftConfig, load_config
from vilasr.training.grpo_config import GrpoConfig
from vilasr.training.nano.seeing import SeeingConfig
from vilasr.training.rejection_config import RejectionConfig

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
    config = load_config(kind_of(path), path)
    section = config.data if isinstance(config, SftConfig) else getattr(config, "prompts", None)
    for source in section.tasks if section else ():
        assert source.split == "train"
        if source.task:
            task_named(source.task).generate(source.split, 0, section.seed, source.options)


def kind_of(path):
    """The name of a file begins with that of its stage; those of fine-tuning have others."""
    kinds = {
        "0-see": SeeingConfig,
        "rejection": RejectionConfig,
        "synthesis": RejectionConfig,
        "grpo": GrpoConfig,
        "results": Study,
    }
    return next((kind for start, kind in kinds.items() if path.stem.startswith(start)), SftConfig)


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
        (["epochs=1"], r"give either steps or epochs"),
        (["protocol=3"], r"protocol: expected Input should be a valid string"),
        (["strategy=zero3"], r"strategy: expected Input should be 'ddp' or 'fsdp2'; got 'zero3'"),
        (["lora.rank=-1"], r"lora\.rank: expected Input should be greater than or equal to 0; got -1"),
        (
            ["copying.weight=0.1", "matmul_attention=true", "gradient_checkpointing=true"],
            r"attention that gradient_checkpointing does not keep",
        ),
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


def test_epochs_are_counted_over_a_rollout_file(write, tmp_path):
    text = WHOLE.replace("steps = 10", "epochs = 1")
    with pytest.raises(InputError, match=r"epochs are counted over data\.rollouts; give steps for tasks"):
        load_config(SftConfig, write(text))
    overrides = ["data.tasks=[]", f"data.rollouts={tmp_path / 'none.jsonl'}"]
    with pytest.raises(InputError, match=r"none\.jsonl: expected a rollout file; got no such file"):
        assert load_config(SftConfig, write(text), overrides).num_steps


def test_the_papers_settings_are_the_papers():
    for name in ("cold-start", "reflective"):
        config = load_config(SftConfig, CONFIGS / "paper" / f"{name}.toml")
        assert (config.epochs, config.precision, config.data.max_tokens) == (3, "bf16", 18_432)
        assert (config.optim.lr, config.optim.warmup_share, config.optim.final_lr) == (1e-5, 0.1, 0)
        assert config.optim.freeze == ["vision", "projector"]
        assert config.max_pixels == 256 * 28 * 28


def test_the_commands_of_the_docs_parse_and_their_configs_take_the_overrides():
    text = (CONFIGS.parent / "docs" / "scaling.md").read_text(encoding="utf-8")
    commands = [line for line in text.splitlines() if line.startswith(("vilasr ", "torchrun "))]
    assert len(commands) == 3
    for line in commands:
        args = build_parser().parse_args(line.partition("vilasr ")[2].split())
        load_config(SftConfig, CONFIGS.parent / args.config, args.overrides)


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
