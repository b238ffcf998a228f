"""What networks compute in; schedules, samplers and losses stay in float32."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from torch import Tensor

Precision = Literal["no", "bf16", "fp16"]
TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
GOOD_STEPS = "_growth_tracker"  # as torch names them


def pick_precision(name: Precision | None, device: torch.device) -> Precision:
    """Return the named precision, or bf16 on a GPU that has it.

    Never half precision by default on a CPU: without the right instructions it is tens of times
    slower.
    """
    if name is not None:
        return name
    return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "no"


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """Cast what runs inside to the precision; schedules and samplers stay in float32."""
    if precision == "no":
        return nullcontext()
    return torch.autocast(device.type, TYPES[precision])


def loss_scaler(device: torch.device, precision: Precision) -> torch.amp.GradScaler:
    """Make what keeps small gradients above the smallest number of fp16; else it does nothing.

    Source: Micikevicius et al. 2017 (arXiv:1710.03740), sec. 3.2.
    """
    return torch.amp.GradScaler(device.type, enabled=precision == "fp16")


def scaler_tensors(scaler: torch.amp.GradScaler) -> dict[str, Tensor]:
    """Return what a scaler has learnt, as named tensors."""
    state = scaler.state_dict()
    return {"scale": torch.tensor(state["scale"]), "good_steps": torch.tensor(state[GOOD_STEPS])}


def load_scaler(scaler: torch.amp.GradScaler, tensors: Mapping[str, Tensor]) -> None:
    """Put back what :func:`scaler_tensors` returned."""
    learnt = {"scale": tensors["scale"].item(), GOOD_STEPS: int(tensors["good_steps"])}
    scaler.load_state_dict(scaler.state_dict() | learnt)
