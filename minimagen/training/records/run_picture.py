"""``run.png``, drawn again while a run goes on, as often as that costs next to nothing."""

import io
import time

from PIL import Image

from minimagen.checkpoint import write_bytes
from minimagen.training.directory import TrainingDirectory
from minimagen.training.records.sink import Values

RARELY = 50  # times longer than drawing takes is the time between two drawings: 2 % of it
FIRST_GUESS_S = 2.0  # of how long drawing takes


class RunPicture:
    """Draws the run at checkpoints, where sample grids come, and when a stage ends.

    Args:
        directory: whose measurements are drawn, those of all stages.
    """

    def __init__(self, directory: TrainingDirectory) -> None:
        self.directory = directory
        self.drawn, self.cost_s, self.is_behind = time.monotonic(), FIRST_GUESS_S, False

    def forget_after(self, step: int) -> None:
        """Nothing is kept here."""

    def measure(self, step: int, values: Values) -> None:
        """There is something new to draw."""
        self.is_behind = True

    def picture(self, step: int, name: str, image: Image.Image) -> None:
        """Draw the run, unless that was done a moment ago."""
        if time.monotonic() - self.drawn > RARELY * self.cost_s:
            self._draw()

    def close(self) -> None:
        """Draw the run as it was left."""
        if self.is_behind:
            self._draw()

    def _draw(self) -> None:
        from minimagen.training.records.plot import draw_run

        began = time.monotonic()
        png = io.BytesIO()
        draw_run(self.directory.path).savefig(png, format="png")
        write_bytes(self.directory.path / "run.png", png.getvalue())
        self.drawn = time.monotonic()
        self.cost_s, self.is_behind = self.drawn - began, False
