"""Small real parts that many tests need."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import settings

if TYPE_CHECKING:
    from minimagen import Imagen

ROOT = Path(__file__).parents[1]
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"  # of the processes that tests start
settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
settings.load_profile("untimed")

Tree = dict[str, Any]


@pytest.fixture(autouse=True, scope="session")
def _hear_signals() -> None:
    """Undo ``nohup`` and a shell's ``&``: nobody would hear the signals that some tests send."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Tiny networks gain nothing from threads, and equal thread counts give equal bytes."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep embeddings out of the user's cache."""
    os.environ["MINIMAGEN_CACHE"] = str(tmp_path_factory.mktemp("cache"))


def stage_of(size: int, **changes: Any) -> Tree:
    """Return a stage as a parameter file says it."""
    return {
        "size": size,
        "schedule": {"kind": "cosine"},
        "objective": {"kind": "x_0"},
        "weighting": {"kind": "uniform"},
        "times": {"kind": "stratified"},
        "sampling": {"steps": 2},
        **changes,
    }


def unet_of(**changes: Any) -> Tree:
    """Return a network as a parameter file says it."""
    level = {"width": 8, "cross_attention": True}
    return {
        "levels": [level],
        "patch": 4,
        "embedding": 16,
        "text": 16,
        "head_width": 8,
        **changes,
    }


def cascade_of(*sizes: int) -> Tree:
    """Return the parameter files of a cascade of these sizes, a few thousand weights each."""
    unets = {f"unet_{i}": unet_of() for i in range(len(sizes))}
    return {
        "imagen": {
            "text_encoder": {"kind": "t5", "name": "t5-tiny"},
            "stages": [stage_of(size) for size in sizes],
        },
        **unets,
        "training": {
            "images": 8,
            "batch_size": 2,
            "optimizer": {"kind": "muon", "warmup_steps": 1},
            "validation_images": 2,
            "checkpoint_every": 2,
            "log_every": 1,
            "plot": False,  # drawing takes longer than such a run
            "data": {"shapes": {"size": 12, "variant": "single"}},
        },
    }


@pytest.fixture
def write_parameters(tmp_path: Path) -> Callable[[Tree], Path]:
    """Write parameter files into a fresh directory and return it."""

    def write(tree: Tree, name: str = "parameters") -> Path:
        directory = tmp_path / name
        directory.mkdir()
        for stem, value in tree.items():
            (directory / f"{stem}_params.json").write_text(json.dumps(value))
        return directory

    return write


@pytest.fixture
def imagen(write_parameters: Callable[[Tree], Path]) -> "Imagen":
    """Return two stages, 16 and 32 px, whose weights are all drawn, so that nothing is zero."""
    from minimagen import Imagen  # what it imports reads the environment that is set above
    from minimagen.cascade import CascadeConfig

    made = Imagen.create(CascadeConfig.read(write_parameters(cascade_of(16, 32))))
    torch.manual_seed(0)
    for stage in made.stages:
        for parameter in stage.network.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
    return made
