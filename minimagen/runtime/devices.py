"""Which device a process computes on."""

import platform
from pathlib import Path

import torch

from minimagen.errors import UsageError


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


def pick_own_device(name: str | None, place: int, processes: int) -> torch.device:
    """Return the device of one of several processes on a machine: a GPU each, or the CPU for all.

    Args:
        name: ``cuda`` or ``cpu``; None is the best there is.
        place: of this process on its machine, from 0.
        processes: on this machine.

    Raises:
        UsageError: for another name, or more processes than GPUs.
    """
    kind = name or _best()
    if kind not in ("cuda", "cpu"):
        raise UsageError(
            f"--DEVICE {kind}: several processes take a GPU each, or the CPU; choose cuda or cpu"
        )
    gpus = torch.cuda.device_count()
    if kind == "cuda" and 0 < gpus < processes:
        raise UsageError(
            f"{processes} processes on a machine with {gpus} GPUs: start one for each GPU, "
            "with --nproc_per_node or --num_processes"
        )
    return pick_device(f"cuda:{place}" if kind == "cuda" else kind)


def processor_name() -> str:
    """Return what the machine's processor calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _best() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
