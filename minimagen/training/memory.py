"""Running out of memory, told in one line with what would fit."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from minimagen.errors import TrainingError


@contextmanager
def memory_explained(where: str, batch_size: int, accumulate: int) -> Iterator[None]:
    """Turn an allocation that failed into a line about the batch.

    Args:
        where: what ran out of memory, as ``stage 1 after step 12``.
        batch_size: images of one batch.
        accumulate: batches of one optimizer step.

    Raises:
        TrainingError: when memory ran out, on a GPU or in this machine.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        hint = smaller_batch(batch_size, accumulate)
        raise TrainingError(
            f"{where}: out of memory with {batch_size} images in a batch; {hint}. "
            "What was saved before is intact"
        ) from error


def is_out_of_memory(error: Exception) -> bool:
    """Whether it says that memory ran out: torch has no class of its own for that on a CPU."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        "can't allocate memory" in str(error)
    )


def smaller_batch(batch_size: int, accumulate: int) -> str:
    """Say which flags give the same images a step in less memory."""
    if batch_size == 1:
        return "a batch cannot be smaller: choose smaller networks or crops, or another --DEVICE"
    parts = next(n for n in range(2, batch_size + 1) if batch_size % n == 0)
    return (
        f"start again with --BATCH_SIZE {batch_size // parts} --ACCUM_ITER {accumulate * parts}, "
        "which is the same images in each step"
    )
