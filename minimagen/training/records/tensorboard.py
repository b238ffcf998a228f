"""Event files that TensorBoard reads: ``training_<TIMESTAMP>/tensorboard/stage_<i>``.

accelerate's tracker is not used: it knows neither ``purge_step``, without which curves double back
after a kill, nor one folder for each stage.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from minimagen.training.records.flat import scalars
from minimagen.training.records.sink import Values

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


EVENTS = "events.out.tfevents."  # then the second in which the file was begun
GROUP = "measured"  # TensorBoard has a section of its page for what is before the slash


class TensorBoard:
    """The events of one stage, in a folder of its own: stages are curves on the same charts.

    Args:
        folder: where the events go.
        configuration: the run's, flattened; shown as a table.
    """

    def __init__(self, folder: Path, configuration: Mapping[str, str]) -> None:
        self.folder, self.configuration = folder, configuration
        self.writer: SummaryWriter | None = None

    def forget_after(self, step: int) -> None:
        """Open a new event file that tells readers to drop all later steps of older ones."""
        from torch.utils.tensorboard import SummaryWriter

        _wait_for_a_second_of_its_own(self.folder)
        self.writer = SummaryWriter(str(self.folder), purge_step=step + 1)
        self.writer.add_text("configuration", _table(self.configuration), step)
        self.writer.flush()

    def measure(self, step: int, values: Values) -> None:
        """Write scalars; those of a list each under its own name."""
        if self.writer is not None:
            for name, value in scalars(values).items():
                self.writer.add_scalar(_in_a_group(name), value, step)
            self.writer.flush()  # or a kill would lose steps whose checkpoint is kept

    def picture(self, step: int, name: str, image: Image.Image) -> None:
        """Write a picture."""
        if self.writer is not None:
            pixels = np.asarray(image.convert("RGB"))
            self.writer.add_image(name, pixels, step, dataformats="HWC")
            self.writer.flush()

    def close(self) -> None:
        """Close the event file."""
        if self.writer is not None:
            self.writer.close()


def _wait_for_a_second_of_its_own(folder: Path) -> None:
    """Wait while the newest event file is of this second: readers sort files by it."""
    newest = max((_second_of(path) for path in folder.glob(f"{EVENTS}*")), default=0)
    while newest == int(time.time()):
        time.sleep(0.05)


def _second_of(path: Path) -> int:
    second = path.name.removeprefix(EVENTS).split(".")[0]
    return int(second) if second.isdigit() else 0


def _in_a_group(name: str) -> str:
    """Put a number that is alone under one heading with the others."""
    return name if "/" in name else f"{GROUP}/{name}"


def _table(values: Mapping[str, str]) -> str:
    """Write a table in Markdown."""
    rows = [f"| {name} | {value.replace('|', '&#124;')} |" for name, value in values.items()]
    return "\n".join(["| parameter | value |", "|---|---|", *rows])
