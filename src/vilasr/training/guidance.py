"""The auxiliary attention losses of a run, together: where to look in the picture, and where to look in the text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from vilasr.errors import InputError
from vilasr.training.copying import NUM_HEADS, CopyReader
from vilasr.training.pointing import NAMING_HEADS, PointReader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vilasr.policies.transformers.model import LoadedModel
    from vilasr.training.batch import Batch
    from vilasr.training.config import SftConfig
    from vilasr.training.taps import SpanTap


class Guidance:
    """What `config.pointing` and `config.copying` ask for; nothing, where their weights are zero.

    Raises:
        InputError: for a layer or heads that the model does not have.
    """

    def __init__(self, config: SftConfig, loaded: LoadedModel) -> None:
        self._pointing, self._copying = config.pointing, config.copying
        text = loaded.model.config.text_config
        for name, weight, layer, num_heads in (
            ("pointing", config.pointing.weight, config.pointing.layer, config.pointing.num_heads),
            ("pointing.naming", config.pointing.naming, config.pointing.layer, NAMING_HEADS.stop),
            ("copying", config.copying.weight, max(config.copying.early_layer, config.copying.late_layer), NUM_HEADS),
        ):
            if weight and (layer >= text.num_hidden_layers or num_heads > text.num_attention_heads):
                raise InputError(
                    name,
                    expected=f"layers below {text.num_hidden_layers} and at most {text.num_attention_heads} heads",
                    got=f"layer {layer} and {num_heads} heads",
                )
        # Each reads the whole vocabulary once: only what is used is built.
        self._points = (
            PointReader(loaded.chat, vocab_size=text.vocab_size, token_px=loaded.images.factor)
            if config.pointing.weight
            else None
        )
        self._copies = (
            CopyReader(loaded.chat, vocab_size=text.vocab_size)
            if config.copying.weight or config.copying.concluding
            else None
        )

    def taps(self, batch: Batch) -> dict[str, Sequence[SpanTap]]:
        """The taps for a batch, by the name of their metric."""
        taps: dict[str, Sequence[SpanTap]] = {}
        if self._points is not None:
            pointing = self._pointing
            taps["looking"] = (self._points.tap(batch, layer=pointing.layer, num_heads=pointing.num_heads),)
            if pointing.naming:
                taps["naming"] = self._points.naming_taps(batch, layer=pointing.layer - 1)
        copying = self._copying
        if self._copies is not None and copying.weight:
            *back, moves, nexts, answers, copies = self._copies.taps(
                batch, early_layer=copying.early_layer, late_layer=copying.late_layer
            )
            taps |= {"looking_back": back, "moves": (moves,), "nexts": (nexts,), "answers": (answers,)}
            taps["copying"] = (copies,)
        return taps

    def loss(
        self, taps: dict[str, Sequence[SpanTap]], batch: Batch, logprobs: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """The weighted sum after a forward pass that gave `logprobs`, and the unweighted metrics."""
        losses = {name: torch.stack([tap.loss() for tap in group]).mean() for name, group in taps.items()}
        if self._points is not None and self._pointing.reading:
            losses["reading"] = _mean_loss(logprobs, self._points.read(batch), batch)
        if self._copies is not None:
            losses["concluding"] = _mean_loss(logprobs, self._copies.concluded(batch), batch)
        copying = self._copying.weight
        weights = {
            "looking": self._pointing.weight,
            "naming": self._pointing.naming,
            "reading": self._pointing.reading,
            "looking_back": copying,
            "moves": copying,
            "nexts": copying,
            "answers": copying,
            "copying": copying,
            "concluding": self._copying.concluding,
        }
        total = sum((weights[name] * loss for name, loss in losses.items()), torch.zeros(()))
        return total, {name: loss.item() for name, loss in losses.items()}


def _mean_loss(logprobs: torch.Tensor, tokens: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Mean negative log-likelihood of those `tokens` (bool [B, L]) that are trained; zero where there are none."""
    wanted = tokens[batch.loss_mask.cpu()].to(logprobs.device)
    return -logprobs[wanted].mean() if wanted.any() else torch.zeros(())
