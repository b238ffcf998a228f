"""An exported cascade on disk: a graph for each stage, its parameter files, and what it must be.

It is ``parameters/`` as a training directory has them; ``unet_<i>.onnx`` or ``.pt2``, one graph a
stage; ``state_dicts/`` with the text encoder, where that learnt with the base; and ``export.json``:
form, inputs and sides of each graph, size and SHA-256 of its file.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from minimagen.aspect import Sides
from minimagen.cascade import CascadeConfig
from minimagen.checkpoint import (
    FileName,
    FileRecord,
    read_weights,
    record_of,
    replacing,
    require_format,
    verify_file,
    write_text,
    write_weights,
)
from minimagen.config import config, dump, parse, read_json
from minimagen.errors import CheckpointError, MinimagenError, UsageError
from minimagen.export import onnx_files, programs
from minimagen.export.graph import (
    Answer,
    AskedElsewhere,
    Graph,
    example,
    free_sides,
    inputs_of,
    traced,
)
from minimagen.imagen import Imagen
from minimagen.stage import Stage
from minimagen.text.encoders import TunedConfig
from minimagen.weights import encoder_in, text_weights_path

Form = Literal["onnx", "torch"]
MANIFEST, FORMAT = "export.json", 1
ASKED = (1, 1), (3, 7)  # batch and tokens that a graph is compared at; it was laid down at others
ALIKE = 1e-3  # largest difference of an answer; a level of 255 is eight times as much
SUFFIXES = {"onnx": onnx_files.SUFFIX, "torch": programs.SUFFIX}
READERS: dict[str, Callable[[Path], Answer]] = {
    "onnx": onnx_files.onnx_answer,
    "torch": programs.program_answer,
}


@config
class ExportedUNet:
    """One graph.

    Args:
        file: its name in the directory.
        inputs: what it is told, in order.
        sides: height and width of the only pictures it answers; None is any that its network takes.
    """

    file: FileName
    inputs: tuple[str, ...]
    sides: tuple[int, int] | None


@config
class Exported:
    """What an exported cascade is.

    Args:
        format: of this file.
        form: of the graphs.
        stages: from the first.
        files: what the file of each graph must be.
    """

    format: int
    form: Form
    stages: tuple[ExportedUNet, ...]
    files: dict[FileName, FileRecord]


@dataclass(frozen=True)
class Compared:
    """How near a graph comes to its network.

    Args:
        file: of the graph.
        size: in bytes.
        difference: the largest, of answers to the same questions.
    """

    file: str
    size: int
    difference: float


def require_form(form: Form) -> None:
    """Check that graphs of a form can be written and run.

    Raises:
        UsageError: naming the package that is missing.
    """
    if form == "onnx":
        onnx_files.require_onnx()


def export_cascade(imagen: Imagen, directory: Path, form: Form) -> list[Compared]:
    """Write the graphs of a cascade, each compared with its network before it is there.

    Args:
        imagen: the cascade, on the CPU.
        directory: appears whole, or not at all.
        form: ``onnx``, or ``torch`` for ``torch.export``.

    Raises:
        UsageError: when the directory exists, or a package is missing.
        TrainingError: when the disk is full or cannot be written.
        MinimagenError: when a graph answers otherwise than its network.
    """
    require_form(form)
    if directory.exists():
        raise UsageError(f"--OUTPUT {directory}: exists; name a directory that is to be made")
    directory = directory.resolve()
    with replacing(directory, _bytes_of(imagen)) as building:
        building.mkdir(parents=True)
        imagen.config.write(building / "parameters")
        if isinstance(imagen.text_encoder, TunedConfig):
            tuned = read_weights(Path(imagen.text_encoder.weights))
            write_weights(text_weights_path(building), tuned)
        stages = [_describe(stage, form) for stage in imagen.stages]
        compared = [
            _write(stage, building / about.file, form)
            for stage, about in zip(imagen.stages, stages, strict=True)
        ]
        files = {path.name: record_of(path) for path in sorted(building.glob("unet_*"))}
        made = Exported(format=FORMAT, form=form, stages=tuple(stages), files=files)
        write_text(building / MANIFEST, dump(made))
    return compared


def load_exported(directory: str | Path) -> Imagen:
    """Load an exported cascade; it draws as any other, and its networks run as graphs.

    Raises:
        CheckpointError: when this is no such directory, or a file is not as it was written.
        UsageError: when a package is missing.
    """
    directory = Path(directory)
    made = read_exported(directory)
    parameters = CascadeConfig.read(directory / "parameters")
    stages = []
    for index, about in enumerate(made.stages):
        answer = READERS[made.form](directory / about.file)
        network = AskedElsewhere(parameters.unets[index], about.inputs, about.sides, answer)
        smaller = parameters.imagen.stages[index - 1].size if index else None
        stages.append(Stage(index, parameters.imagen.stages[index], network, smaller))
    loaded = Imagen(parameters, stages)
    if loaded.text_encoder is not None:
        loaded.text_encoder = encoder_in(directory, loaded.text_encoder)
    return loaded


def read_exported(directory: Path) -> Exported:
    """Read what a directory should hold, and check that it does.

    Raises:
        CheckpointError: naming what is missing or not as it was written.
    """
    where = directory / MANIFEST
    if not where.is_file():
        raise CheckpointError(
            f"{directory}: no exported cascade, it has no {MANIFEST}; "
            "name one that python -m minimagen export made"
        )
    text = read_json(where)
    require_format(where, text, FORMAT, "export the cascade again")
    made = parse(Exported, text, str(where))
    for name, record in made.files.items():
        verify_file(directory / name, record)
    missing = [about.file for about in made.stages if about.file not in made.files]
    if missing:
        raise CheckpointError(f"{where}: says nothing of {missing[0]}; export the cascade again")
    return made


def _describe(stage: Stage, form: Form) -> ExportedUNet:
    return ExportedUNet(
        file=f"unet_{stage.index}{SUFFIXES[form]}",
        inputs=inputs_of(stage.network),
        sides=None if free_sides(stage.network.config) else stage.square,
    )


def _write(stage: Stage, path: Path, form: Form) -> Compared:
    """Write a stage's graph, read it again, and compare."""
    sides = _traced_sides(stage)
    program = traced(stage.network, example(stage.network, sides))
    if form == "onnx":
        onnx_files.write_onnx(program, path)
    else:
        programs.write_program(program, path)
    difference = _difference(stage, sides, READERS[form](path))
    if not difference < ALIKE:
        raise MinimagenError(
            f"{path.name}: its answers are up to {difference:.2g} away from those of the network, "
            f"more than {ALIKE:g}; try --FORMAT {'torch' if form == 'onnx' else 'onnx'}"
        )
    size = sum(part.stat().st_size for part in path.parent.glob(f"{path.name}*"))
    return Compared(path.name, size, difference)


def _traced_sides(stage: Stage) -> Sides:
    """Return sides to lay a graph down at: small ones where they are free, which is quick."""
    if not free_sides(stage.network.config):
        return stage.square
    multiple = stage.network.config.size_multiple
    return 4 * multiple, 5 * multiple


@torch.no_grad()
def _difference(stage: Stage, sides: Sides, answer: Answer) -> float:
    """Return the largest difference between a graph's and a network's answers."""
    graph, largest = Graph(stage.network), 0.0
    for batch, tokens in ASKED:
        given = example(stage.network, sides, batch=batch, tokens=tokens)
        largest = max(largest, (answer(given) - graph(**given)).abs().max().item())
    return largest


def _bytes_of(imagen: Imagen) -> int:
    weights = (weight for stage in imagen.stages for weight in stage.network.parameters())
    return sum(weight.numel() * weight.element_size() for weight in weights)
