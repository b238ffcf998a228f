"""The optimizers of a network, their rate, and their state as named tensors."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from minimagen.models import UNet
from minimagen.training.config import MuonConfig, OptimizerConfig
from minimagen.training.muon import Muon


def make_optimizers(
    network: UNet, config: OptimizerConfig, peak: float, log_variance: nn.Module | None = None
) -> list[torch.optim.Optimizer]:
    """Make what updates a network: AdamW, or Muon for its hidden matrices and AdamW for the rest.

    Args:
        network: what is trained.
        config: which.
        peak: AdamW's peak rate.
        log_variance: trained beside it, by AdamW without weight decay.
    """
    matrices = list(network.hidden_matrices()) if isinstance(config, MuonConfig) else []
    chosen = {id(matrix) for matrix in matrices}
    rest = [p for p in network.parameters() if id(p) not in chosen]
    decay = config.weight_decay
    adamw = torch.optim.AdamW(rest, lr=peak, betas=config.betas, weight_decay=decay, fused=True)
    if log_variance is not None:
        adamw.add_param_group({"params": list(log_variance.parameters()), "weight_decay": 0.0})
    optimizers: list[torch.optim.Optimizer] = [adamw]
    if isinstance(config, MuonConfig):
        rate = peak * config.matrix_rate
        optimizers.append(Muon(matrices, lr=rate, momentum=config.momentum, weight_decay=decay))
    for group in groups_of(optimizers):
        group["peak"] = group["lr"]
    return optimizers


def groups_of(optimizers: Sequence[torch.optim.Optimizer]) -> list[dict[str, float]]:
    """Return all parameter groups."""
    return [group for optimizer in optimizers for group in optimizer.param_groups]


def set_rate(optimizers: Sequence[torch.optim.Optimizer], factor: float) -> None:
    """Set every group to a share of its peak rate."""
    for group in groups_of(optimizers):
        group["lr"] = group["peak"] * factor


def rate_factor(step: int, steps: int, config: OptimizerConfig) -> float:
    """Return the share of the peak rate at a step: warm-up, constant, linear decay.

    Args:
        step: optimizer steps done so far.
        steps: length of the run.
        config: warm-up and decay.
    """
    warmup = min(1.0, (step + 1) / (config.warmup_steps + 1))
    decay_steps = config.decay_share * steps
    left = steps - step
    return warmup if left >= decay_steps else min(warmup, left / decay_steps)


def state_tensors(optimizers: Sequence[torch.optim.Optimizer]) -> dict[str, Tensor]:
    """Return the state as named tensors, ``<optimizer>.<parameter>.<name>``."""
    return {
        f"{k}.{i}.{name}": value
        for k, optimizer in enumerate(optimizers)
        for i, slots in optimizer.state_dict()["state"].items()
        for name, value in slots.items()
    }


def load_state_tensors(
    optimizers: Sequence[torch.optim.Optimizer], tensors: dict[str, Tensor]
) -> None:
    """Put back what :func:`state_tensors` returned."""
    states: list[dict[int, dict[str, Tensor]]] = [{} for _ in optimizers]
    for path, value in tensors.items():
        k, i, name = path.split(".", 2)
        states[int(k)].setdefault(int(i), {})[name] = value
    for optimizer, state in zip(optimizers, states, strict=True):
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": state, "param_groups": groups})
