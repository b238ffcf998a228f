"""What is in a training directory: read, verified and counted; never written, never locked.

It works while a run is going on, where files come and go, and on directories that are damaged:
what cannot be read is a complaint in the report, not an error. How it is shown, ``cli`` decides.
"""

import json
import math
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError, safe_open

from minimagen.cascade import CascadeConfig
from minimagen.checkpoint import (
    STATE,
    TENSORS,
    complaint_of,
    newest_first,
    read_manifest,
    sha256_of,
)
from minimagen.errors import CheckpointError, MinimagenError
from minimagen.text.encoders import called
from minimagen.training.config import TrainingConfig
from minimagen.training.directory import TrainingDirectory
from minimagen.training.holder import Holder, read_holder
from minimagen.training.sessions import Session, read_sessions
from minimagen.weights import weights_in, weights_path

T = TypeVar("T")
MARKS = ("training_progress.txt", "parameters/training_params.json", "state_dicts", "tmp")
GROUPS = {"ema": "ema", "raw": "model"}  # where a checkpoint has the same


@dataclass(frozen=True)
class CheckpointReport:
    """One checkpoint.

    Args:
        step: optimizer steps done.
        size: in bytes.
        complaint: why it does not verify; None when it does.
    """

    step: int
    size: int
    complaint: str | None


@dataclass(frozen=True)
class WeightsReport:
    """One file of weights.

    Args:
        kind: ema, best or raw; or ema:0.08, an average made after training.
        size: in bytes.
        is_newest: whether it holds what the newest good checkpoint holds; None for ``best``, which
            may be older, for averages made after training, and where no checkpoint is good.
        complaint: why it cannot be read; None when it can.
    """

    kind: str
    size: int
    is_newest: bool | None
    complaint: str | None


@dataclass(frozen=True)
class StageReport:
    """One stage.

    Args:
        index: its place in the cascade, from 0.
        size: side of its images in pixels; None when the parameter files do not say.
        parameters: weights in its network; None before the first checkpoint.
        step: optimizer steps of the newest good checkpoint.
        steps: how many it is to take; None when that is not known.
        best_loss: lowest validation loss up to that checkpoint.
        skipped: steps skipped because a number was not finite; None where that is not recorded.
        checkpoints: newest first.
        weights: the files that are there.
        holder: who held it last; None when nobody did.
        leftovers: what killed writers left, or a living one is writing.
    """

    index: int
    size: int | None
    parameters: int | None
    step: int
    steps: int | None
    best_loss: float | None
    skipped: int | None
    checkpoints: tuple[CheckpointReport, ...]
    weights: tuple[WeightsReport, ...]
    holder: Holder | None
    leftovers: tuple[str, ...]

    @property
    def is_lost(self) -> bool:
        """Whether it was saved and no checkpoint verifies, so that it cannot be continued."""
        was_saved = self.checkpoints or any(file.kind != "best" for file in self.weights)
        return bool(was_saved) and all(c.complaint for c in self.checkpoints)


@dataclass(frozen=True)
class RunReport:
    """A training directory.

    Args:
        path: where it is.
        dataset: what it trains on; None when the parameter files do not say.
        text_encoder: likewise; None also for an unconditional cascade.
        training_images: pictures in the training split; None when it was never noted.
        last_line: the end of ``training_progress.txt``.
        rejected: how many items were left out, by reason.
        sizes: bytes of each file and directory at the top.
        stages: by index.
        sessions: the processes that worked on it, as far as they were written down.
        complaints: what is wrong with the parameter files, or the record of the data.
    """

    path: str
    dataset: str | None
    text_encoder: str | None
    training_images: int | None
    last_line: str
    rejected: dict[str, int]
    sizes: dict[str, int]
    stages: tuple[StageReport, ...]
    sessions: tuple[Session, ...]
    complaints: tuple[str, ...]


def inspect_run(path: Path) -> RunReport:
    """Look at a training directory.

    Raises:
        CheckpointError: when it is none.
    """
    if sum((path / mark).exists() for mark in MARKS) < 2:
        kind = "no training directory" if path.is_dir() else "no such directory"
        raise CheckpointError(f"{path}: {kind}; name one that train.py made")
    directory = TrainingDirectory(path)
    complaints: list[str] = []
    cascade = _attempt(lambda: CascadeConfig.read(path / "parameters"), complaints)
    training = _attempt(lambda: TrainingConfig.read(path / "parameters"), complaints)
    _attempt(directory.data_record, complaints)
    lines = _lines(path / "training_progress.txt")
    images = _training_images(lines)
    encoder = cascade.imagen.text_encoder if cascade else None
    return RunReport(
        path=str(path),
        dataset=training.data.dataset if training else None,
        text_encoder=called(encoder) if encoder else None,
        training_images=images,
        last_line=lines[-1] if lines else "",
        rejected=_rejected(path / "rejected.jsonl"),
        sizes={child.name: _size(child) for child in sorted(path.iterdir())},
        stages=tuple(
            _inspect_stage(directory, index, cascade, _steps(directory, training, index, images))
            for index in _stages(path, cascade)
        ),
        sessions=read_sessions(path),
        complaints=tuple(complaints),
    )


def _attempt(read: Callable[[], T], complaints: list[str]) -> T | None:
    try:
        return read()
    except MinimagenError as error:
        complaints.append(str(error))
        return None


def _stages(path: Path, cascade: CascadeConfig | None) -> list[int]:
    """Number the stages that the parameters name, and those that left files."""
    planned = range(len(cascade.imagen.stages)) if cascade else range(0)
    left = [*path.glob("tmp/unet_*"), *path.glob("state_dicts/unet_*.safetensors")]
    found = (re.match(r"unet_(\d+)", file.name) for file in left)
    return sorted({*planned, *(int(match[1]) for match in found if match)})


def _steps(
    directory: TrainingDirectory, training: TrainingConfig | None, stage: int, images: int | None
) -> int | None:
    """Return how many steps a stage is to take, where that follows from what is known."""
    if training is None or (training.epochs is not None and images is None):
        return None
    try:
        processes = directory.processes_of(stage) or 1
        return training.length_in_steps(stage, images or 0, processes)
    except MinimagenError:
        return None


# Stages


def _inspect_stage(
    directory: TrainingDirectory, index: int, cascade: CascadeConfig | None, steps: int | None
) -> StageReport:
    root = directory.checkpoints(index)
    checkpoints = tuple(_inspect_checkpoints(root))
    good = next((report for report in checkpoints if report.complaint is None), None)
    newest = None if good is None else root / f"step_{good.step:08d}"
    state = {} if newest is None else _read_state(newest / STATE)
    is_planned = cascade is not None and index < len(cascade.imagen.stages)
    return StageReport(
        index=index,
        size=cascade.imagen.stages[index].size if cascade and is_planned else None,
        parameters=_count_numbers(newest / f"model{TENSORS}") if newest else None,
        step=0 if good is None else good.step,
        steps=steps,
        best_loss=state.get("best_loss"),
        skipped=state.get("skipped"),
        checkpoints=checkpoints,
        weights=tuple(_inspect_weights(directory.path, index, newest)),
        holder=read_holder(root),
        leftovers=tuple(_leftovers(directory, index)),
    )


def _inspect_checkpoints(root: Path) -> Iterator[CheckpointReport]:
    for path in newest_first(root):
        complaint = complaint_of(path)
        if complaint is None or path.exists():  # else a run that is going on dropped it meanwhile
            step = int(path.name.removeprefix("step_"))
            yield CheckpointReport(step, _size(path), complaint)


def _inspect_weights(run: Path, stage: int, newest: Path | None) -> Iterator[WeightsReport]:
    hashes = {} if newest is None else _hashes(newest)
    for kind in weights_in(run, stage):
        path = weights_path(run, stage, kind)
        wanted = hashes.get(f"{GROUPS.get(kind)}{TENSORS}")
        is_newest = None if wanted is None else wanted == _hash(path)
        yield WeightsReport(kind, _size(path), is_newest, _unreadable(path))


def _leftovers(directory: TrainingDirectory, stage: int) -> list[str]:
    found = [
        *directory.checkpoints(stage).glob("*.tmp-*"),
        *directory.snapshots(stage).glob("*.tmp-*"),
        *weights_path(directory.path, stage).parent.glob(f"unet_{stage}_*.tmp-*"),
    ]
    return sorted(str(path.relative_to(directory.path)) for path in found)


# Files, which may be damaged, or gone by now


def _hashes(checkpoint: Path) -> dict[str, str]:
    """Return what the files of a good checkpoint hash to, as its manifest says."""
    try:
        return {name: file.sha256 for name, file in read_manifest(checkpoint).files.items()}
    except CheckpointError:
        return {}


def _hash(path: Path) -> str | None:
    try:
        return sha256_of(path)
    except OSError:
        return None


def _read_state(path: Path) -> dict[str, Any]:
    """Read the counters of a good checkpoint, which are as they were written."""
    try:
        state: dict[str, Any] = json.loads(path.read_bytes())
    except OSError:
        return {}
    return state


def _count_numbers(path: Path) -> int | None:
    """Count the numbers in a file of tensors by its header; None when it cannot be read."""
    try:
        with safe_open(path, "pt") as file:
            shapes: list[list[int]] = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118
    except (OSError, SafetensorError):
        return None
    return sum(map(math.prod, shapes))


def _unreadable(path: Path) -> str | None:
    return None if _count_numbers(path) is not None else f"{path.name}: no whole safetensors file"


def _size(path: Path) -> int:
    """Count the bytes of a file, or of all files below a directory."""
    # os.walk, unlike rglob, goes on where a directory is gone by now.
    below = [Path(folder, name) for folder, _, names in os.walk(path) for name in names]
    return sum(map(_size_of_file, below or [path]))


def _size_of_file(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()]


def _training_images(lines: list[str]) -> int | None:
    """Find how many pictures the run noted that it trains on, the last time it started."""
    found = [said for line in lines if (said := re.search(r"data: (\d+) to train on", line))]
    return int(found[-1][1]) if found else None


def _rejected(path: Path) -> dict[str, int]:
    return dict(Counter(map(_reason, _lines(path))).most_common())


def _reason(line: str) -> str:
    try:
        return str(json.loads(line)["reason"])
    except (ValueError, TypeError, KeyError):
        return "a line that cannot be read"
