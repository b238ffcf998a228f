"""A run before its first step: data opened and split, captions embedded, everything noted."""

import platform
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from minimagen.cascade import CascadeConfig
from minimagen.data.items import Rejection, Source
from minimagen.data.sources import open_source
from minimagen.data.split import split
from minimagen.errors import CheckpointError
from minimagen.imagen import load_weights, make_stage, weights_path
from minimagen.runtime import pick_precision
from minimagen.stage import Stage
from minimagen.text.cache import EmbeddingTable, embed_captions
from minimagen.text.encoders import describe
from minimagen.training.config import TrainingConfig
from minimagen.training.directory import TrainingDirectory
from minimagen.training.fit import Run


@dataclass(frozen=True)
class OpenedData:
    """A data set that was looked at, and how it is split."""

    source: Source
    rejected: list[Rejection]
    training: list[int]
    validation: list[int]


def open_data(cascade: CascadeConfig, training: TrainingConfig) -> OpenedData:
    """Open and split the data, before anything is made on disk.

    Raises:
        DataError: when there is nothing to train on.
    """
    largest = cascade.imagen.stages[-1].size
    source, rejected = open_source(training.data, check_size=largest)
    chosen, held_out = split(len(source), training.train_fraction, training.seed)
    return OpenedData(source, rejected, chosen, held_out)


def prepare_run(
    directory: TrainingDirectory,
    cascade: CascadeConfig,
    training: TrainingConfig,
    data: OpenedData,
    *,
    device: torch.device,
    workers: int | None,
) -> Run:
    """Embed the captions and note what the run is.

    Args:
        directory: where everything goes.
        cascade: what is trained.
        training: how.
        data: on what.
        device: where.
        workers: data-loading processes; None is 0 on a CPU, else 4.
    """
    torch.backends.cudnn.deterministic = training.deterministic
    directory.save_rejections(data.rejected)
    table = _embed(cascade, data, device)
    _note(directory, data, table, cascade, device)
    return Run(
        directory=directory,
        config=training,
        source=data.source,
        training=data.training,
        validation=data.validation,
        embed=table,
        precision=pick_precision(training.precision, device),
        workers=(0 if device.type == "cpu" else 4) if workers is None else workers,
    )


def starting_stage(
    cascade: CascadeConfig, index: int, device: torch.device, seed: int, init: Path | None
) -> Stage:
    """Make a stage with fresh weights, or with another run's averaged weights.

    Raises:
        CheckpointError: when the other run has none for this stage, or of another shape.
    """
    stage = make_stage(cascade, index, device, seed)
    if init is not None:
        path = weights_path(init, index)
        if not path.is_file():
            raise CheckpointError(
                f"--INIT_DIRECTORY {init}: has no weights for stage {index} ({path.name}); "
                "choose --STAGES it has fitted"
            )
        load_weights(stage.network, path)
    return stage


def _embed(cascade: CascadeConfig, data: OpenedData, device: torch.device) -> EmbeddingTable | None:
    encoder = cascade.imagen.text_encoder
    if encoder is None:
        return None
    captions = [data.source.caption(i) for i in range(len(data.source))]
    with tqdm(desc="captions", unit="caption", leave=False) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return embed_captions(encoder, captions, device, show)


def _note(
    directory: TrainingDirectory,
    data: OpenedData,
    table: EmbeddingTable | None,
    cascade: CascadeConfig,
    device: torch.device,
) -> None:
    reasons = {item.reason for item in data.rejected}
    encoder = cascade.imagen.text_encoder
    directory.note(
        f"command: {' '.join(sys.argv)}",
        f"python {platform.python_version()}, torch {torch.__version__}, {device}, "
        f"{torch.get_num_threads()} threads",
        f"data: {len(data.training)} to train on, {len(data.validation)} to validate with, "
        f"{len(data.rejected)} rejected{': ' if reasons else ''}{', '.join(sorted(reasons))}",
        *data.source.notes,
        "text encoder: none" if encoder is None else f"text encoder: {describe(encoder)}",
        f"captions: {table.cut if table else 0} longer than the encoder keeps, and cut",
    )
