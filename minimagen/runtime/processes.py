"""The processes that fit one stage together, as each of them sees them.

:class:`Processes` is one process on its own, which has nobody to wait for: every method returns at
once. :class:`~minimagen.runtime.team.Team` is the same among several. So a training loop is written
once, and asks nowhere how many there are.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn

from minimagen.runtime.sharding import Sharding

T = TypeVar("T")
Parts = Iterable[nn.Module]


class Processes:
    """One process on its own.

    Args:
        device: where it computes.

    Attributes:
        rank: its number among the others, from 0; the first one writes and prints.
        count: how many there are.
    """

    rank = 0
    count = 1

    def __init__(self, device: torch.device) -> None:
        self.device = device

    @property
    def is_first(self) -> bool:
        """Whether this is the one that writes and prints."""
        return self.rank == 0

    def wait(self) -> None:
        """Return when all processes have come here."""

    def from_first(self, make: Callable[[], T]) -> T:
        """Let the first process make a value and give it to all."""
        return make()

    def first_then_others(self, make: Callable[[], T]) -> T:
        """Let the first process make a value, then each other its own: they find a filled cache."""
        return make()

    def gather(self, values: Tensor) -> Tensor:
        """Put the values of all processes, (N, ...) each, one after the other.

        Returns:
            (processes * N, ...), on the CPU, the same in every process.
        """
        return values.cpu()

    def spread(self, module: nn.Module, parts: Parts, sharding: Sharding) -> nn.Module:
        """Let a module be trained by all processes; its gradients become means over them.

        Args:
            module: what is trained; it stays usable as it is, outside of training.
            parts: of it, each of which is gathered by itself when it is sharded.
            sharding: whether every process has all of its weights.

        Returns:
            What to call in training.
        """
        return module

    def shard(self, module: nn.Module, parts: Parts, sharding: Sharding) -> None:
        """Divide a module that is not trained, as :meth:`spread` would."""

    @contextmanager
    def syncing(self, modules: Iterable[nn.Module], now: bool) -> Iterator[None]:
        """Average the gradients of what runs inside over all processes, or leave that for later.

        Args:
            modules: as :meth:`spread` returned them.
            now: whether this is the last part of an optimizer step.
        """
        yield

    def whole(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return named tensors undivided; the first process alone is sure to get them.

        Every process must ask for the same ones at the same time.
        """
        return dict(tensors)
