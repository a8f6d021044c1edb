"""What questions are asked, as rejection sampling and GRPO are told."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from vilasr.training.config import Section, Split


class PromptSource(Section):
    """A task that questions are generated from."""

    task: str
    weight: float = Field(default=1.0, gt=0)
    split: Split = "train"
    options: dict[str, str] = Field(default_factory=dict)


class PromptSection(Section):
    """Questions: an endless mixture of tasks, of which another `seed` makes other ones, or the rows of a dataset folder
    `data`."""

    tasks: tuple[PromptSource, ...] = ()
    data: Path | None = None
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _one_origin(self) -> PromptSection:
        if bool(self.tasks) == (self.data is not None):
            raise ValueError("give either prompts.tasks or prompts.data")
        return self
