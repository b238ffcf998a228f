"""The page that shows how to edit pictures is run as it stands, on a tiny cascade."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from minimagen import Imagen
from minimagen.cascade import CascadeConfig
from minimagen.tensors import from_uint8
from tests.conftest import ROOT, cascade_of

PAGE = (ROOT / "docs/how-to/edit-pictures.md").read_text(encoding="utf-8")
FIRST, *EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.M | re.S)
SIDE = 32


@pytest.fixture
def scope(
    write_parameters: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """Run the first block where a cascade, whose weights are all drawn, and a photo are."""
    made = Imagen.create(CascadeConfig.read(write_parameters(cascade_of(16, SIDE))))
    torch.manual_seed(0)
    for stage in made.stages:
        for parameter in stage.network.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
    made.save(tmp_path / "training_20261121_101500")
    pixels = np.random.default_rng(3).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    monkeypatch.chdir(tmp_path)
    scope: dict[str, Any] = {}
    exec(FIRST, scope)
    return scope


@pytest.mark.parametrize("block", EXAMPLES, ids=lambda block: block.split("\n")[0].split(".")[-1])
def test_its_python_draws_something_else_than_no_edit(scope: dict[str, Any], block: str) -> None:
    exec(block, scope)
    first = scope["pictures"][0]
    assert first.size == (SIDE, SIDE)
    [plain] = scope["imagen"].generate(["a red circle"], seed=7)
    assert not np.array_equal(np.array(first), np.array(plain))


def test_what_is_not_painted_comes_back(scope: dict[str, Any]) -> None:
    """The frame's middle, in the page's last picture of this block."""
    [block] = [block for block in EXAMPLES if "framed" in block]
    exec(block, scope)
    frame, around = scope["wider"]
    drawn = from_uint8(torch.from_numpy(np.array(scope["pictures"][0])).permute(2, 0, 1)[None])
    kept = ~around.expand_as(frame)
    assert torch.allclose(drawn[kept], frame[kept], atol=1 / 127.5)  # a byte's step
    assert not torch.allclose(drawn[~kept], frame[~kept], atol=0.1)


def test_every_edit_is_on_the_page() -> None:
    edits = ROOT / "minimagen" / "editing"
    rooms = {path.stem for path in edits.glob("*.py")} - {"__init__", "pictures"}
    assert rooms == set(re.findall(r"minimagen\.editing\.(\w+)", PAGE))
