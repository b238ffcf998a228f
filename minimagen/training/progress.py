"""How far a stage is."""

from dataclasses import dataclass


@dataclass
class Progress:
    """How far a stage is; with the tensors, all that resuming needs.

    Attributes:
        step: optimizer steps behind us, those that were skipped among them.
        best_loss: the lowest validation loss so far.
        seconds: time spent, in all attempts.
        skipped: steps that changed nothing, for their loss or gradient was no number.
        skipped_in_a_row: how many of them are the last ones.
    """

    step: int = 0
    best_loss: float | None = None
    seconds: float = 0.0
    skipped: int = 0
    skipped_in_a_row: int = 0

    @property
    def updates(self) -> int:
        """How often the weights were changed."""
        return self.step - self.skipped

    def take(self) -> None:
        """Count a step."""
        self.step += 1
        self.skipped_in_a_row = 0

    def skip(self, counts: bool = True) -> None:
        """Count a step that changes nothing; the stream of samples moves on all the same.

        Args:
            counts: whether it is one of those of which too many end the run.
        """
        self.step += 1
        self.skipped += 1
        self.skipped_in_a_row += counts
