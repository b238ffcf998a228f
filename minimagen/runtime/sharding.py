"""Weights divided among processes: each holds a share, and all of a part only while it runs.

This is torch's ``fully_shard`` and not accelerate's: that one takes a network only together with
its optimizer, one of each, while a stage has averages beside its network, and optimizers by kind.
A sharded module is the same object with the same names; its parameters are ``DTensor``.

Source: Rajbhandari et al. 2019 (arXiv:1910.02054); Zhao et al. 2023 (arXiv:2304.11277).
"""

import sys
from collections.abc import Iterable, Mapping
from typing import Literal, TypeVar

from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

T = TypeVar("T")
Sharding = Literal["none", "full"]


def shard(module: nn.Module, parts: Iterable[nn.Module]) -> None:
    """Divide a module in place; each of its parts is gathered by itself when it runs."""
    from torch.distributed.fsdp import fully_shard

    for part in (*parts, module):
        fully_shard(part)


def is_sharded(module: object) -> bool:
    """Whether its weights are divided, so that all processes must call it equally often."""
    if "torch.distributed.fsdp" not in sys.modules:
        return False  # and not for this question alone the second that the import takes
    from torch.distributed.fsdp import FSDPModule

    return isinstance(module, FSDPModule)


def set_syncing(module: nn.Module, now: bool) -> bool:
    """Tell a sharded module whether to average its gradients; False when it is not sharded."""
    from torch.distributed.fsdp import FSDPModule

    if not isinstance(module, FSDPModule):
        return False
    module.set_requires_gradient_sync(now)
    return True


def whole(tensors: Mapping[str, Tensor], keep: bool) -> dict[str, Tensor]:
    """Gather what is divided, one tensor after the other; every process must call this.

    Args:
        tensors: by name, some of them divided.
        keep: whether this process wants them; they go to the CPU.
    """
    from torch.distributed.tensor import DTensor

    kept: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        full = tensor.full_tensor().cpu() if isinstance(tensor, DTensor) else tensor
        if keep:
            kept[name] = full
    return kept


def undivided(tensor: Tensor) -> Tensor:
    """Return one tensor undivided, in every process."""
    from torch.distributed.tensor import DTensor

    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def parted_as(value: T, like: Tensor) -> T | Tensor:
    """Return this process's part of a tensor that all have whole, divided as another one is.

    What has another shape than that one, as a count of steps, stays as it is.
    """
    from torch.distributed.tensor import DTensor, distribute_tensor

    if not isinstance(like, DTensor) or not isinstance(value, Tensor) or value.shape != like.shape:
        return value
    mesh = like.device_mesh
    return distribute_tensor(value.to(like.device), mesh, like.placements, src_data_rank=None)


def load_whole(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Load undivided tensors, which all processes have, into a module, divided or not.

    Raises:
        RuntimeError: when they are those of another module.
    """
    now = module.state_dict()
    parts = {
        name: parted_as(value, now[name]) if name in now else value
        for name, value in tensors.items()
    }
    module.load_state_dict(parts)


def bare(network: T) -> T:
    """Return a network without the wrapper that averages its gradients."""
    inside: T = getattr(network, "module", network)
    return inside if isinstance(network, DistributedDataParallel) else network
