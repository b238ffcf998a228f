"""A run before its first step: data opened and split, captions embedded, everything noted."""

import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from tqdm import tqdm

from minimagen.cascade import CascadeConfig
from minimagen.conditioning import TextEmbedding
from minimagen.data.buckets import Framing
from minimagen.data.items import Rejection, Source
from minimagen.data.sources import open_source
from minimagen.data.split import split
from minimagen.errors import CheckpointError, ConfigError, UsageError
from minimagen.imagen import make_stage
from minimagen.runtime import Precision, Processes, pick_precision
from minimagen.stage import Stage
from minimagen.text.cache import EmbeddingTable, embed_captions
from minimagen.text.encoders import ClipConfig, T5Config, TextEncoderConfig, describe, learned
from minimagen.training.config import TrainingConfig
from minimagen.training.directory import TrainingDirectory
from minimagen.training.layout import Layout, lay_out, without
from minimagen.training.origin import DataRecord
from minimagen.training.previews import previews
from minimagen.training.validation import ValidationSet
from minimagen.weights import load_weights, weights_path


@dataclass(frozen=True)
class Run:
    """What the stages of a run have in common.

    Args:
        directory: where everything goes.
        config: the training parameters.
        source: captioned pictures.
        training: indices of the training split.
        validation: indices of the validation split.
        embed: captions to embeddings, read from the cache; None for an unconditional cascade.
        precision: what the network computes in.
        layout: which sides its pictures have.
        workers: data-loading processes, of each process.
        processes: that fit each stage together.
        text_encoder: what embeds captions, as the parameter files say it.
        evaluator: judges what is drawn on the way, where that is asked for.
    """

    directory: TrainingDirectory
    config: TrainingConfig
    source: Source
    training: list[int]
    validation: list[int]
    embed: Callable[[tuple[str, ...]], TextEmbedding] | None
    precision: Precision
    layout: Layout
    workers: int
    processes: Processes
    text_encoder: TextEncoderConfig | None = None
    evaluator: "Evaluator | None" = None

    def framing(self, stage: int, images_per_step: int) -> Framing:
        """Return how a stage's pictures are framed, for steps of so many images."""
        return self.layout.framing(stage, images_per_step)


Evaluator = Callable[[Run, Stage, ValidationSet], Mapping[str, float]]
"""Judges what a stage with its averaged network draws of validation pictures; any names."""


@dataclass(frozen=True)
class Materials:
    """What a run works on, ready in memory.

    Args:
        cascade: what is trained, with all that its text encoder learns from captions.
        source: captioned pictures.
        rejected: what was left out at the start.
        training: indices of the training split.
        validation: indices of the validation split.
        table: embeddings of all captions; None for an unconditional cascade.
        layout: which sides the pictures have.
    """

    cascade: CascadeConfig
    source: Source
    rejected: list[Rejection]
    training: list[int]
    validation: list[int]
    table: EmbeddingTable | None
    layout: Layout


def gather(cascade: CascadeConfig, training: TrainingConfig, device: torch.device) -> Materials:
    """Open and split the data and embed its captions, before anything is made on disk.

    Raises:
        DataError: when there is nothing to train on.
        ConfigError: when the text encoder cannot be had.
    """
    _require_tunable(cascade, training)
    largest = cascade.imagen.stages[-1].size
    source, rejected = open_source(training.data, check_size=largest)
    chosen, held_out = split(len(source), training.train_fraction, training.seed)
    layout, too_small = lay_out(source, training.data, cascade)
    chosen, held_out = without(too_small, chosen), without(too_small, held_out)
    rejected += [Rejection(source.name(index), why) for index, why in too_small.items()]
    captions = [caption for i in range(len(source)) for caption in source.captions(i)]
    cascade = _settled(cascade, captions)
    table = _embed(cascade, captions, device)
    return Materials(cascade, source, rejected, chosen, held_out, table, layout)


def begin(
    directory: TrainingDirectory,
    cascade: CascadeConfig,
    training: TrainingConfig,
    materials: Materials,
    *,
    device: torch.device,
    workers: int | None,
    processes: Processes | None = None,
    evaluator: Evaluator | None = None,
) -> Run:
    """Note what the run is; a continued one must be what it was.

    Args:
        directory: where everything goes.
        cascade: what is trained.
        training: how.
        materials: on what.
        device: where.
        workers: data-loading processes; None is 0 on a CPU, else 4.
        processes: that fit each stage together; None is this one on its own.
        evaluator: judges what is drawn on the way.

    Raises:
        UsageError: when the data set is not the one it was begun on, or the run would be shorter.
    """
    processes = Processes(device) if processes is None else processes
    torch.backends.cudnn.deterministic = training.deterministic
    _require_same_data(directory, DataRecord.of(materials.source))
    _require_no_shorter(directory, training, len(materials.training), processes.count)
    precision = pick_precision(training.precision, device)
    directory.save_configuration(replace(training, precision=precision))
    directory.save_rejections(materials.rejected)
    directory.note(*_opening_lines(materials, cascade, processes))
    run = Run(
        directory=directory,
        config=training,
        source=materials.source,
        training=materials.training,
        validation=materials.validation,
        embed=materials.table,
        precision=precision,
        layout=materials.layout,
        workers=(0 if device.type == "cpu" else 4) if workers is None else workers,
        processes=processes,
        text_encoder=cascade.imagen.text_encoder,
        evaluator=evaluator,
    )
    if processes.is_first:
        for name, picture in previews(run):
            directory.save_preview(name, picture)
    return run


def require_same_steps(
    directory: TrainingDirectory, here: TrainingConfig, stages: Sequence[int], processes: int
) -> None:
    """Check that stages go on with as many images in each step as they began with.

    They may be shared out anew among processes, batches and their accumulation.

    Raises:
        UsageError: when a step would see more images or fewer, and so other draws.
    """
    cascade, before = directory.configuration()
    known = [directory.processes_of(stage) for stage in range(len(cascade.imagen.stages))]
    others = next(filter(None, known), processes)
    for stage in stages:
        began_with = known[stage] or others
        old = before.images_per_step(stage, began_with)
        new = here.images_per_step(stage, processes)
        if new != old:
            raise UsageError(
                f"--RESTART_DIRECTORY {directory.path}: stage {stage} takes {old} images in each "
                f"step, in {began_with} processes, and would take {new} in {processes}; start "
                f"{began_with}, or give --BATCH_SIZE and --ACCUM_ITER whose product times the "
                f"processes is {old}"
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


def _require_tunable(cascade: CascadeConfig, training: TrainingConfig) -> None:
    """Check that a text encoder which is to learn can learn."""
    encoder = cascade.imagen.text_encoder
    if training.tune_text_encoder is None:
        return
    if not isinstance(encoder, T5Config | ClipConfig):
        raise ConfigError(
            f"training.tune_text_encoder: the text encoder is {encoder and encoder.kind}, and only "
            "one t5 or clip can learn; choose one of these, or set it to null"
        )
    if encoder.dtype != "float32":
        raise ConfigError(
            f"training.tune_text_encoder: weights in {encoder.dtype} would lose small steps; set "
            "imagen.text_encoder.dtype=float32"
        )


def _settled(cascade: CascadeConfig, captions: Sequence[str]) -> CascadeConfig:
    """Fill in what the text encoder learns from captions, such as a vocabulary."""
    encoder = cascade.imagen.text_encoder
    if encoder is None:
        return cascade
    return replace(cascade, imagen=replace(cascade.imagen, text_encoder=learned(encoder, captions)))


def _embed(
    cascade: CascadeConfig, captions: Sequence[str], device: torch.device
) -> EmbeddingTable | None:
    encoder = cascade.imagen.text_encoder
    if encoder is None:
        return None
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


def _require_no_shorter(
    directory: TrainingDirectory, here: TrainingConfig, images: int, processes: int
) -> None:
    cascade, before = directory.configuration()
    before = replace(before, batch_size=here.batch_size, accumulate=here.accumulate)
    for stage in range(len(cascade.imagen.stages)):
        lengths = (config.length_in_steps(stage, images, processes) for config in (before, here))
        old, new = lengths
        if new < old:
            raise UsageError(
                f"--EPOCHS {here.epochs}: {new} steps of stage {stage} are fewer than the {old} of "
                "the run being continued; give more, or leave it out"
            )


def _opening_lines(materials: Materials, cascade: CascadeConfig, processes: Processes) -> list[str]:
    reasons = sorted({item.reason for item in materials.rejected})
    encoder = cascade.imagen.text_encoder
    return [
        f"command: {' '.join(sys.argv)}",
        f"python {platform.python_version()}, torch {torch.__version__}, {processes.device}, "
        f"{torch.get_num_threads()} threads, {processes.count} processes",
        f"data: {len(materials.training)} to train on, {len(materials.validation)} to validate "
        f"with, {len(materials.rejected)} rejected{': ' if reasons else ''}{', '.join(reasons)}",
        *materials.source.notes,
        *materials.layout.lines(materials.training, materials.validation),
        "text encoder: none" if encoder is None else f"text encoder: {describe(encoder)}",
        f"captions: {materials.table.cut if materials.table else 0} longer than the encoder keeps, "
        "and cut",
    ]
