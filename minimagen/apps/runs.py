"""The training directories that can be drawn with, and what is worth knowing about each."""

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from minimagen.cascade import CascadeConfig
from minimagen.config import to_plain
from minimagen.errors import CheckpointError, MinimagenError, UsageError
from minimagen.text.encoders import called
from minimagen.training.config import TrainingConfig
from minimagen.training.records.curves import read_curves
from minimagen.weights import weights_path

SAMPLES = re.compile(r"stage_(\d+)_step_(\d+)\.png")


class UnknownRunError(UsageError):
    """A name that no run has."""


@dataclass(frozen=True)
class StageAbout:
    """What is known of a stage.

    Args:
        size: side of its square pictures, in pixels.
        sampler: its own, unless another is asked for; likewise what follows.
        steps: of the sampler.
        guidance_scale: 1 is off.
        step: optimizer steps that were measured; None when nothing was.
        loss: the last that was measured.
        validation_loss: likewise.
    """

    size: int
    sampler: str
    steps: int
    guidance_scale: float
    step: int | None
    loss: float | None
    validation_loss: float | None


@dataclass(frozen=True)
class SampleGrid:
    """A grid of samples that training left."""

    stage: int
    step: int
    path: Path


@dataclass(frozen=True)
class Run:
    """A training directory, or a saved cascade, whose first stage has weights.

    Args:
        name: the directory's; the name to ask for it by.
        path: where it is.
    """

    name: str
    path: Path
    _plots: dict[int, bytes] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def cascade(self) -> CascadeConfig:
        """Its parameter files."""
        return CascadeConfig.read(self.path / "parameters")

    @property
    def sizes(self) -> list[int]:
        """Sides of what it can draw: its consecutive fitted stages, from the first."""
        sizes = []
        for index, stage in enumerate(self.cascade.imagen.stages):
            if not weights_path(self.path, index).is_file():
                break
            sizes.append(stage.size)
        return sizes

    def stages(self) -> list[StageAbout]:
        """Say what is known of each fitted stage; also while the run goes on."""
        curves = read_curves(self.path / "metrics.jsonl")
        abouts = []
        for index, _ in enumerate(self.sizes):
            stage, measured = self.cascade.imagen.stages[index], curves.get(index)
            steps = () if measured is None else measured.line("loss")[0].tolist()
            how = stage.sampling
            abouts.append(
                StageAbout(
                    size=stage.size,
                    sampler=how.sampler,
                    steps=how.steps,
                    guidance_scale=how.guidance_scale,
                    step=int(steps[-1]) if steps else None,
                    loss=None if measured is None else measured.last("loss"),
                    validation_loss=None if measured is None else measured.last("validation_loss"),
                )
            )
        return abouts

    def about(self) -> dict[str, str]:
        """Say in a few words what it was trained on, and with what."""
        encoder = self.cascade.imagen.text_encoder
        about = {"text encoder": "none" if encoder is None else called(encoder)}
        if (self.path / "parameters" / "training_params.json").is_file():
            training = TrainingConfig.read(self.path / "parameters")
            about["data"] = training.data.dataset
            about["aspect ratios"] = ", ".join(f"{r:g}" for r in training.data.aspect_ratios)
        return about

    def configuration(self) -> dict[str, Any]:
        """Return all its parameters, file by file."""
        tree = {"imagen": to_plain(self.cascade.imagen)}
        tree |= {f"unet_{i}": to_plain(unet) for i, unet in enumerate(self.cascade.unets)}
        if (self.path / "parameters" / "training_params.json").is_file():
            tree["training"] = to_plain(TrainingConfig.read(self.path / "parameters"))
        return tree

    def grids(self) -> list[SampleGrid]:
        """List the sample grids, stage by stage, the newest first."""
        found = []
        for path in (self.path / "samples").glob("stage_*_step_*.png"):
            named = SAMPLES.fullmatch(path.name)
            if named is not None:
                found.append(SampleGrid(int(named[1]), int(named[2]), path))
        return sorted(found, key=lambda grid: (grid.stage, -grid.step))

    def plot(self) -> bytes | None:
        """Draw its curves as PNG; None when nothing was measured or matplotlib is not there."""
        try:
            written = (self.path / "metrics.jsonl").stat().st_mtime_ns
        except OSError:
            return None
        if find_spec("matplotlib") is None:
            return None
        if written not in self._plots:
            from minimagen.training.records.plot import draw_run

            png = io.BytesIO()
            draw_run(self.path).savefig(png, format="png")
            self._plots.clear()
            self._plots[written] = png.getvalue()
        return self._plots[written]


class Runs:
    """The runs on offer, the first of which is drawn with unless another is asked for.

    Args:
        paths: training directories; those of the same name are told apart by a number.
        names: to ask for them by; None is each directory's own.

    Raises:
        CheckpointError: for none, or for the first that cannot be drawn with.
    """

    def __init__(self, paths: Sequence[Path], names: Sequence[str] | None = None) -> None:
        self._runs: dict[str, Run] = {}
        for path, name in zip(paths, names or [p.resolve().name for p in paths], strict=True):
            run = Run(self._free_name(name), path)
            _require_drawable(run)
            self._runs[run.name] = run
        if not self._runs:
            raise CheckpointError(
                "no training_* directory here; train one with train.py, or give -d"
            )

    @property
    def first(self) -> Run:
        """The one that is drawn with unless another is asked for."""
        return next(iter(self._runs.values()))

    def __iter__(self) -> Iterator[Run]:
        """Go through the runs."""
        return iter(self._runs.values())

    def run(self, name: str) -> Run:
        """Return the run of a name; the empty one is the first.

        Raises:
            UnknownRunError: when no run on offer has it.
        """
        if not name:
            return self.first
        if name not in self._runs:
            names = ", ".join(self._runs)
            raise UnknownRunError(f"no run of that name is on offer; choose one of {names}")
        return self._runs[name]

    def _free_name(self, wanted: str) -> str:
        names = (wanted if n == 1 else f"{wanted}_{n}" for n in range(1, len(self._runs) + 2))
        return next(name for name in names if name not in self._runs)


def _require_drawable(run: Run) -> None:
    if not (run.path / "parameters").is_dir():
        raise CheckpointError(
            f"{run.path}: no training directory, it has no parameters/; name one that train.py made"
        )
    try:
        sizes = run.sizes
    except MinimagenError as error:
        raise CheckpointError(f"{run.path}: {error}") from None
    if not sizes:
        raise CheckpointError(
            f"{weights_path(run.path, 0)}: no such file, so no stage can be drawn with; fit stage 0"
        )
