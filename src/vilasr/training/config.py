"""What a training run is told: defaults < one TOML file < dotted overrides. Unknown keys and wrong types fail."""

from __future__ import annotations

import math
import tomllib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from vilasr.errors import InputError
from vilasr.training.config_errors import first_mistake

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

ConfigT = TypeVar("ConfigT", bound=BaseModel)
Part = Literal["vision", "projector", "text"]
TrackerName = Literal["tensorboard", "wandb"]
Beta = Annotated[float, Field(ge=0, lt=1)]


def _not_for_tests(value: object) -> object:
    if value == "test":
        raise ValueError("'train' or 'validation', since models are evaluated on 'test'")
    return value


Split = Annotated[Literal["train", "validation"], BeforeValidator(_not_for_tests)]


def _be_strict(schema: object) -> None:
    """Take numbers and flags as they are, wherever they stand in a schema.

    pydantic's own `strict` would refuse text for a path and a list for a tuple, too.
    """
    if isinstance(schema, dict):
        if schema.get("type") in ("int", "float", "bool"):
            schema["strict"] = True
        for inner in schema.values():
            _be_strict(inner)
    elif isinstance(schema, list):
        for inner in schema:
            _be_strict(inner)


class Section(BaseModel):
    """A table of a TOML file. A number is no text and a flag no number: nothing is converted but a whole number where a
    fraction may stand, and text that is a path."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        _be_strict(schema)
        return schema

    @field_validator("*", mode="before")
    @classmethod
    def _paths_are_named(cls, value: object, info: ValidationInfo) -> object:
        annotation = cls.model_fields[info.field_name or ""].annotation
        if value == "" and Path in (annotation, *get_args(annotation)):
            raise ValueError("a path")  # it would mean the folder that the command is given in
        return value


class TaskSource(Section):
    """A share of the samples, from one of: demonstrations of a `task`, made on the fly; demonstrations of the samples
    of a `dataset`, a folder that `vilasr generate` wrote; the `rollouts` of a file.

    `split` and `options` are the task's; `mistakes` and `without_drawing` are shares of the demonstrations.
    """

    task: str = ""
    dataset: Path | None = None
    rollouts: Path | None = None
    weight: float = Field(default=1.0, gt=0)
    split: Split = "train"
    options: dict[str, str] = {}
    mistakes: float = Field(default=0.0, ge=0, le=1)
    without_drawing: float = Field(default=0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _one_origin(self) -> TaskSource:
        if bool(self.task) + (self.dataset is not None) + (self.rollouts is not None) != 1:
            raise ValueError("give one of task, dataset and rollouts")
        if self.options and not self.task:
            raise ValueError("options are for a task; a dataset and rollouts have theirs")
        return self


class DataSection(Section):
    """Where samples come from: sources mixed by their weights, or one rollout file. `window`: see `bucketed`."""

    tasks: list[TaskSource] = []
    rollouts: Path | None = None
    seed: int = 0
    batch_size: int = Field(default=16, gt=0)
    window: int = Field(default=8, gt=0)
    max_tokens: int = Field(default=2048, gt=0)

    @model_validator(mode="after")
    def _one_origin(self) -> DataSection:
        if bool(self.tasks) == (self.rollouts is not None):
            raise ValueError("give either data.tasks or data.rollouts")
        return self


class OptimSection(Section):
    """AdamW, and Muon if wanted.

    The rate rises over `warmup` steps, then falls along a cosine to `final_lr` times the peak; `warmup_share` says the
    same as a share of all steps. With `hidden_lr` the matrices between layers are trained by Muon, at that rate. The
    vision tower trains at `vision_scale` times the rates.
    """

    lr: float = Field(default=1e-5, gt=0)
    hidden_lr: float | None = Field(default=None, gt=0)
    vision_scale: float = Field(default=1.0, gt=0)
    warmup: int = Field(default=0, ge=0)
    warmup_share: float = Field(default=0.0, ge=0, le=1)
    final_lr: float = Field(default=0.0, ge=0, le=1)
    weight_decay: float = Field(default=0.0, ge=0)
    betas: tuple[Beta, Beta] = (0.9, 0.95)
    clip_norm: float = Field(default=1.0, gt=0)
    freeze: list[Part] = []

    @model_validator(mode="after")
    def _one_warmup(self) -> OptimSection:
        if self.warmup and self.warmup_share:
            raise ValueError("give either optim.warmup or optim.warmup_share")
        return self


class LoraSection(Section):
    """Low-rank adapters instead of the weights themselves; `rank` 0: none. See `vilasr.training.lora`.

    They sit on the linear layers whose own names are in `targets`, in every part of the model that is not frozen.
    """

    rank: int = Field(default=0, ge=0)
    alpha: float = Field(default=32.0, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    targets: list[str] = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


class ValidationSection(Section):
    """Samples that are never trained on, from tasks or a rollout file; `num` 0: none.

    After every `every` steps, and after the last, the loss on the first `num` of them is measured.
    """

    tasks: list[TaskSource] = []
    rollouts: Path | None = None
    seed: int = 0
    num: int = Field(default=0, ge=0)
    every: int = Field(default=100, gt=0)

    @model_validator(mode="after")
    def _one_origin(self) -> ValidationSection:
        num_origins = bool(self.tasks) + (self.rollouts is not None)
        if num_origins > 1 or bool(num_origins) != bool(self.num):
            raise ValueError("give validation.num, and either validation.tasks or validation.rollouts")
        return self


class PointingSection(Section):
    """The auxiliary losses of `vilasr.training.pointing`; they need `matmul_attention`.

    `naming` is the weight of that on names of images, in the layer before `layer`; `reading` weighs the mean negative
    log-likelihood of what is read off a box, names and lengths: a few tokens among hundreds. Both need `weight`.
    """

    weight: float = Field(default=0.0, ge=0)
    naming: float = Field(default=0.0, ge=0)
    reading: float = Field(default=0.0, ge=0)
    layer: int = Field(default=2, ge=0)
    num_heads: int = Field(default=2, gt=0)

    @model_validator(mode="after")
    def _there_is_pointing(self) -> PointingSection:
        if (self.naming or self.reading) and not self.weight:
            raise ValueError("pointing.naming and pointing.reading need pointing.weight")
        if self.naming and not self.layer:
            raise ValueError("pointing.naming needs a layer before pointing.layer")
        return self


class CopyingSection(Section):
    """The auxiliary losses of `vilasr.training.copying`. `weight` is that of those on attention; it needs
    `matmul_attention`.

    `concluding` weighs the mean negative log-likelihood of the concluded letter and of the number with which a turn
    goes on, and needs nothing. They are a few tokens among hundreds, so that the mean over all hardly feels them, and
    yet all that follows depends on them.
    """

    weight: float = Field(default=0.0, ge=0)
    concluding: float = Field(default=0.0, ge=0)
    early_layer: int = Field(default=1, ge=0)
    late_layer: int = Field(default=4, ge=0)


class SftConfig(Section):
    """One run of supervised fine-tuning.

    Attributes:
        model: the checkpoint to start from: "nano", a folder, or a hub id.
        out: folder of the run.
        steps, epochs: optimizer steps; or, for a rollout file, how often each of its rollouts is seen.
        precision: "bf16" runs the products in bfloat16 over float32 weights; below adapters, over bfloat16 weights.
        max_pixels: of an image as the model sees it, if not the checkpoint's own; the final model keeps it.
        protocol: that the model learns to speak, if not the checkpoint's own; the final model keeps it.
        micro_tokens: size of one forward pass at most, padding included; larger batches are passed through in parts.
            None: whole. The loss is the same; pointing and copying are then averaged over parts.
        gradient_checkpointing: compute the insides of layers again in the backward pass, instead of keeping them.
        strategy: how several processes (see `vilasr.training.distributed`) share the work.
        compile: compile the layers, which takes half a minute and makes small models a third faster on a CPU; not with
            fsdp2. The losses are the same up to rounding.
        trackers: where the metrics go beside OUT/metrics.jsonl: "tensorboard", "wandb".
        save_every, keep: a checkpoint every so many steps; the newest `keep` stay.
    """

    model: str
    out: Path
    steps: int | None = Field(default=None, gt=0)
    epochs: float | None = Field(default=None, gt=0)
    data: DataSection
    validation: ValidationSection = ValidationSection()
    optim: OptimSection = OptimSection()
    lora: LoraSection = LoraSection()
    pointing: PointingSection = PointingSection()
    copying: CopyingSection = CopyingSection()
    precision: Literal["fp32", "bf16"] = "bf16"
    max_pixels: int | None = Field(default=None, gt=0)
    protocol: str | None = None
    micro_tokens: int | None = Field(default=None, gt=0)
    gradient_checkpointing: bool = False
    strategy: Literal["ddp", "fsdp2"] = "ddp"
    device: str = "cpu"
    threads: int | None = Field(default=None, gt=0)
    matmul_attention: bool = False
    compile: bool = False
    trackers: list[TrackerName] = []
    save_every: int = Field(default=200, gt=0)
    keep: int = Field(default=2, gt=0)

    @property
    def is_guided(self) -> bool:
        """Whether there are auxiliary losses."""
        return bool(self.pointing.weight or self.copying.weight or self.copying.concluding)

    @model_validator(mode="after")
    def _attention_can_be_read(self) -> SftConfig:
        if (self.pointing.weight or self.copying.weight) and not self.matmul_attention:
            raise ValueError("pointing and copying need matmul_attention = true")
        if (self.pointing.weight or self.copying.weight) and self.gradient_checkpointing:
            raise ValueError("pointing and copying read attention that gradient_checkpointing does not keep")
        return self

    @model_validator(mode="after")
    def _matrices_are_whole(self) -> SftConfig:
        if self.optim.hidden_lr is not None and self.strategy == "fsdp2":
            raise ValueError('optim.hidden_lr needs whole matrices: strategy = "ddp", or leave it out')
        return self

    @model_validator(mode="after")
    def _layers_stay_whole(self) -> SftConfig:
        if self.compile and self.strategy == "fsdp2":
            raise ValueError('compile needs whole layers: strategy = "ddp", or leave it out')
        return self

    @model_validator(mode="after")
    def _one_length(self) -> SftConfig:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("give either steps or epochs")
        if self.epochs is not None and self.data.rollouts is None:
            raise ValueError("epochs are counted over data.rollouts; give steps for tasks, which never end")
        return self

    @cached_property
    def num_steps(self) -> int:
        """Optimizer steps; `epochs` are rounded up to whole ones, and a bad line of the file counts like a good one.

        Raises:
            InputError: the rollout file that has to be counted cannot be read.
        """
        if self.steps is not None:
            return self.steps
        assert self.epochs is not None  # both for mypy: the validators have seen to them
        assert self.data.rollouts is not None
        try:
            with self.data.rollouts.open("rb") as lines:
                num_rollouts = sum(1 for _ in lines) - 1
        except OSError as error:
            got = str(error.strerror).lower()
            raise InputError(
                str(self.data.rollouts), expected="a rollout file", got=got, remedy="Check the path."
            ) from error
        return max(1, math.ceil(self.epochs * num_rollouts / self.data.batch_size))


def load_config(kind: type[ConfigT], path: Path, overrides: Sequence[str] = ()) -> ConfigT:
    """Read a TOML file, apply `key.path=value` overrides (values are TOML; bare words are strings) and validate.

    Raises:
        InputError: no such file, not TOML, an unknown key, a value of the wrong type: names the key.
    """
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        got = str(error.strerror).lower()
        raise InputError(str(path), expected="a readable TOML file", got=got, remedy="Check the path.") from error
    except ValueError as error:  # no UTF-8, or no TOML
        raise InputError(str(path), expected="valid TOML", got=str(error)) from error
    for override in overrides:
        _apply(values, override)
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise first_mistake(kind, path, error) from error


def _apply(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise InputError("override", expected="key.path=value", got=repr(override))
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *parents, last = key.split(".")
    for parent in parents:
        values = values.setdefault(parent, {})
        if not isinstance(values, dict):
            raise InputError(f"override {key}", expected="a key inside a section", got=f"{parent} is a value")
    values[last] = value
