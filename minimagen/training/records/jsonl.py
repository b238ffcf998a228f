"""``metrics.jsonl``, for programs, and ``samples/``, for people."""

from dataclasses import dataclass

from PIL import Image

from minimagen.training.directory import TrainingDirectory
from minimagen.training.records.sink import Values


@dataclass(frozen=True)
class OwnFiles:
    """The training directory's own record of a stage.

    Args:
        directory: that it is in.
        stage: its number.
    """

    directory: TrainingDirectory
    stage: int

    def forget_after(self, step: int) -> None:
        """Drop the lines of steps that will be taken again."""
        self.directory.forget_after(self.stage, step)

    def measure(self, step: int, values: Values) -> None:
        """Append a line."""
        self.directory.measure(stage=self.stage, step=step, **values)

    def picture(self, step: int, name: str, image: Image.Image) -> None:
        """Keep a picture; it takes the place of one that was drawn at this step before."""
        self.directory.save_samples(self.stage, step, image)

    def close(self) -> None:
        """Every line is in the file already."""
