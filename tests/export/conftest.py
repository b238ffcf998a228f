"""A cascade that has everything a graph can be told, as a training directory and as graphs."""

from pathlib import Path

import pytest

from minimagen import Imagen
from minimagen.export import export_cascade
from tests.tiny_runs import drawn_cascade

WIDE = {"width": 16, "hidden": 32, "cross_attention": True}
BASE = {  # attends among positions and is told where they are: its graph has one size
    "levels": [{"width": 8, "blocks": 0}, WIDE | {"self_attention": True}],
    "patch": 2,
    "coordinates": True,
}
FORMS = [pytest.param(form, marks=pytest.mark.slow) for form in ("onnx", "torch")]
UPPER = {"levels": [{"width": 8}, WIDE], "patch": 2}  # convolutional: any sides


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cascade of two stages, 16 and 32 px, whose weights are all drawn; only read it."""
    where = tmp_path_factory.mktemp("to_export") / "training_run"
    return drawn_cascade(where, 16, 32, unet_0=BASE, unet_1=UPPER)


@pytest.fixture(scope="session")
def cascade(run: Path) -> Imagen:
    return Imagen.load(run, "cpu")


@pytest.fixture(scope="session", params=FORMS)  # laying a graph down takes seconds
def exported(
    cascade: Imagen, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Path:
    """Return the cascade as graphs of either form; only read it."""
    if request.param == "onnx":
        pytest.importorskip("onnxruntime", reason="pip install 'minimagen[export]'")
        pytest.importorskip("onnxscript", reason="pip install 'minimagen[export]'")
    where = tmp_path_factory.mktemp("exported") / request.param
    export_cascade(cascade, where, request.param)
    return where
