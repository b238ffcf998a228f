"""Classified pictures: folders, IDX, CIFAR, CelebA, digits; classes become captions."""

import gzip
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from minimagen.config import parse
from minimagen.data.items import Source
from minimagen.data.sources import DataConfig, open_source
from minimagen.errors import ConfigError, DataError

GREYS = np.arange(6, dtype=np.uint8) * 40
LABELS = np.array([0, 1, 2, 0, 1, 2], np.uint8)


def opened(dataset: object, **changes: Any) -> Source:
    source, rejections = open_source(DataConfig(dataset=str(dataset), **changes), check_size=8)
    assert rejections == []
    return source


def captions(source: Source) -> list[str]:
    return [" | ".join(source.captions(i)) for i in range(len(source))]


def shades(source: Source) -> list[int]:
    return [int(source.picture(i, 4)[0, 0, 0]) for i in range(len(source))]


def class_folders(root: Path) -> Path:
    for name, colour in (("train/big_cat", "red"), ("train/dog", "blue"), ("val/dog", "lime")):
        (root / name).mkdir(parents=True)
        Image.new("RGB", (8, 8), colour).save(root / name / "1.png")
    return root


def test_a_folder_for_each_class_is_captioned_by_its_name(tmp_path: Path) -> None:
    source = opened(class_folders(tmp_path))
    assert captions(source) == ["a photo of a big cat", "a photo of a dog", "a photo of a dog"]
    assert source.notes[0].endswith(
        'a folder for each of 2 classes, captioned "a photo of a big cat", "a photo of a dog"'
    )


def test_classes_may_be_renamed_and_have_several_captions(tmp_path: Path) -> None:
    source = opened(
        class_folders(tmp_path), class_names=("lion", "puppy"), templates=("a {}", "the {}, drawn")
    )
    assert captions(source)[:2] == ["a lion | the lion, drawn", "a puppy | the puppy, drawn"]


@pytest.mark.parametrize("place", ["a.png", "only/a.png"])
def test_pictures_without_classes_or_captions_are_not_guessed_at(
    tmp_path: Path, place: str
) -> None:
    (tmp_path / "only").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / place)
    with pytest.raises(DataError, match="1 pictures but no captions"):
        opened(tmp_path)


@pytest.mark.parametrize("template", ["no slot", "{} and {}", "{name}", "{", "{0}"])
def test_a_template_has_one_slot(template: str) -> None:
    with pytest.raises(ConfigError, match=r"give a text with one \{\}"):
        parse(DataConfig, json.dumps({"templates": [template]}), "here")


def idx(path: Path, values: "np.ndarray[Any, np.dtype[np.uint8]]") -> None:
    header = struct.pack(f">I{values.ndim}I", 0x800 + values.ndim, *values.shape)
    content = header + values.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def squares(side: int) -> "np.ndarray[Any, np.dtype[np.uint8]]":
    return np.repeat(GREYS, side * side).reshape(-1, side, side)


def mnist(root: Path, ending: str = "") -> Path:
    idx(root / f"train-images-idx3-ubyte{ending}", squares(28))
    idx(root / f"train-labels-idx1-ubyte{ending}", LABELS)
    idx(root / f"t10k-images-idx3-ubyte{ending}", squares(28)[:1])
    idx(root / f"t10k-labels-idx1-ubyte{ending}", LABELS[:1])
    return root


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_idx_files_are_read_packed_or_not(tmp_path: Path, ending: str) -> None:
    source = opened(mnist(tmp_path, ending))
    assert source.name(1) == f"train-images-idx3-ubyte{ending}/0"
    assert captions(source)[1:4] == [f"a handwritten {word}" for word in ("zero", "one", "two")]
    assert shades(source) == [0, *GREYS]


def test_idx_files_of_other_classes_are_not_said_to_be_handwritten(tmp_path: Path) -> None:
    source = opened(mnist(tmp_path), class_names=("shirt", "boot", "bag"))
    assert captions(source)[2] == "a photo of a boot"


def more_labels(root: Path) -> None:
    idx(root / "train-labels-idx1-ubyte", LABELS + 9)


def fewer_labels(root: Path) -> None:
    idx(root / "train-labels-idx1-ubyte", LABELS[:5])


def no_labels(root: Path) -> None:
    (root / "train-labels-idx1-ubyte").unlink()


def cut_off(root: Path) -> None:
    path = root / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (more_labels, "has 12 classes, and 10 names are known; name them all, as --SET"),
        (fewer_labels, "do not belong together"),
        (no_labels, "its labels are missing; bring train-labels-idx1-ubyte"),
        (cut_off, "not a sound IDX file"),
    ],
)
def test_idx_files_that_make_no_sense_are_an_error_of_one_line(
    tmp_path: Path, spoil: Callable[[Path], None], said: str
) -> None:
    spoil(mnist(tmp_path))
    with pytest.raises(DataError, match=said):
        opened(tmp_path)


def cifar(root: Path, version: int) -> Path:
    """Write pictures whose red plane is their shade, green 0 and blue 255."""
    head = LABELS[:, None] if version == 10 else np.stack([0 * LABELS, LABELS], 1)
    planes = np.stack([GREYS, 0 * GREYS, 0 * GREYS + 255], 1)
    records = np.concatenate([head, np.repeat(planes, 1024, 1)], 1).astype(np.uint8)
    (root / ("data_batch_1.bin" if version == 10 else "train.bin")).write_bytes(records.tobytes())
    names = root / ("batches.meta.txt" if version == 10 else "fine_label_names.txt")
    names.write_text("airplane\npickup_truck\nbird\n\n")
    return root


@pytest.mark.parametrize("version", [10, 100])
def test_cifar_is_read_with_its_classes_and_colours(tmp_path: Path, version: int) -> None:
    source = opened(cifar(tmp_path, version))
    assert captions(source)[:2] == ["a photo of a airplane", "a photo of a pickup truck"]
    assert shades(source) == [*GREYS]
    assert source.picture(2, 4)[0, 0].tolist() == [80, 0, 255]
    assert f"CIFAR-{version}, captioned" in source.notes[0]


def test_cifar_of_another_length_is_refused(tmp_path: Path) -> None:
    path = cifar(tmp_path, 10) / "data_batch_1.bin"
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(DataError, match="no whole number of CIFAR-10's records of 3073 bytes"):
        opened(tmp_path)


def celeba(root: Path, *rows: str) -> Path:
    (root / "img_align_celeba").mkdir()
    for n in (1, 2):
        Image.new("RGB", (8, 8)).save(root / f"img_align_celeba/{n}.jpg")
    lines = [str(len(rows)), "Black_Hair Male Smiling", *rows]
    (root / "list_attr_celeba.txt").write_text("\n".join(lines))
    return root


def test_celeba_captions_name_what_the_table_says_and_nothing_else(tmp_path: Path) -> None:
    source = opened(celeba(tmp_path, "1.jpg  1 -1  1", "2.jpg -1 -1 -1"))
    assert captions(source) == ["a face, black hair, smiling", "a face"]


@pytest.mark.parametrize("row", ["2.jpg 1 1", "2.jpg 1 1 0", "2.jpg 1 1 1 1"])
def test_a_bad_line_of_celeba_is_named(tmp_path: Path, row: str) -> None:
    with pytest.raises(DataError, match=r"list_attr_celeba.txt line 4: \d values for 3"):
        opened(celeba(tmp_path, "1.jpg 1 1 1", row))


def test_digits_are_built_in_and_said_in_words() -> None:
    pytest.importorskip("sklearn")
    source = opened("digits", limit=30)
    assert captions(source)[:3] == [f"a handwritten {word}" for word in ("zero", "one", "two")]
    assert len(source) == 30
    assert source.picture(0, 8).max() > 200
