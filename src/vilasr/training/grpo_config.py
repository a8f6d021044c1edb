"""What a run of GRPO is told.

A run that fits a laptop (configs/grpo-maze.toml), from the command line:

    vilasr train grpo configs/grpo-maze.toml out=runs/my-run steps=100

    model = "nano"                       # what is trained: the model after supervised fine-tuning
    out = "runs/grpo-maze"
    steps = 100
    num_prompts = 8                      # questions a step, and attempts at each:
    num_siblings = 8

    [[prompts.tasks]]                    # or prompts.data = "folder that vilasr generate wrote"
    task = "maze"
    options = { question = "end" }

    [validation]                         # the same tasks, split "validation", unless it says otherwise
    every = 20
    num = 100

    [optim]
    lr = 1e-5

It leaves OUT/model, checkpoints/, metrics.jsonl, metrics.png and run.json; the same command goes on with a run that was
stopped. What to watch: `reward` and `validation_accuracy` rise; `zero_variance` (groups that teach nothing) stays below
a half, otherwise the questions are too easy or too hard; `logprob_error` stays below 1e-4 in fp32. How each question of
the validation was answered is in validation.jsonl.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from vilasr.training.config import LoraSection, OptimSection, Section, TrackerName
from vilasr.training.prompt_config import PromptSection, PromptSource


class GrpoValidationSection(Section):
    """The same questions again and again, never trained on: before every `every`-th step, and after the last; 0: never.

    Attributes:
        num: samples of each task, or the first of `data`.
        tasks: by default those of the prompts, with split "validation".
        temperature: 0 is greedy.
    """

    every: int = Field(default=0, ge=0)
    num: int = Field(default=100, gt=0)
    tasks: tuple[PromptSource, ...] = ()
    data: Path | None = None
    seed: int = Field(default=0, ge=0)
    temperature: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _one_origin(self) -> GrpoValidationSection:
        if self.tasks and self.data is not None:
            raise ValueError("give either validation.tasks or validation.data")
        return self


class EpisodeSection(Section):
    """How attempts are played; None: what the task or the model allows."""

    drawing: bool = True
    strict: bool = False
    style: str = "default"
    max_turns: int | None = Field(default=None, gt=0)
    max_context_tokens: int | None = Field(default=None, gt=0)


class RewardSection(Section):
    """The paper's reward, and what may be added to it; each part is a metric of its own.

    Attributes:
        beta: scores up to this are worth nothing.
        must_draw: nothing for a rollout without a drawing.
        drawing: weight of the task's grade of the drawing (0..1), added for rollouts that answered.
        length_penalty: taken away from a rollout of `max_length` tokens or more; below it falls along a straight line
            to 0 at `free_length`. Tokens that the policy said count.
    """

    beta: float = Field(default=0.0, ge=0, lt=1)
    must_draw: bool = False
    drawing: float = Field(default=0.0, ge=0)
    length_penalty: float = Field(default=0.0, ge=0)
    free_length: int = Field(default=1024, ge=0)
    max_length: int = Field(default=2048, gt=0)

    @model_validator(mode="after")
    def _lengths_in_order(self) -> RewardSection:
        if self.length_penalty and self.free_length >= self.max_length:
            raise ValueError("free_length must be below max_length")
        return self


class LossSection(Section):
    """The loss (see `vilasr.training.grpo_loss`); the defaults are the paper's.

    Attributes:
        average: over each rollout's tokens first, or over all tokens.
        advantage: "std": divided by the standard deviation of the group; "none": as far as from the mean.
        clip_low, clip_high: they matter from the second update on a batch; a `clip_high` above `clip_low` leaves
            unlikely tokens more room to rise.
        num_updates: optimizer steps that the batch of a step is cut up for, by groups.
        correction: cap on the importance weight of a token whose log-probability differed in the sampler; None: no
            such weight. With `lag` it has to be given.
    """

    average: Literal["sequence", "token"] = "sequence"
    advantage: Literal["std", "none"] = "std"
    clip_low: float = Field(default=0.2, ge=0, lt=1)
    clip_high: float = Field(default=0.2, ge=0)
    num_updates: int = Field(default=1, gt=0)
    correction: float | None = Field(default=None, gt=0)


class GrpoOptimSection(OptimSection):
    """What is not given is the paper's here too: a gentler rate than that of fine-tuning, and some decay."""

    lr: float = Field(default=1e-6, gt=0)
    weight_decay: float = Field(default=0.01, ge=0)


class GrpoConfig(Section):
    """One run of group relative policy optimisation. How to: see the module.

    Attributes:
        model: the checkpoint to start from: "nano", a folder, or a hub id.
        out: folder of the run.
        steps: each samples `num_prompts` groups of `num_siblings` rollouts and learns from them.
        temperature, top_p: of sampling. Log-probabilities and ratios are the model's own, at temperature 1; other
            values bias what is learned.
        max_tokens: of one turn.
        concurrency: rollouts in flight.
        zero_variance: groups whose rewards are all equal teach nothing. "skip": they count in the mean and are not
            computed; "resample": other questions take their place, up to `max_resamples` times a step.
        lag: 1 samples the next step's rollouts while this step's are learned from, with the weights before it.
        exact: the engine takes turns in rounds, so that a run that is resumed ends with the very same bits. Off, it is
            somewhat faster, and resumed runs are equal up to rounding.
        precision: "bf16" runs the products of the update in bfloat16, while the engine samples in float32; below
            adapters the weights are bfloat16 too, and what the engine computes with them.
        max_pixels, gradient_checkpointing, lora: as for supervised fine-tuning.
        micro_tokens: size of one forward pass at most, padding included. It does not change what is learned.
        keep_rollouts: every so many steps the rollouts are kept in OUT/rollouts; 0: never.
        seed: of the sampling.
        trackers: where the metrics go beside OUT/metrics.jsonl: "tensorboard", "wandb".
        save_every, keep: a checkpoint every so many steps; the newest `keep` stay.
    """

    model: str
    out: Path
    steps: int = Field(gt=0)
    prompts: PromptSection
    num_prompts: int = Field(default=8, gt=0)
    num_siblings: int = Field(default=8, gt=1)
    temperature: float = Field(default=1.0, gt=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_tokens: int = Field(default=1024, gt=0)
    concurrency: int = Field(default=32, gt=0)
    episode: EpisodeSection = EpisodeSection()
    reward: RewardSection = RewardSection()
    loss: LossSection = LossSection()
    optim: GrpoOptimSection = GrpoOptimSection()
    lora: LoraSection = LoraSection()
    validation: GrpoValidationSection = GrpoValidationSection()
    zero_variance: Literal["skip", "resample"] = "skip"
    max_resamples: int = Field(default=3, gt=0)
    lag: int = Field(default=0, ge=0, le=1)
    exact: bool = True
    seed: int = Field(default=0, ge=0)
    precision: Literal["fp32", "bf16"] = "fp32"
    max_pixels: int | None = Field(default=None, gt=0)
    micro_tokens: int = Field(default=4096, gt=0)
    gradient_checkpointing: bool = False
    device: str = "cpu"
    threads: int | None = Field(default=None, gt=0)
    matmul_attention: bool = False
    keep_rollouts: int = Field(default=0, ge=0)
    trackers: list[TrackerName] = Field(default_factory=list)
    save_every: int = Field(default=20, gt=0)
    keep: int = Field(default=2, gt=0)

    @model_validator(mode="after")
    def _fits_together(self) -> GrpoConfig:
        if self.lora.dropout:
            raise ValueError("lora.dropout must be 0: ratios need the log-probabilities of the policy itself")
        if self.lag and self.loss.correction is None:
            raise ValueError("lag = 1 needs loss.correction: samples are one update old (2.0 is a usual cap)")
        if self.loss.num_updates > self.num_prompts:
            raise ValueError("loss.num_updates cuts a step by groups: at most num_prompts")
        if self.validation.every and not (self.prompts.tasks or self.validation.tasks or self.validation.data):
            raise ValueError("validation needs validation.tasks or validation.data, where prompts.data is a folder")
        if self.exact and self.concurrency < self.num_siblings:
            raise ValueError("exact = true runs whole groups together: concurrency from num_siblings")
        return self
