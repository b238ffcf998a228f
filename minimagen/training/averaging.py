"""An average of any length, made of a run's snapshots after training.

The file it is made into says in its header of which step it is, so that it is made again when the
run has gone on. Which sum of snapshots it is, ``posthoc`` says.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from minimagen.checkpoint import read_weights, sweep, write_weights
from minimagen.config import dump
from minimagen.errors import CheckpointError, UsageError
from minimagen.locking import in_turn
from minimagen.training.directory import TrainingDirectory
from minimagen.training.posthoc import Combination, combine
from minimagen.training.snapshots import Note, Snapshot, find_snapshots, read_average_note
from minimagen.weights import weights_in, weights_path

FARTHEST = 0.2  # no average is made that misses its profile by more, as a share of its norm
KEPT_BY = """train with --SET 'training.ema={"kind": "power"}' to keep some"""


@dataclass(frozen=True)
class Made:
    """An average that was made.

    Args:
        path: its file.
        note: what it is.
        snapshots: of how many.
        mismatch: how far its profile is from the one asked for, as a share of its norm.
        complaints: snapshots that could not be used, and why.
    """

    path: Path
    note: Note
    snapshots: int
    mismatch: float
    complaints: tuple[str, ...]


def stages_with_snapshots(run: Path) -> list[int]:
    """Number the stages of which averages can be made.

    Raises:
        CheckpointError: when there are none.
    """
    found = (re.fullmatch(r"unet_(\d+)", path.name) for path in run.glob("ema/unet_*"))
    stages = sorted(int(match[1]) for match in found if match)
    if not stages:
        raise CheckpointError(f"{run}: no snapshots of averages in it (ema/unet_<i>); {KEPT_BY}")
    return stages


def make_average(run: Path, stage: int, sigma_rel: float) -> Made:
    """Write ``state_dicts/unet_<i>_ema_<sigma_rel>``, the average after the newest snapshot.

    Args:
        run: the training directory.
        stage: which stage.
        sigma_rel: its length as a share of the training, in (0, 0.28].

    Raises:
        CheckpointError: when there are no snapshots.
        UsageError: when they lie too far from what is asked for.
    """
    found, complaints = find_snapshots(TrainingDirectory(run).snapshots(stage))
    if not found:
        raise CheckpointError(_nothing_to_make_it_of(run, stage, sigma_rel))
    note = Note(sigma_rel=sigma_rel, step=found[-1].note.step, updates=found[-1].note.updates)
    combination = combine([snapshot.note.profile for snapshot in found], note.profile)
    if combination.mismatch > FARTHEST:
        raise UsageError(_too_far(stage, sigma_rel, combination, found))
    path = weights_path(run, stage, f"ema:{sigma_rel}")
    tensors = weighted_sum([snapshot.path for snapshot in found], combination)
    with in_turn(run / "ema" / "average.lock"):
        sweep(path.parent, path.name)  # the lock says that whoever left it is dead
        write_weights(path, tensors, dump(note))
    return Made(path, note, len(found), combination.mismatch, tuple(complaints))


def ensure_average(run: Path, stage: int, sigma_rel: float) -> Made | None:
    """Make an average unless its file is there and as new as the snapshots.

    Returns:
        What was made; None where nothing had to be.

    Raises:
        CheckpointError: when there is neither a file nor snapshots.
        UsageError: when the snapshots lie too far from what is asked for.
    """
    path = weights_path(run, stage, f"ema:{sigma_rel}")
    found, _ = find_snapshots(TrainingDirectory(run).snapshots(stage))
    if path.is_file() and (not found or read_average_note(path).step == found[-1].note.step):
        return None
    return make_average(run, stage, sigma_rel)


def weighted_sum(paths: Sequence[Path], combination: Combination) -> dict[str, Tensor]:
    """Add up weights files in float64, one in memory at a time; float32."""
    total: dict[str, Tensor] = {}
    for path, coefficient in zip(paths, combination.coefficients.tolist(), strict=True):
        for name, tensor in read_weights(path).items():
            start = torch.zeros_like(tensor, dtype=torch.float64)
            total.setdefault(name, start).add_(tensor, alpha=coefficient)
    return {name: tensor.float() for name, tensor in total.items()}


def _nothing_to_make_it_of(run: Path, stage: int, sigma_rel: float) -> str:
    there = weights_in(run, stage)
    return (
        f"{run}: no average of sigma_rel {sigma_rel} for stage {stage}, and no snapshots to make "
        f"it of; there is {', '.join(there) or 'no weights file'}; {KEPT_BY}"
    )


def _too_far(
    stage: int, sigma_rel: float, combination: Combination, found: Sequence[Snapshot]
) -> str:
    lengths = sorted({snapshot.note.sigma_rel for snapshot in found})
    return (
        f"--SIGMA_REL {sigma_rel}: the {len(found)} snapshots of stage {stage}, of sigma_rel "
        f"{' and '.join(map(str, lengths))}, miss that profile by {combination.mismatch:.0%}; "
        f"ask for one nearer to these, {FARTHEST:.0%} is allowed"
    )
