"""Several processes that train one model: who they are, and what they tell each other.

    torchrun --nproc_per_node 2 -m vilasr train sft CONFIG.toml

Each takes its share of every batch (`bucketed`), and all end a step with the same weights:

    ddp     each holds the whole model; gradients are summed after the last backward pass of a step
    fsdp2   weights, gradients and moments are cut up among them; a layer is put together while it is computed

Losses are divided by the trained tokens of the whole batch, so that gradients are summed and never averaged: they are
those of one process that takes the batch alone. Only the auxiliary losses (pointing, copying) are means over what one
process passes through at a time.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import distributed

from vilasr.errors import InputError
from vilasr.training.batch import token_logprobs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from torch import Tensor

    from vilasr.training.batch import Batch
    from vilasr.types import Json

Strategy = Literal["ddp", "fsdp2"]
PATIENCE = timedelta(hours=1)
"""How long a process waits for the others: the first may be writing a large checkpoint."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranks:
    """The processes of a run, as one of them sees it.

    Attributes:
        rank: its number, from 0.
        num: how many there are.
        device: where it computes: "cpu", "cuda:1".
        strategy: the one in force; None where there is one process alone.
    """

    rank: int = 0
    num: int = 1
    device: str = "cpu"
    strategy: Strategy | None = None

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes files."""
        return self.rank == 0

    @property
    def averages(self) -> int:
        """By how much the strategy divides gradients: `fully_shard` means them, where a sum is wanted."""
        return self.num if self.strategy == "fsdp2" else 1

    def summed(self, *values: float) -> list[float]:
        """Each value summed over the processes."""
        return self._reduced(values, distributed.ReduceOp.SUM) if self.num > 1 else list(values)

    def largest(self, value: int) -> int:
        """The largest of the processes' values."""
        return int(self._reduced((value,), distributed.ReduceOp.MAX)[0]) if self.num > 1 else value

    def gathered(self, value: Json) -> list[Json]:
        """The value of every process, in the order of their numbers."""
        values = [value] * self.num
        if self.num > 1:
            distributed.all_gather_object(values, value)
        return values

    def meet(self) -> None:
        """Wait until every process has come this far: what the first has written is there for all."""
        self.summed(0.0)

    def _reduced(self, values: Sequence[float], operation: Any) -> list[float]:
        together = torch.tensor(values, dtype=torch.float64, device=self.device)
        distributed.all_reduce(together, operation)
        return list(together.tolist())


ALONE = Ranks()


def num_processes() -> int:
    """How many processes torchrun has started; 1 without it."""
    return int(os.environ["WORLD_SIZE"]) if "TORCHELASTIC_RUN_ID" in os.environ else 1


def in_force(strategy: Strategy | None) -> str:
    """How a run that is started now shares its work: "one process", "ddp over 2 processes".

    Raises:
        InputError: there are several processes, and a stage whose `strategy` is None runs in one.
    """
    num = num_processes()
    if num > 1 and strategy is None:
        raise InputError("torchrun", expected="one process for this stage", got=str(num), remedy="Start it without.")
    return f"{strategy} over {num} processes" if num > 1 else "one process"


def is_first_process() -> bool:
    """Whether this process is the one that speaks; before they have joined."""
    return num_processes() == 1 or os.environ["RANK"] == "0"


@contextmanager
def joined(strategy: Strategy, device: str) -> Iterator[Ranks]:
    """Join the other processes that torchrun has started, if not done yet; on CUDA each takes a GPU of its own."""
    num = num_processes()
    if num == 1:
        yield Ranks(device=device)
        return
    if device == "cuda":
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    joins = not distributed.is_initialized()
    if joins:
        distributed.init_process_group("gloo" if device == "cpu" else None, timeout=PATIENCE)
    yield Ranks(rank=distributed.get_rank(), num=num, device=device, strategy=strategy)
    # Not after an error: the others may be waiting in the middle of something, until torchrun ends them.
    if joins:
        distributed.destroy_process_group()


class Scorer(torch.nn.Module):
    """`token_logprobs` as a module: one forward pass for whoever puts the pieces of a model together."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> Tensor:
        return token_logprobs(self.model, batch).clone()  # no view: `fully_shard` may hook into what comes out


def shard(scorer: Scorer, ranks: Ranks, *, in_bf16: bool) -> None:
    """Cut the weights up among the processes: a piece for each layer of the two towers, and one for all the rest.

    With `in_bf16` layers are put together in bfloat16; the pieces that are trained, and their gradients, stay float32.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    settings = {
        "mesh": init_device_mesh(torch.device(ranks.device).type, (ranks.num,)),
        "mp_policy": MixedPrecisionPolicy(torch.bfloat16, torch.float32) if in_bf16 else MixedPrecisionPolicy(),
    }
    inner = scorer.model.model
    for layer in (*inner.visual.blocks, *inner.language_model.layers):
        fully_shard(layer, **settings)
    fully_shard(scorer, **settings)


def sum_gradients(parameters: Iterable[Tensor], ranks: Ranks) -> None:
    """Sum the gradients of whole models over the processes; those of pieces have been in the backward pass."""
    if ranks.strategy == "ddp":
        waiting = [
            distributed.all_reduce(parameter.grad, async_op=True)
            for parameter in parameters
            if parameter.grad is not None
        ]
        for work in waiting:
            work.wait()


def whole(tensor: Tensor) -> Tensor:
    """A tensor of which this process may hold a piece, whole. All processes must ask for it at the same time."""
    gather = getattr(tensor, "full_tensor", None)
    return tensor if gather is None else gather()


def piece_like(tensor: Tensor, parameter: Tensor) -> Tensor:
    """Of a whole tensor, what this process holds of it: as much as of `parameter`, which has the same shape."""
    mesh = getattr(parameter, "device_mesh", None)
    if mesh is None:
        return tensor
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(tensor, mesh, parameter.placements, src_data_rank=None)
