"""Our network at the peers' widths as a contender: one training step, nothing drawn."""

from torch import Tensor

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

    def draw(self, count: int) -> Tensor:
        """Draw nothing: only its training is measured."""
        raise NotImplementedError("only the training of this network is measured")
