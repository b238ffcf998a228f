"""A small cascade, released."""

from pathlib import Path

import pytest

from minimagen import Imagen
from minimagen.release.manifest import About, Measured, Provenance
from tests.tiny_runs import drawn_cascade

ABOUT = About(
    name="small things",
    text="Two stages that were never trained.",
    data="nothing",
    captions=("a red circle", "a blue square"),
    provenance=Provenance(
        command="python train.py -p parameters", seed=3, steps=(4, 4), seconds=12.0, threads=1
    ),
    measured=(
        Measured(what="one thing", share=0.75, low=0.6, high=0.9, count=32, guessed=0.1, size=16),
    ),
)


@pytest.fixture(scope="session")
def cascade(tmp_path_factory: pytest.TempPathFactory) -> Imagen:
    """Return two stages, 16 and 32 px, whose weights are all drawn."""
    where = tmp_path_factory.mktemp("cascade") / "training_x"
    return Imagen.load(drawn_cascade(where, 16, 32), "cpu")


@pytest.fixture
def released(cascade: Imagen, tmp_path: Path) -> Path:
    """Return a release to damage."""
    cascade.save_pretrained(tmp_path / "released", about=ABOUT)
    return tmp_path / "released"


@pytest.fixture(autouse=True)
def _own_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIMAGEN_MODELS", str(tmp_path / "models"))
