"""What a run of rejection sampling is told; teacher synthesis is the same run with an endpoint and without `sft`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from vilasr.training.config import Section, SftConfig, TaskSource
from vilasr.training.prompt_config import PromptSection

SHARED = ("model", "out", "protocol", "max_pixels", "device", "threads")
"""What sampling and fine-tuning have in common, and `sft` therefore does not say again."""


class FirstPrompts(PromptSection):
    """The first `num` of these questions; None: all rows of the folder."""

    num: int | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _ends(self) -> FirstPrompts:
        if self.tasks and self.num is None:
            raise ValueError("give prompts.num: tasks never end")
        return self


class SamplingSection(Section):
    """How each attempt is sampled. `max_tokens` is of one reply, `max_turns` of one attempt (None: the task's own)."""

    temperature: float = Field(default=1.0, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_tokens: int = Field(default=1024, gt=0)
    max_turns: int | None = Field(default=None, gt=0)


class EndpointSection(Section):
    """An OpenAI-compatible server that samples instead of the embedded engine; the key is in OPENAI_API_KEY.

    Attributes:
        url: base URL up to and including /v1.
        model: the model's name there.
        token_ids: it serves the very model that is trained, and returns its token ids (vLLM), which are then trained
            on as they are. Off for a teacher: its words are tokenised for the model that is trained.
    """

    url: str
    model: str
    token_ids: bool = False


class SelectSection(Section):
    """Which rollouts are kept: those that pass every rule that is in force. The defaults are the paper's second stage.

    For the paper's cold start from a teacher: `reflective = false`, `min_steps = 3`, `valid_marks = true`.

    Attributes:
        min_score: score from which an answer is correct; matters for numbers, whose scores have ten levels.
        reflective: some mark must be corrected later (paper, Eq. 5).
        nearer: corrections must bring the drawing nearer to the truth.
        min_steps: turns at least, the answer's included.
        valid_marks: where the truth is known, every mark that stands at the end must agree with it (a line in a maze:
            both ends in the central region of their cells); elsewhere all pass.
        min_drawing: grade of the final drawing at least, 0..1; where the truth is not known, none passes. None: not
            asked for.
        plain_share: share of the selection that may be rollouts that pass all but `reflective` and `nearer`.
    """

    min_score: float = Field(default=1.0, gt=0, le=1)
    reflective: bool = True
    nearer: bool = False
    min_steps: int = Field(default=0, ge=0)
    valid_marks: bool = False
    min_drawing: float | None = Field(default=None, ge=0, le=1)
    plain_share: float = Field(default=0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _corrections_are_asked_for(self) -> SelectSection:
        if (self.nearer or self.plain_share) and not self.reflective:
            raise ValueError("nearer and plain_share need reflective = true")
        return self


class BalanceSection(Section):
    """How many of the rollouts that passed are taken. Which ones is a matter of chance, decided by the run's seed.

    Attributes:
        max_per_question: of one question.
        max_per_stratum: of one task, question type and length. None: as many as there are.
        turns_per_stratum: lengths are counted in this many turns: 3 makes strata of 1-3, 4-6, ... turns.
    """

    max_per_question: int = Field(default=2, gt=0)
    max_per_stratum: int | None = Field(default=None, gt=0)
    turns_per_stratum: int = Field(default=3, gt=0)


class RejectionConfig(Section):
    """One run of reflective rejection sampling: sample, select, go on with supervised fine-tuning.

    Without `sft` the run ends with the selected rollouts. That is how the cold start's data come from a teacher: an
    `endpoint` with the stronger model, and the cold start's rules in `select`. An endpoint is always asked in the
    protocol of `model` and at its image sizes, so that what it says can be trained on as it stands.

    Attributes:
        model: the checkpoint that is sampled from and trained: "nano", a folder, or a hub id.
        out: folder of the run.
        protocol, max_pixels: that the attempts are made in, and of an image, if not the checkpoint's own.
        num_siblings: attempts at each question (the paper's K).
        concurrency: attempts at the same time.
        exact: the embedded engine takes its turns in rounds, `concurrency` attempts in each wave, so that a run that is
            resumed with the same settings has the very same rollouts, log-probabilities included. Off, no attempt waits
            for others, and resumed runs are equal up to rounding. An endpoint is asked as if it were off.
        seed: of the sampling and of the balance.
        sft: as for `vilasr train sft`, without what follows from the rest: SHARED, data.tasks, data.rollouts.
        replay: demonstrations mixed in, so that nothing is forgotten; the selected rollouts together have weight 1.
    """

    model: str
    out: Path
    prompts: FirstPrompts
    num_siblings: int = Field(default=8, gt=0)
    sampling: SamplingSection = SamplingSection()
    endpoint: EndpointSection | None = None
    select: SelectSection = SelectSection()
    balance: BalanceSection = BalanceSection()
    sft: SftConfig | None = None
    replay: list[TaskSource] = Field(default_factory=list)
    seed: int = 0
    concurrency: int = Field(default=32, gt=0)
    exact: bool = True
    protocol: str | None = None
    max_pixels: int | None = Field(default=None, gt=0)
    device: str = "cpu"
    threads: int | None = Field(default=None, gt=0)

    @property
    def sampled(self) -> Path:
        """Every attempt."""
        return self.out / "sampled.jsonl"

    @property
    def selected(self) -> Path:
        """The rollouts that are trained on."""
        return self.out / "selected.jsonl"

    @model_validator(mode="before")
    @classmethod
    def _complete_sft(cls, values: Any) -> Any:
        """Fill in what of `sft` follows from the rest."""
        sft = values.get("sft") if isinstance(values, dict) else None
        if not isinstance(sft, dict):
            return values
        data = sft.get("data", {})
        own = [key for key in SHARED if key in sft]
        own += [f"data.{key}" for key in ("tasks", "rollouts") if isinstance(data, dict) and key in data]
        if own:
            raise ValueError(f"sft.{own[0]} follows from the rest of this file: leave it out (for tasks, give replay)")
        out, replay = values.get("out", "."), values.get("replay") or []
        if not (isinstance(data, dict) and isinstance(out, str | Path) and isinstance(replay, list)):
            return values  # the fields themselves say what is wrong
        shared = {key: values[key] for key in SHARED if key in values}
        selected = {"rollouts": Path(out) / "selected.jsonl"}
        origin = {"tasks": [selected, *replay]} if replay else selected
        return values | {"sft": {**shared, **sft, "data": {**data, **origin}}}

    @model_validator(mode="after")
    def _replay_is_used(self) -> RejectionConfig:
        if self.replay and self.sft is None:
            raise ValueError("replay needs sft, which it is mixed into")
        return self
