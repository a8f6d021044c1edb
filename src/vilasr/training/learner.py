"""The model in training: loaded, adapted and cut up as a config says, with its optimizer; updated; saved whole."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from vilasr.env import EpisodeConfig
from vilasr.policies.transformers.model import Frame, LoadedModel, load_model, save_model
from vilasr.protocol import protocol_named
from vilasr.training.attention import use_matmul_attention
from vilasr.training.batch import cut_up
from vilasr.training.checkpoint import flatten_optimizer, load_optimizer, write_checkpoint, write_final
from vilasr.training.compiled import compile_layers
from vilasr.training.distributed import ALONE, Ranks, Scorer, shard, sum_gradients, whole
from vilasr.training.lora import adapter_weights, add_adapters, load_adapters, merged_weights, save_adapters
from vilasr.training.optim import freeze, make_optimizer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

    from vilasr.training.config import SftConfig
    from vilasr.training.grpo_config import GrpoConfig
    from vilasr.training.rejection_config import RejectionConfig
    from vilasr.training.samples import TrainingSample
    from vilasr.types import Json

SpokenT = TypeVar("SpokenT", LoadedModel, Frame)


@dataclass(frozen=True, kw_only=True, slots=True)
class Learner:
    """What a training step works on.

    Attributes:
        loaded: the model, in training mode, and its tokens. Its folder has the files that go along with the weights.
        scorer: its forward pass: a batch in, the log-probabilities of the trained tokens out.
        optimizer: over what is trained.
        ranks: the processes that share the work.
    """

    loaded: LoadedModel
    scorer: Scorer
    optimizer: torch.optim.Optimizer
    ranks: Ranks = ALONE

    @property
    def model(self) -> Any:
        return self.loaded.model

    @property
    def has_adapters(self) -> bool:
        return hasattr(self.model, "peft_config")

    @property
    def trained(self) -> list[Tensor]:
        return [weight for group in self.optimizer.param_groups for weight in group["params"]]

    def parts(self, samples: Sequence[TrainingSample], max_tokens: int | None) -> list[list[TrainingSample]]:
        """This process's share of a batch, cut into forward passes (see `cut_up`).

        Where layers are put together by all processes, each must do as many passes as the others.
        """
        parts = cut_up(samples, max_tokens=max_tokens)
        if max_tokens is None or self.ranks.strategy != "fsdp2":
            return parts
        return cut_up(samples, max_tokens=max_tokens, at_least=self.ranks.largest(len(parts)))

    def update(self, *, clip_norm: float) -> float:
        """A step along the gradients that are there, those of all processes together; returns their norm.

        One that is not finite changes no weight: the update is skipped.
        """
        trained = self.trained
        sum_gradients(trained, self.ranks)
        norm: float = whole(torch.nn.utils.clip_grad_norm_(trained, clip_norm)).item()
        if math.isfinite(norm):
            self.optimizer.step()
        self.optimizer.zero_grad()
        return norm

    def save(self, out: Path, step: int, *, state: Mapping[str, Json], keep: int) -> Learner:
        """Write the checkpoint of `step`; every process calls it, the first writes. InputError as `write_checkpoint`.

        The learner that comes back takes its side files from there: the checkpoint that was resumed is dropped one day.
        """
        weights = adapter_weights(self.model) if self.has_adapters else self._weights()
        moments = flatten_optimizer(self.optimizer, keep=self.ranks.is_first)
        if not self.ranks.is_first:
            return self

        def write_model(folder: Path) -> None:
            if self.has_adapters:
                save_adapters(self.model, weights or {}, folder)
            else:
                save_model(self.loaded, folder, weights=weights)

        saved = write_checkpoint(out, step, write_model, moments, state=state, keep=keep)
        return self if self.has_adapters else replace(self, loaded=replace(self.loaded, folder=saved))

    def save_final(self, folder: Path) -> None:
        """Write the finished model, adapters merged into it; every process calls it, the first writes."""
        weights = self._weights()
        if self.ranks.is_first:
            write_final(folder, lambda partial: save_model(self.loaded, partial, weights=weights))

    def _weights(self) -> dict[str, Tensor] | None:
        """All weights, on the host of the first process; None where the model's own do."""
        if not self.has_adapters and self.ranks.strategy != "fsdp2":
            return None
        weights = merged_weights(self.model)
        return {name: weight.detach().cpu() for name, weight in weights if self.ranks.is_first}


def adjusted(loaded: SpokenT, config: SftConfig | GrpoConfig | RejectionConfig) -> SpokenT:
    """`loaded` in the protocol, and with the limit of an image's size, that `config` gives in place of its own.

    Raises:
        InputError: `config.max_pixels` is below what the model's smallest image has.
    """
    protocol = getattr(config, "protocol", None) or loaded.protocol  # GRPO keeps the checkpoint's
    sizer = loaded.sizer.limited(config.max_pixels) if config.max_pixels else loaded.sizer
    return replace(loaded, protocol=protocol, sizer=sizer)


def episode_of(loaded: LoadedModel | Frame) -> EpisodeConfig:
    """How episodes are played with a model that is `adjusted`; all else as by default.

    Raises:
        InputError: there is no such protocol.
    """
    return EpisodeConfig(protocol=protocol_named(loaded.protocol), sizer=loaded.sizer)


def open_learner(config: SftConfig | GrpoConfig, ranks: Ranks, *, start: Path | None) -> Learner:
    """Load the model of `config`, or with `start` what a checkpoint of this run holds.

    Raises:
        InputError: the model cannot be loaded or trained as the config says, or the checkpoint is another model's.
        MissingExtraError: adapters, without the extra `train`.
    """
    has_adapters, in_pieces = config.lora.rank > 0, ranks.strategy == "fsdp2"
    loaded = load_model(
        config.model if has_adapters or start is None else start,
        # Weights that never change need no more digits than the products; pieces must all be of one type.
        dtype=torch.bfloat16 if has_adapters and config.precision == "bf16" and not in_pieces else torch.float32,
        # A piece moves to its device when the model is cut up: the whole might not fit there.
        device="cpu" if in_pieces else ranks.device,
    )
    model = loaded.model.train()
    if config.matmul_attention:
        use_matmul_attention(model)
    if config.gradient_checkpointing:
        model.activation_checkpointing_enable({"use_reentrant": False})
    if has_adapters:
        add_adapters(model, config.lora, frozen=config.optim.freeze, name=config.model)
        if start is not None:
            load_adapters(model, start)
    freeze(model, config.optim.freeze)
    if getattr(config, "compile", False):  # GRPO samples with these layers too, in shapes of its own
        compile_layers(model)
    scorer = Scorer(model)
    if in_pieces:
        shard(scorer, ranks, in_bf16=config.precision == "bf16")
    optimizer = make_optimizer(model, config.optim)
    if start is not None:
        load_optimizer(start, optimizer)
    return Learner(loaded=adjusted(loaded, config), scorer=scorer, optimizer=optimizer, ranks=ranks)
