"""What lmms-eval loads: `python -m lmms_eval --model vilasr --model_args model=nano,drawing=true --tasks ...`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NoReturn

from lmms_eval.api.model import lmms
from lmms_eval.models.registry_v2 import ModelManifest

from vilasr.errors import InputError
from vilasr.lmms_eval.answering import Answerer, read_options
from vilasr.lmms_eval.requests import read_request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lmms_eval.api.instance import Instance


def manifest() -> ModelManifest:
    """The entry point `lmms_eval.models: vilasr`."""
    return ModelManifest(model_id="vilasr", simple_class_path=f"{__name__}.{Vilasr.__name__}")


class Vilasr(lmms):
    """A policy that may draw, as a model of lmms-eval.

    It is a "simple" model: a task gives it one prompt and the pictures. Our prompt numbers the pictures and shows them
    first, so that the policy can say which one it draws on.
    """

    is_simple = True

    def __init__(
        self,
        batch_size: int | str | None = None,
        max_batch_size: int | None = None,
        device: str | None = None,
        **options: Any,
    ) -> None:
        """`options` are those of `Options`; `batch_size` is not used: `concurrency` says how many run at once.

        Raises:
            InputError: an option or the model cannot be used; started as one of several processes.
        """
        super().__init__()
        num_processes = os.environ.get("WORLD_SIZE", "1")
        if num_processes != "1":
            raise InputError(
                "processes of lmms-eval",
                expected="one",
                got=num_processes,
                remedy="Raise concurrency, or serve the model and give its endpoint.",
            )
        self.answerer = Answerer(read_options(options if device is None else {"device": device, **options}))

    def generate_until(self, requests: Sequence[Instance]) -> list[str]:
        """The texts that the tasks score, in the order of the requests."""
        return self.answerer.answer([read_request(request.args, self.task_dict) for request in requests])

    def generate_until_multi_round(self, requests: Sequence[Instance]) -> NoReturn:
        """Rounds with new pictures from the task have no place in an episode."""
        _refuse("generate_until_multi_round")

    def loglikelihood(self, requests: Sequence[Instance]) -> NoReturn:
        """The probability of a given answer means nothing where drawings come before it."""
        _refuse("loglikelihood or multiple_choice")

    def clean(self) -> None:
        """Called by lmms-eval when the last request is answered."""
        self.answerer.close()
        super().clean()


def _refuse(output_type: str) -> NoReturn:
    raise InputError(
        "task",
        expected="the output type generate_until",
        got=output_type,
        remedy="Choose a task, or a variant of it, in which the model writes its answer.",
    )
