"""Exported cascades draw what the networks draw, and are what was written, or refused."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from minimagen import Imagen
from minimagen.editing.image_to_image import image_to_image
from minimagen.errors import CheckpointError, MinimagenError, UsageError
from minimagen.export import directory, export_cascade, load_exported, onnx_files
from minimagen.tensors import to_uint8
from minimagen.text.prompts import read_prompt
from tests.conftest import ROOT

CAPTIONS = ["a red circle", "", read_prompt("a (large:1.5) blue square on the left")]
PICTURE = torch.zeros(1, 3, 32, 32)
ASKED = {
    "as it is": {},
    "guided, away from something": {"guidance_scale": 3.0, "negative_captions": "a green circle"},
    "from a picture": {"edit": image_to_image(PICTURE, 0.5)},
    "in batches of one": {"batch_size": 1},
}


@pytest.mark.parametrize("how", ASKED.values(), ids=ASKED)
def test_graphs_draw_what_the_networks_draw(cascade: Imagen, exported: Path, how: dict) -> None:
    """1 of 255: pictures of equal numbers, but for the order of sums."""
    one, other = (
        made.sample(CAPTIONS, seed=7, **how) for made in (cascade, load_exported(exported))
    )
    apart = (to_uint8(one).int() - to_uint8(other).int()).abs()
    assert apart.max() <= 1
    assert to_uint8(one).float().std() > 10, "pictures without anything in them are all alike"


def test_a_convolutional_graph_takes_any_sides(cascade: Imagen, exported: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)
    picture = Image.fromarray(noise)
    [one], [other] = (m.upscale([picture], seed=7) for m in (cascade, load_exported(exported)))
    assert one.size == other.size == (80, 48)
    assert np.abs(np.asarray(one).astype(int) - np.asarray(other)).max() <= 1


def test_one_that_is_told_places_has_the_size_it_was_exported_for(exported: Path) -> None:
    with pytest.raises(UsageError, match="exported for 16 x 16 px alone"):
        load_exported(exported).sample(["a red circle"], aspect_ratio=2.0)


def test_a_file_that_is_not_as_it_was_written_is_refused_by_name(
    exported: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(exported, tmp_path / "copy")
    graph = next(copy.glob("unet_1.*"))
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1
    graph.write_bytes(content)
    with pytest.raises(CheckpointError, match=f"{graph.name}: has .* not those that were written"):
        load_exported(copy)
    graph.unlink()
    with pytest.raises(CheckpointError, match=f"{graph.name}: cannot be read"):
        load_exported(copy)


def test_no_file_says_where_it_was_made(exported: Path) -> None:
    for path in exported.iterdir():
        assert path.is_dir() or str(ROOT).encode() not in path.read_bytes(), path.name


def test_another_directory_is_refused(run: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no exported cascade, it has no export\.json"):
        load_exported(run)


def test_nothing_is_written_over(cascade: Imagen, exported: Path) -> None:
    before = (exported / "export.json").read_bytes()
    with pytest.raises(UsageError, match="exists"):
        export_cascade(cascade, exported, "torch")
    assert (exported / "export.json").read_bytes() == before


@pytest.mark.slow
def test_a_graph_that_answers_otherwise_is_not_there(
    cascade: Imagen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "ALIKE", 0.0)
    with pytest.raises(MinimagenError, match=r"unet_0\.pt2: its answers are up to"):
        export_cascade(cascade, tmp_path / "made", "torch")
    assert list(tmp_path.iterdir()) == []


def test_without_onnx_one_line_says_what_to_install(
    cascade: Imagen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_files, "NEEDED", ("onnx_that_is_not_here",))
    with pytest.raises(UsageError, match=r"needs onnx_that_is_not_here.*minimagen\[export\]"):
        export_cascade(cascade, tmp_path / "made", "onnx")
