"""``training_<TIMESTAMP>``: where things are in it, how it is made, how it is written to."""

import io
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

import torch
from PIL import Image
from torch import Tensor

from minimagen.cascade import CascadeConfig
from minimagen.checkpoint import (
    STATE,
    Json,
    append_text,
    newest_first,
    sweep,
    sync_directory,
    write_bytes,
    write_checkpoint,
    write_text,
    write_weights,
)
from minimagen.config import dump, parse, read_json
from minimagen.data.items import Rejection
from minimagen.errors import CheckpointError, UsageError
from minimagen.locking import in_turn, require_free, stage_lock
from minimagen.training.config import TrainingConfig
from minimagen.training.origin import DataRecord
from minimagen.training.sessions import recorded_session
from minimagen.training.snapshots import forget_snapshots, take_snapshots
from minimagen.weights import FILES, TEXT_FILE, Weights, weights_path

Measured: TypeAlias = float | int | list[int] | list[float] | list[str] | None
DATA = "tmp/data.json"


@dataclass(frozen=True)
class TrainingDirectory:
    """A training directory that exists."""

    path: Path

    @classmethod
    def create(
        cls, output: Path, timestamp: str, cascade: CascadeConfig, training: TrainingConfig
    ) -> "TrainingDirectory":
        """Make a directory with its parameters: built beside, then renamed, so it appears complete.

        Raises:
            UsageError: when nothing can be made there.
        """
        building = output / f".training_{timestamp}.tmp-{os.getpid()}-{secrets.token_hex(4)}"
        try:
            building.mkdir(parents=True)
            _fill(building, cascade, training)
            return cls(_rename_to_free(building, output / f"training_{timestamp}"))
        except OSError as error:
            raise UsageError(
                f"--OUTPUT {output}: no directory can be made there ({error.strerror})"
            ) from None
        finally:
            shutil.rmtree(building, ignore_errors=True)  # there only when something went wrong

    @classmethod
    def open(cls, path: Path) -> "TrainingDirectory":
        """Open a directory that :meth:`create` made.

        Raises:
            CheckpointError: when it is none.
        """
        if not (path / "parameters" / "training_params.json").is_file():
            raise CheckpointError(
                f"--RESTART_DIRECTORY {path}: no training directory, it has no "
                "parameters/training_params.json; name one that train.py made"
            )
        return cls(path)

    def configuration(self) -> tuple[CascadeConfig, TrainingConfig]:
        """Read the parameters it was made with."""
        parameters = self.path / "parameters"
        return CascadeConfig.read(parameters), TrainingConfig.read(parameters)

    def save_configuration(self, training: TrainingConfig) -> None:
        """Replace the training parameters; a resumed run may be longer."""
        write_text(self.path / "parameters" / "training_params.json", dump(training))

    def data_record(self) -> DataRecord | None:
        """Read what data it was begun on; None when that is not known yet.

        Raises:
            ConfigError: when the record is damaged.
        """
        path = self.path / DATA
        return parse(DataRecord, read_json(path), str(path)) if path.exists() else None

    def save_data_record(self, record: DataRecord) -> None:
        """Write down what data it is begun on."""
        write_text(self.path / DATA, dump(record))

    def processes_of(self, stage: int) -> int | None:
        """Return how many processes wrote a stage's newest checkpoint; None when it has none."""
        for path in newest_first(self.checkpoints(stage)):
            try:
                state = json.loads((path / STATE).read_bytes())
                return int(state.get("environment", {}).get("processes", 1))
            except (OSError, ValueError, TypeError, AttributeError):  # damaged: an older one tells
                continue
        return None

    def checkpoints(self, stage: int) -> Path:
        """Return where a stage's checkpoints and lock are."""
        return self.path / "tmp" / f"unet_{stage}"

    def require_free(self, stages: Iterable[int]) -> None:
        """Check that no other process fits these stages, before anything is changed.

        Raises:
            LockedError: when one does.
        """
        for stage in stages:
            require_free(self.checkpoints(stage))

    def snapshots(self, stage: int) -> Path:
        """Return where a stage's snapshots of averages are."""
        return self.path / "ema" / f"unet_{stage}"

    def save_samples(self, stage: int, step: int, picture: Image.Image) -> None:
        """Write a sample grid."""
        png = io.BytesIO()
        picture.save(png, "PNG")
        write_bytes(self.path / "samples" / f"stage_{stage}_step_{step}.png", png.getvalue())

    def save_preview(self, name: str, picture: Image.Image) -> None:
        """Write a picture of what is trained on, once."""
        path = self.path / "samples" / f"{name}.png"
        if not path.exists():
            png = io.BytesIO()
            picture.save(png, "PNG")
            write_bytes(path, png.getvalue())

    def save_weights(self, stage: int, weights: Weights, tensors: dict[str, Tensor]) -> None:
        """Write a stage's weights file."""
        write_weights(weights_path(self.path, stage, weights), tensors)

    def save_checkpoint(
        self,
        stage: int,
        step: int,
        tensors: Mapping[str, Mapping[str, Tensor]],
        state: Mapping[str, Json],
    ) -> None:
        """Write all that a stage needs to be continued."""
        write_checkpoint(self.checkpoints(stage), step, tensors, state)

    def save_snapshots(
        self, stage: int, averages: Mapping[float, Mapping[str, Tensor]], step: int, updates: int
    ) -> None:
        """Write averages of which others can be made, as ``snapshots`` says."""
        take_snapshots(self.snapshots(stage), averages, step=step, updates=updates)

    def lock(self, stage: int) -> AbstractContextManager[None]:
        """Keep other runs out of a stage while entered.

        Raises:
            LockedError: when another process holds it.
        """
        return stage_lock(self.checkpoints(stage))

    def session(self, device: torch.device) -> AbstractContextManager[None]:
        """Write down while entered that this process works on the run."""
        return recorded_session(self.path, device)

    def sweep(self, stage: int) -> None:
        """Remove what killed writers of a stage left half-made; for the holder of its lock."""
        sweep(self.checkpoints(stage))
        for name in FILES.values():  # averages made of snapshots may be being written just now
            sweep(self.path / "state_dicts", name.format(stage))
        if stage == 0:
            sweep(self.path / "state_dicts", TEXT_FILE)
        sweep(self.path / "samples", f"stage_{stage}_*")

    def save_rejections(self, rejections: Iterable[Rejection]) -> None:
        """Write ``rejected.jsonl``, a line for each rejected item."""
        lines = [json.dumps(asdict(item), ensure_ascii=False) + "\n" for item in rejections]
        write_text(self.path / "rejected.jsonl", "".join(lines))

    def note(self, *lines: str) -> None:
        """Append lines for people to ``training_progress.txt``."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        text = "".join(f"{stamp}  {line}\n" for line in lines)
        append_text(self.path / "training_progress.txt", text)

    def note_own(self, line: str) -> None:
        """Append a line about what happened to this process alone, whichever it is."""
        TrainingDirectory.note(self, line)

    def measure(self, **values: Measured) -> None:
        """Append a line for programs to ``metrics.jsonl``."""
        with self._metrics() as path:
            start = "" if _ends_whole(path) else "\n"
            append_text(path, start + json.dumps(values, ensure_ascii=False) + "\n")

    def forget_after(self, stage: int, step: int) -> None:
        """Drop measurements and snapshots of steps that a resumed run will take again."""
        forget_snapshots(self.snapshots(stage), step)
        with self._metrics() as path:
            if not path.is_file():
                return
            text = path.read_text(encoding="utf-8", errors="replace")
            lines = text.splitlines(keepends=True)
            kept = [line for line in lines if not _is_after(line, stage, step)]
            if len(kept) < len(lines):
                write_text(path, "".join(kept))

    @contextmanager
    def _metrics(self) -> Iterator[Path]:
        """Hold ``metrics.jsonl``, which stages in other processes write too."""
        with in_turn(self.path / "tmp" / "metrics.lock"):
            yield self.path / "metrics.jsonl"


def _fill(building: Path, cascade: CascadeConfig, training: TrainingConfig) -> None:
    cascade.write(building / "parameters")
    write_text(building / "parameters" / "training_params.json", dump(training))
    for name in ("state_dicts", "samples", "tmp"):
        (building / name).mkdir()
    (building / "training_progress.txt").touch()
    sync_directory(building)


def _ends_whole(path: Path) -> bool:
    """Whether the last line is whole: a disk that was full for a moment cuts one short."""
    if not path.is_file() or not path.stat().st_size:
        return True
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"


def _is_after(line: str, stage: int, step: int) -> bool:
    try:
        measured = json.loads(line)
        return bool(measured["stage"] == stage and measured["step"] > step)
    except (ValueError, TypeError, KeyError):  # cut short by a kill, or damaged
        return True


def _rename_to_free(building: Path, wanted: Path) -> Path:
    """Rename to the wanted name, or to the first free one with a number behind it."""
    for number in range(1, 1000):
        target = wanted if number == 1 else wanted.with_name(f"{wanted.name}_{number}")
        if target.exists():
            continue
        try:
            made = building.rename(target)
        except OSError:  # somebody else was quicker
            continue
        sync_directory(made.parent)
        return made
    raise UsageError(f"{wanted}: exists a thousand times; choose another --TIMESTAMP or --OUTPUT")
