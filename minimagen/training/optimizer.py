"""The optimizers of a network, their parameter groups, and their state as named tensors."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from minimagen.errors import ConfigError
from minimagen.models import UNet
from minimagen.runtime import parted_as
from minimagen.training.config import (
    AdamW8bitConfig,
    MuonConfig,
    OptimizerConfig,
    ScheduleFreeConfig,
    of_stage,
)
from minimagen.training.muon import Muon
from minimagen.training.schedule_free import ScheduleFreeAdamW

Group: TypeAlias = dict[str, Any]


def make_optimizers(
    network: UNet,
    config: OptimizerConfig,
    peak: float,
    log_variance: nn.Module | None = None,
    stage: int = 0,
) -> list[torch.optim.Optimizer]:
    """Make what updates a network: one optimizer, or Muon for its hidden matrices beside AdamW.

    Args:
        network: what is trained.
        config: which.
        peak: the peak of ``learning_rate``.
        log_variance: trained beside it, by AdamW without weight decay.
        stage: the network's, where the configuration has a value for each.

    Raises:
        ConfigError: when a package is missing.
    """
    matrices = list(network.hidden_matrices()) if isinstance(config, MuonConfig) else []
    chosen = {id(matrix) for matrix in matrices}
    rest = [p for p in network.parameters() if id(p) not in chosen]
    undecayed = {id(p) for p in network.undecayed()}
    if log_variance is not None:
        rest += log_variance.parameters()
        undecayed |= {id(p) for p in log_variance.parameters()}
    make, own = _maker(config), _groups(rest, undecayed, config.weight_decay)
    factor = of_stage(config.rest_rate, stage) if isinstance(config, MuonConfig) else 1.0
    optimizers = [make(own, lr=peak * factor, betas=config.betas)]
    if isinstance(config, MuonConfig):
        rate, momentum = peak * config.matrix_rate, config.momentum
        own = _groups(matrices, undecayed, config.weight_decay)
        optimizers.append(Muon(own, lr=rate, momentum=momentum))
    for group in groups_of(optimizers):
        group["peak"] = group["lr"]
    return optimizers


def require_optimizer(config: OptimizerConfig) -> None:
    """Check that what an optimizer needs is there, before a run makes anything.

    Raises:
        ConfigError: when a package is missing.
    """
    _maker(config)


def _maker(config: OptimizerConfig) -> Callable[..., torch.optim.Optimizer]:
    """Return what makes the optimizer of all that Muon does not take."""
    if isinstance(config, ScheduleFreeConfig):
        return ScheduleFreeAdamW
    if not isinstance(config, AdamW8bitConfig):
        return _fused_adamw
    if find_spec("bitsandbytes") is None:
        raise ConfigError(
            "training.optimizer.kind adamw8bit: needs the package bitsandbytes, which is not "
            "installed; pip install 'minimagen[optim8]', or choose adamw"
        )
    from bitsandbytes.optim import AdamW8bit

    make: Callable[..., torch.optim.Optimizer] = AdamW8bit
    return make


def _fused_adamw(groups: list[Group], **settings: Any) -> torch.optim.Optimizer:
    return torch.optim.AdamW(groups, fused=True, **settings)


def _groups(parameters: Iterable[nn.Parameter], undecayed: set[int], decay: float) -> list[Group]:
    """Part parameters into those that decay and those that do not.

    Each remembers its place among all of them, by which checkpoints name its state: how they are
    parted into groups may change, and what was saved still fits.
    """
    groups: list[Group] = [
        {"params": [], "places": [], "weight_decay": rate} for rate in (decay, 0.0)
    ]
    for place, parameter in enumerate(parameters):
        group = groups[id(parameter) in undecayed]
        group["params"].append(parameter)
        group["places"].append(place)
    return [group for group in groups if group["params"]]


def groups_of(optimizers: Sequence[torch.optim.Optimizer]) -> list[Group]:
    """Return all parameter groups."""
    return [group for optimizer in optimizers for group in optimizer.param_groups]


def set_rate(optimizers: Sequence[torch.optim.Optimizer], factor: float) -> None:
    """Set every group to a share of its peak rate."""
    for group in groups_of(optimizers):
        group["lr"] = group["peak"] * factor


@contextmanager
def at_average(optimizers: Sequence[torch.optim.Optimizer]) -> Iterator[None]:
    """Let the network hold, for a while, the weights that averages should follow."""
    with ExitStack() as stack:
        for optimizer in optimizers:
            if isinstance(optimizer, ScheduleFreeAdamW):
                stack.enter_context(optimizer.at_average())
        yield


def state_tensors(optimizers: Sequence[torch.optim.Optimizer]) -> dict[str, Tensor]:
    """Return the state as named tensors, ``<optimizer>.<place of the parameter>.<name>``."""
    return {
        f"{k}.{place}.{name}": torch.as_tensor(value)
        for k, optimizer in enumerate(optimizers)
        for place, parameter in sorted(_placed(optimizer), key=lambda pair: pair[0])
        for name, value in optimizer.state[parameter].items()
    }


def load_state_tensors(
    optimizers: Sequence[torch.optim.Optimizer], tensors: dict[str, Tensor]
) -> None:
    """Put back what :func:`state_tensors` returned."""
    states: list[dict[int, Group]] = [{} for _ in optimizers]
    for path, value in tensors.items():
        k, place, name = path.split(".", 2)
        is_count = value.ndim == 0 and not value.is_floating_point()
        states[int(k)].setdefault(int(place), {})[name] = value.item() if is_count else value
    for optimizer, state in zip(optimizers, states, strict=True):
        named = {
            i: {name: parted_as(value, parameter) for name, value in state[place].items()}
            for i, (place, parameter) in enumerate(_placed(optimizer))
            if place in state
        }
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": named, "param_groups": groups})


def _placed(optimizer: torch.optim.Optimizer) -> list[tuple[int, nn.Parameter]]:
    """Return all parameters with their places, in the optimizer's own order."""
    return [
        pair
        for group in optimizer.param_groups
        for pair in zip(group["places"], group["params"], strict=True)
    ]
