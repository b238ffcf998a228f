"""A run before its first step: data opened and split, captions embedded, everything noted."""

import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from tqdm import tqdm

from minimagen.cascade import CascadeConfig
from minimagen.conditioning import TextEmbedding
from minimagen.data.items import Rejection, Source
from minimagen.data.sources import open_source
from minimagen.data.split import split
from minimagen.errors import CheckpointError, UsageError
from minimagen.imagen import load_weights, make_stage, weights_path
from minimagen.runtime import Precision, pick_precision
from minimagen.stage import Stage
from minimagen.text.cache import EmbeddingTable, embed_captions
from minimagen.text.encoders import describe
from minimagen.training.config import TrainingConfig
from minimagen.training.directory import TrainingDirectory
from minimagen.training.origin import DataRecord


@dataclass(frozen=True)
class Run:
    """What the stages of a run have in common.

    Args:
        directory: where everything goes.
        config: the training parameters.
        source: captioned pictures.
        training: indices of the training split.
        validation: indices of the validation split.
        embed: captions to embeddings, looked up in memory; None for an unconditional cascade.
        precision: what the network computes in.
        workers: data-loading processes.
    """

    directory: TrainingDirectory
    config: TrainingConfig
    source: Source
    training: list[int]
    validation: list[int]
    embed: Callable[[tuple[str, ...]], TextEmbedding] | None
    precision: Precision
    workers: int = 0


@dataclass(frozen=True)
class Materials:
    """What a run works on, ready in memory.

    Args:
        source: captioned pictures.
        rejected: what was left out at the start.
        training: indices of the training split.
        validation: indices of the validation split.
        table: embeddings of all captions; None for an unconditional cascade.
    """

    source: Source
    rejected: list[Rejection]
    training: list[int]
    validation: list[int]
    table: EmbeddingTable | None


def gather(cascade: CascadeConfig, training: TrainingConfig, device: torch.device) -> Materials:
    """Open and split the data and embed its captions, before anything is made on disk.

    Raises:
        DataError: when there is nothing to train on.
        ConfigError: when the text encoder cannot be had.
    """
    largest = cascade.imagen.stages[-1].size
    source, rejected = open_source(training.data, check_size=largest)
    chosen, held_out = split(len(source), training.train_fraction, training.seed)
    table = _embed(cascade, source, device)
    return Materials(source, rejected, chosen, held_out, table)


def begin(
    directory: TrainingDirectory,
    cascade: CascadeConfig,
    training: TrainingConfig,
    materials: Materials,
    *,
    device: torch.device,
    workers: int | None,
) -> Run:
    """Note what the run is; a continued one must be what it was.

    Args:
        directory: where everything goes.
        cascade: what is trained.
        training: how.
        materials: on what.
        device: where.
        workers: data-loading processes; None is 0 on a CPU, else 4.

    Raises:
        UsageError: when the data set is not the one it was begun on, or the run would be shorter.
    """
    torch.backends.cudnn.deterministic = training.deterministic
    _require_same_data(directory, DataRecord.of(materials.source))
    _require_no_shorter(directory, training, len(materials.training))
    precision = pick_precision(training.precision, device)
    directory.save_configuration(replace(training, precision=precision))
    directory.save_rejections(materials.rejected)
    directory.note(*_opening_lines(materials, cascade, device))
    return Run(
        directory=directory,
        config=training,
        source=materials.source,
        training=materials.training,
        validation=materials.validation,
        embed=materials.table,
        precision=precision,
        workers=(0 if device.type == "cpu" else 4) if workers is None else workers,
    )


def require_weights(init: Path | None, stages: Sequence[int]) -> None:
    """Check that another run has the weights that stages are to start from.

    Raises:
        CheckpointError: when it lacks some.
    """
    if init is None:
        return
    for index in stages:
        path = weights_path(init, index)
        if not path.is_file():
            raise CheckpointError(
                f"--INIT_DIRECTORY {init}: has no weights for stage {index} ({path.name}); "
                "choose --STAGES it has fitted"
            )


def starting_stage(
    cascade: CascadeConfig, index: int, device: torch.device, seed: int, init: Path | None
) -> Stage:
    """Make a stage with fresh weights, or with another run's averaged weights.

    Raises:
        CheckpointError: when the other run's network has another shape.
    """
    stage = make_stage(cascade, index, device, seed)
    if init is not None:
        load_weights(stage.network, weights_path(init, index))
    return stage


def _embed(cascade: CascadeConfig, source: Source, device: torch.device) -> EmbeddingTable | None:
    encoder = cascade.imagen.text_encoder
    if encoder is None:
        return None
    captions = [caption for i in range(len(source)) for caption in source.captions(i)]
    with tqdm(desc="captions", unit="caption", leave=False) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return embed_captions(encoder, captions, device, show)


def _require_same_data(directory: TrainingDirectory, here: DataRecord) -> None:
    before = directory.data_record()
    if before is None:
        directory.save_data_record(here)
    elif before != here:
        raise UsageError(
            f"--RESTART_DIRECTORY {directory.path}: continues the same run, but its data set has "
            f"changed: {here.change_since(before)}. Bring it back as it was, or start a new run "
            "from these weights with --INIT_DIRECTORY"
        )


def _require_no_shorter(directory: TrainingDirectory, here: TrainingConfig, images: int) -> None:
    cascade, before = directory.configuration()
    for stage in range(len(cascade.imagen.stages)):
        old, new = (config.length_in_steps(stage, images) for config in (before, here))
        if new < old:
            raise UsageError(
                f"--EPOCHS {here.epochs}: {new} steps of stage {stage} are fewer than the {old} of "
                "the run being continued; give more, or leave it out"
            )


def _opening_lines(materials: Materials, cascade: CascadeConfig, device: torch.device) -> list[str]:
    reasons = sorted({item.reason for item in materials.rejected})
    encoder = cascade.imagen.text_encoder
    return [
        f"command: {' '.join(sys.argv)}",
        f"python {platform.python_version()}, torch {torch.__version__}, {device}, "
        f"{torch.get_num_threads()} threads",
        f"data: {len(materials.training)} to train on, {len(materials.validation)} to validate "
        f"with, {len(materials.rejected)} rejected{': ' if reasons else ''}{', '.join(reasons)}",
        *materials.source.notes,
        "text encoder: none" if encoder is None else f"text encoder: {describe(encoder)}",
        f"captions: {materials.table.cut if materials.table else 0} longer than the encoder keeps, "
        "and cut",
    ]
