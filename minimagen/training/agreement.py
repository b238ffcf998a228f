"""What processes tell each other once a step, so that all take the same decisions."""

import torch

from minimagen.runtime import Processes
from minimagen.training.learner import Gradient
from minimagen.training.signals import EXIT_CODES

SIGNALS = (None, *EXIT_CODES)


def agreed(
    processes: Processes, gradient: Gradient, signal: str | None
) -> tuple[Gradient, str | None]:
    """Tell all processes each one's losses and the signal it got, in one message.

    Args:
        processes: which.
        gradient: its numbers and losses are of this process.
        signal: the one that came to this process, if any.

    Returns:
        The same with the numbers and losses of all; and a signal that came to any of them. Both are
        the same in every process.
    """
    numbers = torch.tensor(gradient.numbers, dtype=torch.float64)  # exact up to 2^53
    code = torch.tensor([float(SIGNALS.index(signal))], dtype=torch.float64)
    losses = gradient.losses.double().cpu()
    told = processes.gather(torch.cat([code, numbers, losses])[None])  # (processes, 1 + 2 N)
    count = len(numbers)
    everything = Gradient(
        numbers=tuple(map(int, told[:, 1 : 1 + count].flatten().tolist())),
        losses=told[:, 1 + count :].flatten().to(gradient.losses.dtype),
        norm=gradient.norm.cpu(),
    )
    return everything, SIGNALS[int(told[:, 0].max())]
