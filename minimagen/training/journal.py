"""What a stage writes down on the way: lines for people, lines for programs, pictures."""

from dataclasses import dataclass

from PIL import Image

from minimagen.training.directory import Measured, TrainingDirectory
from minimagen.training.records.opening import sinks_of
from minimagen.training.records.sink import Sink
from minimagen.training.run import Run


@dataclass(frozen=True)
class Journal:
    """What one stage writes: notes into the training directory, all else into its sinks.

    Args:
        directory: the training directory.
        stage: its number.
        sinks: what takes in measurements and pictures.
    """

    directory: TrainingDirectory
    stage: int
    sinks: tuple[Sink, ...] = ()

    @classmethod
    def of(cls, run: Run, stage: int) -> "Journal":
        """Return the journal that a run's configuration asks for; nothing is opened yet."""
        sinks = sinks_of(run.directory, run.config, stage) if run.processes.is_first else ()
        return cls(run.directory, stage, sinks)

    def note(self, line: str) -> None:
        """Tell people."""
        self.directory.note(f"stage {self.stage}: {line}")

    def note_own(self, line: str) -> None:
        """Tell people what happened to this process alone."""
        self.directory.note_own(f"stage {self.stage}: {line}")

    def measure(self, step: int, **values: Measured) -> None:
        """Tell programs what was measured at a step."""
        for sink in self.sinks:
            sink.measure(step, values)

    def show(self, step: int, picture: Image.Image) -> None:
        """Keep the sample grid of a step."""
        for sink in self.sinks:
            sink.picture(step, "samples", picture)

    def forget_after(self, step: int) -> None:
        """Go on after a step: drop measurements of steps that will be taken again."""
        for sink in self.sinks:
            sink.forget_after(step)

    def close(self) -> None:
        """Finish with every sink."""
        for sink in self.sinks:
            sink.close()
