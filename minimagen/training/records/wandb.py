"""Weights & Biases: a run for each stage, in a group for each training directory.

Nothing here talks to the network by itself: the package does, as its own settings say, and with
``WANDB_MODE=offline`` it only writes below ``training_<TIMESTAMP>/wandb``.
"""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from minimagen.checkpoint import write_text
from minimagen.training.records.flat import scalars
from minimagen.training.records.sink import Values

if TYPE_CHECKING:
    import wandb

PATIENCE_S = 60  # for what is not uploaded yet when a stage ends


class WeightsAndBiases:
    """One stage as a run of Weights & Biases, which every session of it continues.

    Args:
        directory: the training directory.
        stage: its number.
        configuration: the run's, flattened.
    """

    def __init__(self, directory: Path, stage: int, configuration: Mapping[str, str]) -> None:
        self.directory, self.stage, self.configuration = directory, stage, configuration
        self.run: wandb.Run | None = None

    def forget_after(self, step: int) -> None:
        """Open the run, or continue it; there the first value told for a step stays."""
        import wandb

        self.run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "minimagen"),
            group=self.directory.name,
            name=f"{self.directory.name} stage {self.stage}",
            id=self._name_of_the_run(),
            resume="allow",
            reinit="create_new",
            dir=str(self.directory),
            config=dict(self.configuration),
            settings=wandb.Settings(
                silent=True,
                console="off",
                finish_timeout=PATIENCE_S,
                finish_timeout_raises=True,
            ),
        )

    def measure(self, step: int, values: Values) -> None:
        """Tell scalars; those of a list each under its own name."""
        if self.run is not None:
            self.run.log(scalars(values), step=step)

    def picture(self, step: int, name: str, image: Image.Image) -> None:
        """Tell a picture."""
        import wandb

        if self.run is not None:
            self.run.log({name: wandb.Image(image)}, step=step)

    def close(self) -> None:
        """Let what is told be written, and uploaded where that was asked for."""
        if self.run is not None:
            self.run.finish()

    def _name_of_the_run(self) -> str:
        """Return what it is known by there: drawn once, for directories may share a name."""
        path = self.directory / "wandb" / f"unet_{self.stage}.id"
        if not path.is_file():
            path.parent.mkdir(exist_ok=True)
            write_text(path, secrets.token_hex(8))
        return path.read_text(encoding="utf-8").strip()
