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
        "6-reflect": RejectionConfig,
        "7-reinforce": GrpoConfig,
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
        (["steps=many"], r"run\.toml: steps: expected a valid integer; got 'many'"),
        (["steps=0"], r"steps: expected a number greater than 0; got 0"),
        (["stepz=1"], r"stepz: expected a known key \(.*steps.*\); got another\.$"),
        (["optim.rate=1"], r"optim\.rate: expected a known key \(.*lr.*weight_decay.*\); got another\."),
        (["optim.freeze=['eyes']"], r"optim\.freeze\.0: expected 'vision', 'projector' or 'text'"),
        (["precision=fp8"], r"precision: expected 'fp32' or 'bf16'; got 'fp8'"),
        (
            ["data.rollouts=a.jsonl"],
            r"data: expected settings that fit together; got others: give either data\.tasks or data\.rollouts",
        ),
        (
            ["data.tasks=[]"],
            r"data: expected settings that fit together; got others: give either data\.tasks or data\.rollouts",
        ),
        (["epochs=1"], r"run\.toml: expected settings that fit together; got others: give either steps or epochs\.$"),
        (
            ["data.tasks=[{task='maze', split='test'}]"],
            r"split: expected 'train' or 'validation', since models are evaluated on 'test'; got 'test'\.$",
        ),
        (["data.tasks=[{task='maze', split='dev'}]"], r"split: expected 'train' or 'validation'; got 'dev'"),
        (["data=[]"], r"data: expected a table; got \[\]"),
        (["data.tasks={task = 'maze'}"], r"data\.tasks: expected a valid list; got a table"),
        (["data.tasks=[{task='maze', options='easy'}]"], r"data\.tasks\.0\.options: expected a table; got 'easy'"),
        (["protocol=3"], r"protocol: expected a valid string"),
        (["strategy=zero3"], r"strategy: expected 'ddp' or 'fsdp2'; got 'zero3'"),
        (["strategy=fsdp2", "compile=true"], r'compile needs whole layers: strategy = "ddp"'),
        (["lora.rank=-1"], r"lora\.rank: expected a number greater than or equal to 0; got -1"),
        (
            ["copying.weight=0.1", "matmul_attention=true", "gradient_checkpointing=true"],
            r"attention that gradient_checkpointing does not keep",
        ),
        (["pointing.weight=0.1"], r"pointing and copying need matmul_attention = true"),
        (["pointing.naming=0.1"], r"pointing\.naming and pointing\.reading need pointing\.weight"),
        (["pointing.reading=0.1"], r"pointing\.naming and pointing\.reading need pointing\.weight"),
        (
            ["pointing={weight=0.1, naming=0.1, layer=0}", "matmul_attention=true"],
            r"pointing\.naming needs a layer before pointing\.layer",
        ),
        (["copying.weight=0.1"], r"pointing and copying need matmul_attention = true"),
        (["steps=0", "data.seed=x"], r"2 problems in all\."),
        (["steps"], r"override: expected key\.path=value; got 'steps'"),
        (["=3"], r"override: expected key\.path=value; got '=3'"),
        (["steps.more=3"], r"override steps\.more: expected a key inside a section; got steps is a value"),
        (["data.tasks.0.weight=2"], r"override data\.tasks\.0\.weight: expected a key inside a section; got tasks"),
    ],
)
def test_a_mistake_is_named(write, overrides, message):
    with pytest.raises(InputError, match=message):
        load_config(SftConfig, write(WHOLE), overrides)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("steps=true", r"steps: expected a valid integer; got True"),
        ("steps='10'", r"steps: expected a valid integer; got '10'"),
        ("steps=10.0", r"steps: expected a valid integer; got 10\.0"),
        ("data.seed=1.0", r"data\.seed: expected a valid integer; got 1\.0"),
        ("validation.every=true", r"validation\.every: expected a valid integer; got True"),
        ("optim.lr='1e-3'", r"optim\.lr: expected a valid number; got '1e-3'"),
        ("optim.lr=true", r"optim\.lr: expected a valid number; got True"),
        ("optim.lr=inf", r"optim\.lr: expected a finite number; got inf"),
        ("optim.clip_norm=nan", r"optim\.clip_norm: expected a finite number; got nan"),
        ("optim.betas=[2, 3]", r"optim\.betas\.0: expected a number less than 1; got 2"),
        ("optim.betas=[0.9, '0.95']", r"optim\.betas\.1: expected a valid number; got '0\.95'"),
        ("matmul_attention=yes", r"matmul_attention: expected a valid boolean; got 'yes'"),
        ("gradient_checkpointing=1", r"gradient_checkpointing: expected a valid boolean; got 1"),
        ("threads='2'", r"threads: expected a valid integer; got '2'"),
        ("device=0", r"device: expected a valid string; got 0"),
        ("out=''", r"out: expected a path; got ''"),
        ("validation.rollouts=''", r"validation\.rollouts: expected a path; got ''"),
        ("out=3", r"out: expected a valid path; got 3\.$"),
        ("data.tasks=[{task='maze', weight='2'}]", r"data\.tasks\.0\.weight: expected a valid number"),
    ],
)
def test_a_value_of_the_wrong_type_is_never_taken_for_another(write, override, message):
    with pytest.raises(InputError, match=message):
        load_config(SftConfig, write(WHOLE), [override])


@pytest.mark.parametrize("override", ["lag=true", "lag=1.0", "num_prompts=8.0", "exact='false'", "loss.clip_high='1'"])
def test_the_other_stages_are_as_strict(write, override):
    text = 'model = "nano"\nout = "x"\nsteps = 1\n[loss]\ncorrection = 2\n[[prompts.tasks]]\ntask = "maze"\n'
    assert load_config(GrpoConfig, write(text), ["lag=1"]).loss.correction == 2.0
    with pytest.raises(InputError, match=r"expected a valid (integer|number|boolean)"):
        load_config(GrpoConfig, write(text), [override])


def test_whole_numbers_may_stand_for_fractions(write):
    config = load_config(SftConfig, write(WHOLE), ["optim.lr=1", "optim.betas=[0, 0.5]"])
    assert (config.optim.lr, config.optim.betas) == (1.0, (0.0, 0.5))
    assert SftConfig.model_validate(config.model_dump(mode="json")) == config


def test_epochs_are_counted_over_a_rollout_file(write, tmp_path):
    text = WHOLE.replace("steps = 10", "epochs = 1")
    with pytest.raises(InputError, match=r"epochs are counted over data\.rollouts; give steps for tasks"):
        load_config(SftConfig, write(text))
    overrides = ["data.tasks=[]", f"data.rollouts={tmp_path / 'none.jsonl'}"]
    with pytest.raises(
        InputError, match=r"none\.jsonl: expected a rollout file; got no such file or directory\. Check"
    ):
        assert load_config(SftConfig, write(text), overrides).num_steps


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
    with pytest.raises(InputError, match=r"run\.toml: model: expected a value; got none\.$"):
        load_config(SftConfig, write(WHOLE.replace('model = "nano"', "")))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(
        InputError, match=r"none\.toml: expected a readable TOML file; got no such file or directory\. Check"
    ):
        load_config(SftConfig, tmp_path / "none.toml")


def test_a_file_that_is_not_toml_or_not_text_is_named(write, tmp_path):
    with pytest.raises(InputError, match=r"run\.toml: expected valid TOML; got .*line 1"):
        load_config(SftConfig, write("{json: no}"))
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"bytes\.toml: expected valid TOML; got .*utf-8"):
        load_config(SftConfig, tmp_path / "bytes.toml")
