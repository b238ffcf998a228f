"""Weights divided among processes: each holds a share, and all of a part only while it runs.

This is torch's ``fully_shard`` and not accelerate's: that one takes a network only together with
its optimizer, one of each, while a stage has averages beside its network, and optimizers by kind.
A sharded module is the same object with the same names; its parameters are ``DTensor``.

Source: Rajbhandari et al. 2019 (arXiv:1910.02054); Zhao et al. 2023 (arXiv:2304.11277).
"""

from collections.abc import Iterable, Mapping
from typing import Literal, TypeVar

from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

T = TypeVar("T")
Sharding = Literal["none", "full"]

# What FSDPModule and DTensor have and nothing else has: to import them takes a while, which one
# process need not wait for.
SYNCING, WHOLE = "set_requires_gradient_sync", "full_tensor"


def shard(module: nn.Module, parts: Iterable[nn.Module]) -> None:
    """Divide a module in place; each of its parts is gathered by itself when it runs."""
    from torch.distributed.fsdp import fully_shard

    for part in (*parts, module):
        fully_shard(part)


def is_sharded(module: object) -> bool:
    """Whether its weights are divided, so that all processes must call it equally often."""
    return hasattr(module, SYNCING)


def set_syncing(module: nn.Module, now: bool) -> bool:
    """Tell a sharded module whether to average its gradients; False when it is not sharded."""
    if is_sharded(module):
        getattr(module, SYNCING)(now)
    return is_sharded(module)


def whole(tensors: Mapping[str, Tensor], keep: bool) -> dict[str, Tensor]:
    """Gather what is divided, one tensor after the other; every process must call this.

    Args:
        tensors: by name, some of them divided.
        keep: whether this process wants them; they go to the CPU.
    """
    kept: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        full = undivided(tensor).cpu() if _is_divided(tensor) else tensor
        if keep:
            kept[name] = full
    return kept


def undivided(tensor: Tensor) -> Tensor:
    """Return one tensor undivided, in every process."""
    return getattr(tensor, WHOLE)() if _is_divided(tensor) else tensor


def parted_as(value: T, like: Tensor) -> T | Tensor:
    """Return this process's part of a tensor that all have whole, divided as another one is.

    What has another shape than that one, as a count of steps, stays as it is.
    """
    if not _is_divided(like) or not isinstance(value, Tensor) or value.shape != like.shape:
        return value
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(like, DTensor)
    mesh = like.device_mesh
    return distribute_tensor(value.to(like.device), mesh, like.placements, src_data_rank=None)


def _is_divided(tensor: Tensor) -> bool:
    return hasattr(tensor, WHOLE)


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
