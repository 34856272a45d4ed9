"""Several processes that train one network together, one for each graphics card, started by `torchrun`.

Each process computes the gradients of its share of every batch; their mean, which DistributedDataParallel forms, is
the gradient of the whole batch, so that all take the same step. One process leads: it alone reports and writes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import distributed, nn

from core.errors import TrainingError
from core.training.precision import training_device

PATIENCE = timedelta(hours=24)
"""The others wait while one decodes all files; where it fails, torchrun ends them."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Team:
    """The processes of a run, seen by one of them; by default it is alone.

    Attributes
    ----------
    rank : int
        From 0, which leads.
    size : int
    local_rank : int
        On this machine: the number of the graphics card.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def leads(self) -> bool:
        """Whether this process reports and writes."""
        return self.rank == 0

    @contextmanager
    def leader_first(self) -> Iterator[None]:
        """Let the leader do something before the others do, who then find what it left on disk."""
        if self.size > 1 and not self.leads:
            distributed.barrier()
        yield
        if self.size > 1 and self.leads:
            distributed.barrier()

    def share(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return this process's share: every `size`-th row."""
        return values[self.rank :: self.size]

    def gather(self, share: NDArray[Any]) -> NDArray[Any]:
        """Put the shares of all processes together again, as they were before `share`."""
        if self.size == 1:
            return share
        parts: list[Any] = [None] * self.size
        distributed.all_gather_object(parts, share)
        whole = np.empty((sum(map(len, parts)), *share.shape[1:]), dtype=share.dtype)
        for rank, part in enumerate(parts):
            whole[rank :: self.size] = part
        return whole

    def agree(self, value: _T) -> _T:
        """Return the leader's value."""
        if self.size == 1:
            return value
        held = [value]
        distributed.broadcast_object_list(held, src=0)
        return held[0]

    def follow(self, network: nn.Module) -> None:
        """Take over the leader's weights and statistics."""
        if self.size > 1:
            for value in network.state_dict().values():
                distributed.broadcast(value, src=0)

    def together(self, network: nn.Module) -> nn.Module:
        """Return the network such that backward passes leave the mean gradient of all processes in it."""
        if self.size == 1:
            return network
        cards = [self.local_rank] if next(network.parameters()).is_cuda else None
        return nn.parallel.DistributedDataParallel(network, device_ids=cards)


ALONE = Team()


@contextmanager
def team_of_environment(device: str) -> Iterator[Team]:
    """Join the processes that `torchrun` started; alone where it did not.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}

    Raises
    ------
    TrainingError
        CUDA is asked for and there is none, or there are more processes than graphics cards.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ALONE
        return
    team = Team(int(os.environ["RANK"]), size, int(os.environ.get("LOCAL_RANK", "0")))
    on_cards = training_device(device, local_rank=team.local_rank).type == "cuda"
    if on_cards:
        _require_card(team)
        torch.cuda.set_device(team.local_rank)
    distributed.init_process_group("cpu:gloo,cuda:nccl" if on_cards else "gloo", timeout=PATIENCE)
    try:
        yield team
    finally:
        distributed.destroy_process_group()


def _require_card(team: Team) -> None:
    cards = torch.cuda.device_count()
    if team.local_rank >= cards:
        raise TrainingError(
            f"There are more processes on this machine than graphics cards, of which there are {cards}.",
            hint=f"Start torchrun with --nproc-per-node {cards}.",
            code="too-few-graphics-cards",
        )


def require_equal_shares(team: Team, *, batch: int, watched: int) -> None:
    """Check that every process gets as many pictures of a batch as any other, and some of validation.

    Raises
    ------
    TrainingError
        It does not.
    """
    if batch % team.size:
        raise TrainingError(
            f"A batch of {batch} pictures cannot be shared equally by {team.size} processes.",
            hint=f"Set batch to a multiple of {team.size}.",
            code="unequal-shares",
        )
    if watched < team.size:
        raise TrainingError(
            f"There are {watched} pictures of validation for {team.size} processes.",
            hint="Raise stress_images, or use fewer processes.",
            code="unequal-shares",
        )
