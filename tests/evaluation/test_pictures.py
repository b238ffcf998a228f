"""Pictures that are drawn, brought or real are read alike, one after the other."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from minimagen.data.framing import Frame
from minimagen.data.items import Picture, RejectedItem
from minimagen.data.shapes import ShapesConfig, ShapesSource
from minimagen.errors import DataError
from minimagen.evaluation.pictures import (
    FromSource,
    batches,
    first_readable,
    found_in,
    images_of,
    saved,
)
from minimagen.tensors import from_uint8, to_uint8

SIDE = 16


@pytest.fixture
def drawn() -> torch.Tensor:
    """Return twelve pictures that bytes can hold."""
    source = torch.Generator().manual_seed(0)
    return from_uint8(torch.randint(0, 256, (12, 3, SIDE, SIDE), generator=source).byte())


def test_what_is_saved_is_found_again_in_order_with_its_captions(
    drawn: torch.Tensor, tmp_path: Path
) -> None:
    """Twelve, so that image_10 would come before image_2 by name."""
    captions = [f"picture {number}" for number in range(12)]
    written = saved(tmp_path / "drawn", captions, iter(drawn.split(5)), SIDE)
    found = found_in(tmp_path / "drawn")
    assert found == written
    assert list(found.captions) == captions
    assert torch.equal(torch.cat(list(batches(found, 5))), drawn)


def test_the_folder_of_inference_is_found(drawn: torch.Tensor, tmp_path: Path) -> None:
    saved(tmp_path / "generated_images", [""] * 12, iter([drawn]), SIDE)
    (tmp_path / "captions.txt").write_text("a circle\n" * 12)
    found = found_in(tmp_path)
    assert len(found) == 12
    assert set(found.captions) == {"a circle"}


def test_pictures_of_other_sizes_are_resized(drawn: torch.Tensor, tmp_path: Path) -> None:
    folder = tmp_path / "drawn"
    saved(folder, [""] * 12, iter([drawn]), SIDE)
    Image.new("RGB", (40, 20)).save(folder / "image_12.png")
    (folder / "captions.txt").unlink()
    assert images_of(found_in(folder), [0, 12]).shape == (2, 3, SIDE, SIDE)
    assert found_in(folder, 8).picture(12).size == (8, 8)


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda f: (f / "captions.txt").write_text("one\n"), "1 captions for 12 pictures"),
        (lambda f: [file.unlink() for file in f.glob("*.png")], "0 pictures in it"),
        (lambda f: (f / "image_0.png").write_text("no picture"), "image_0.png: no picture"),
    ],
)
def test_a_folder_that_cannot_be_judged_says_why(
    drawn: torch.Tensor, tmp_path: Path, spoil: object, complaint: str
) -> None:
    folder = tmp_path / "drawn"
    saved(folder, ["a circle"] * 12, iter([drawn]), SIDE)
    spoil(folder)  # type: ignore[operator]
    with pytest.raises(DataError, match=complaint):
        found_in(folder)


def test_items_that_cannot_be_read_are_passed_over() -> None:
    class Gone(ShapesSource):
        def picture(self, index: int, shape: int | Frame) -> Picture:
            if index % 2:
                raise RejectedItem("file is missing")
            return super().picture(index, shape)

    source = Gone(ShapesConfig(size=8, variant="single"))
    assert first_readable(source, range(1, 8), SIDE, 2).indices == [2, 4]
    assert first_readable(source, [1, 3], SIDE, 2).indices == []


def test_a_data_set_is_read_as_training_reads_it() -> None:
    source = ShapesSource(ShapesConfig(size=8, variant="single"))
    pictures = FromSource(source, [5, 2], SIDE)
    assert list(pictures.captions) == [source.captions(5)[0], source.captions(2)[0]]
    images = to_uint8(images_of(pictures, [1])).permute(0, 2, 3, 1)
    assert (images[0].numpy() == source.picture(2, SIDE)).all()
