"""Memory that was freed and is about to be asked for again."""

import ctypes
import sys

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # of mallopt(3)
LARGEST = 32 * 2**20  # bytes; more is not accepted
NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Let this process keep what it frees, for the next tensor of the size.

    By default glibc hands large pieces back, and Linux clears every page of them anew for the next
    layer's output. What is kept is no more than was needed before, so peak memory stays as it is.

    Returns:
        Whether there is a glibc that heeds it.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    limits = {MMAP_THRESHOLD: LARGEST, TRIM_THRESHOLD: NEVER}
    return mallopt is not None and all(mallopt(*limit) == 1 for limit in limits.items())
