"""Snapshots of averages on the disk: one average after one step, its header says which.

They are in float32: bfloat16 would round away a good part of what averaging changes.
Averages of other lengths are made of them in ``averaging``.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from minimagen.checkpoint import TENSORS, read_note, sweep, write_weights
from minimagen.config import config, dump, parse
from minimagen.errors import CheckpointError, ConfigError
from minimagen.training.ema import DecayConfig, PowerConfig
from minimagen.training.posthoc import Profile

COUNT = 20  # snapshots of a run, where its parameters do not say how often


@config
class Note:
    """What an average is, as the header of its file says.

    Args:
        sigma_rel: its length as a share of the training so far.
        step: optimizer steps done, those that were skipped among them.
        updates: those of them that changed the weights.
    """

    sigma_rel: float
    step: int
    updates: int

    @property
    def profile(self) -> Profile:
        """Which updates it is an average of."""
        return Profile(self.sigma_rel, self.updates)


@dataclass(frozen=True)
class Snapshot:
    """A snapshot that is there."""

    path: Path
    note: Note


def snapshot_steps(config: DecayConfig | PowerConfig, steps: int) -> int:
    """Return the optimizer steps between two snapshots, in a run of so many steps."""
    every = None if isinstance(config, DecayConfig) else config.snapshot_every
    return every or math.ceil(steps / COUNT)


def take_snapshots(
    root: Path, averages: Mapping[float, Mapping[str, Tensor]], *, step: int, updates: int
) -> None:
    """Write each average, whole or not at all; nothing before the first update.

    Args:
        root: directory of a stage's snapshots; made when missing.
        averages: their weights by sigma_rel.
        step: optimizer steps done.
        updates: those of them that changed the weights.

    Raises:
        TrainingError: when the disk is full or cannot be written; what was there is intact.
    """
    for sigma_rel, weights in averages.items() if updates else ():
        note = Note(sigma_rel=sigma_rel, step=step, updates=updates)
        path = root / f"step_{step:08d}_{sigma_rel}{TENSORS}"
        write_weights(path, weights, dump(note))


def forget_snapshots(root: Path, step: int) -> None:
    """Remove those of later steps, which a resumed run takes again, and half-made ones.

    Only the holder of the stage's lock may call this.
    """
    sweep(root)
    for path in _paths(root):
        if _step_of(path) > step:
            path.unlink()


def find_snapshots(root: Path) -> tuple[list[Snapshot], list[str]]:
    """Read the headers of a stage's snapshots.

    Returns:
        Those that are whole, by step; and for each other one a line that says why it is not.
    """
    found, complaints = [], []
    for path in _paths(root):
        try:
            found.append(Snapshot(path, read_average_note(path)))
        except CheckpointError as error:
            complaints.append(str(error))
    return found, complaints


def read_average_note(path: Path) -> Note:
    """Read what the file of an average says it is.

    Raises:
        CheckpointError: when it is missing, damaged, or of something else.
    """
    try:
        return parse(Note, read_note(path), str(path))
    except ConfigError as error:
        raise CheckpointError(f"{error}; the file is damaged, delete it") from None


def _paths(root: Path) -> list[Path]:
    named = [path for path in root.glob(f"*{TENSORS}") if re.match(r"step_\d{8,}_", path.name)]
    return sorted(named, key=lambda path: (_step_of(path), path.name))


def _step_of(path: Path) -> int:
    return int(path.name.split("_")[1])
