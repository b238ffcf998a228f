"""What is handed on is what arrives, or is refused by name."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from minimagen import Imagen
from minimagen.checkpoint import read_weights
from minimagen.errors import CheckpointError, UsageError
from minimagen.packing import DTYPES, Dtype
from minimagen.release.manifest import release_id, verify
from minimagen.release.writing import copy_release
from tests.tiny_runs import bytes_below

CAPTIONS = ["a red circle", "a blue square"]


def test_what_is_released_draws_the_same_bytes(cascade: Imagen, released: Path) -> None:
    loaded = Imagen.from_pretrained(released, device="cpu")
    assert torch.equal(loaded.sample(CAPTIONS, seed=3), cascade.sample(CAPTIONS, seed=3))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_release_of_a_release_has_its_bytes(
    dtype: Dtype, cascade: Imagen, tmp_path: Path
) -> None:
    """And draws what the cascade draws whose weights were rounded before they were stored."""
    copy = Imagen(cascade.config, cascade.stages)
    copy.save_pretrained(tmp_path / "first", dtype=dtype)
    first = Imagen.load(tmp_path / "first", "cpu")
    first.save_pretrained(tmp_path / "second", dtype=dtype)
    assert bytes_below(tmp_path / "first") == bytes_below(tmp_path / "second")
    again = Imagen.from_pretrained(tmp_path / "first", device="cpu").stored_as(dtype)
    assert torch.equal(again.sample(CAPTIONS), first.sample(CAPTIONS))


def test_fewer_bits_are_smaller_files(cascade: Imagen, tmp_path: Path) -> None:
    """Of weights alone; vectors and names stay as they are, so int8 is a little above a quarter."""
    sizes = {}
    for dtype in DTYPES:
        cascade.save_pretrained(tmp_path / dtype, dtype=dtype)
        stored = read_weights(tmp_path / dtype / "state_dicts/unet_0_state.safetensors")
        sizes[dtype] = sum(t.numel() * t.element_size() for t in stored.values())
    assert sizes["bf16"] == sizes["fp16"] == sizes["fp32"] / 2
    assert sizes["fp32"] / 4 < sizes["int8"] < sizes["fp32"] / 2


def test_only_fitted_stages_are_handed_on(cascade: Imagen, tmp_path: Path) -> None:
    half = Imagen(cascade.config, cascade.stages[:1])
    said = half.save_pretrained(tmp_path / "half")
    assert said.sizes == (16,)
    assert len(Imagen.load(tmp_path / "half").config.imagen.stages) == 1


@pytest.mark.parametrize(
    "place",
    ["parameters/imagen_params.json", "parameters/unet_1_params.json"]
    + [f"state_dicts/unet_{stage}_state.safetensors" for stage in (0, 1)],
)
def test_a_tampered_file_is_refused_by_name(place: str, released: Path) -> None:
    """A flipped bit of a weight, of a parameter, and a file that is gone."""
    path = released / place
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=rf"{path.name}: .* not those that were written; br"):
        Imagen.load(released)
    path.unlink()
    with pytest.raises(CheckpointError, match=rf"{path.name}: cannot be read"):
        Imagen.load(released)


@pytest.mark.parametrize(
    "place", ["state_dicts/text_encoder.safetensors", "parameters/unet_0_params_new.json"]
)
def test_a_file_that_loading_would_read_and_nobody_released_is_refused(
    place: str, released: Path
) -> None:
    (released / place).write_bytes(b"{}")
    with pytest.raises(CheckpointError, match=rf"{Path(place).name}: is no part of this release"):
        Imagen.load(released)


def test_a_release_that_says_something_impossible_is_refused(released: Path) -> None:
    path = released / "RELEASE.json"
    tree = json.loads(path.read_text())
    tree["files"]["../../etc/passwd"] = {"sha256": "0", "size": 1}
    path.write_text(json.dumps(tree))
    with pytest.raises(CheckpointError, match=r"RELEASE.json: files.*the release is damaged"):
        verify(released)


def test_what_people_read_may_be_edited(released: Path) -> None:
    (released / "README.md").write_text("Ours.")
    verify(released)


def test_the_identity_of_a_release_is_that_of_its_contents(
    cascade: Imagen, released: Path, tmp_path: Path
) -> None:
    copy_release(released, tmp_path / "copy")
    assert release_id(tmp_path / "copy") == release_id(released)
    cascade.save_pretrained(tmp_path / "other", dtype="bf16")
    assert release_id(tmp_path / "other") != release_id(released)
    whole = release_id(released)
    assert Imagen.from_pretrained(released, revision=whole[:12])
    with pytest.raises(CheckpointError, match=rf"revision abc is wanted, and this one is {whole}"):
        Imagen.from_pretrained(released, revision="abc")


def test_a_release_takes_the_place_of_an_older_one_and_of_nothing_else(
    cascade: Imagen, released: Path, tmp_path: Path
) -> None:
    cascade.save_pretrained(released, dtype="int8")
    assert verify(released).dtype == "int8"
    mine = tmp_path / "mine"
    mine.mkdir()
    cascade.save_pretrained(mine)  # an empty directory is as good as none
    shutil.rmtree(mine)
    mine.mkdir()
    (mine / "thesis.txt").write_text("years")
    with pytest.raises(UsageError, match=r"mine: holds something else than a release"):
        cascade.save_pretrained(mine)
    assert (mine / "thesis.txt").read_text() == "years"
    with pytest.raises(UsageError, match=r"no directory can be made there"):
        cascade.save_pretrained(mine / "thesis.txt" / "below")
    assert not list(tmp_path.glob("*.tmp-*"))
