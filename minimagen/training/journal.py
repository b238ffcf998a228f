"""What a stage writes down on the way: lines for people, lines for programs, pictures."""

from dataclasses import dataclass

from PIL import Image

from minimagen.training.directory import Measured, TrainingDirectory


@dataclass(frozen=True)
class Journal:
    """The part of a training directory's logs that one stage writes."""

    directory: TrainingDirectory
    stage: int

    def note(self, line: str) -> None:
        """Tell people."""
        self.directory.note(f"stage {self.stage}: {line}")

    def note_own(self, line: str) -> None:
        """Tell people what happened to this process alone."""
        self.directory.note_own(f"stage {self.stage}: {line}")

    def measure(self, step: int, **values: Measured) -> None:
        """Tell programs what was measured at a step."""
        self.directory.measure(stage=self.stage, step=step, **values)

    def show(self, step: int, picture: Image.Image) -> None:
        """Keep the sample grid of a step."""
        self.directory.save_samples(self.stage, step, picture)

    def forget_after(self, step: int) -> None:
        """Drop measurements of steps that will be taken again."""
        self.directory.forget_after(self.stage, step)
