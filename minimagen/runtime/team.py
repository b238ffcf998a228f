"""Several processes that fit a stage together, started by ``torchrun`` or ``accelerate launch``.

accelerate finds the others and wraps the network for averaged gradients. It gets nothing else: no
loader, no schedule of rates, no checkpoints. What processes tell each other besides gradients goes
over gloo, from memory to memory: it waits for a slow first process as long as that takes, and
notices at once when another one is gone.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from minimagen.errors import UsageError
from minimagen.runtime.processes import Parts, Processes
from minimagen.runtime.sharding import Sharding, set_syncing, shard, whole

T = TypeVar("T")
PATIENCE = timedelta(days=7)  # others may wait while the first one embeds millions of captions
NOT_TAKEN = ("ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED", "ACCELERATE_USE_MEGATRON_LM")


class Team(Processes):
    """One of several processes.

    Args:
        device: where this one computes.

    Raises:
        UsageError: when accelerate's own settings ask for a sharding of its own.
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__(device)
        _require_plain_launch()
        self._accelerator = _accelerator(device)
        self._group = dist.new_group(backend="gloo", timeout=PATIENCE)
        self.rank, self.count = dist.get_rank(), dist.get_world_size()

    def leave(self) -> None:
        """Say goodbye, when all is done."""
        self.wait()
        dist.destroy_process_group()

    def wait(self) -> None:
        """Return when all processes have come here."""
        dist.barrier(group=self._group)

    def from_first(self, make: Callable[[], T]) -> T:
        """Let the first process make a value and give it to all; it must be picklable."""
        box: list[Any] = [make() if self.is_first else None]
        dist.broadcast_object_list(box, src=0, group=self._group)
        made: T = box[0]
        return made

    def first_then_others(self, make: Callable[[], T]) -> T:
        """Let the first process make a value, then each other its own."""
        if not self.is_first:
            self.wait()
        made = make()
        if self.is_first:
            self.wait()
        return made

    def gather(self, values: Tensor) -> Tensor:
        """Put the values of all processes one after the other; all have as many."""
        mine = values.cpu().contiguous()
        all_of_them = [torch.empty_like(mine) for _ in range(self.count)]
        dist.all_gather(all_of_them, mine, group=self._group)
        return torch.cat(all_of_them)

    def spread(self, module: nn.Module, parts: Parts, sharding: Sharding) -> nn.Module:
        """Shard a module in place, or wrap it so that its gradients are averaged."""
        if sharding == "full":
            shard(module, parts)
            return module
        wrapped: nn.Module = self._accelerator.prepare_model(module)
        self._accelerator.free_memory()  # it would keep every stage's network for ever
        return wrapped

    def shard(self, module: nn.Module, parts: Parts, sharding: Sharding) -> None:
        """Divide a module that is not trained."""
        if sharding == "full":
            shard(module, parts)

    @contextmanager
    def syncing(self, modules: Iterable[nn.Module], now: bool) -> Iterator[None]:
        """Average gradients now, or leave that for later."""
        with ExitStack() as stack:
            for module in modules:
                if not set_syncing(module, now) and not now:
                    stack.enter_context(self._accelerator.no_sync(module))
            yield

    def whole(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return named tensors undivided, in the first process; the others keep nothing."""
        return whole(tensors, keep=self.is_first)


def _accelerator(device: torch.device) -> Any:
    from accelerate import Accelerator
    from accelerate.utils import DistributedDataParallelKwargs

    averaging = DistributedDataParallelKwargs(gradient_as_bucket_view=True)
    return Accelerator(
        cpu=device.type == "cpu",
        mixed_precision="no",  # autocast is ours
        gradient_accumulation_steps=1,
        kwargs_handlers=[averaging],
    )


def _require_plain_launch() -> None:
    for name in NOT_TAKEN:
        if os.environ.get(name, "false").lower() in ("1", "true"):
            raise UsageError(
                f"accelerate launch asks for {name}: minimagen shards by itself; leave it out of "
                "the accelerate configuration and give --SET training.sharding=full"
            )
