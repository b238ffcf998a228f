"""Whole runs of a tiny cascade, made in a second by the script itself."""

import json
from pathlib import Path

import train
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


def files_of(run: Path) -> dict[str, bytes]:
    """Read every weights file, and every file of tensors that training goes on from."""
    files = [*run.glob("state_dicts/*"), *run.glob("tmp/*/step_*/*.safetensors")]
    return {str(file.relative_to(run)): file.read_bytes() for file in files}
