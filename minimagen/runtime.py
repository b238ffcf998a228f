"""Where the network runs and in which precision."""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

from minimagen.errors import UsageError

Precision = Literal["no", "bf16"]


def pick_device(name: str | None = None) -> torch.device:
    """Return the named device, or the best there is: cuda, then mps, then cpu.

    Raises:
        UsageError: when the named device is not here.
    """
    if name is None:
        return torch.device(_best())
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, ImportError):
        here = "cpu" if _best() == "cpu" else f"cpu and {_best()}"
        raise UsageError(f"--DEVICE {name}: not on this machine; here there is {here}") from None
    return device


def pick_precision(name: Precision | None, device: torch.device) -> Precision:
    """Return the named precision, or bf16 on a GPU that has it.

    Never bf16 by default on a CPU: without the right instructions it is tens of times slower.
    """
    if name is not None:
        return name
    return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "no"


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """Cast what runs inside to the precision; schedules and samplers stay in float32."""
    if precision == "no":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def _best() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
