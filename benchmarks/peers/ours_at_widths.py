"""Our network at the peers' widths as a contender: its training alone."""

from benchmarks.peer_widths import peer_widths_stage, training_step
from benchmarks.peers.contender import Task


class OursAtWidths:
    """A fresh base at the peers' widths, as ``benchmarks.peer_widths`` makes and trains it.

    Args:
        task: not looked at; a step learns noise of the same shapes.
        batch: images of a step.
    """

    def __init__(self, task: Task, *, batch: int) -> None:
        self.stage = peer_widths_stage()
        self._step = training_step(self.stage, batch)

    def weights(self) -> int:
        """Return how many weights it trains."""
        return sum(weight.numel() for weight in self.stage.network.parameters())

    def is_done(self) -> bool:
        """Never."""
        return False

    def step(self) -> float:
        """Take one step of Adam."""
        return self._step()
