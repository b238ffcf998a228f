"""AdamW, its rate, and its state as named tensors."""

import torch
from torch import Tensor, nn

from minimagen.training.config import OptimizerConfig


def make_optimizer(network: nn.Module, config: OptimizerConfig) -> torch.optim.AdamW:
    """Make the optimizer; its rate is set at every step."""
    return torch.optim.AdamW(
        network.parameters(), betas=config.betas, weight_decay=config.weight_decay, fused=True
    )


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


def state_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the optimizer's state as named tensors, ``<parameter number>.<name>``."""
    state = optimizer.state_dict()["state"]
    return {f"{i}.{name}": value for i, slots in state.items() for name, value in slots.items()}


def load_state_tensors(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what :func:`state_tensors` returned."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        number, slot = name.split(".", 1)
        state.setdefault(int(number), {})[slot] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
