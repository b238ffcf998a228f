"""How much memory this process holds, and held at most."""

import os
import sys
from pathlib import Path

import torch

PAGES = Path("/proc/self/statm")


def memory_used(device: torch.device) -> dict[str, float | None]:
    """Return ``memory_gb`` and ``peak_memory_gb``, in 10^9 bytes; None where nobody tells.

    On a GPU it is what torch has allocated there; else the memory of the process itself, without
    that of its data-loading processes.
    """
    if device.type == "cuda":
        now: int | None = torch.cuda.memory_allocated(device)
        peak: int | None = torch.cuda.max_memory_allocated(device)
    else:
        now, peak = _resident(), _most_resident()
    if now is not None and peak is not None:
        peak = max(now, peak)  # the system counts the most a little later
    return {"memory_gb": _in_gb(now), "peak_memory_gb": _in_gb(peak)}


def _resident() -> int | None:
    """Return the bytes of this process that are in memory, where Linux says so."""
    try:
        return int(PAGES.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None


def _most_resident() -> int | None:
    if sys.platform == "win32":
        return None
    from resource import RUSAGE_SELF, getrusage

    unit = 1 if sys.platform == "darwin" else 1024
    return getrusage(RUSAGE_SELF).ru_maxrss * unit


def _in_gb(count: int | None) -> float | None:
    return None if count is None else round(count / 1e9, 3)
