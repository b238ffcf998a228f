"""Whole runs of a tiny cascade, made in a second by the script itself."""

import json
from pathlib import Path

import torch

import train
from minimagen import Imagen
from minimagen.cascade import CascadeConfig
from tests.conftest import Tree, cascade_of


def write_parameters(directory: Path, tree: Tree) -> Path:
    """Write parameter files and return their directory."""
    directory.mkdir(parents=True)
    for stem, value in tree.items():
        (directory / f"{stem}_params.json").write_text(json.dumps(value))
    return directory


def tiny_run(where: Path, *sizes: int, **training: object) -> Path:
    """Train a cascade of these sizes below a directory and return the training directory.

    Args:
        where: gets ``parameters`` and ``training_run``.
        sizes: of the stages.
        training: changes to ``training_params.json``.
    """
    tree = cascade_of(*sizes)
    tree["training"] |= training
    parameters = write_parameters(where / "parameters", tree)
    return train.train(train.parse(["-p", str(parameters), "-o", str(where), "-ts", "run"]))


def drawn_cascade(where: Path, *sizes: int, **changes: Tree) -> Path:
    """Save a cascade whose weights are all drawn, so that nothing is zero, and return where.

    Args:
        where: becomes a directory that can be drawn with.
        sizes: of the stages.
        changes: to parameter files, by their names, as ``unet_0``.
    """
    tree = cascade_of(*sizes)
    for name, change in changes.items():
        tree[name] |= change
    for config in tree["imagen"]["stages"]:  # over a wider range of noise random weights blow up
        config["schedule"] |= {"log_snr_max": 6.0, "log_snr_min": -6.0}
    parameters = write_parameters(where.with_name(f"{where.name}_parameters"), tree)
    made = Imagen.create(CascadeConfig.read(parameters))
    torch.manual_seed(0)
    for stage in made.stages:
        for weight in stage.network.parameters():
            torch.nn.init.normal_(weight, std=0.1)
    made.save(where)
    return where


def bytes_below(directory: Path) -> dict[str, bytes]:
    """Read every file below a directory."""
    files = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def files_of(run: Path) -> dict[str, bytes]:
    """Read every weights file, and every file of tensors that training goes on from."""
    files = [*run.glob("state_dicts/*"), *run.glob("tmp/*/step_*/*.safetensors")]
    return {str(file.relative_to(run)): file.read_bytes() for file in files}
